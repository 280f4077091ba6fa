"""Which files below a folder are taken in."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr

LEFT_OUT = ("@eaDir", "#recycle", "$RECYCLE.BIN", "__MACOSX", ".Trash*", "lost+found")
"""What a new collection leaves out: the thumbnails that a NAS makes of every photograph, bins, and what archives and file systems
leave behind."""

Pattern = Annotated[StrictStr, Field(min_length=1)]


class ScanRules(BaseModel):
    """Which files a scan of a folder takes.

    A pattern without a slash is matched against the name of a file, and of every folder on the way to it from the path given. One with
    a slash is matched against the path from there, one that begins with a slash against the whole path; what lies in a folder that
    matches, matches. ``*`` stands for anything, slashes too. Case counts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    include: tuple[Pattern, ...] = Field(
        default=(), description="only files that match one of these patterns; []: every file with an image's suffix"
    )
    exclude: tuple[Pattern, ...] = Field(
        default=LEFT_OUT,
        description="no file or folder that matches one of these; a collection that was made before there was this key leaves out nothing",
    )
    hidden: StrictBool = Field(default=False, description="also files and folders whose name begins with a dot")

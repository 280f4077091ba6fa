"""What cameras and programs write where a caption belongs, and nobody has said."""

from __future__ import annotations

import os
import re

from seealso import IMAGE_SUFFIXES

PHRASES = frozenset(
    {
        *("olympus digital camera", "sony dsc", "kodak digital still camera", "digital camera", "digital still camera"),
        *("samsung camera pictures", "minolta digital camera", "konica minolta digital camera", "nikon digital camera"),
        *("casio computer co.,ltd.", "vga camera", "camera phone picture", "exif_jpeg_picture", "jpeg_picture"),
        *("my beautiful picture", "binary comment", "untitled", "default", "no description", "image description"),
        *("iclarified", "made with imagine", "ascii", "charset=ascii", "charset=unicode"),
    }
)
"""As whole captions, in lower case."""

BEGINNINGS = (
    *(
        "<kenox",
        "<digimax",
        "<samsung",
        "moultrie",
        "processed with vsco",
        "processed by",
        "created with",
        "created by imlib",
    ),
    *(
        "file written by adobe",
        "lead technologies",
        "acd systems",
        "intel(r) jpeg",
        "creator: gd-jpeg",
        "created by imlib",
    ),
    *("compressed by jpeg", "handmade software", "optimized by jpeg", "made with gimp"),
)
"""Of captions, in lower case: a program's own signature."""

MODES = frozenset(
    {
        *(
            "cof",
            "cav",
            "dav",
            "dsv",
            "fbt",
            "hdr",
            "hdrpl",
            "mde",
            "nfi",
            "nor",
            "oznor",
            "ozedf",
            "rhdr",
            "sdr",
            "sdor",
        ),
        *("btf", "bty", "bst", "edf", "kaf", "ptr", "rbt", "rpt", "sty", "vsa", "jpn", "ptfbty", "ptedf"),
    }
)
"""What the cameras of Huawei and Honor write: the mode in which the picture was taken."""

_NAME_OF_A_CAMERA = re.compile(
    r"(img|dsc|dscf|dscn|dcim|pict|dji|gopr|mvi|pxl|vid|sam|p|imgp|_mg)[_-]?\d{3,}[\w-]*", re.I
)
_SEVERAL = re.compile(r"_(?=[a-z])")


def is_boilerplate(text: str, make: str = "", model: str = "") -> bool:
    """Whether a caption or title says nothing of the image: a camera's or a program's signature, a path or the name of a file, or the make
    and model of the camera."""
    said = " ".join(text.casefold().split())
    if said in PHRASES or said.startswith(BEGINNINGS) or _is_name(said):
        return True
    if make and set(_SEVERAL.split(said)) <= MODES:
        return make.casefold().split()[0] in ("huawei", "honor")
    camera = [" ".join(part.casefold().split()) for part in (make, model) if part.strip()]
    return said in (*camera, " ".join(camera))


def _is_name(said: str) -> bool:
    """Whether a text is a path, or the name of an image file, and nothing else."""
    last = re.split(r"[\\/]", said)[-1]
    stem, suffix = os.path.splitext(last)
    if suffix in IMAGE_SUFFIXES:
        return " " not in stem or last != said
    return _NAME_OF_A_CAMERA.fullmatch(last) is not None

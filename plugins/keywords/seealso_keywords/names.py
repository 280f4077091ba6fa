"""The keyword source ``names``: the words of an image's file name and of its folders."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from pydantic import Field, StrictInt

from seealso import KeywordSource, PluginOptions, Words

_WORD = re.compile(r"[^\W\d_]{2,}(?:['’][^\W\d_]+)?")
_HUMP = re.compile(r"(?<=[a-zß-ÿ])(?=[A-ZÀ-Þ])")


class Names(KeywordSource):
    """``Holidays 2019/red_shoes-03.jpg`` is found by holidays, red and shoes. Letters alone: cameras number their files."""

    name = "names"

    class Options(PluginOptions):
        """Options of the keyword source names."""

        folders: StrictInt = Field(default=1, ge=0, le=32, description="of how many folders above the file, too")
        file: bool = Field(default=True, description="of the file's own name")

    options: Options

    def state(self, path: bytes) -> bytes:
        """Always the same: a file with another name is another file."""
        return b"1"

    def words(self, path: bytes, data: bytes) -> list[Words]:
        """Each name as one keyword."""
        return [Words("keywords", name) for name in self._names(path)]

    def _names(self, path: bytes) -> Iterator[str]:
        *folders, file = os.fsdecode(path).split("/")
        names = folders[-self.options.folders :] if self.options.folders else []
        if self.options.file:
            names.append(os.path.splitext(file)[0])
        for name in names:
            words = _WORD.findall(_HUMP.sub(" ", name.replace("\ufffd", " ")))
            if words:
                yield " ".join(words)

"""The small file that says what a snapshot is, and which files it has."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from seealso import FormatError
from seealso_tantivy.errors import REMEDY

NAME = "text-index.json"
MAGIC = "seealso-tantivy"
VERSION = 4
"""Of the snapshot, the schema and the analysis: when a word comes to be stored in another form, an index has to be built anew."""

WITHOUT_SIGNS = 3
"""The version of an index in which emoji, ``C++`` and ``C#`` are no words. It goes on so until it is built anew."""

WITHOUT_HASHES = 2
"""That of one that keeps no hashes of words either."""

IN_PLACE = 1
"""The version of an index that was changed in its folder. It has no list of files, and knows its change of the catalogue itself."""

_CHUNK = 1 << 20

_END = 4096
"""Bytes at the end of a file, where tantivy keeps what it reads first: by it it finds the rest and sets memory aside."""


class Recorded(NamedTuple):
    """What is known of a file of a snapshot: its size in bytes, its CRC-32, and that of its last `_END` bytes."""

    size: int
    crc32: int
    crc32_of_end: int

    @classmethod
    def of(cls, path: Path) -> Recorded:
        """Read a file for it."""
        size = crc32 = 0
        with path.open("rb") as file:
            while some := file.read(_CHUNK):
                size += len(some)
                crc32 = zlib.crc32(some, crc32)
            return cls(size, crc32, _crc32_of_end(file, size))

    def opens(self, path: Path) -> bool:
        """Whether a file has this size, and this end."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            return size == self.size and _crc32_of_end(file, size) == self.crc32_of_end


def _crc32_of_end(file: BinaryIO, size: int) -> int:
    file.seek(max(size - _END, 0))
    return zlib.crc32(file.read(_END))


@dataclass(frozen=True, slots=True)
class Header:
    """What the file says.

    Attributes:
        languages: whose words are in the index.
        files: name → what is known of it, for each of tantivy's files; none in an index that was changed in place.
        applied: the change of the catalogue that an index that was changed in place recorded; else None.
        version: the format's.
    """

    languages: tuple[str, ...]
    files: Mapping[str, Recorded] = field(default_factory=dict)
    applied: int | None = None
    version: int = VERSION

    @property
    def hashed(self) -> bool:
        """Whether a hash of its words is kept of each object."""
        return self.version > WITHOUT_HASHES

    @property
    def signs(self) -> bool:
        """Whether emoji, ``C++`` and ``C#`` are words."""
        return self.version > WITHOUT_SIGNS

    def write(self, directory: Path) -> None:
        """Write the file into a new snapshot."""
        # One that was changed in place gets a snapshot like the others.
        version = max(self.version, WITHOUT_HASHES)
        content = {"magic": MAGIC, "version": version, "languages": self.languages, "files": dict(self.files)}
        (directory / NAME).write_text(json.dumps(content | {"crc32": _crc32(content)}))


def read_header(directory: Path) -> Header:
    """What the file in a directory says.

    Raises:
        FormatError: it is missing, of something else, damaged, or of a newer version.
    """
    path = directory / NAME
    try:
        content = json.loads(path.read_bytes())
        if content.pop("magic") != MAGIC:
            raise ValueError
        version = int(content.pop("version"))
        if IN_PLACE <= version <= VERSION:
            return _parse(content, version)
    except (FileNotFoundError, NotADirectoryError):
        raise FormatError(f"{directory} is no snapshot of a text index: {NAME} is missing; {REMEDY}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, IsADirectoryError):
        raise FormatError(f"{path} is not of a text index of seealso, or is damaged; {REMEDY}") from None
    raise FormatError(f"{path} is of format {version}, and this release reads up to {VERSION}; {REMEDY}")


def _parse(content: dict[str, Any], version: int) -> Header:
    languages = tuple(map(str, content["languages"]))
    if version == IN_PLACE:
        return Header(languages, applied=int(content["applied"]), version=version)
    crc32 = content.pop("crc32")
    files = {name: Recorded(*map(int, known)) for name, known in content["files"].items()}
    if crc32 != _crc32({"magic": MAGIC, "version": version} | content) or any("/" in name for name in files):
        raise ValueError
    return Header(languages, files, version=version)


def _crc32(content: dict[str, Any]) -> int:
    """The checksum of what the file says, apart from itself."""
    return zlib.crc32(json.dumps(content, sort_keys=True).encode())

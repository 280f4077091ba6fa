"""What is known of the files of a snapshot: sizes and checksums, by which they belong together.

The framework records them when it saves a snapshot, whatever made its files, and compares them when it opens one. Small files are
compared whole. Of what goes beyond `WHOLE_BYTES` only blocks are looked at, spread over each file; `verify` reads everything.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping
from io import FileIO
from pathlib import Path
from typing import NamedTuple, Self

WHOLE_BYTES = 64 << 20
"""Bytes of a snapshot that are read to open it."""

BLOCK = 4096
BLOCKS = 16
"""Of a large file so many blocks of so many bytes are looked at: the first, the last, and others at even distances."""

_CHUNK = 1 << 20


class Known(NamedTuple):
    """What is known of a file: its size in bytes, its CRC-32, and that of its blocks; 0 where these would be all of it."""

    size: int
    crc32: int
    blocks: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """Read a file for it."""
        with path.open("rb", buffering=0) as file:
            size, crc32 = _crc32_of_all(file)
            return cls(size, crc32, _crc32_of_blocks(file, size) if size > BLOCK * BLOCKS else 0)

    def fits(self, path: Path, *, whole: bool) -> bool:
        """Whether a file is as it was, or at least its size and its blocks are.

        Raises:
            OSError: it cannot be read.
        """
        with path.open("rb", buffering=0) as file:
            if os.fstat(file.fileno()).st_size != self.size:
                return False
            if whole or self.size <= BLOCK * BLOCKS:
                return _crc32_of_all(file) == (self.size, self.crc32)
            return _crc32_of_blocks(file, self.size) == self.blocks


def _crc32_of_all(file: FileIO) -> tuple[int, int]:
    size = crc32 = 0
    while some := file.read(_CHUNK):
        size += len(some)
        crc32 = zlib.crc32(some, crc32)
    return size, crc32


def _crc32_of_blocks(file: FileIO, size: int) -> int:
    crc32 = 0
    for number in range(BLOCKS):
        file.seek((size - BLOCK) * number // (BLOCKS - 1))
        crc32 = zlib.crc32(file.read(BLOCK), crc32)
    return crc32


def files_below(folder: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every file below a folder: its path from there, and its entry."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                for name, below in files_below(folder / entry.name):
                    yield f"{entry.name}/{name}", below
            else:
                yield entry.name, entry


def differing(folder: Path, files: Mapping[str, Known], most: int | None) -> Iterator[str]:
    """What is not as it was recorded, one line each.

    Args:
        folder: the snapshot's.
        files: name → what is known of the file.
        most: so many bytes are read whole, the smallest files first, and of the others blocks; None: everything is read.
    """
    left = most
    for name, known in sorted(files.items(), key=lambda each: each[1].size):
        whole = left is None or known.size <= left
        if left is not None and whole:
            left -= known.size
        try:
            if known.fits(folder / name, whole=whole):
                continue
            reason = "it is not as it was saved"
        except OSError as error:
            reason = error.strerror or type(error).__name__
        yield f"{folder / name} is damaged: {reason}"

"""The binary files of a store: what they begin with, and reading and writing them at a place."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from seealso import FormatError

FORMAT_VERSION = 1
"""Of everything in a store's folder."""

SEGMENT = b"SeealsoS"
TABLE = b"SeealsoT"
PAGES = b"SeealsoP"

CAN_TELL = hasattr(os, "RWF_NOWAIT")
"""Whether the operating system reads only what is cached, if asked."""

CAN_FETCH = hasattr(os, "posix_fadvise")
"""Whether it can be told what will be read, without waiting for it."""

FETCH_BYTES = 128 << 10  # Linux takes no more at once

_PREAMBLE = struct.Struct("<8sII")
PREAMBLE_BYTES = _PREAMBLE.size

_MASK = 0xFFFF_FFFF_FFFF_FFFF


def fingerprint(first: Any, second: Any, third: Any) -> Any:
    """A 32-bit check of three numbers of up to 64 bits: of Python's, or of arrays uint64 ``(n,)``.

    Unlike a CRC it costs an array only a dozen operations. Each step loses nothing, so a flipped bit always changes what
    comes last, and its lower half but for one case in 2³². Three zeros do not give zero.
    """
    mixed = ((first ^ 0x9E37_79B9_7F4A_7C15) * 0xBF58_476D_1CE4_E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 32) ^ second) * 0x94D0_49BB_1331_11EB) & _MASK
    mixed = ((mixed ^ (mixed >> 29) ^ third) * 0xD6E8_FEB8_6659_FD93) & _MASK
    return (mixed ^ (mixed >> 32)) & 0xFFFF_FFFF


def preamble(magic: bytes, version: int = FORMAT_VERSION) -> bytes:
    """What a file of this kind begins with: magic, version, and a check of both."""
    return _PREAMBLE.pack(magic, version, fingerprint(int.from_bytes(magic, "little"), version, 0))


class File:
    """An open file, closed when nobody holds it any more: a search goes on in one that was removed meanwhile.

    It may be used from several threads at once.
    """

    __slots__ = ("descriptor", "path")

    def __init__(self, path: Path, flags: int = os.O_RDONLY) -> None:
        self.descriptor = -1
        self.path = path
        self.descriptor = os.open(path, flags | os.O_CLOEXEC, 0o666)

    def __del__(self, close: Callable[[int], None] = os.close) -> None:  # at the end of the interpreter `os` is no more
        if self.descriptor >= 0:
            close(self.descriptor)

    def size(self) -> int:
        """Bytes in it."""
        return os.fstat(self.descriptor).st_size

    def state(self) -> tuple[int, int]:
        """Its size, and when it was last written to."""
        found = os.fstat(self.descriptor)
        return found.st_size, found.st_mtime_ns

    def fetch(self, reads: np.ndarray) -> None:
        """Have what will be read brought into the operating system's cache, without waiting for it, where that is possible.

        Args:
            reads: of each the place, and as its last the number of bytes, int64 ``(n, …)``.
        """
        for offset, *_, length in reads.tolist():
            for start in range(offset, offset + length, FETCH_BYTES):
                size = min(FETCH_BYTES, offset + length - start)
                os.posix_fadvise(self.descriptor, start, size, os.POSIX_FADV_WILLNEED)

    def read_into(self, buffer: memoryview, offset: int) -> int:
        """Fill a buffer from a place on; returns how many bytes there were, fewer only at the end of the file."""
        done = os.preadv(self.descriptor, (buffer,), offset)
        while done < len(buffer):
            count = os.preadv(self.descriptor, (buffer[done:],), offset + done)
            if count == 0:
                break
            done += count
        return done

    def read(self, length: int, offset: int) -> bytes:
        """Up to ``length`` bytes from a place on."""
        buffer = bytearray(length)
        return bytes(memoryview(buffer)[: self.read_into(memoryview(buffer), offset)])

    def write(self, data: bytes | bytearray | memoryview, offset: int) -> None:
        """Write at a place; all of it, or an OSError is raised."""
        rest = memoryview(data).cast("B")
        while rest:
            count = os.pwrite(self.descriptor, rest, offset)
            rest, offset = rest[count:], offset + count

    def truncate(self, size: int) -> None:
        """Cut it, or fill it up with zeros."""
        os.ftruncate(self.descriptor, size)

    def sync(self) -> None:
        """Force its content to the disk."""
        os.fsync(self.descriptor)

    def is_of(self, magic: bytes) -> bool:
        """Whether it begins as a file of this kind does.

        Raises:
            FormatError: it does, and a newer release wrote it.
        """
        found = self.read(PREAMBLE_BYTES, 0)
        if len(found) < PREAMBLE_BYTES or not found.startswith(magic):
            return False
        version = _PREAMBLE.unpack(found)[1]
        if found != preamble(magic, version):
            return False
        refuse_newer(self.path, version)
        return True


def refuse_newer(path: Path, version: int) -> None:
    """Refuse what a newer release wrote.

    Raises:
        FormatError: says so.
    """
    if version > FORMAT_VERSION:
        raise FormatError(
            f"{path} was written by a newer seealso (format {version}; this release reads up to {FORMAT_VERSION}); "
            "upgrade seealso"
        )

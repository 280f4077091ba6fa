"""The bytes of an object's image file. Only the bytes that were indexed are given, whatever lies at its places now."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, TypeVar

from seealso.collection.intake.reading import read_file
from seealso.errors import FileError, ImageError, ImageTooLarge
from seealso.interfaces.image_limits import ImageLimits
from seealso.interfaces.records import ObjectRecord
from seealso.paths import shown_path

BLOCK = 1 << 16  # bytes read at once
DIGEST = 16  # bytes of a block's own hash
REMEMBERED = 64  # files whose block hashes stay in memory; the hashes of the largest file that may be indexed (256 MB) take 64 KB

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Hashes:
    """The length of a file, and the hashes of its blocks, one after the other."""

    size: int
    blocks: bytes

    def fits(self, number: int, block: bytes) -> bool:
        """Whether this is the block of that number."""
        start = number * DIGEST
        return hash_of(block) == self.blocks[start : start + DIGEST]


class Content:
    """An object's image file, open, to be read a block at a time.

    Each block is checked against what was indexed before it is given, so a change of the file meanwhile does no harm. It is read
    by one thread at a time. Close it, or use it in a ``with`` statement.

    Attributes:
        size: its bytes.
        head: the first block, at most 64 KiB.
    """

    def __init__(self, path: bytes, descriptor: int, hashes: Hashes) -> None:
        self._path = path
        self._descriptor = descriptor
        self._hashes = hashes
        self._next = 0
        self.size = hashes.size
        self.head = self._block(0)

    def read(self) -> bytes:
        """The next block; empty at the end.

        Raises:
            FileError: the file cannot be read any more, or has changed.
        """
        number, self._next = self._next, self._next + 1
        if number == 0:
            return self.head
        return self._block(number) if number * BLOCK < self.size else b""

    def _block(self, number: int) -> bytes:
        try:
            block = os.pread(self._descriptor, BLOCK, number * BLOCK)
        except OSError as error:
            raise FileError(_unreadable(self._path, error)) from None
        if not self._hashes.fits(number, block):
            raise FileError(_changed(self._path))
        return block

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Contents:
    """Opens the files of objects. May be used from several threads at once.

    A file is read whole once, to compare it with the object's SHA-256; the hashes of its blocks are remembered, so that the next who
    asks for it does not wait for that.

    Args:
        limits: on images.
    """

    def __init__(self, limits: ImageLimits) -> None:
        self._limits = limits
        self._latest: OrderedDict[bytes, Hashes] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, record: ObjectRecord) -> Content:
        """An object's file, from the first of its places that still holds it.

        Raises:
            FileError: none does; says why.
        """
        return _from_first_place(record, lambda path: self._open(path, record.hash))

    def _open(self, path: bytes, digest: bytes) -> Content:
        # O_NONBLOCK: should there be a pipe now, opening it does not hang.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            size = os.fstat(descriptor).st_size
            hashes = self._known(digest) or self._checked(path, descriptor, digest)
            if size != hashes.size:
                raise FileError(_changed(path))
            return Content(path, descriptor, hashes)
        except BaseException:
            os.close(descriptor)
            raise

    def _known(self, digest: bytes) -> Hashes | None:
        with self._lock:
            if digest in self._latest:
                self._latest.move_to_end(digest)
            return self._latest.get(digest)

    def _checked(self, path: bytes, descriptor: int, digest: bytes) -> Hashes:
        """The hashes of the blocks of a file that is compared with its SHA-256."""
        whole, blocks, size = hashlib.sha256(), bytearray(), 0
        while block := os.pread(descriptor, BLOCK, size):
            size += len(block)
            if size > self._limits.max_bytes:
                raise ImageTooLarge(f"more than {self._limits.max_bytes} bytes, the limit (images: max_bytes)")
            whole.update(block)
            blocks += hash_of(block)
        if whole.digest() != digest:
            raise FileError(_changed(path))
        hashes = Hashes(size, bytes(blocks))
        with self._lock:
            self._latest[digest] = hashes
            if len(self._latest) > REMEMBERED:
                self._latest.popitem(last=False)
        return hashes


def read_content(record: ObjectRecord, limits: ImageLimits) -> bytes:
    """The bytes of an object's file, from the first of its places that still holds them.

    Raises:
        FileError: none does; says why.
    """

    def read(path: bytes) -> bytes:
        data, _ = read_file(path, limits)
        if hashlib.sha256(data).digest() != record.hash:
            raise FileError(_changed(path))
        return data

    return _from_first_place(record, read)


def hash_of(block: bytes) -> bytes:
    """The hash of a block."""
    return hashlib.blake2b(block, digest_size=DIGEST).digest()


def _from_first_place(record: ObjectRecord, take: Callable[[bytes], T]) -> T:
    reason = ""
    for path in record.paths:
        try:
            return take(path)
        except FileError as error:
            reason = reason or str(error)
        except ImageError as error:
            reason = reason or f"{shown_path(path)}: {error}"
        except OSError as error:
            reason = reason or _unreadable(path, error)
    raise FileError(reason or f"object {record.id} is in no place any more")


def _changed(path: bytes) -> str:
    return f"{shown_path(path)}: it has changed since it was taken in; index it again"


def _unreadable(path: bytes, error: OSError) -> str:
    return f"{shown_path(path)}: cannot be read: {os.strerror(error.errno or 0)}"

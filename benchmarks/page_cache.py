"""What the operating system keeps of files in memory: how much that is, making it forget, and seeing that the disk was really read."""

import ctypes
import mmap
import os
from pathlib import Path

import numpy as np

SEEN_AT_ONCE = 1 << 30
"""Bytes of a file that are mapped at once to be looked at; a multiple of every page size."""


def drop_cache(folder: Path) -> None:
    """Make the operating system forget what is in the files of a folder, as far as nobody has them mapped; where it can."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def share_in_memory(folder: Path) -> float | None:
    """The share of the bytes of a folder's files that lie in memory; None where the operating system does not tell."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    found = [bytes_in_memory(path) for path in paths]
    held = [each for each in found if each is not None]
    if len(held) < len(found):
        return None
    return sum(held) / max(1, sum(path.stat().st_size for path in paths))


def bytes_in_memory(path: Path) -> int | None:
    """The bytes of a file, in whole pages, that lie in memory; None where the operating system does not tell."""
    look = getattr(ctypes.CDLL(None, use_errno=True), "mincore", None)
    if look is None:
        return None
    size, held = path.stat().st_size, 0
    with path.open("rb") as file:
        for start in range(0, size, SEEN_AT_ONCE):
            length = min(SEEN_AT_ONCE, size - start)
            with mmap.mmap(file.fileno(), length, access=mmap.ACCESS_READ, offset=start) as mapped:
                pages = np.empty(-(-length // mmap.PAGESIZE), np.uint8)
                place = np.frombuffer(mapped, np.uint8)
                failed = look(
                    ctypes.c_void_p(place.ctypes.data), ctypes.c_size_t(length), ctypes.c_void_p(pages.ctypes.data)
                )
                del place  # a map is not closed while anybody looks into it
                if failed:
                    return None
                held += int((pages & 1).sum()) * mmap.PAGESIZE
    return held


def read_from_disk() -> int | None:
    """The bytes that this process has had read from a disk so far; None where the operating system does not tell."""
    try:
        told = Path("/proc/self/io").read_text()
    except OSError:
        return None
    return int(told.partition("read_bytes:")[2].split()[0])

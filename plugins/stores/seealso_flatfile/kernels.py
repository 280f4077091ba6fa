"""Loops over records that are read; compiled when first called, and kept on disk. None holds the interpreter's lock.

Numba is heavy: this module is imported where a kernel is first needed.
"""

import os
from typing import Any

import numpy as np
from numba import njit, types

from seealso_flatfile.files import fingerprint

Array = np.ndarray

_preadv2: Any = types.ExternalFunction(
    "preadv2", types.int64(types.int32, types.intp, types.int32, types.int64, types.int32)
)
_NOWAIT = getattr(os, "RWF_NOWAIT", 0)
_fingerprint = njit(nogil=True)(fingerprint)


@njit(nogil=True, cache=True)
def read_cached(descriptor: int, reads: Array, buffer: Array, vector: Array) -> int:
    """Read from a file into a buffer, up to the first read that would have to wait for the disk, or fails.

    One call of the operating system a read, as with `os.preadv`; without an object for each they cost half as much.

    Args:
        descriptor: of the file.
        reads: place in the file, place in the buffer, and number of bytes of each: int64 ``(n, 3)``.
        buffer: uint8; every read has room in it.
        vector: int64 ``(2,)``, scratch, for what the operating system calls an I/O vector.

    Returns how many reads were done.
    """
    base = buffer.ctypes.data
    for number in range(reads.shape[0]):
        vector[0], vector[1] = base + reads[number, 1], reads[number, 2]
        if _preadv2(descriptor, vector.ctypes.data, 1, reads[number, 0], _NOWAIT) != reads[number, 2]:
            return number
    return reads.shape[0]


@njit(nogil=True, cache=True)
def sound_headers(words: Array, starts: Array, ids: Array, lengths: Array, sound: Array) -> None:
    """Which of the records that should start here do, written to ``sound``, bool ``(n,)``.

    Args:
        words: a buffer, uint64.
        starts: where in it each record starts: of words, int64 ``(n,)``.
        ids: of the records, int64 ``(n,)``.
        lengths: of their payloads, int64 ``(n,)``.
        sound: takes the result.
    """
    for row in range(starts.size):
        first, second, third = words[starts[row]], words[starts[row] + 1], words[starts[row] + 2]
        check = _fingerprint(first, second, third & np.uint64(0xFFFF_FFFF))
        sound[row] = (
            first == np.uint64(ids[row]) and second == np.uint64(lengths[row]) and third >> np.uint64(32) == check
        )

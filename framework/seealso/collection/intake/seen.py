"""Which files a scan has seen."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np


class Seen:
    """The paths of the files that a scan has seen, so that nobody has to look whether these are there.

    It keeps a hash of each path, 8 bytes, for there may be a hundred million. That a path passes for one that was seen is so rare (once in
    10¹¹ paths among as many) that it does not matter, and Python's hashes differ from one process to the next.
    """

    def __init__(self) -> None:
        self._hashes = array("q")
        self._vanished: set[bytes] = set()
        self._sorted = True

    def add(self, path: bytes) -> None:
        """A file was there."""
        self._hashes.append(hash(path))
        self._sorted = False

    def discard(self, path: bytes) -> None:
        """It is there no more."""
        self._vanished.add(path)

    def holds(self, paths: Sequence[bytes]) -> np.ndarray:
        """Which of some paths were seen and have not vanished since: bool ``(n,)``. O(n log m), and the first time O(m log m)."""
        if not self._hashes:
            return np.zeros(len(paths), bool)
        hashes = np.frombuffer(self._hashes, np.int64)
        if not self._sorted:
            hashes.sort()
            self._sorted = True
        wanted = np.fromiter(map(hash, paths), np.int64, len(paths))
        place = np.minimum(np.searchsorted(hashes, wanted), hashes.size - 1)
        found: np.ndarray = hashes[place] == wanted
        if self._vanished:
            found &= np.fromiter((path not in self._vanished for path in paths), bool, len(paths))
        return found

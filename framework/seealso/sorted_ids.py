"""Sets of integers as sorted arrays."""

import json
import zlib
from pathlib import Path

import numpy as np

from seealso.errors import FormatError

FORMAT_VERSION = 1
"""Of what `KeptIds` saves."""


def distinct(*values: np.ndarray) -> np.ndarray:
    """The integers that stand in any of some arrays ``(n,)`` of the same dtype: ascending, each once; O(n log n).

    ``np.unique`` and ``np.union1d`` give the same, but put integers into a hash table: 50 times as slow for a million IDs
    (NumPy 2.4).
    """
    together: np.ndarray = np.sort(np.concatenate(values))
    first = np.ones(together.shape, bool)
    first[1:] = together[1:] != together[:-1]
    return together[first]


class KeptIds:
    """IDs that come and go, and are saved: for an index that keeps nothing else of an object. Eight bytes each.

    Args:
        owner: the name of the index; its snapshots bear it.
    """

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._ids: np.ndarray = np.empty(0, np.int64)

    @property
    def array(self) -> np.ndarray:
        """All of them, int64, ascending. The array never changes; whatever comes or goes makes another one."""
        return self._ids

    def add(self, ids: np.ndarray) -> None:
        """Add IDs, int64, ascending; O(n) where they are larger than all before, else O(n log n)."""
        if not ids.size:
            return
        if not self._ids.size or ids[0] > self._ids[-1]:
            self._ids = np.concatenate([self._ids, ids])
        else:
            self._ids = distinct(self._ids, ids)

    def remove(self, ids: np.ndarray) -> None:
        """Remove IDs; those that are not there are passed over. O(n + removed log n)."""
        if ids.size and self._ids.size:
            found = np.searchsorted(self._ids, ids, side="right") - 1
            self._ids = np.delete(self._ids, found[(found >= 0) & (self._ids[found] == ids)])

    def save(self, directory: Path) -> None:
        """Write the IDs and their checksum into a folder."""
        np.save(directory / "ids.npy", self._ids, allow_pickle=False)
        crc32 = zlib.crc32(self._ids.data)
        header = {"magic": f"seealso-{self._owner}", "version": FORMAT_VERSION, "crc32": crc32}
        (directory / f"{self._owner}.json").write_text(json.dumps(header))

    def load(self, directory: Path) -> None:
        """Map the IDs that `save` wrote.

        Raises:
            FormatError: they are something else, or damaged, or of a newer format.
        """
        try:
            header = json.loads((directory / f"{self._owner}.json").read_text())
            ids = np.load(directory / "ids.npy", mmap_mode="r", allow_pickle=False)
            sound = (
                header["magic"] == f"seealso-{self._owner}"
                and header["version"] <= FORMAT_VERSION
                and ids.dtype == np.int64
                and ids.ndim == 1
                and zlib.crc32(ids) == header["crc32"]
            )
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            EOFError,
            OverflowError,
            RecursionError,
            MemoryError,
        ) as error:
            raise FormatError(f"{directory}: not a snapshot of the index {self._owner}: {error}") from error
        if not sound:
            raise FormatError(f"{directory}: not a sound snapshot of the index {self._owner}, or one of a newer format")
        self._ids = ids.view(np.ndarray)

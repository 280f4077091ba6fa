"""The cells of a pivot space in the order in which a query visits them."""

from __future__ import annotations

import numpy as np

BUCKETS = 4096
"""How finely the bounds of cells are told apart."""


class CellOrder:
    """The cells of one space by what their first two symbols add to a score, for one query: their *bound*.

    Bounds are told apart by at most `BUCKETS` buckets, and of the cells in one bucket all are visited or none. Whole numbers
    throughout: what is counted for a bucket is what lies below its limit, to the last cell.

    Args:
        counts: how many objects each cell holds, uint32 ``(cells,)``.
        tables: what a symbol adds to a score, int32 ``(length, 2 ** bits)``.
    """

    def __init__(self, counts: np.ndarray, tables: np.ndarray) -> None:
        from seealso_pppcodes import kernels

        self._counts = counts
        self._first = tables[0]
        self._second = tables[1] if len(tables) > 1 else np.zeros(1, np.int32)
        self._rest = int(tables[2:].min(axis=1).sum())
        self._low = int(self._first.min()) + int(self._second.min())
        span = int(self._first.max()) + int(self._second.max()) - self._low
        self._shift = max(0, (span // BUCKETS).bit_length())
        sizes = np.zeros(BUCKETS, np.int64)
        kernels.count_by_bound(counts, self._first, self._second, self._low, self._shift, sizes)
        self._held = np.cumsum(sizes)
        self.limit = self._low
        """All cells with a lower bound were visited."""

    @property
    def least_score(self) -> int:
        """No object of a cell that was not visited has a lower score."""
        return self.limit + self._rest

    def advance(self, depth: int) -> np.ndarray:
        """The cells to visit next: int32, those still missing of the nearest that hold ``depth`` objects together."""
        from seealso_pppcodes import kernels

        buckets = min(BUCKETS, int(np.searchsorted(self._held, depth)) + 1)
        before, self.limit = self.limit, max(self.limit, self._low + (buckets << self._shift))
        cells = np.empty(self._counts.size, np.int32)
        found = kernels.cells_between(self._counts, self._first, self._second, before, self.limit, cells)
        return cells[:found]

"""The cells of the pivot spaces in the order in which a query visits them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

BUCKETS = 4096
"""How finely the bounds of cells are told apart."""


@dataclass(frozen=True, slots=True, eq=False)
class FilledCells:
    """The cells that hold anything: of a hundred thousand objects most cells hold none, and are not gone through by every query.

    Attributes:
        rows: for each space and first symbol, where its cells begin in the other two; and where the last end: int64 ``(spaces × n + 1,)``.
        seconds: the second symbols of the cells, ascending with the same first symbol: uint16 ``(m,)``.
        sizes: how many objects each holds, uint32 ``(m,)``.
    """

    rows: np.ndarray
    seconds: np.ndarray
    sizes: np.ndarray

    @classmethod
    def of(cls, counts: np.ndarray, symbols: int) -> Self:
        """Those of all cells.

        Args:
            counts: how many objects each holds: uint32 ``(spaces, cells)``.
            symbols: how many values the first symbol has; there is a cell for each of it and of the second, if there is one.
        """
        table = counts.reshape(counts.shape[0] * symbols, -1)
        filled = np.flatnonzero(table)
        rows = np.zeros(len(table) + 1, np.int64)
        np.cumsum(np.count_nonzero(table, axis=1), out=rows[1:])
        return cls(rows, (filled % table.shape[1]).astype(np.uint16), table.reshape(-1)[filled])

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return int(self.rows.nbytes + self.seconds.nbytes + self.sizes.nbytes)


class CellOrder:
    """The cells of all spaces by what their first two symbols add to a score, for one query: their *bound*.

    Bounds are told apart by at most `BUCKETS` buckets a space, and of the cells in one bucket all are visited or none. Whole numbers
    throughout: what is counted for a bucket is what lies below its limit, to the last cell.

    Args:
        filled: the cells that hold anything.
        tables: what a symbol adds to a score, int32 ``(spaces, length, 2 ** bits)``.

    Attributes:
        limits: in each space, all cells with a lower bound were visited: int64 ``(spaces,)``.
    """

    def __init__(self, filled: FilledCells, tables: np.ndarray) -> None:
        from seealso_pppcodes import kernels

        self._filled = filled
        self._tables = tables
        # Of the first symbol, and of the second where there is one.
        telling = tables[:, :2]
        self._rest = tables[:, 2:].min(axis=2).sum(axis=1)
        self._low = telling.min(axis=2).sum(axis=1, dtype=np.int64)
        spans = telling.max(axis=2).sum(axis=1, dtype=np.int64) - self._low
        self._shift = np.array([(int(span) // BUCKETS).bit_length() for span in spans])
        sizes = np.zeros((len(tables), BUCKETS), np.uint32)
        kernels.count_by_bound(filled.rows, filled.seconds, filled.sizes, tables, self._low, self._shift, sizes)
        self._held = np.cumsum(sizes, axis=1, dtype=np.int64)
        self._passed = np.zeros(len(tables), np.int64)
        self.limits = self._low

    @property
    def least_scores(self) -> np.ndarray:
        """In each space, no object of a cell that was not visited has a lower score: int64 ``(spaces,)``."""
        scores: np.ndarray = self.limits + self._rest
        return scores

    def advance(self, depth: int) -> tuple[np.ndarray, np.ndarray, int]:
        """The cells to visit next: those still missing of the nearest that hold ``depth`` objects together, in each space.

        Returns:
            The cells of one space after another, int32 ``(m,)``; where each begins, and the last ends, int64 ``(spaces + 1,)``; and how
            many objects they hold.
        """
        from seealso_pppcodes import kernels

        spaces = len(self._tables)
        last = np.minimum(np.count_nonzero(self._held < depth, axis=1), BUCKETS - 1)
        passed, self._passed = self._passed, np.maximum(self._passed, self._held[np.arange(spaces), last])
        before, self.limits = self.limits, np.maximum(self.limits, self._low + (last + 1 << self._shift))
        filled = self._filled
        cells = np.empty(filled.seconds.size, np.int32)
        starts = np.zeros(spaces + 1, np.int64)
        kernels.cells_between(filled.rows, filled.seconds, self._tables, before, self.limits, cells, starts)
        return cells, starts, int((self._passed - passed).sum())

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
        cells: their numbers, ascending in each space, space after space: int32 ``(m,)``.
        sizes: how many objects each holds, uint32 ``(m,)``.
        starts: where each space starts, and where the last ends, int64 ``(spaces + 1,)``.
    """

    cells: np.ndarray
    sizes: np.ndarray
    starts: np.ndarray

    @classmethod
    def of(cls, counts: np.ndarray) -> Self:
        """Those of all cells, by how many objects each holds: uint32 ``(spaces, cells)``."""
        filled = [np.flatnonzero(each) for each in counts]
        sizes = [each[cells] for each, cells in zip(counts, filled, strict=True)]
        starts = np.cumsum([0, *(cells.size for cells in filled)])
        return cls(np.concatenate(filled).astype(np.int32), np.concatenate(sizes), starts.astype(np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return int(self.cells.nbytes + self.sizes.nbytes)


class CellOrder:
    """The cells of all spaces by what their first two symbols add to a score, for one query: their *bound*.

    Bounds are told apart by at most `BUCKETS` buckets a space, and of the cells in one bucket all are visited or none. Whole numbers
    throughout: what is counted for a bucket is what lies below its limit, to the last cell.

    Args:
        filled: the cells that hold anything.
        tables: what a symbol adds to a score, int32 ``(spaces, length, 2 ** bits)``.

    Attributes:
        cells: the filled cells of each space in their order, int32 ``(m,)``, space after space.
        limits: in each space, all cells with a lower bound were visited: int64 ``(spaces,)``.
    """

    def __init__(self, filled: FilledCells, tables: np.ndarray) -> None:
        from seealso_pppcodes import kernels

        spaces, _, symbols = tables.shape
        # Of the first symbol, and of the second where there is one.
        telling = tables[:, :2].astype(np.int64)
        self._rest = tables[:, 2:].min(axis=2).sum(axis=1)
        self._low = telling.min(axis=2).sum(axis=1)
        spans = telling.max(axis=2).sum(axis=1) - self._low
        self._shift = np.array([(int(span) // BUCKETS).bit_length() for span in spans])
        self.cells = np.empty_like(filled.cells)
        self._ends = np.zeros((spaces, BUCKETS), np.int64)
        self._held = np.zeros((spaces, BUCKETS), np.int64)
        kernels.sort_by_bound(
            filled.cells,
            filled.sizes,
            filled.starts,
            tables,
            symbols.bit_length() - 1,
            self._low,
            self._shift,
            self.cells,
            self._ends,
            self._held,
        )
        self._visited = filled.starts[:-1]
        self._passed = np.zeros(spaces, np.int64)
        self.limits = self._low

    @property
    def least_scores(self) -> np.ndarray:
        """In each space, no object of a cell that was not visited has a lower score: int64 ``(spaces,)``."""
        scores: np.ndarray = self.limits + self._rest
        return scores

    def advance(self, depth: int) -> tuple[np.ndarray, np.ndarray, int]:
        """The cells to visit next: those still missing of the nearest that hold ``depth`` objects together, in each space.

        Returns: where in `cells` they begin and end, int64 ``(spaces,)`` each; and how many objects they hold.
        """
        last = np.minimum(np.count_nonzero(self._held < depth, axis=1), BUCKETS - 1)
        spaces = np.arange(last.size)
        begun, self._visited = self._visited, np.maximum(self._visited, self._ends[spaces, last])
        passed, self._passed = self._passed, np.maximum(self._passed, self._held[spaces, last])
        self.limits = np.maximum(self.limits, self._low + (last + 1 << self._shift))
        return begun, self._visited, int((self._passed - passed).sum())

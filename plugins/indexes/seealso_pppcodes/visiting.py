"""One query's way through the cells of all spaces."""

from __future__ import annotations

import numpy as np

from seealso_pppcodes.cells import CellOrder, FilledCells
from seealso_pppcodes.state import State

SPACES_SEEN_IN = 2
"""An object is seen in so many spaces before it counts: what is near in one alone is hardly ever near."""


class Visits:
    """In each space a query visits the cells whose first two symbols cost least, and goes on to others as more is wanted.

    What it sees depends on the pivots, the query, and the set of objects alone, not on how they lie in segments.

    Args:
        state: what the index holds.
        filled: the cells that hold anything.
        tables: what symbols cost, int32 ``(spaces, length, 2 ** bits)``.
        least: an object has to be seen in so many spaces, 1 or 2.

    Attributes:
        state: the same.
        order: how far it is in the cells.
        complete: there is nothing left to visit.
    """

    def __init__(self, state: State, filled: FilledCells, tables: np.ndarray, least: int) -> None:
        self.state = state
        self.order = CellOrder(filled, tables)
        self.complete = False
        self._tables = tables
        self._least = least
        # Seen in one space; and removed, or seen in enough already.
        self._seen = [np.zeros(hidden.size if least > 1 else 0, np.uint8) for hidden in state.hidden]
        self._hidden = [hidden.copy() for hidden in state.hidden]
        self._tail_hidden = state.tail.hidden[: state.tail.size].copy()
        self.bases = np.cumsum([0, *(segment.size for segment in state.segments)])
        """Where the places of each segment, and last those of the tail, begin where all are counted through."""

    def deepen(self, depth: float) -> list[np.ndarray]:
        """Visit the cells that hold the nearest ``depth`` objects in each space, as far as that was not done yet.

        Returns:
            For each segment, and last for the tail: the places that were seen often enough by now, int64, ascending.
        """
        from seealso_pppcodes import kernels

        state = self.state
        self.complete = depth >= state.objects
        cells, starts, held = self.order.advance(min(int(depth), state.objects))
        found = []
        for number, segment in enumerate(state.segments):
            places = np.empty(min(held, segment.size), np.int64)
            count = kernels.visit_cells(
                cells,
                starts,
                segment.starts,
                segment.low,
                segment.high,
                self._seen[number],
                self._hidden[number],
                places,
            )
            # In the order of the memory: the processor waits far less for it.
            found.append(np.sort(places[:count]))
        places = np.empty(state.tail.size, np.int64)
        count = 0
        if state.tail.size:
            codes = state.tail.codes[: state.tail.size]
            limits = self.order.limits
            count = kernels.visit_rows(codes, self._tables, limits, self._least, self._tail_hidden, places)
        found.append(places[:count])
        return found

    def codes(self, number: int) -> np.ndarray:
        """The codes of a segment, or of the tail, which comes last; ``(n, 0)`` of a segment where they are not kept."""
        state = self.state
        is_tail = number == len(state.segments)
        return state.tail.codes[: state.tail.size] if is_tail else state.segments[number].codes

    def ids_in(self, number: int, places: np.ndarray) -> np.ndarray:
        """The IDs at places of a segment, or of the tail, which comes last."""
        state = self.state
        return state.tail.ids[places] if number == len(state.segments) else state.segments[number].ids.at(places)

    def ids(self, places: np.ndarray) -> np.ndarray:
        """The IDs at places counted through all segments and the tail."""
        if len(self.state.segments) == 1 and not self.state.tail.size:
            return self.ids_in(0, places)
        ids = np.empty(places.size, np.int64)
        part = np.searchsorted(self.bases, places, side="right") - 1
        for number in range(self.bases.size):
            here = part == number
            ids[here] = self.ids_in(number, places[here] - self.bases[number])
        return ids

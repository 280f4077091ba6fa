"""IDs and places, in little memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np


class _Intervals(NamedTuple):
    """Intervals of integers that ascend and do not overlap, each mapped onto as many from another one on.

    Attributes:
        starts: the first of each interval, int64, ascending.
        lengths: how many are in it.
        images: what the first is mapped to.
    """

    starts: np.ndarray
    lengths: np.ndarray
    images: np.ndarray

    def at(self, asked: np.ndarray) -> np.ndarray:
        """What integers are mapped to, int64 of the same shape; -1 where they are in no interval."""
        if not self.starts.size:
            return np.full(asked.shape, -1, np.int64)
        numbers = np.searchsorted(self.starts, asked, side="right") - 1
        within = asked - self.starts[numbers]
        found: np.ndarray = np.where(
            (numbers >= 0) & (within < self.lengths[numbers]), self.images[numbers] + within, -1
        )
        return found

    def gaps(self, start: int, end: int) -> np.ndarray:
        """The integers from ``start`` until ``end`` that are in no interval, int64, ascending."""
        first = max(0, int(np.searchsorted(self.starts, start, side="right")) - 1)
        some = slice(first, int(np.searchsorted(self.starts, end)))
        begins, ends = self.starts[some], self.starts[some] + self.lengths[some]
        lows = np.maximum(start, np.concatenate([[start], ends]))
        counts = np.maximum(0, np.concatenate([begins, [end]]) - lows)
        before = np.cumsum(counts) - counts
        return np.repeat(lows - before, counts) + np.arange(counts.sum())


class Runs:
    """Says at which place what is kept of each ID lies, as runs of consecutive IDs that lie side by side: 24 bytes a run.

    A collection numbers its objects one after another, so there are few runs: one, and another wherever IDs were skipped or
    objects went away. It never changes; what changes it gives another one.

    Args:
        firsts: the first ID of each run, int64, ascending.
        lengths: how many IDs are in it, at least one.
        places: the place of the first.
    """

    __slots__ = ("_by_place", "firsts", "lengths", "places", "size")

    def __init__(self, firsts: np.ndarray, lengths: np.ndarray, places: np.ndarray) -> None:
        self.firsts = firsts
        self.lengths = lengths
        self.places = places
        self.size = int(lengths.sum())
        self._by_place: _Intervals | None = None  # when it is first asked for

    @classmethod
    def empty(cls) -> Self:
        """Without any ID."""
        return cls(*(np.empty(0, np.int64) for _ in range(3)))

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return 3 * self.firsts.nbytes

    @property
    def last(self) -> int:
        """The largest ID; -1 where there is none."""
        return int(self.firsts[-1]) + int(self.lengths[-1]) - 1 if self.firsts.size else -1

    def at(self, ids: np.ndarray) -> np.ndarray:
        """The places of IDs, int64 of the same shape; -1 where there is no such ID. O(n log runs)."""
        return _Intervals(self.firsts, self.lengths, self.places).at(ids)

    def ids_at(self, places: np.ndarray) -> np.ndarray:
        """The IDs at places, int64 of the same shape; -1 where there is none. O(n log runs)."""
        return self._in_places().at(places)

    def unused(self, start: int, end: int) -> np.ndarray:
        """The places from ``start`` until ``end`` that belong to no ID, int64, ascending."""
        return self._in_places().gaps(start, end)

    def _in_places(self) -> _Intervals:
        if self._by_place is None:
            order = np.argsort(self.places)
            self._by_place = _Intervals(self.places[order], self.lengths[order], self.firsts[order])
        return self._by_place

    def blocks(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """All IDs, ascending, and their places, at most ``size`` at a time."""
        ends = np.cumsum(self.lengths)
        for start in range(0, self.size, size):
            numbers = np.arange(start, min(start + size, self.size))
            runs = np.searchsorted(ends, numbers, side="right")
            within = numbers - (ends[runs] - self.lengths[runs])
            yield self.firsts[runs] + within, self.places[runs] + within

    def ids(self) -> np.ndarray:
        """All IDs, int64, ascending."""
        return np.concatenate([np.empty(0, np.int64), *(ids for ids, _ in self.blocks(1 << 20))])

    def added(self, ids: np.ndarray, place: int) -> Runs:
        """With more IDs, int64 ``(n,)``, ascending, none of which is there; they lie side by side from ``place`` on."""
        breaks = np.concatenate([np.zeros(min(1, ids.size), np.int64), np.flatnonzero(np.diff(ids) != 1) + 1])
        firsts, lengths, places = ids[breaks], np.diff(breaks, append=ids.size), place + breaks
        follows = self.firsts.size and ids.size and int(ids[0]) == self.last + 1
        if follows and place == self.places[-1] + self.lengths[-1]:
            # The first of them goes on where the last run ends.
            grown = self.lengths.copy()
            grown[-1] += lengths[0]
            firsts, lengths, places = firsts[1:], lengths[1:], places[1:]
        else:
            grown = self.lengths
        together = [np.concatenate(pair) for pair in ((self.firsts, firsts), (grown, lengths), (self.places, places))]
        if firsts.size and firsts[0] < self.last:
            order = np.argsort(together[0])
            together = [each[order] for each in together]
        return Runs(*together)

    def without(self, ids: np.ndarray) -> Runs:
        """Without these IDs, int64 ``(n,)``, ascending, each once; those that are not there are passed over."""
        gone = ids[self.at(ids) >= 0]
        if not gone.size:
            return self
        # Each ID that goes ends what comes before it, and what comes behind it begins with the next. Runs do not overlap, so
        # beginnings and ends belong together in their order. Unsigned, since behind the largest ID there is none.
        begun, removed = self.firsts.view(np.uint64), gone.view(np.uint64)
        firsts = np.sort(np.concatenate([begun, removed + np.uint64(1)]))
        lengths = np.sort(np.concatenate([begun + self.lengths.view(np.uint64), removed])) - firsts
        firsts, lengths = firsts[lengths > 0].view(np.int64), lengths[lengths > 0].view(np.int64)
        runs = np.searchsorted(self.firsts, firsts, side="right") - 1
        return Runs(firsts, lengths, self.places[runs] + firsts - self.firsts[runs])

    def check(self, used: int) -> None:
        """Hold runs that were read from a file to what they have to be.

        Args:
            used: how many places there are.

        Raises:
            ValueError: they are not; says what is wrong.
        """
        firsts, lengths, places = self.firsts, self.lengths, self.places
        if (firsts < 0).any() or (lengths <= 0).any() or (lengths > used).any():
            raise ValueError("the runs of IDs are damaged")
        if (firsts[1:] - firsts[:-1] < lengths[:-1]).any():
            raise ValueError("the IDs do not ascend")
        if (places < 0).any() or (places > used - lengths).any():
            raise ValueError("there are IDs without a row")

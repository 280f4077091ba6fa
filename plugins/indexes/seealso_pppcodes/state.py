"""What the index holds at one moment: immutable, replaced as a whole by every change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from seealso import distinct
from seealso_pppcodes.segment import CodeShape, Segment, packed, unpacked


@dataclass(frozen=True, slots=True, eq=False)
class Tail:
    """The objects that came last, in no segment yet, in the order in which they came.

    The arrays may be longer than ``size``: what comes next is written behind it, which no earlier state sees.

    Attributes:
        ids: int64.
        codes: ``(…, spaces × length)``.
        hidden: which were removed, bool.
        size: how many there are.
    """

    ids: np.ndarray
    codes: np.ndarray
    hidden: np.ndarray
    size: int

    @classmethod
    def empty(cls, shape: CodeShape) -> Self:
        """With nothing in it, and no room."""
        return cls(np.empty(0, np.int64), shape.empty(0), np.empty(0, np.bool_), 0)

    def appended(self, ids: np.ndarray, codes: np.ndarray) -> Tail:
        """With more objects behind the others; amortised O(those)."""
        size = self.size + ids.size
        if size > self.ids.size:
            room = max(1024, 2 * size)
            grown = Tail(
                np.empty(room, np.int64),
                np.empty((room, codes.shape[1]), codes.dtype),
                np.zeros(room, np.bool_),
                self.size,
            )
            for new, old in zip(
                (grown.ids, grown.codes, grown.hidden), (self.ids, self.codes, self.hidden), strict=True
            ):
                new[: self.size] = old[: self.size]
            return grown.appended(ids, codes)
        self.ids[self.size : size], self.codes[self.size : size] = ids, codes
        self.hidden[self.size : size] = False
        return replace(self, size=size)

    def live(self) -> tuple[np.ndarray, np.ndarray]:
        """The IDs of what is there, ascending, and their codes."""
        places = np.flatnonzero(~self.hidden[: self.size])
        places = places[np.argsort(self.ids[places])]
        return self.ids[places], self.codes[places]

    def places(self, ids: np.ndarray) -> np.ndarray:
        """The places of those of ``ids`` that are there."""
        return np.flatnonzero(np.isin(self.ids[: self.size], ids) & ~self.hidden[: self.size])


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """All that the index holds.

    Attributes:
        shape: of the codes.
        segments: immutable parts.
        hidden: for each segment, a bit set of the places whose objects were removed.
        tail: what came last.
        counts: how many objects there are in each cell of each space: uint32 ``(spaces, cells)``.
        objects: how many there are.
    """

    shape: CodeShape
    segments: tuple[Segment, ...]
    hidden: tuple[np.ndarray, ...]
    tail: Tail
    counts: np.ndarray
    objects: int

    @classmethod
    def empty(cls, shape: CodeShape) -> Self:
        """With nothing in it."""
        return cls(shape, (), (), Tail.empty(shape), np.zeros((shape.spaces, shape.cells), np.uint32), 0)

    def added(self, ids: np.ndarray, codes: np.ndarray) -> State:
        """With more objects; those whose ID is there already are replaced."""
        # IDs ascend: nearly always the first new one is beyond all that are there, and none has to be looked for.
        state = self if ids[0] > self.last_id() else self.removed(ids)
        return replace(
            state,
            tail=state.tail.appended(ids, codes),
            counts=state.counts + self.shape.count(codes),
            objects=state.objects + int(ids.size),
        )

    def last_id(self) -> int:
        """The largest ID that was ever added to what is there; -1 for none."""
        last = [int(segment.ids.at(np.array(segment.size - 1))) for segment in self.segments]
        return max([-1, *last, int(self.tail.ids[: self.tail.size].max(initial=-1))])

    def removed(self, ids: np.ndarray) -> State:
        """Without these objects; those that are not there are passed over."""
        ids = distinct(ids)
        counts, objects = self.counts, self.objects
        hidden = list(self.hidden)
        for number, segment in enumerate(self.segments):
            places = segment.ids.places(ids)
            places = places[~bits_at(hidden[number], places)]
            if places.size:
                hidden[number] = hidden[number] | packed(places, segment.size)
                counts = counts - self.shape.count(segment.codes_at(places))
                objects -= int(places.size)
        tail = self.tail
        places = tail.places(ids)
        if places.size:
            # A copy: earlier states are still being searched.
            tail = replace(tail, hidden=tail.hidden.copy())
            tail.hidden[places] = True
            counts = counts - self.shape.count(tail.codes[places])
            objects -= int(places.size)
        return replace(self, hidden=tuple(hidden), tail=tail, counts=counts, objects=objects)

    def sealed(self) -> State:
        """With the tail made into a segment."""
        ids, codes = self.tail.live()
        state = replace(self, tail=Tail.empty(self.shape))
        return state.with_segments((*self.segments, Segment.build(self.shape, ids, codes))) if ids.size else state

    def with_segments(self, segments: tuple[Segment, ...]) -> State:
        """With these segments: what was hidden of one that stays is hidden still, nothing of the others."""
        before = {id(segment): hidden for segment, hidden in zip(self.segments, self.hidden, strict=True)}
        hidden = (before.get(id(segment), np.zeros(-(-segment.size // 8), np.uint8)) for segment in segments)
        return replace(self, segments=segments, hidden=tuple(hidden))

    def merged(self, before: State, segments: tuple[Segment, ...], merged: Segment | None) -> State:
        """With ``merged`` in the place of ``segments``, of which it was made when the index was in the state ``before``.

        What was removed meanwhile is hidden in it.
        """
        gone = []
        for number, segment in enumerate(self.segments):
            if segment in segments:
                since = self.hidden[number] & ~before.hidden[before.segments.index(segment)]
                gone.append(segment.ids.at(np.flatnonzero(unpacked(since, segment.size))))
        place = self.segments.index(segments[0])
        rest = [segment for segment in self.segments if segment not in segments]
        if merged is None:
            return self.with_segments(tuple(rest))
        state = self.with_segments((*rest[:place], merged, *rest[place:]))
        places = merged.ids.places(np.concatenate(gone))
        hidden = list(state.hidden)
        hidden[place] = packed(places, merged.size)
        return replace(state, hidden=tuple(hidden))

    def ids(self) -> np.ndarray:
        """The IDs of all objects, int64, ascending."""
        parts = [segment.ids.at(places) for segment, places in self._live_places()]
        return np.sort(np.concatenate([*parts, self.tail.live()[0]]))

    def live(self) -> tuple[np.ndarray, np.ndarray]:
        """The IDs of all objects, in no particular order, and their codes."""
        ids, codes = self.tail.live()
        parts = [(segment.ids.at(places), segment.codes_at(places)) for segment, places in self._live_places()]
        return (
            np.concatenate([*(part[0] for part in parts), ids]),
            np.concatenate([*(part[1] for part in parts), codes]),
        )

    def _live_places(self) -> Iterator[tuple[Segment, np.ndarray]]:
        for segment, hidden in zip(self.segments, self.hidden, strict=True):
            yield segment, np.flatnonzero(~unpacked(hidden, segment.size))


def bits_at(bits: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Which of the places are in a bit set: bool of the same shape."""
    found: np.ndarray = (bits[places >> 3] >> (places & 7).astype(np.uint8)) & 1 != 0
    return found

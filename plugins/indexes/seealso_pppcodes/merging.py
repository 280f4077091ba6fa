"""Which segments are made one, and when."""

from __future__ import annotations

import numpy as np

from seealso_pppcodes.segment import CAPACITY, Segment
from seealso_pppcodes.state import State

GROWTH = 4
"""A segment is merged with all that came after it when those hold more than this part of it: so an object is copied a
number of times that grows with the logarithm of the collection, and so does the number of segments."""

REMOVED = 0.25
"""A segment is written anew when more than this share of its objects is gone."""


def due(state: State) -> tuple[Segment, ...]:
    """The segments that should be made one now; none when all is well."""
    for number, segment in enumerate(state.segments):
        after = sum(later.size for later in state.segments[number + 1 :])
        if GROWTH * after > segment.size and segment.size + after <= CAPACITY:
            return state.segments[number:]
    for segment, hidden in zip(state.segments, state.hidden, strict=True):
        if int(np.bitwise_count(hidden).sum()) > REMOVED * segment.size:
            return (segment,)
    return ()


def joinable(state: State) -> tuple[Segment, ...]:
    """The segments that can be made one so that there are as few as can be; none when there are."""
    for number, segment in enumerate(state.segments[:-1]):
        if segment.size + sum(later.size for later in state.segments[number + 1 :]) <= CAPACITY:
            return state.segments[number:]
    return ()


def merge(state: State, segments: tuple[Segment, ...]) -> Segment | None:
    """These segments of a state as one, without what was removed; None where all was. Takes long; holds no lock."""
    hidden = dict(zip(map(id, state.segments), state.hidden, strict=True))
    return Segment.merge([(segment, hidden[id(segment)]) for segment in segments])

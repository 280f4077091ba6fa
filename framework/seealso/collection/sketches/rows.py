"""The rows of all objects at one moment: immutable, replaced as a whole by every change."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from seealso.collection.sketches.runs import Runs
from seealso.sorted_ids import distinct

PART = 1 << 20
"""Rows in a part; a table has as many parts as it takes, and all but the last are full."""

ROOM = 1024
"""Rows for which a new part has room; it doubles when that is used up."""

WASTED = 0.25
"""The table is written anew when more than this share of its rows is of objects that are gone."""

_STEP = 1 << 16  # rows that are copied together

_IN_ORDER = np.arange(1 << 14)
"""Places one after another: so many rows are scored together where all are. Few enough to stay in the processor's cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Some rows. Where it has room behind those that are used, the next are written there, which no earlier state sees.

    Attributes:
        buffer: uint8 ``(room, width)``.
        name: what it is called in every snapshot that holds it, as no other part is; None while it is not full.
    """

    buffer: np.ndarray
    name: str | None = None

    @property
    def rows(self) -> np.ndarray:
        """The same array, read-only: whoever scores rows need not tell those that were mapped from those that were made."""
        rows = self.buffer.view(np.ndarray)
        rows.flags.writeable = False
        return rows

    def filled(self, start: int, rows: np.ndarray) -> Part:
        """With rows from ``start`` on; in another array where this one has no room."""
        end, buffer = start + len(rows), self.buffer
        if end > len(buffer):
            buffer = np.empty((min(PART, max(ROOM, 2 * end)), rows.shape[1]), np.uint8)
            buffer[:start] = self.buffer[:start]
        buffer[start:end] = rows
        return Part(buffer, secrets.token_hex(16) if end == PART else None)


Score = Callable[[np.ndarray, np.ndarray, np.ndarray], None]
"""Scores rows of a part: rows, places in it, and where the scores go; see `SketchQuery.scores`."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows of all objects, and whose they are.

    Attributes:
        width: bytes of a row.
        runs: where the row of each object is, counted over all parts.
        parts: the rows, in the order in which they came.
        used: how many rows there are, of objects that are gone too.
    """

    width: int
    runs: Runs
    parts: tuple[Part, ...] = ()
    used: int = 0

    @classmethod
    def empty(cls, width: int) -> Self:
        """Without any."""
        return cls(width, Runs.empty())

    @property
    def nbytes(self) -> int:
        """Bytes in memory; room that is not used yet is not counted."""
        return self.used * self.width + self.runs.nbytes

    def sizes(self) -> Iterator[tuple[Part, int]]:
        """Each part, and how many of its rows are used."""
        for number, part in enumerate(self.parts):
            yield part, min(PART, self.used - number * PART)

    def added(self, ids: np.ndarray, rows: np.ndarray) -> Rows:
        """With the rows of more objects, int64 ``(n,)``, ascending; those whose ID is there already are replaced."""
        if not ids.size:
            return self
        # IDs ascend: nearly always the first new one is beyond all that are there, and none has to be looked for.
        before = self if ids[0] > self.runs.last else self.removed(ids)
        parts, used = list(before.parts), before.used
        for start, end in before._spans(len(rows)):
            if used % PART == 0:
                parts.append(Part(np.empty((0, self.width), np.uint8)))
            parts[-1] = parts[-1].filled(used % PART, rows[start:end])
            used += end - start
        return replace(before, runs=before.runs.added(ids, before.used), parts=tuple(parts), used=used)

    def _spans(self, count: int) -> Iterator[tuple[int, int]]:
        """So many new rows, in spans that fit into one part each."""
        start = 0
        while start < count:
            end = min(count, start + PART - (self.used + start) % PART)
            yield start, end
            start = end

    def removed(self, ids: np.ndarray) -> Rows:
        """Without these objects, int64 ``(n,)``; those that are not there are passed over."""
        runs = self.runs.without(distinct(ids))
        rows = replace(self, runs=runs)
        return rows._written_anew() if self.used - runs.size > WASTED * self.used else rows

    def _written_anew(self) -> Rows:
        """With only the rows of objects that are there, in the order of their IDs."""
        rows = Rows.empty(self.width)
        for ids, places in self.runs.blocks(_STEP):
            rows = rows.added(ids, self.at(places))
        return rows

    def at(self, places: np.ndarray) -> np.ndarray:
        """The rows at places, int64 ``(n,)``: uint8 ``(n, width)``."""
        found = np.empty((places.size, self.width), np.uint8)
        for part, chosen, within in self._by_part(places):
            found[chosen] = part.rows[within]
        return found

    def score(self, score: Score, places: np.ndarray) -> np.ndarray:
        """What ``score`` makes of the rows at places, int64 ``(n,)``: float32 ``(n,)``."""
        found = np.empty(places.size, np.float32)
        if len(self.parts) == 1:
            score(self.parts[0].rows, places, found)
            return found
        for part, chosen, within in self._by_part(places):
            some = np.empty(within.size, np.float32)
            score(part.rows, within, some)
            found[chosen] = some
        return found

    def score_between(self, score: Score, start: int, end: int) -> np.ndarray:
        """What ``score`` makes of all rows from ``start`` until ``end``, in their order: float32; infinite where the object is gone."""
        found = np.empty(end - start, np.float32)
        at = start
        while at < end:
            number, first = divmod(at, PART)
            count = min(end - at, PART - first, _IN_ORDER.size)
            rows = self.parts[number].rows[first : first + count]
            score(rows, _IN_ORDER[:count], found[at - start : at - start + count])
            at += count
        if self.runs.size < self.used:
            found[self.runs.unused(start, end) - start] = np.inf
        return found

    def _by_part(self, places: np.ndarray) -> Iterator[tuple[Part, np.ndarray, np.ndarray]]:
        """Each part in which some of the places are: it, which of them these are, and where in the part."""
        numbers = places // PART
        for number, part in enumerate(self.parts):
            chosen = np.flatnonzero(numbers == number)
            if chosen.size:
                yield part, chosen, places[chosen] - number * PART

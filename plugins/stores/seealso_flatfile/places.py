"""Where records lie: the form of a place, and places kept in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from seealso_flatfile.files import fingerprint
from seealso_flatfile.manifest import Counts
from seealso_flatfile.records import ALIGNMENT, Scan, record_bytes

PLACE = np.dtype([("start", "<u4"), ("segment", "<u4"), ("length", "<u4"), ("check", "<u4")])
"""A place: where its record starts in its segment (in units of eight bytes), the segment, the length of the payload, and a
check of these and the ID. All zeros: nothing is there."""


def made(ids: np.ndarray, segment: int, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The places ``(n,)`` of records in a segment, from where they start and the lengths of their payloads; −1: removed."""
    places = np.zeros(ids.size, PLACE)
    there = lengths >= 0
    places["start"], places["segment"], places["length"] = starts // ALIGNMENT, segment, np.maximum(lengths, 0)
    places["check"] = checks(ids, places)
    places[~there] = np.zeros((), PLACE)
    return places


def checks(ids: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The checks ``(n,)`` of places."""
    second = places["start"].astype(np.uint64) | places["segment"].astype(np.uint64) << 32
    found: np.ndarray = fingerprint(ids.astype(np.uint64), second, places["length"].astype(np.uint64))
    return found


def absent(places: np.ndarray) -> np.ndarray:
    """Where nothing is: bool ``(n,)``."""
    nothing: np.ndarray = (places.view("<u8").reshape(-1, 2) == 0).all(axis=1)
    return nothing


def counts(places: np.ndarray) -> Counts:
    """How many places ``(n,)`` hold a record, and what these records take."""
    lengths = places["length"][~absent(places)].astype(np.int64)
    return Counts(int(lengths.size), int(record_bytes(lengths).sum()))


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Places in memory.

    Attributes:
        ids: int64 ``(n,)``, ascending.
        places: `PLACE` ``(n,)``; all zeros where an ID was removed.
    """

    ids: np.ndarray
    places: np.ndarray

    @classmethod
    def none(cls) -> Self:
        """Without any."""
        return cls(np.empty(0, np.int64), np.empty(0, PLACE))

    @classmethod
    def of_scan(cls, segment: int, scan: Scan) -> Self:
        """Those that a scan of a segment has found."""
        return cls.last(scan.ids, made(scan.ids, segment, scan.starts, scan.lengths))

    @classmethod
    def last(cls, ids: np.ndarray, places: np.ndarray) -> Self:
        """Of places in the order in which they were written; the last of each ID counts. O(n log n)."""
        order = np.argsort(ids, kind="stable")
        ids = ids[order]
        kept = np.append(ids[1:] != ids[:-1], True) if ids.size else np.empty(0, np.bool_)
        return cls(ids[kept], places[order[kept]])

    def then(self, later: Places) -> Places:
        """With later ones, which count where both have an ID."""
        if not later.ids.size:
            return self
        if not self.ids.size or later.ids[0] > self.ids[-1]:
            return Places(np.append(self.ids, later.ids), np.append(self.places, later.places))
        return Places.last(np.append(self.ids, later.ids), np.append(self.places, later.places))

    def find(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which of the IDs ``(n,)`` are known here, bool, and the places ``(n,)``."""
        found = np.zeros(ids.size, PLACE)
        if not self.ids.size:
            return np.zeros(ids.size, np.bool_), found
        at = np.minimum(np.searchsorted(self.ids, ids), self.ids.size - 1)
        known = self.ids[at] == ids
        found[known] = self.places[at[known]]
        return known, found

    def lookup(self, ids: np.ndarray) -> np.ndarray:
        """The places ``(n,)`` of IDs; all zeros where there is none."""
        return self.find(ids)[1]

    def some(self, count: int) -> np.ndarray:
        """IDs from all over, ascending, int64: about ``count``; not all need be there."""
        return self.ids[:: max(1, self.ids.size // count)]

    def parts(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The IDs that are there, and their places."""
        there = ~absent(self.places)
        yield self.ids[there], self.places[there]

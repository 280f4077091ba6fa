"""What likeness means in a collection: measured when somebody first asks for it, and kept."""

from __future__ import annotations

import contextlib
import json
import threading
import zlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from seealso.blocks import spans
from seealso.catalogue.reader import Catalog
from seealso.collection.parts.opened import Opened
from seealso.collection.sample import read_sample
from seealso.durability import write_atomically
from seealso.interfaces.distance import Distance
from seealso.interfaces.likeness import Likeness
from seealso.interfaces.store import ObjectStore
from seealso.layout import LIKENESS
from seealso.paths import state_of

LARGEST = 1 << 16
"""Bytes of the file that it is kept in, at most; it has some hundred. A larger one is damaged, and is not read into memory."""

OBJECTS = 1000
"""Objects that are read, at most."""

GROUP = 100
"""So many of them are compared with one another: 49,500 pairs of 1,000 objects, however slow the distance is."""

NEAR_SHARE = 0.05
"""The share of random pairs that counts as near. What is further apart is as far as unrelated objects may be."""

FEWEST_PAIRS = 1000
"""With fewer pairs, the nearest of them say nothing. There are as many from 46 objects on."""

FORMAT = 1


def random_distances(store: ObjectStore, distance: Distance, catalog: Catalog) -> np.ndarray:
    """The distances of random pairs of objects, float64, ascending; the same again as long as nothing changes.

    Damaged descriptors are left out, and so are distances that float32 cannot hold.
    """
    descriptors = read_sample(store, catalog, OBJECTS)
    found = [np.empty(0, np.float32)]
    for rows in spans(len(descriptors), GROUP):
        group = descriptors[rows]
        found.append(distance.many_to_many(group, group)[np.triu_indices(len(group), 1)])
    distances = np.concatenate(found).astype(np.float64)
    return np.sort(distances[np.isfinite(distances)])


def likeness_of(distances: np.ndarray) -> Likeness:
    """What likeness means where random pairs of objects lie so far apart (`random_distances`)."""
    if not distances.size:
        return Likeness(0.0)
    enough = distances.size >= FEWEST_PAIRS
    return Likeness(
        typical=float(np.median(distances)),
        alike=float(np.quantile(distances, NEAR_SHARE)) if enough else None,
        pairs=int(distances.size),
    )


@dataclass(frozen=True, slots=True)
class _Kept:
    """A likeness that was measured; of what, among how many objects, and the ID of the newest of them."""

    of: str
    objects: int
    newest_id: int
    likeness: Likeness

    @classmethod
    def made(cls, opened: Opened, likeness: Likeness) -> Self:
        return cls(opened.measured_by(), opened.catalog.counts().objects, opened.catalog.newest_id(), likeness)

    def fits(self, opened: Opened) -> bool:
        """Whether it is of these descriptors and this distance, and the collection has neither grown by more than half nor lost more."""
        if self.of != opened.measured_by():
            return False
        new = opened.catalog.newest_id() - self.newest_id
        return new <= self.objects // 2 and 2 * opened.catalog.counts().objects >= self.objects

    def dump(self) -> bytes:
        body = json.dumps({"format": FORMAT, **asdict(self)}).encode()
        return b"%08x\n%s\n" % (zlib.crc32(body), body)

    @classmethod
    def load(cls, data: bytes) -> Self | None:
        """What `dump` gave; None where this is something else, or damaged."""
        checksum, _, body = data.rstrip(b"\n").partition(b"\n")
        if checksum != b"%08x" % zlib.crc32(body):
            return None
        try:
            kept = json.loads(body)
            if kept.pop("format") != FORMAT:
                return None
            return cls(**kept | {"likeness": Likeness(**kept["likeness"])})
        except (ValueError, TypeError, KeyError, AttributeError):
            return None


class KeptLikeness:
    """Knows what likeness means in a collection. May be used from several threads at once.

    It is derived: kept in a small file of the collection's directory, or in memory alone where nothing can be written there. A
    file that is damaged, or does not fit any more, is as if it were not there, and is replaced when likeness is next asked for.

    Args:
        directory: the collection's.
    """

    def __init__(self, directory: Path) -> None:
        self._file = directory / LIKENESS
        self._lock = threading.Lock()
        self._measuring = threading.Lock()
        self._seen: tuple[int, ...] | None = None
        self._kept: _Kept | None = None
        self._sample: tuple[str, np.ndarray] | None = None

    def known(self, opened: Opened) -> Likeness | None:
        """What likeness means, where that was measured before. Nothing is measured; O(1)."""
        with self._lock:
            seen = state_of(self._file)
            if seen is not None and seen != self._seen:
                self._seen, self._kept = seen, _read(self._file)
            kept = self._kept
        return kept.likeness if kept is not None and kept.fits(opened) else None

    def get(self, opened: Opened) -> Likeness:
        """What likeness means; it is measured where it is not known: some hundred milliseconds, however many objects there are."""
        with self._measuring:
            known = self.known(opened)
            if known is None:
                known = likeness_of(random_distances(opened.store, opened.distance, opened.catalog))
                self.keep(opened, known)
        return known

    def keep(self, opened: Opened, likeness: Likeness) -> None:
        """Remember what was measured."""
        kept = _Kept.made(opened, likeness)
        with self._lock:
            self._kept = kept
        # It can be measured again: that the disk is full or cannot be written is no reason to fail, nor is another process that keeps
        # the same just now.
        with contextlib.suppress(OSError):
            write_atomically(self._file, kept.dump())

    def of_query(self, opened: Opened, likeness: Likeness, descriptor: np.ndarray) -> Likeness:
        """What likeness means for one descriptor ``(dim,)``: `Likeness.alike` is larger by as much as this one lies further from random
        objects than those do from one another. An image that is unlike most others is far from its own kind, too."""
        sample = self._sample_of(opened)
        if likeness.alike is None or not likeness.typical or not len(sample):
            return likeness
        usual = float(np.median(opened.distance.one_to_many(descriptor, sample)))
        return replace(likeness, alike=likeness.alike * usual / likeness.typical) if np.isfinite(usual) else likeness

    def _sample_of(self, opened: Opened) -> np.ndarray:
        """Descriptors of some random objects ``(n, dim)``; they are read once."""
        made_of = opened.measured_by()
        with self._lock:
            known = self._sample
        if known is None or known[0] != made_of:
            known = made_of, read_sample(opened.store, opened.catalog, GROUP)
            with self._lock:
                self._sample = known
        return known[1]


def _read(file: Path) -> _Kept | None:
    try:
        with file.open("rb") as opened:
            data = opened.read(LARGEST + 1)
    except OSError:
        return None
    return _Kept.load(data) if len(data) <= LARGEST else None

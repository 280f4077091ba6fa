"""What candidates are compared with: one example, or several, each liked or unliked."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from seealso.collection.sketches.table import Sketches
from seealso.distances.vectors import Cosine
from seealso.interfaces.distance import Distance
from seealso.interfaces.store import EncodedBlock

MEASURED = 1.25
"""Of costly distances so many times as many are computed as are wanted, where something cheaper says which;"""

MEASURED_LEAST = 24
"""and at least so many."""

Estimates = Callable[[np.ndarray], np.ndarray]
"""The places of sketches, int64 ``(n,)`` → float32 ``(n,)``; lower is nearer."""


class Measure(ABC):
    """Says how far descriptors are from what is asked.

    Attributes:
        probes: descriptors ``(dim,)`` near which candidates are looked for.
        plain: whether it is the collection's distance from the one probe: then an index that gives true distances has it already.
    """

    probes: tuple[np.ndarray, ...]
    plain = False

    @abstractmethod
    def distances(self, block: EncodedBlock) -> tuple[np.ndarray, np.ndarray]:
        """IDs and float32 distances ``(m,)`` of the descriptors of a block that can be decoded."""

    def roughly(self, block: EncodedBlock) -> tuple[np.ndarray, np.ndarray]:
        """IDs, and what says for little work which of the descriptors may be near, float32 ``(m,)``, the less the nearer."""
        return self.distances(block)

    def is_costly(self) -> bool:
        """Whether `distances` are so much more work than `roughly` that they are for the nearest alone."""
        return False

    def nearest(self, block: EncodedBlock, wanted: int) -> tuple[np.ndarray, np.ndarray]:
        """IDs and float32 distances, as `distances` gives them, of as many of a block's nearest as are wanted, and perhaps of more."""
        return self.distances(block)

    def gives_angles(self) -> bool:
        """Whether its distances are angles, whatever the collection's distance is."""
        return False

    def as_angles(self) -> Measure:
        """The same on the scale of angles, radians from 0 to π."""
        return self

    def estimates(self, sketches: Sketches) -> Estimates | None:
        """What estimates how far objects are (or roughly), by their sketches; lower is nearer. None: sketches do not tell."""
        return None

    def by_probe(self) -> bool:
        """Whether its estimates are those of its one probe: an index that ranks by sketches knows them then."""
        return False


class FromDescriptor(Measure):
    """A distance from a descriptor ``(dim,)``.

    Args:
        distance: the distance.
        descriptor: the descriptor.
        plain: it is the collection's distance (see `Measure`).
        factor: what the distances are multiplied by.
    """

    def __init__(self, distance: Distance, descriptor: np.ndarray, *, plain: bool = True, factor: float = 1.0) -> None:
        self.probes = (descriptor,)
        self.plain = plain
        self._distance = distance
        self._factor = np.float32(factor)

    def distances(self, block: EncodedBlock) -> tuple[np.ndarray, np.ndarray]:
        """See `Measure`."""
        ids, distances = block.sound_distances(self._distance, self.probes[0])
        return ids, distances * self._factor

    def estimates(self, sketches: Sketches) -> Estimates | None:
        """See `Measure`; of another distance than the collection's they do not tell."""
        return partial(sketches.scores, sketches.query(self.probes[0])) if self.plain else None

    def by_probe(self) -> bool:
        """See `Measure`."""
        return self.plain

    def of(self, descriptors: np.ndarray) -> np.ndarray:
        """The float32 distances ``(n,)`` of descriptors ``(n, dim)`` that are decoded already."""
        return self._distance.one_to_many(self.probes[0], descriptors) * self._factor

    def as_angles(self) -> FromDescriptor:
        """The same on the scale of angles, 0 to π: where the distance is none, the angle between the descriptors takes its place; of
        bits, the share of those that differ, times π (which estimates the angle where bits are the signs of random projections)."""
        if self._distance.kind == "angle":
            return self
        descriptor = self.probes[0]
        if self._distance.kind == "hamming":
            return FromDescriptor(self._distance, descriptor, plain=False, factor=math.pi / (8 * descriptor.size))
        return FromDescriptor(Cosine(), descriptor, plain=False)


class Reader(Protocol):
    """Ranks descriptors by words: see `Extractor`."""

    def words_distances(self, phrase: str, descriptors: np.ndarray) -> np.ndarray | None:
        """How far descriptors ``(n, dim)`` are from a phrase, float32 ``(n,)``; or None."""
        ...

    def words_roughly(self, phrase: str, descriptors: np.ndarray) -> np.ndarray | None:
        """Which of them may be near, float32 ``(n,)``, less is nearer; or None."""
        ...


class FromWords(Measure):
    """What the extractor makes of words and descriptors; where it leaves that to the collection's distance, the distance from the
    words' descriptor.

    Args:
        reader: ranks by them.
        words: the words.
        nearest: the distance from the descriptor that the extractor makes of them.
    """

    def __init__(self, reader: Reader, words: str, nearest: FromDescriptor) -> None:
        self.probes = nearest.probes
        self._reader = reader
        self._words = words
        self._by_descriptor = nearest

    def distances(self, block: EncodedBlock) -> tuple[np.ndarray, np.ndarray]:
        """See `Measure`."""
        ids, descriptors = block.sound()
        return ids, self._of(descriptors)

    def nearest(self, block: EncodedBlock, wanted: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Measure`: of `MEASURED` times as many as are wanted, where the extractor says which these are."""
        ids, descriptors = block.sound()
        most = max(math.ceil(MEASURED * wanted), MEASURED_LEAST)
        roughly = self._reader.words_roughly(self._words, descriptors) if ids.size > most else None
        if roughly is not None:
            chosen = np.argpartition(roughly, most - 1)[:most]
            ids, descriptors = ids[chosen], descriptors[chosen]
        return ids, self._of(descriptors)

    def _of(self, descriptors: np.ndarray) -> np.ndarray:
        distances = self._reader.words_distances(self._words, descriptors)
        return self._by_descriptor.of(descriptors) if distances is None else distances

    def roughly(self, block: EncodedBlock) -> tuple[np.ndarray, np.ndarray]:
        """The distance from the words' descriptor."""
        return self._by_descriptor.distances(block)

    def is_costly(self) -> bool:
        """Whether the extractor ranks by these words itself."""
        return self.gives_angles()

    def estimates(self, sketches: Sketches) -> Estimates | None:
        """See `Measure`: the distance from the words' descriptor."""
        return self._by_descriptor.estimates(sketches)

    def by_probe(self) -> bool:
        """See `Measure`: it is the words' descriptor."""
        return self._by_descriptor.by_probe()

    def gives_angles(self) -> bool:
        """Whether the extractor ranks by these words itself, rather than leave it to the distance."""
        return self._reader.words_distances(self._words, self.probes[0][np.newaxis][:0]) is not None

    def as_angles(self) -> FromWords:
        """The same on the scale of angles, where the extractor leaves it to the distance."""
        return FromWords(self._reader, self._words, self._by_descriptor.as_angles())


@dataclass(frozen=True, slots=True)
class Weighted:
    """A measure, and how much it counts; below 0: the hits shall be far by it."""

    measure: Measure
    weight: float


class Together(Measure):
    """Several measures at once.

    The distance is the mean of those from what is liked, by weight. Where an object is nearer to something unliked than that, it is
    pushed back by the difference times the weight of the unliked beside the mean weight of the liked: so what is unliked matters
    near it, and nowhere else. No centroid is made: any metric will do.

    Where some are words that the extractor ranks by itself, by angles, all are measured by angles: Euclidean distances, for one, may
    be ten times as large, and the words would hardly count. Otherwise all are the collection's distances. No candidate has a part in
    the scale, so an object has the same distance in every block and in every shard.
    """

    def __init__(self, parts: Sequence[Weighted]) -> None:
        if any(part.measure.gives_angles() for part in parts):
            parts = [Weighted(part.measure.as_angles(), part.weight) for part in parts]
        self._liked = [part for part in parts if part.weight > 0]
        self._unliked = [part for part in parts if part.weight < 0]
        self.probes = tuple(probe for part in self._liked for probe in part.measure.probes)

    def distances(self, block: EncodedBlock) -> tuple[np.ndarray, np.ndarray]:
        """See `Measure`."""
        return self._together(lambda measure: measure.distances(block))

    def roughly(self, block: EncodedBlock) -> tuple[np.ndarray, np.ndarray]:
        """See `Measure`."""
        return self._together(lambda measure: measure.roughly(block))

    def is_costly(self) -> bool:
        """Whether one of them is."""
        return any(part.measure.is_costly() for part in (*self._liked, *self._unliked))

    def _together(
        self, measured_by: Callable[[Measure], tuple[np.ndarray, np.ndarray]]
    ) -> tuple[np.ndarray, np.ndarray]:
        measured = [measured_by(part.measure) for part in self._liked]
        unliked = [measured_by(part.measure)[1] for part in self._unliked]
        return measured[0][0], self._combined([distances for _, distances in measured], unliked)

    def estimates(self, sketches: Sketches) -> Estimates | None:
        """See `Measure`."""
        parts = [part.measure.estimates(sketches) for part in (*self._liked, *self._unliked)]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None

        def estimated(places: np.ndarray) -> np.ndarray:
            found = [sketches.sketch.distances(part(places)) for part in known]
            return self._combined(found[: len(self._liked)], found[len(self._liked) :])

        return estimated

    def _combined(self, liked: Sequence[np.ndarray], unliked: Sequence[np.ndarray]) -> np.ndarray:
        """The distances ``(n,)`` from all, of those from each."""
        total = sum(part.weight for part in self._liked)
        mean: np.ndarray = np.zeros(liked[0].size, np.float32)
        for part, distances in zip(self._liked, liked, strict=True):
            mean += np.float32(part.weight / total) * distances
        pushed = mean.copy()
        for part, distances in zip(self._unliked, unliked, strict=True):
            pushed += np.float32(-part.weight * len(self._liked) / total) * np.maximum(0, mean - distances)
        return pushed

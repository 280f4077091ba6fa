"""What candidates are compared with: one example, or several, each liked or unliked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from seealso.interfaces.distance import Distance
from seealso.interfaces.store import EncodedBlock

Score = Callable[[str, np.ndarray], np.ndarray | None]


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


class FromDescriptor(Measure):
    """The collection's distance from a descriptor ``(dim,)``."""

    plain = True

    def __init__(self, distance: Distance, descriptor: np.ndarray) -> None:
        self.probes = (descriptor,)
        self._distance = distance

    def distances(self, block: EncodedBlock) -> tuple[np.ndarray, np.ndarray]:
        """See `Measure`."""
        return block.sound_distances(self._distance, self.probes[0])

    def of(self, descriptors: np.ndarray) -> np.ndarray:
        """The float32 distances ``(n,)`` of descriptors ``(n, dim)`` that are decoded already."""
        return self._distance.one_to_many(self.probes[0], descriptors)


class FromWords(Measure):
    """What the extractor makes of words and descriptors; where it leaves that to the collection's distance, the distance from the
    words' descriptor.

    Args:
        score: words and descriptors → distances, or None (`Extractor.words_distances`).
        words: the words.
        nearest: the distance from the descriptor that the extractor makes of them.
    """

    def __init__(self, score: Score, words: str, nearest: FromDescriptor) -> None:
        self.probes = nearest.probes
        self._score = score
        self._words = words
        self._nearest = nearest

    def distances(self, block: EncodedBlock) -> tuple[np.ndarray, np.ndarray]:
        """See `Measure`."""
        ids, descriptors = block.sound()
        distances = self._score(self._words, descriptors)
        return ids, self._nearest.of(descriptors) if distances is None else distances


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
    """

    def __init__(self, parts: Sequence[Weighted]) -> None:
        self._liked = [part for part in parts if part.weight > 0]
        self._unliked = [part for part in parts if part.weight < 0]
        self.probes = tuple(probe for part in self._liked for probe in part.measure.probes)

    def distances(self, block: EncodedBlock) -> tuple[np.ndarray, np.ndarray]:
        """See `Measure`."""
        total = sum(part.weight for part in self._liked)
        measured = [part.measure.distances(block) for part in self._liked]
        ids = measured[0][0]
        mean: np.ndarray = np.zeros(ids.size, np.float32)
        for part, (_, distances) in zip(self._liked, measured, strict=True):
            mean += np.float32(part.weight / total) * distances
        pushed = mean.copy()
        for part in self._unliked:
            _, distances = part.measure.distances(block)
            pushed += np.float32(-part.weight * len(self._liked) / total) * np.maximum(0, mean - distances)
        return ids, pushed

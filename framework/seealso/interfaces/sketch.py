"""The sketch: a few dozen bytes for each object, from which its distance to a query is estimated in memory."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from seealso.interfaces.distance import Distance
from seealso.interfaces.plugin import Plugin, PluginOptions


@dataclass(frozen=True, slots=True)
class SketchContext:
    """What the framework lends a sketch.

    Attributes:
        distance: the collection's metric.
        dim: the number of values in a descriptor.
        dtype: their type.
        threads: how many processor cores to use.
    """

    distance: Distance
    dim: int
    dtype: np.dtype
    threads: int


class SketchQuery(ABC):
    """A query that was prepared once, and is compared with any number of sketches. It keeps nothing of what it is asked."""

    @abstractmethod
    def scores(self, rows: np.ndarray, places: np.ndarray, out: np.ndarray) -> None:
        """Estimate how far some objects are; lower is nearer. The estimates of one query compare with one another, those of two
        queries need not (but see `Sketch.distances`).

        May be called from several threads at once, so it should not hold the interpreter's lock.

        Args:
            rows: sketches, as `Sketch.encode` gave them: uint8 ``(n, width)``, side by side, read-only, perhaps mapped from a file.
            places: which of them, int64 ``(m,)``, each from 0 to n - 1, in any order; they stay as they are.
            out: float32 ``(m,)``, where the estimates are written. Each is finite.
        """


class SketchView(Protocol):
    """The sketches of a collection as of one moment, whatever comes and goes meanwhile. May be asked from several threads at once.

    Each has a place, numbered from 0 in the order in which they came. One whose object is gone may keep its place for a while.
    """

    @property
    def size(self) -> int:
        """How many places there are."""

    def places(self, ids: np.ndarray) -> np.ndarray:
        """Where the sketches of objects are, int64 ``(n,)``; -1 where there is none."""

    def ids(self, places: np.ndarray) -> np.ndarray:
        """Whose sketches are at places, int64 ``(n,)``; -1 where the object is gone."""

    def query(self, descriptor: np.ndarray) -> SketchQuery:
        """Prepare a query ``(dim,)``."""

    def scores(self, query: SketchQuery, places: np.ndarray) -> np.ndarray:
        """Estimates for sketches by their places, int64 ``(n,)``: float32 ``(n,)``, lower is nearer."""

    def scores_between(self, query: SketchQuery, start: int, end: int) -> np.ndarray:
        """The same for all places from ``start`` until ``end``, in their order; infinite where the object is gone. Faster than to name
        the places."""


class Sketch(Plugin):
    """Turns descriptors into rows of a few bytes, and estimates distances from these: a pure code, like a `Codec`.

    It is trained once, on a sample, and never changes after that. The framework keeps the rows, knows whose they are, and saves
    them with `parameters`. The methods but `train` and `restore` may be called from several threads at once.
    """

    sample_size: int = 4096
    """How many descriptors `train` would like to see; 0: there is nothing to train."""

    distance_kinds: ClassVar[tuple[str, ...] | None] = None
    """The kinds of distance (`Distance.kind`) that it estimates; None: any distance."""

    def __init__(self, options: PluginOptions, context: SketchContext) -> None:
        self.options = options
        self.context = context

    @property
    @abstractmethod
    def width(self) -> int:
        """Bytes of a row: a multiple of 8, the same at any time, known before it is trained."""

    def train(self, sample: np.ndarray) -> None:
        """Learn from a sample of descriptors ``(m, dim)``, m at least 1; called once, before anything else, when `sample_size` > 0.

        There may be few, and all may be the same.
        """

    def parameters(self) -> Mapping[str, np.ndarray]:
        """What it has learned: arrays of numbers, by names that are Python identifiers."""
        return {}

    def restore(self, parameters: Mapping[str, np.ndarray]) -> None:
        """Take what `parameters` gave before; called on a new one with the same options, instead of `train`.

        Raises:
            ValueError: an array is missing, or does not fit.
        """

    @abstractmethod
    def encode(self, descriptors: np.ndarray) -> np.ndarray:
        """Descriptors ``(n, dim)`` → their rows, uint8 ``(n, width)``; each by itself, whatever the others are."""

    @abstractmethod
    def query(self, descriptor: np.ndarray) -> SketchQuery:
        """Prepare a query ``(dim,)``."""

    def distances(self, scores: np.ndarray) -> np.ndarray:
        """Scores, float32 ``(n,)`` → the distances that they stand for, so that those of several queries can be put together.

        Override it where a score is something else than the estimate of a distance, such as its square.
        """
        return scores

    def statistics(self) -> dict[str, int | float | str]:
        """What there is to say of it, beside what the framework says of the rows."""
        return {}

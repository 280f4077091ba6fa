"""The metric index: narrows a query to a candidate set."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from seealso.interfaces.derived import DerivedFromDescriptors
from seealso.interfaces.distance import Distance
from seealso.interfaces.plugin import PluginOptions
from seealso.interfaces.sketch import SketchView
from seealso.interfaces.store import ObjectStore
from seealso.sorted_ids import distinct


class IdSet:
    """An immutable set of IDs, for restricting a search: ``ids`` is int64, ascending, each once."""

    __slots__ = ("ids",)

    def __init__(self, ids: np.ndarray) -> None:
        self.ids: np.ndarray = distinct(np.asarray(ids, dtype=np.int64))

    @classmethod
    def of_ascending(cls, ids: np.ndarray) -> Self:
        """The set of IDs that are int64 and ascending already, each once: they are not looked through."""
        made = cls.__new__(cls)
        made.ids = ids
        return made

    def __len__(self) -> int:
        return int(self.ids.size)

    def contains(self, ids: np.ndarray) -> np.ndarray:
        """Which of ``ids`` ``(n,)`` are in the set: bool ``(n,)``; O(n log m)."""
        if not self.ids.size:
            return np.zeros(ids.shape, dtype=bool)
        place = np.minimum(np.searchsorted(self.ids, ids), self.ids.size - 1)
        found: np.ndarray = self.ids[place] == ids
        return found


def check_descriptors(descriptors: np.ndarray, dim: int, dtype: np.dtype) -> None:
    """Hold descriptors ``(n, dim)`` to what those of a collection are.

    Raises:
        ValueError: they are of another dimension or dtype, or hold values that are not finite.
    """
    if descriptors.ndim != 2 or descriptors.shape[1] != dim or descriptors.dtype != dtype:
        raise ValueError(
            f"descriptors are {descriptors.dtype} of shape {descriptors.shape}; those of the collection are "
            f"{dtype} of shape (n, {dim})"
        )
    if descriptors.dtype.kind == "f" and not np.isfinite(descriptors).all():
        raise ValueError("descriptors hold values that are not finite numbers")


@dataclass(frozen=True, slots=True)
class IndexContext:
    """What the framework lends a metric index.

    Attributes:
        distance: the collection's metric.
        store: where the descriptors are.
        dim: the number of values in a descriptor.
        dtype: their type.
        threads: how many processor cores to use.
        sketches: gives the collection's sketches as of now, or None while there are none yet; None: the collection has no sketch.
    """

    distance: Distance
    store: ObjectStore
    dim: int
    dtype: np.dtype
    threads: int
    sketches: Callable[[], SketchView | None] | None = None

    def check(self, descriptors: np.ndarray) -> None:
        """Hold descriptors ``(n, dim)`` to what the collection's are.

        Raises:
            ValueError: they are of another dimension or dtype, or hold values that are not finite.
        """
        check_descriptors(descriptors, self.dim, self.dtype)


@dataclass(frozen=True, slots=True)
class CandidateBlock:
    """The next best candidates of a query, best first.

    Attributes:
        ids: int64 ``(n,)``.
        scores: float32 ``(n,)``, ascending within the block and from block to block. They compare only with one another, within
            one call of `MetricIndex.candidates`: those of another query, or of another index, may have another scale.
        exact: the scores are the true distances, and no object outside is nearer: nothing to refine.
        reads: separate reads of the disk that it took.
        bytes_read: and the bytes.
        estimated: the scores are what the collection's sketches say (`IndexContext.sketches`): these need not be asked again.
        looked_at: how many objects were looked at to find these; 0: these alone.
    """

    ids: np.ndarray
    scores: np.ndarray
    exact: bool = False
    reads: int = 0
    bytes_read: int = 0
    estimated: bool = False
    looked_at: int = 0


class MetricIndex(DerivedFromDescriptors):
    """Proposes candidates for a query. What it is told of an object is its descriptor; `Derived` says how it lives."""

    most_objects: ClassVar[int | None] = None
    """Beyond so many objects another index is better: `index: auto` then changes over to that. None: it is good for any number."""

    needs_sketch: ClassVar[bool] = False
    """Whether it ranks by the collection's sketches (`IndexContext.sketches`). A collection without a sketch then refuses it, `index: auto`
    takes it only where there is one, and the framework itself searches the objects that have no sketch yet."""

    exact: ClassVar[bool] = False
    """Every block that it gives is exact, so nothing is refined, and a sketch would be of no use: `sketch: auto` makes none."""

    def __init__(self, options: PluginOptions, context: IndexContext) -> None:
        self.options = options
        self.context = context

    @abstractmethod
    def add(self, ids: np.ndarray, descriptors: np.ndarray | None) -> None:
        """Add objects: int64 ``(n,)``, ascending, and their descriptors ``(n, dim)``. An ID that is there already is
        replaced."""

    @abstractmethod
    def candidates(
        self, query: np.ndarray, *, allowed: IdSet | None = None, wanted: int = 1000
    ) -> Iterator[CandidateBlock]:
        """Candidates for a query ``(dim,)``, best first, as many blocks as the caller takes; only ``allowed`` ones.

        Each object comes at most once. How many the caller will probably take, ``wanted``, is a hint: the first block may
        hold as many, and work may be spared that only more would need.
        """

    @abstractmethod
    def ids(self) -> np.ndarray:
        """All IDs in the index, int64, ascending."""

    def storage_order(self) -> np.ndarray | None:
        """All IDs in the order that puts likely candidates side by side on disk, where the index knows one."""
        return None

"""What the tests of metric indexes have in common."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from seealso.distances import register_distances
from seealso.interfaces.distance import Distance
from seealso.interfaces.index import IndexContext, MetricIndex
from seealso.testing.lent_sketches import LentSketches
from seealso.testing.memory_store import MemoryStore
from seealso.testing.plugin_classes import PluginTests

DIM = 16
DISTANCES: dict[str, type[Distance]] = {distance.name: distance for distance in register_distances()}


class Made:
    """An index, and the store that its descriptors are in: the back door to what it should know."""

    def __init__(self, cls: type[MetricIndex], store: MemoryStore, distance: Distance, **options: Any) -> None:
        sketches = LentSketches(store, distance)
        context = IndexContext(distance, store, store.context.dim, store.context.dtype, 2, sketches)
        self.index = cls(cls.Options.model_validate(options), context)
        self.store = store
        self.distance = distance
        self._again: Callable[[], MetricIndex] = lambda: cls(cls.Options.model_validate(options), context)

    def train(self, sample: np.ndarray) -> None:
        """Train it, if it wants to be."""
        if self.index.sample_size:
            self.index.train(sample[: self.index.sample_size])

    def add(self, ids: Any, descriptors: np.ndarray) -> None:
        """Put objects into the store and the index."""
        ids = np.asarray(ids, np.int64)
        self.store.put_many(ids, descriptors)
        self.index.add(ids, descriptors if self.index.needs_content else None)

    def remove(self, ids: Any) -> None:
        """Remove objects from the index and the store."""
        ids = np.asarray(ids, np.int64)
        self.index.remove(ids)
        self.store.remove_many(ids)

    def again(self) -> MetricIndex:
        """A new index of the same kind, on the same store."""
        return self._again()

    def save(self, folder: Path) -> tuple[Path, dict[int, np.ndarray]]:
        """Write a snapshot, close the index, and load the snapshot in a new one; the snapshot, and what it holds."""
        self.index.save(folder)
        saved = folder, self.store.held
        self.restore(saved)
        return saved

    def restore(self, saved: tuple[Path, dict[int, np.ndarray]]) -> None:
        """Go back to a snapshot, the store too."""
        self.index.close()
        self.index = self.again()
        self.index.load(saved[0])
        self.store.held = saved[1]

    def nearest(self, query: np.ndarray) -> np.ndarray:
        """The IDs in the store by their true distance."""
        ids = self.store.ids()
        order: np.ndarray = ids[np.argsort(self.distance.one_to_many(query, self.store.get_many(ids)), kind="stable")]
        return order


def heaps(count: int, seed: int, distance: type[Distance]) -> np.ndarray:
    """Descriptors ``(count, DIM)`` of a type that a distance takes: ten heaps of them, the same ten for each seed."""
    rng = np.random.default_rng(seed)
    middles = np.random.default_rng(99).normal(size=(10, DIM)) * 3
    found = middles[rng.integers(0, 10, count)] + rng.normal(size=(count, DIM))
    if "float32" in distance.dtypes:
        return found.astype(np.float32)
    return np.packbits(np.repeat(found > 0, 8, axis=1) ^ (rng.random((count, 8 * DIM)) < 0.1), axis=1)


def candidates(index: MetricIndex, query: np.ndarray, **options: Any) -> list[int]:
    """The IDs of all candidates, best first; whatever a block has to be is checked."""
    found: list[int] = []
    last = -np.inf
    for block in index.candidates(query, **options):
        assert block.ids.dtype == np.int64
        assert block.scores.dtype == np.float32
        assert block.ids.shape == block.scores.shape == (block.ids.size,)
        assert block.ids.size, "an empty block"
        assert (np.diff(block.scores) >= 0).all(), "not best first within a block"
        assert block.scores[0] >= last, "not best first from block to block"
        last = block.scores[-1]
        found += block.ids.tolist()
    assert len(found) == len(set(found)), "an ID came twice"
    return found


class IndexFixtures(PluginTests):
    """An index, and objects to put into it."""

    kind = "index"
    class_attribute = "index_class"
    index_class: ClassVar[type[MetricIndex]]

    metrics: ClassVar[tuple[str, ...]] = tuple(DISTANCES)
    """The framework's distances that the index is meant for."""

    reaches_all: ClassVar[bool] = True
    """Whether every object is among the candidates of every query, if all are taken."""

    @pytest.fixture(params=sorted(DISTANCES))
    def metric(self, request: pytest.FixtureRequest) -> str:
        """A distance's name."""
        if request.param not in self.metrics:
            pytest.skip(f"the index is not meant for {request.param}")
        return str(request.param)

    def points(self, count: int, seed: int = 0, metric: str | None = None) -> np.ndarray:
        """Descriptors ``(count, DIM)`` for a metric, by default the first of `metrics`: ten heaps of them."""
        return heaps(count, seed, DISTANCES[metric or self.metrics[0]])

    @pytest.fixture
    def make(self) -> Iterator[Callable[..., Made]]:
        """Makes indexes for a metric; all are closed at the end."""
        made: list[Made] = []

        def make(metric: str | None = None, **options: Any) -> Made:
            distance = DISTANCES[metric or self.metrics[0]]()
            dtype = "float32" if "float32" in distance.dtypes else distance.dtypes[0]
            made.append(Made(self.index_class, MemoryStore(DIM, dtype), distance, **{**self.options, **options}))
            return made[-1]

        yield make
        for each in made:
            each.index.close()

    @pytest.fixture
    def filled(self, make: Callable[..., Made]) -> Callable[..., Made]:
        """Makes an index of so many objects, with IDs 3, 6, 9 and so on, added in several parts."""

        def fill(count: int = 300, metric: str | None = None, **options: Any) -> Made:
            made = make(metric, **options)
            descriptors = self.points(count, metric=metric)
            made.train(descriptors)
            for part in np.array_split(np.arange(count), 4):
                made.add(3 * (part + 1), descriptors[part])
            return made

        return fill

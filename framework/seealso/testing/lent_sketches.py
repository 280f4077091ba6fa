"""Sketches that the tests of indexes lend: of what is in a store, as of now."""

import numpy as np

from seealso.collection.sketches.table import SketchTable
from seealso.interfaces.distance import Distance
from seealso.interfaces.plugin import PluginOptions
from seealso.interfaces.sketch import Sketch, SketchContext, SketchQuery, SketchView
from seealso.testing.memory_store import MemoryStore


class WholeSketch(Sketch):
    """Keeps a descriptor as it is, so that its estimates are the distances."""

    name = "whole"
    sample_size = 0

    @property
    def _bytes(self) -> int:
        return self.context.dim * self.context.dtype.itemsize

    @property
    def width(self) -> int:
        return -(-self._bytes // 8) * 8

    def encode(self, descriptors: np.ndarray) -> np.ndarray:
        rows = np.zeros((len(descriptors), self.width), np.uint8)
        rows[:, : self._bytes] = np.ascontiguousarray(descriptors).view(np.uint8).reshape(len(descriptors), -1)
        return rows

    def descriptors(self, rows: np.ndarray) -> np.ndarray:
        """The descriptors ``(n, dim)`` of rows."""
        return np.ascontiguousarray(rows[:, : self._bytes]).view(self.context.dtype)

    def query(self, descriptor: np.ndarray) -> SketchQuery:
        return WholeQuery(self, descriptor)


class WholeQuery(SketchQuery):
    """A descriptor that others are compared with."""

    def __init__(self, sketch: WholeSketch, descriptor: np.ndarray) -> None:
        self._sketch = sketch
        self._descriptor = descriptor

    def scores(self, rows: np.ndarray, places: np.ndarray, out: np.ndarray) -> None:
        out[...] = self._sketch.context.distance.one_to_many(self._descriptor, self._sketch.descriptors(rows[places]))


class LentSketches:
    """What an index is lent as `IndexContext.sketches`.

    Args:
        store: what it holds has a sketch.
        distance: what the sketches estimate.
    """

    def __init__(self, store: MemoryStore, distance: Distance) -> None:
        self._store = store
        self._context = SketchContext(distance, store.context.dim, store.context.dtype, 1)
        # The descriptors that have a sketch, and the sketches.
        self._made: tuple[dict[int, np.ndarray], SketchTable] | None = None

    def __call__(self) -> SketchView | None:
        """The sketches of what is in the store now."""
        held = self._store.held  # another dictionary after every change
        made = self._made
        if made is None or made[0] is not held:
            table = SketchTable(WholeSketch(PluginOptions(), self._context))
            if held:
                ids = sorted(held)
                table.add(np.array(ids, np.int64), np.stack([held[id_] for id_ in ids]))
            made = self._made = held, table
        return made[1].now()

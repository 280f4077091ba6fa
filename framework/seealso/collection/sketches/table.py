"""The sketches of all objects of a collection, which follow its catalogue like an index."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seealso.collection.sketches import snapshot
from seealso.collection.sketches.rows import Rows
from seealso.errors import FormatError, PluginError
from seealso.interfaces.derived import DerivedFromDescriptors
from seealso.interfaces.index import check_descriptors
from seealso.interfaces.plugin import PluginChoice
from seealso.interfaces.sketch import Sketch, SketchQuery


@dataclass(frozen=True, slots=True)
class Sketches:
    """The sketches as of one moment: what `SketchView` promises.

    Attributes:
        sketch: what made them.
        rows: they, and whose they are.
    """

    sketch: Sketch
    rows: Rows

    @property
    def size(self) -> int:
        """How many places there are."""
        return self.rows.used

    def places(self, ids: np.ndarray) -> np.ndarray:
        """Where the sketches of objects are, int64 ``(n,)``; -1 where there is none. O(n log runs)."""
        return self.rows.runs.at(ids)

    def ids(self, places: np.ndarray) -> np.ndarray:
        """Whose sketches are at places, int64 ``(n,)``; -1 where the object is gone. O(n log runs)."""
        return self.rows.runs.ids_at(places)

    def query(self, descriptor: np.ndarray) -> SketchQuery:
        """Prepare a query ``(dim,)``."""
        return self.sketch.query(descriptor)

    def scores(self, query: SketchQuery, places: np.ndarray) -> np.ndarray:
        """Estimates for sketches by their places, int64 ``(n,)``: float32 ``(n,)``, lower is nearer."""
        return self.rows.score(query.scores, places)

    def scores_between(self, query: SketchQuery, start: int, end: int) -> np.ndarray:
        """The same for all places from ``start`` until ``end``, in their order; infinite where the object is gone."""
        return self.rows.score_between(query.scores, start, end)


class SketchTable(DerivedFromDescriptors):
    """A row for each object, made by a sketch. What it is told of an object is its descriptor; `Derived` says how it lives.

    Args:
        sketch: a new one.
    """

    name = "sketches"

    def __init__(self, sketch: Sketch) -> None:
        self._sketch = sketch
        self.options = sketch.options
        self.sample_size = sketch.sample_size
        # Replaced as a whole at every change. None: it was not trained yet.
        self._rows = Rows.empty(sketch.width) if not sketch.sample_size else None

    @property
    def made_by(self) -> PluginChoice:
        """The sketch, with all its options."""
        return PluginChoice.of(self._sketch.name, self._sketch.options)

    def now(self) -> Sketches | None:
        """The sketches as they are; None where there are none yet."""
        rows = self._rows
        return None if rows is None else Sketches(self._sketch, rows)

    def train(self, sample: np.ndarray) -> None:
        """Train the sketch on descriptors ``(m, dim)``, m at least 1.

        Raises:
            ValueError: they are of another shape or type, or hold values that are not finite.
        """
        self._check(sample)
        self._sketch.train(sample)
        self._rows = Rows.empty(self._sketch.width)

    def add(self, ids: np.ndarray, descriptors: np.ndarray | None) -> None:
        """Add objects; estimated as soon as this returns.

        Raises:
            ValueError: descriptors of another shape or type, or with values that are not finite; nothing is added then.
            PluginError: the sketch gives something else than its contract promises.
        """
        if self._rows is None:
            raise ValueError("the sketch has not been trained")
        if descriptors is None or len(descriptors) != len(ids):
            raise ValueError("every object needs a descriptor")
        if not ids.size:
            return
        self._check(descriptors)
        rows = self._sketch.encode(descriptors)
        wanted = (ids.size, self._rows.width)
        if rows.shape != wanted or rows.dtype != np.uint8:
            raise PluginError(
                f"{self._sketch.name}.encode returned {rows.dtype} of shape {rows.shape}; its contract promises uint8 of shape {wanted}"
            )
        self._rows = self._rows.added(ids, rows)

    def _check(self, descriptors: np.ndarray) -> None:
        check_descriptors(descriptors, self._sketch.context.dim, self._sketch.context.dtype)

    def remove(self, ids: np.ndarray) -> None:
        """Remove objects; their room is given back when a quarter of all is gone."""
        if self._rows is not None and ids.size:
            self._rows = self._rows.removed(ids)

    def ids(self) -> np.ndarray:
        """All IDs, int64, ascending."""
        return np.empty(0, np.int64) if self._rows is None else self._rows.runs.ids()

    def save(self, directory: Path) -> None:
        """Write the rows, and what the sketch has learned; a part that is full is linked, where that can be."""
        assert self._rows is not None
        snapshot.save(directory, self._sketch.parameters(), self._rows)

    def load(self, directory: Path) -> None:
        """Map the rows, and have them read while this goes on.

        Raises:
            FormatError: it is something else, damaged, of a newer format, or of another sketch.
        """
        loaded = snapshot.load(directory, self._sketch.width)
        try:
            self._sketch.restore(loaded.parameters)
        except (ValueError, KeyError, TypeError) as error:
            raise FormatError(f"{directory}: not of the sketch {self._sketch.name}: {error}") from error
        self._rows = loaded.rows
        snapshot.ask_for(loaded.files)

    def statistics(self) -> dict[str, int | float | str]:
        """Objects, and bytes in memory; what the sketch says of itself."""
        rows = self._rows
        if rows is None:
            return {"objects": 0, "bytes": 0}
        return {
            "objects": rows.runs.size,
            "bytes": rows.nbytes,
            "bytes_per_object": rows.width,
            **self._sketch.statistics(),
        }

    def close(self) -> None:
        """Let go of memory."""
        self._rows = None

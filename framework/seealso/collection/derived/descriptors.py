"""What is made of the descriptors in the store: the metric index, the table of sketches."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from seealso.catalogue.reader import Catalog
from seealso.collection.derived.source import Recipe, Record, Source
from seealso.collection.sketches.table import SketchTable
from seealso.interfaces.derived import DerivedFromDescriptors
from seealso.interfaces.index import MetricIndex
from seealso.interfaces.store import ObjectStore

D = TypeVar("D", bound=DerivedFromDescriptors)

CHUNK = 8192  # IDs at a time
CHUNK_BYTES = 1 << 22  # and bytes of descriptors
SAMPLE_SEED = 20150809  # the same sample for the same collection, so that an index can be made again


class Descriptors(Source[D]):
    """Tells something derived of the descriptors of a collection.

    Args:
        collection: the collection's name.
        recipe: how it is made.
        store: where the descriptors are.
        dim: the number of values in a descriptor.
        dtype: their type.
    """

    def __init__(self, collection: str, recipe: Recipe[D], store: ObjectStore, dim: int, dtype: np.dtype) -> None:
        super().__init__(collection, recipe)
        self._store = store
        self._dim, self._dtype = dim, dtype
        self.bytes_each = dim * dtype.itemsize

    def answers(self, made_by: Record) -> bool:
        """Not where it was made for another distance: what it proposes would be the nearest by that."""
        return bool(made_by.get("distance") == self.made_by["distance"])

    def anything(self, catalog: Catalog) -> bool:
        """Whether there are objects."""
        return catalog.counts().objects > 0

    def changed(self, catalog: Catalog, after: int, until: int) -> np.ndarray:
        """The objects that were added."""
        return catalog.ids(after, until)

    def feed(self, part: D, catalog: Catalog, ids: np.ndarray) -> None:
        """Add objects with their descriptors, a part at a time; one whose descriptor is lost or damaged is left out."""
        step = min(CHUNK, max(1, CHUNK_BYTES // self.bytes_each)) if part.needs_content else CHUNK
        for start in range(0, ids.size, step):
            some = ids[start : start + step]
            if not part.needs_content:
                part.add(some, None)
                continue
            for block in self._store.read_blocks(some):
                sound, descriptors = block.sound()
                order = np.argsort(sound)
                part.add(sound[order], descriptors[order])

    def sample(self, part: D, catalog: Catalog) -> np.ndarray:
        """Descriptors of a random selection of all objects, without those that are lost or damaged."""
        chosen = catalog.random_ids(part.sample_size, np.random.default_rng(SAMPLE_SEED))
        found, sample = 0, np.empty((chosen.size, self._dim), self._dtype)
        for block in self._store.read_blocks(np.sort(chosen)):
            _, descriptors = block.sound()
            sample[found : found + len(descriptors)] = descriptors
            found += len(descriptors)
        return sample[:found]

    def compare(self, part: D, catalog: Catalog, applied: int) -> list[str]:
        """Which objects one of the two has, and the other has not."""
        # In this order, for the catalogue may grow, and so may the index: what came since is known to the last two.
        indexed, objects = part.ids(), catalog.ids()
        added, removed = catalog.ids(applied), catalog.removed_ids(applied)
        problems = []
        for ids, others, what in (
            (np.setdiff1d(objects, indexed, assume_unique=True), added, f"objects are not in the {self.what}"),
            (
                np.setdiff1d(indexed, objects, assume_unique=True),
                removed,
                f"objects in the {self.what} are not in the catalogue",
            ),
        ):
            wrong = np.setdiff1d(ids, others, assume_unique=True)
            if wrong.size:
                problems.append(f"{wrong.size} {what}, the first is {wrong[0]}")
        return problems


class IndexedDescriptors(Descriptors[MetricIndex]):
    """For the metric index."""

    what = "index"
    spare = 1000


class SketchedDescriptors(Descriptors[SketchTable]):
    """For the table of sketches; not `dispensable` where the index ranks by them."""

    what = "table of sketches"
    spare = 1000
    dispensable = True

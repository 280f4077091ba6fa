"""Descriptors of random objects: what stands for all of them where all would be too many."""

from __future__ import annotations

import numpy as np

from seealso.catalogue.reader import Catalog
from seealso.interfaces.store import ObjectStore


def read_sample(store: ObjectStore, catalog: Catalog, count: int) -> np.ndarray:
    """The descriptors of up to so many random objects ``(n, dim)``, in random order; always the same as long as nothing changes.

    Those that are lost or damaged are left out, so there may be none.
    """
    random = np.random.default_rng(0)
    blocks = [block.sound() for block in store.read_blocks(np.sort(catalog.random_ids(count, random)))]
    if not blocks:
        return np.empty((0, 0))
    ids = np.concatenate([ids for ids, _ in blocks])
    descriptors: np.ndarray = np.concatenate([descriptors for _, descriptors in blocks])
    # Neighbours in the store may be alike, and the store decides in which order they come.
    return descriptors[np.argsort(ids)][random.permutation(ids.size)]

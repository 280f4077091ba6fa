"""Hits that are nearly the same as a better one, folded into it."""

from __future__ import annotations

import numpy as np

from seealso.collection.duplicates.bounds import Unbounded
from seealso.collection.duplicates.stars import NONE, Gathering
from seealso.interfaces.distance import Distance
from seealso.interfaces.store import ObjectStore

SPARE = 10
"""So many times as many of the nearest are found as hits are wanted, for those that are folded."""

BLOCK = 512  # objects that are compared at once


class Folded:
    """The nearest objects, without those that are nearly the same as a nearer one.

    Attributes:
        best: IDs int64 and distances float32 ``(n,)`` of those that are left, the nearest first.
        into: ID → those that were folded into it, the nearest first.
    """

    def __init__(
        self, store: ObjectStore, distance: Distance, found: tuple[np.ndarray, np.ndarray], radius: float
    ) -> None:
        ids, distances = found
        heads = Gathering(store, distance, Unbounded(), ids, radius, size=BLOCK).run().heads
        # One whose descriptor is lost was not compared.
        heads = np.where(heads == NONE, np.arange(ids.size), heads)
        left = heads == np.arange(ids.size)
        self.best = ids[left], distances[left]
        self.into: dict[int, tuple[int, ...]] = {}
        for id_, head in zip(ids[~left].tolist(), ids[heads[~left]].tolist(), strict=True):
            self.into[head] = (*self.into.get(head, ()), id_)

"""Hits that are nearly the same as a better one, folded into it."""

from __future__ import annotations

import numpy as np

from seealso.collection.duplicates.bounds import Unbounded
from seealso.collection.duplicates.groups import Duplicates
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

    Args:
        store: the descriptors.
        distance: the metric.
        found: IDs and distances of the objects, the nearest first.
        radius: no further apart counts as nearly the same.
        known: groups of near-identical images that were found before, whose pictures were compared too; None: there are none.
    """

    def __init__(
        self,
        store: ObjectStore,
        distance: Distance,
        found: tuple[np.ndarray, np.ndarray],
        radius: float,
        known: Duplicates | None = None,
    ) -> None:
        ids, distances = found
        heads = Gathering(store, distance, Unbounded(), ids, radius, size=BLOCK).run().heads
        places = np.arange(ids.size)
        # One whose descriptor is lost was not compared.
        heads = np.where(heads == NONE, places, heads)
        if known is not None:
            heads = _joined(heads, known.groups_of(ids))
        left = heads == places
        self.best = ids[left], distances[left]
        self.into: dict[int, tuple[int, ...]] = {}
        for id_, head in zip(ids[~left].tolist(), ids[heads[~left]].tolist(), strict=True):
            self.into[head] = (*self.into.get(head, ()), id_)


def _joined(heads: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The place of the head of each object, none of them later than its own, where those of one group (-1: of none) have the head of
    the first of them."""
    first: dict[int, int] = {}
    found = heads.tolist()
    for place, group in enumerate(groups.tolist()):
        before = first.setdefault(group, place) if group >= 0 else place
        found[place] = found[before] if before < place else found[found[place]] if found[place] < place else place
    return np.array(found, np.int64)

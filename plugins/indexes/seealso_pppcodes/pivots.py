"""The pivot spaces: which objects are pivots, and the codes that they give."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Literal

import numpy as np

from seealso import Distance
from seealso_pppcodes.products import PivotProducts
from seealso_pppcodes.segment import CodeShape

PivotChoice = Literal["random", "farthest-first", "balanced"]

CHUNK_BYTES = 15 << 20
"""Bytes of distances to pivots that are computed at once: with 1,280 pivots, of two whole tiles of a matrix product."""

SWAPS = 4
"""How often `balanced` may move a pivot, as a multiple of the number of pivots."""

MapRows = Callable[[Callable[[slice], None], int, int], None]
"""Calls a function with slices that cover so many rows, perhaps in several threads; a row means so many looks."""


def at_once(work: Callable[[slice], None], rows: int, _: int) -> None:
    """All rows in this thread."""
    work(slice(0, rows))


class PivotSpaces:
    """Several sets of pivots, each of which divides the space in its own way.

    The pivot permutation prefix of an object in one of them is the numbers of its nearest pivots, nearest first: its path
    through a recursive Voronoi partitioning (Novak and Zezula, *PPP-Codes for Large-Scale Similarity Searching*, 2016,
    section 3.1).

    Args:
        distance: the metric.
        pivots: descriptors ``(spaces, pivots, dim)``.
        length: symbols in a prefix, at most; never more than there are pivots. 0: codes are not kept (`CodeShape`).
    """

    def __init__(self, distance: Distance, pivots: np.ndarray, length: int) -> None:
        self.distance = distance
        self.pivots = pivots
        self._flat = pivots.reshape(-1, pivots.shape[-1])
        self.shape = CodeShape.of(pivots.shape[0], pivots.shape[1], length)

    def codes(self, descriptors: np.ndarray, map_rows: MapRows = at_once) -> np.ndarray:
        """Descriptors ``(n, dim)`` → symbols ``(n, spaces × length)``; one distance to every pivot each."""
        from seealso_pppcodes import kernels

        codes = np.empty((len(descriptors), self.shape.spaces * self.shape.length), self.shape.dtype)
        step = max(1, CHUNK_BYTES // (4 * len(self._flat)))
        room = np.empty((min(step, len(descriptors)), len(self._flat)), np.float32)
        for start in range(0, len(descriptors), step):
            part = slice(start, min(start + step, len(descriptors)))
            distances = self.distance.many_to_many(descriptors[part], self._flat, room[: part.stop - start])

            def encode(rows: slice, distances: np.ndarray = distances, coded: np.ndarray = codes[part]) -> None:
                kernels.nearest_pivots(distances[rows], self.shape.spaces, self.shape.length, coded[rows])

            map_rows(encode, len(distances), len(self._flat))
        return codes

    @cached_property
    def _products(self) -> PivotProducts | None:
        """When a query first needs them: an index that is only added to does without."""
        return PivotProducts.of(self.distance, self._flat)

    def distances(self, query: np.ndarray) -> np.ndarray:
        """From a query ``(dim,)`` to every pivot: float64 ``(spaces, pivots)``, all of them finite."""
        products = self._products
        distances = self.distance.one_to_many(query, self._flat) if products is None else products.distances(query)
        distances = distances.astype(np.float64)
        # A metric may overflow between descriptors that are all finite: farther than any other is all that matters then.
        finite = np.isfinite(distances)
        distances[~finite] = 2 * distances[finite].max(initial=1)
        return distances.reshape(self.pivots.shape[:2])


def choose_pivots(
    distance: Distance, sample: np.ndarray, spaces: int, count: int, choice: PivotChoice, seed: int
) -> np.ndarray:
    """Pivots ``(spaces, count, dim)`` from a sample ``(m, dim)``, the same for the same seed.

    No object is the pivot of two spaces where the sample allows: what makes several spaces better than one is that they
    are independent. Of a sample smaller than ``count`` every object is a pivot in every space.
    """
    random = np.random.default_rng(seed)
    count = min(count, len(sample))
    if spaces * count <= len(sample):
        pools = np.array_split(random.permutation(len(sample)), spaces)
    else:
        pools = [random.permutation(len(sample)) for _ in range(spaces)]
    choose = {"random": _random, "farthest-first": _farthest_first, "balanced": _balanced}[choice]
    return np.stack([sample[choose(distance, sample, pool, count)] for pool in pools])


Chooser = Callable[[Distance, np.ndarray, np.ndarray, int], np.ndarray]


def _random(distance: Distance, sample: np.ndarray, pool: np.ndarray, count: int) -> np.ndarray:
    return pool[:count]


def _farthest_first(distance: Distance, sample: np.ndarray, pool: np.ndarray, count: int) -> np.ndarray:
    """Each pivot is the object farthest from all before it (Gonzalez 1985); O(pool × count) distances."""
    objects = sample[pool]
    chosen = [0]
    nearest = distance.one_to_many(objects[0], objects)
    while len(chosen) < count:
        # Where all are at distance 0 from a pivot, others that are equal to one follow.
        nearest[chosen] = -1
        chosen.append(int(np.argmax(nearest)))
        np.minimum(nearest, distance.one_to_many(objects[chosen[-1]], objects), out=nearest)
    return pool[chosen]


def _balanced(distance: Distance, sample: np.ndarray, pool: np.ndarray, count: int) -> np.ndarray:
    """Random pivots; then the one with the fewest objects moves into the crowd around the one with the most.

    It goes on until no cell holds more than twice the average, or it has tried often enough.
    """
    objects = sample[pool]
    chosen = np.arange(count)
    free = np.arange(len(pool)) >= count
    to_pivots = distance.many_to_many(objects, objects[chosen])
    for attempt in range(SWAPS * count):
        nearest = np.argmin(to_pivots, axis=1)
        sizes = np.bincount(nearest, minlength=count)
        crowded, empty = int(np.argmax(sizes)), int(np.argmin(sizes))
        crowd = np.flatnonzero((nearest == crowded) & free)
        if sizes[crowded] <= 2 * len(pool) / count or not crowd.size or crowded == empty:
            break
        free[chosen[empty]] = True
        chosen[empty] = crowd[attempt % crowd.size]
        free[chosen[empty]] = False
        to_pivots[:, empty] = distance.one_to_many(objects[chosen[empty]], objects)
    return pool[chosen]

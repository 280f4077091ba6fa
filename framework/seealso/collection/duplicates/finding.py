"""From a collection to its groups of near-identical images."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from seealso.collection.duplicates.bounds import WIDTH, bound_for
from seealso.collection.duplicates.groups import Duplicates
from seealso.collection.duplicates.nearness import Nearness
from seealso.collection.duplicates.pictures import Reader, SamePicture
from seealso.collection.duplicates.stars import NONE, Gathering, Stars, block_size
from seealso.collection.parts.opened import Opened
from seealso.collection.sample import read_sample

SAMPLE = 2048  # descriptors that the bound is made of
SIGNATURES = 1 << 28  # bytes that the signatures of all objects take, at most, down to the fewest numbers each
FEWEST = 8
COMPARED = 2000  # images of a group, at most, that are all compared with one another

Progress = Callable[[str, int, int], None]


class Finding:
    """Finds the groups of near-identical images: a group is an image and those smaller ones that are near it and show the same picture.

    Args:
        opened: the collection.
        nearness: how near is near.
        reader: reads the pictures; None, where there are none.
        progress: told what is being done, how far it is, and of how much.
    """

    def __init__(self, opened: Opened, nearness: Nearness, reader: Reader | None, progress: Progress) -> None:
        self._catalog = opened.catalog
        self._store = opened.store
        self._distance = opened.distance
        self._row_bytes = opened.provenance.dim * np.dtype(opened.provenance.dtype).itemsize
        self._nearness = nearness
        self._reader = reader
        self._progress = progress

    def find(self, *, mirrored: bool) -> Duplicates:
        """The groups; ``mirrored``: whether a mirror image is the same picture."""
        change, started = self._catalog.change(), time.time()
        sizes = self._catalog.sizes()
        sizes = sizes[sizes["locations"] > 0]
        sizes = sizes[np.lexsort((sizes["id"], -sizes["bytes"], -sizes["pixels"]))]
        ids = sizes["id"]
        same = SamePicture(self._reader, self._catalog, ids, self._nearness, mirrored=mirrored)
        stars = self._gathered(ids, same)
        members, starts = _members(stars, sizes)
        files, spare = _counted(sizes[members], starts)
        of_images = self._reader is not None
        if not of_images:
            # The bytes are those of descriptors that were imported: they lie in no file of their own.
            spare = np.zeros_like(spare)
        spreads = self._spreads(ids[members], stars.distances[members], starts)
        order = np.lexsort((members[starts[:-1]], -files, -spare))
        members, starts = _reordered(members, starts, order)
        return Duplicates(
            within=self._nearness.radius,
            asked=self._nearness.asked,
            mirrored=mirrored,
            objects=int(sizes.size),
            locations=int(sizes["locations"].sum()),
            change=change,
            found=started,
            starts=starts,
            ids=ids[members],
            distances=stars.distances[members],
            flipped=same.flipped[members],
            files=files[order],
            spare=spare[order],
            spreads=spreads[order],
            of_images=of_images,
        )

    def _gathered(self, ids: np.ndarray, same: SamePicture) -> Stars:
        """Stars of objects in this order; one without a descriptor is alone."""
        stars = Stars(np.arange(ids.size), np.zeros(ids.size, np.float32))
        sample = read_sample(self._store, self._catalog, SAMPLE)
        if not ids.size or not len(sample):
            return stars
        width = max(FEWEST, min(WIDTH, SIGNATURES // (4 * ids.size)))
        bound = bound_for(self._distance, sample, width)
        size = block_size(self._row_bytes)
        gathering = Gathering(self._store, self._distance, bound, ids, self._nearness.radius, same, size)

        def tell(done: int, total: int) -> None:
            self._progress("comparing", done, total)

        found = gathering.run(tell)
        there = found.heads != NONE
        stars.heads[there], stars.distances[there] = found.heads[there], found.distances[there]
        return stars

    def _spreads(self, ids: np.ndarray, distances: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """The largest distance within each group; of large ones twice the largest from the first, float32."""
        if not ids.size:
            return np.empty(0, np.float32)
        farthest: np.ndarray = np.maximum.reduceat(distances, starts[:-1])
        counts = np.diff(starts)
        spreads = np.where(counts > 2, 2 * farthest, farthest)
        some = np.flatnonzero((counts > 2) & (counts <= COMPARED) & (farthest > 0))
        for number, group in enumerate(some.tolist()):
            spreads[group] = max(self._spread(ids[starts[group] : starts[group + 1]]), farthest[group])
            self._progress("measuring groups", number + 1, some.size)
        return spreads

    def _spread(self, ids: np.ndarray) -> float:
        blocks = [block.sound()[1] for block in self._store.read_blocks(ids)]
        if not blocks:
            return 0.0
        descriptors = np.concatenate(blocks)
        return float(self._distance.many_to_many(descriptors, descriptors).max(initial=0))


def _members(stars: Stars, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The places of all that belong to a group of several files, group by group, the first first, then by distance; and where each
    group begins in them, and the last one ends."""
    files = np.bincount(stars.heads, sizes["locations"], sizes.size)
    places = np.flatnonzero(files[stars.heads] > 1)
    places = places[np.lexsort((places, stars.distances[places], stars.heads[places]))]
    return places, np.flatnonzero(np.diff(stars.heads[places], prepend=NONE, append=sizes.size))


def _counted(images: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each group of images, how many files there are; and the bytes of all but one of the first, int64."""
    if not images.size:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    files = np.add.reduceat(images["locations"], starts[:-1])
    spare = np.add.reduceat(images["locations"] * images["bytes"], starts[:-1]) - images["bytes"][starts[:-1]]
    return files, spare


def _reordered(members: np.ndarray, starts: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same groups in another order."""
    counts = np.diff(starts)
    rank = np.empty(order.size, np.int64)
    rank[order] = np.arange(order.size)
    moved = members[np.argsort(np.repeat(rank, counts), kind="stable")]
    return moved, np.concatenate([np.zeros(1, np.int64), counts[order].cumsum()])

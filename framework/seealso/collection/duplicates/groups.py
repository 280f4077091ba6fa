"""What was found: groups of near-identical images, as arrays, so that a million of them take little memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from seealso.interfaces.likeness import Within


@dataclass(frozen=True, slots=True, eq=False)
class DuplicateGroup:
    """Images that are nearly the same.

    Attributes:
        ids: int64 ``(n,)``: the largest first (most pixels, then most bytes, then the lowest ID), then by distance from that.
            One alone is an image of which there are several files.
        distances: float32 ``(n,)``: from the first.
        mirrored: bool ``(n,)``: which are the first one's mirror image.
        files: how many files there are: each image may be found at several places.
        spare: bytes of all files but one of the largest image; 0 of descriptors that were imported.
        spread: the largest distance between any two; of very many, an upper bound of it: twice the largest from the first.
    """

    ids: np.ndarray
    distances: np.ndarray
    mirrored: np.ndarray
    files: int
    spare: int
    spread: float


@dataclass(frozen=True, slots=True, eq=False)
class Duplicates:
    """The groups of near-identical images of a collection: a sequence of `DuplicateGroup`, those with most bytes to spare
    first, then those with most files.

    Attributes:
        within: no image is further from the largest of its group than this.
        asked: how that was asked for: as a distance, or as a likeness.
        mirrored: whether mirror images count.
        objects: how many objects were compared.
        locations: and how many files there were.
        change: the number of the collection's newest change then.
        found: when, in seconds since 1970.
        starts: int64 ``(groups + 1,)``: where each group begins in the following three.
        ids: int64 ``(images,)``; see `DuplicateGroup`, as of the others.
        distances: float32 ``(images,)``.
        flipped: bool ``(images,)``.
        files: int64 ``(groups,)``.
        spare: int64 ``(groups,)``.
        spreads: float32 ``(groups,)``.
        outdated: whether objects or files have come or gone since.
        of_images: whether these are images; else they are descriptors that were imported, which have no files of their own.
    """

    within: float
    asked: Within
    mirrored: bool
    objects: int
    locations: int
    change: int
    found: float
    starts: np.ndarray = field(repr=False)
    ids: np.ndarray = field(repr=False)
    distances: np.ndarray = field(repr=False)
    flipped: np.ndarray = field(repr=False)
    files: np.ndarray = field(repr=False)
    spare: np.ndarray = field(repr=False)
    spreads: np.ndarray = field(repr=False)
    outdated: bool = False
    of_images: bool = True

    def __len__(self) -> int:
        return self.starts.size - 1

    def __getitem__(self, number: int) -> DuplicateGroup:
        """The group of a number, from 0.

        Raises:
            IndexError: there are not so many.
        """
        if not 0 <= number < len(self):
            raise IndexError(f"there are {len(self)} groups")
        span = slice(int(self.starts[number]), int(self.starts[number + 1]))
        return DuplicateGroup(
            self.ids[span],
            self.distances[span],
            self.flipped[span],
            int(self.files[number]),
            int(self.spare[number]),
            float(self.spreads[number]),
        )

    def __iter__(self) -> Iterator[DuplicateGroup]:
        return (self[number] for number in range(len(self)))

    def groups_of(self, ids: np.ndarray) -> np.ndarray:
        """The number of the group of each of these objects, int64 ``(n,)``; -1: it is in none. O(images + n log n)."""
        places = np.flatnonzero(np.isin(self.ids, ids))
        numbers = dict(
            zip(self.ids[places].tolist(), (np.searchsorted(self.starts, places, "right") - 1).tolist(), strict=True)
        )
        return np.array([numbers.get(id_, -1) for id_ in ids.tolist()], np.int64)

    def as_json(self) -> dict[str, object]:
        """What there is to say of all of them, as the command line's ``--json`` and the web show it."""
        return {
            "within": self.within,
            "likeness": self.asked.likeness,
            "mirrored": self.mirrored,
            "objects": self.objects,
            "found": self.found,
            "outdated": self.outdated,
            "count": len(self),
            "images": int(self.ids.size),
            "files": int(self.files.sum()),
            "spare": int(self.spare.sum()),
        }

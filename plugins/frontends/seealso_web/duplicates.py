"""The groups of near-identical images that were found last: a request looks them up, and never finds them anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seealso import Collection, DuplicateGroup, Duplicates, ObjectRecord
from seealso_web.parameters import Window

IMAGES = 24
"""Of a group that are shown; it may have a million."""


@dataclass(frozen=True, slots=True)
class ShownImage:
    """An image of a group: how far it is from the largest, whether it is its mirror image, and whether it is the largest itself."""

    record: ObjectRecord
    distance: float
    mirrored: bool
    largest: bool


@dataclass(frozen=True, slots=True)
class ShownGroup:
    """A group, and the first of its images, as far as they are still there."""

    group: DuplicateGroup
    images: Sequence[ShownImage]

    @property
    def more(self) -> int:
        """How many images are not shown."""
        return max(0, self.group.ids.size - IMAGES)


@dataclass(frozen=True, slots=True)
class ShownDuplicates:
    """Some of the groups, and which come after."""

    found: Duplicates
    groups: Sequence[ShownGroup]
    shown: Window
    next: Window | None


def found_duplicates(collection: Collection, shown: Window) -> ShownDuplicates | None:
    """The groups of a window; None where nobody has looked for any. One of which a single file is left is left out."""
    found = collection.found_duplicates()
    if found is None:
        return None
    groups = [found[number] for number in range(shown.offset, min(shown.end, len(found)))]
    records = collection.records([id_ for group in groups for id_ in group.ids[:IMAGES].tolist()])
    listed = [ShownGroup(group, _images(group, records)) for group in groups]
    left = [each for each in listed if each.more or sum(len(image.record.paths) for image in each.images) > 1]
    return ShownDuplicates(found, left, shown, shown.next() if len(found) > shown.end else None)


def _images(group: DuplicateGroup, records: dict[int, ObjectRecord]) -> list[ShownImage]:
    images: list[ShownImage] = []
    for id_, distance, mirrored in zip(
        group.ids[:IMAGES].tolist(), group.distances[:IMAGES].tolist(), group.mirrored[:IMAGES].tolist(), strict=True
    ):
        record = records.get(id_)
        if record is not None and record.paths:
            images.append(ShownImage(record, distance, mirrored, largest=not images))
    return images

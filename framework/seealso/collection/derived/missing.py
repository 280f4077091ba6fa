"""What the catalogue has and something derived has not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from seealso.catalogue.reader import NEVER, Catalog
from seealso.collection.derived.source import Source
from seealso.sorted_ids import distinct


def _none() -> np.ndarray:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Missing:
    """The objects that were added and removed after one change, until another. It is extended, never read anew.

    Attributes:
        since: the first change.
        until: the other one.
        added: IDs, int64, ascending; None: too many to be listed.
        removed: IDs, int64, ascending.
    """

    since: int
    until: int
    added: np.ndarray | None = field(default_factory=_none)
    removed: np.ndarray = field(default_factory=_none)

    @classmethod
    def after(cls, change: int) -> Self:
        """Nothing yet."""
        return cls(change, change)

    def extended(self, source: Source[Any], catalog: Catalog, most: int | None, held: Callable[[], int]) -> Self:
        """With what was committed since.

        Args:
            source: says which objects changed.
            catalog: the catalogue.
            most: so many objects are listed at most; None: all.
            held: how many objects the derived thing holds.
        """
        change = catalog.change()
        if change == self.until:
            return self
        # Without the IDs of objects that came and went in between, which it does not know.
        gone = catalog.removed_ids(self.until) if self.until else _none()
        added = self.added
        if added is not None and most is not None:
            objects = catalog.counts().objects
            if objects > most and objects - held() > most:
                added = None
        if added is not None:
            new = source.changed(catalog, self.until, NEVER)
            added = np.setdiff1d(distinct(added, new), gone, assume_unique=True)
            if most is not None and added.size > most:
                added = None
        # What was committed after the change was asked for is read again the next time, and is the same.
        return replace(self, until=change, added=added, removed=distinct(self.removed, gone))

    def more_than(self, objects: int) -> bool:
        """Whether there are more objects than so many."""
        return self.added is None or self.added.size + self.removed.size > objects

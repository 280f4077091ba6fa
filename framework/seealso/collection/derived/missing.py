"""What the catalogue has and something derived has not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Self, TypeVar

import numpy as np

from seealso.catalogue.reader import NEVER, Catalog
from seealso.collection.derived.limits import Limits
from seealso.collection.derived.source import Source
from seealso.collection.derived.state import State
from seealso.interfaces.derived import Derived
from seealso.sorted_ids import distinct

D = TypeVar("D", bound=Derived[Any])


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


def held_by(state: State[Any] | None) -> int:
    """How many objects something derived holds; none where there is nothing."""
    return 0 if state is None else int(state.part.statistics()["objects"])


class Lookup(Generic[D]):
    """Looks up what is missing, and remembers the last answer. May be asked from several threads at once.

    Args:
        source: where the derived thing comes from.
        limits: on how much is listed.
    """

    def __init__(self, source: Source[D], limits: Limits) -> None:
        self._source = source
        each = source.bytes_each
        self._most = max(limits.tail, limits.flat_bytes // each) if each else None
        self._lock = threading.Lock()
        self._known: tuple[State[D] | None, Missing] = (None, Missing.after(0))

    def missing(self, catalog: Catalog, state: State[D] | None) -> Missing:
        """What is missing of something as it is; None: of nothing."""
        with self._lock:
            since = 0 if state is None else state.applied
            known, missing = self._known
            if known is not state or missing.since != since:
                missing = Missing.after(since)
            missing = missing.extended(self._source, catalog, self._most, lambda: held_by(state))
            self._known = state, missing
        return missing

"""Something derived, and how far it has come."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from seealso.catalogue.reader import Catalog
from seealso.collection.derived.scratch import Scratch
from seealso.collection.derived.snapshots import Snapshot
from seealso.collection.derived.source import Record, Source
from seealso.errors import FormatError
from seealso.interfaces.derived import Derived

D = TypeVar("D", bound=Derived[Any])

STEP = 10_000  # objects that are replayed together
OUTGROWN = 4
"""It is trained anew when there are so many times as many objects as it was trained among."""


@dataclass(slots=True)
class State(Generic[D]):
    """Something derived as of a change. It may already hold some of what came after.

    Attributes:
        source: where it comes from.
        part: the thing itself.
        made_by: what it was made of.
        forget: removes the folders that it was lent, when it is closed; or by itself, when nobody has it any more.
        applied: the number of the newest change of which it holds everything.
        trained: whether objects can be added.
        among: how many objects there were when it was trained; None where that is not known.
        saved: the change that its newest snapshot holds; None where there is none.
        snapshot: the one that it was loaded from, held.
        origin: the folder that it was loaded from; None where it was built.
    """

    source: Source[D]
    part: D
    made_by: Record
    forget: Callable[[], object]
    applied: int = 0
    trained: bool = False
    among: int | None = None
    saved: int | None = None
    snapshot: Snapshot | None = None
    origin: Path | None = None

    @classmethod
    def empty(cls, source: Source[D], made_by: Record, scratch: Scratch) -> Self:
        """One that holds nothing yet."""
        part = source.make(made_by, scratch.folder)
        forget = weakref.finalize(part, scratch.close)
        return cls(source, part, made_by, forget, trained=part.sample_size == 0)

    @classmethod
    def load(cls, source: Source[D], snapshot: Snapshot, scratch: Scratch) -> Self:
        """The state of a snapshot; raises whatever stands in the way of that."""
        # Before anything else looks at its files: damage can end the process of who maps them unsuspectingly.
        snapshot.check()
        state = cls.empty(source, source.as_made(snapshot.made_by), scratch)
        state._load(snapshot.directory)
        state.applied = state.saved = snapshot.change
        state.among, state.snapshot = snapshot.among, snapshot
        return state

    @classmethod
    def load_earlier(cls, source: Source[D], folder: Path, made_by: Record, scratch: Scratch) -> Self:
        """The state of what an earlier release left; raises whatever stands in the way of that."""
        state = cls.empty(source, source.as_made(made_by), scratch)
        state._load(folder)
        change = getattr(state.part, "loaded_change", lambda: None)()
        if change is None:
            raise FormatError(f"{folder} does not say which change it holds")
        state.applied = change
        return state

    def _load(self, folder: Path) -> None:
        try:
            self.part.load(folder)
        except BaseException:
            self.part.close()
            raise
        self.trained, self.origin = True, folder

    def too_old(self, catalog: Catalog) -> bool:
        """Whether removals that it has not seen were forgotten; an empty one never needs any."""
        return 0 < self.applied < catalog.removals_known_since()

    def outgrown(self, catalog: Catalog) -> bool:
        """Whether one that is trained now would do much better. O(1)."""
        if not self.trained or not self.part.sample_size:
            return False
        grown = self.among is not None and catalog.counts().objects >= OUTGROWN * max(1, self.among)
        return grown or self.part.outgrown()

    def train(self, catalog: Catalog) -> bool:
        """Train it where that is needed; False while there is nothing to train it on."""
        if not self.trained and self.source.anything(catalog):
            among, sample = catalog.counts().objects, self.source.sample(self.part, catalog)
            if len(sample):
                self.part.train(sample)
                self.trained, self.among = True, among
        return self.trained

    def step(self, catalog: Catalog) -> int:
        """Apply the next changes, a few thousand objects; returns how many objects were added and removed."""
        target = catalog.change()
        if self.applied >= target:
            return 0
        until = min(target, catalog.step(self.applied, STEP))
        ids = self.source.changed(catalog, self.applied, until)
        if ids.size:
            self.source.feed(self.part, catalog, ids)
        removed = catalog.removed_ids(self.applied, until)
        if removed.size:
            self.part.remove(removed)
        self.applied = until
        return int(ids.size + removed.size)

    def release(self) -> None:
        """Let the snapshot go that it was loaded from; queries that still go through it keep what they have mapped."""
        if self.snapshot is not None:
            self.snapshot.release()

    def close(self) -> None:
        """Let go of all."""
        with suppress(Exception):
            self.part.close()
        self.forget()
        self.release()

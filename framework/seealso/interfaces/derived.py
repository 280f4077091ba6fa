"""What can always be built anew from the catalogue and the store: the metric index, the table of sketches, the text index."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

import numpy as np

from seealso.interfaces.plugin import Plugin

Content = TypeVar("Content", contravariant=True)
"""What is known of the objects that are added: their descriptors, or their words."""


class Derived(Plugin, Generic[Content]):
    """Holds something of every object, in a form that answers quickly.

    The catalogue and the store are the truth, so a derived thing can always be thrown away and built again. The framework
    looks after it: it trains it once, tells it of what was added and removed, and has it save and load snapshots. One
    thread at a time changes it; what answers queries may be called from several threads at once and while it is being
    changed, and then answers as of some moment in between. What was added or removed is seen by the next query in this
    process; it survives the process only in a snapshot.
    """

    sample_size: int = 0
    """How many descriptors `train` would like to see; 0: there is nothing to train."""

    needs_content: ClassVar[bool] = True
    """Whether `add` looks at the content; if not, it is given ``None`` where reading it would cost."""

    def train(self, sample: np.ndarray) -> None:
        """Learn from a sample of descriptors ``(m, dim)``; called once, before anything is added, when `sample_size` > 0."""

    @abstractmethod
    def add(self, ids: np.ndarray, content: Content) -> None:
        """Add objects, int64 ``(n,)``, ascending. An ID that is there already is replaced."""

    @abstractmethod
    def remove(self, ids: np.ndarray) -> None:
        """Remove objects, int64 ``(n,)``; IDs that are not there are passed over."""

    @abstractmethod
    def save(self, directory: Path) -> None:
        """Write a snapshot into an empty folder. The framework makes it durable and names it current.

        Write only what changed: a file that an earlier snapshot holds may be a hard link to it, for snapshots never change.
        """

    @abstractmethod
    def load(self, directory: Path) -> None:
        """Take the state of a snapshot; called on a new one, instead of `train`. Map it rather than read it.

        Nothing is ever written into the folder: it may lie on a read-only disk.

        Raises:
            FormatError: it is not a snapshot of this plugin, or of a newer format.
        """

    def outgrown(self) -> bool:
        """Whether one trained and built anew would serve the objects that there are now much better. Cheap.

        The framework then builds one, and puts it in the place of this one.
        """
        return False

    def verify(self) -> list[str]:
        """What is wrong with the snapshot that was loaded, one line each; empty when all is well. May take O(n).

        The framework compares the files of a snapshot with the checksums that it keeps, and asks this where it has none: of a snapshot
        that an earlier release saved.
        """
        return []

    @abstractmethod
    def statistics(self) -> dict[str, int | float | str]:
        """What there is to say of it: at least ``objects``, and ``bytes`` (in memory, or on disk). O(1) in the number of
        objects. Keys that begin with ``bytes`` are bytes."""

    def close(self) -> None:
        """Let go of files and memory. It is not used afterwards."""


class DerivedFromDescriptors(Derived[np.ndarray | None]):
    """What is told of an object is its descriptor."""

    @abstractmethod
    def ids(self) -> np.ndarray:
        """The IDs of all objects that it holds, int64, ascending."""

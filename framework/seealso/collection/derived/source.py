"""What a keeper knows of the thing that it looks after."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from seealso.catalogue.reader import Catalog
from seealso.interfaces.derived import Derived

log = logging.getLogger("seealso")
_told: set[str] = set()  # warnings

D = TypeVar("D", bound=Derived[Any])

Record = dict[str, Any]
"""What makes something derived what it is: kind of plugin → the plugin and the options that it was built with."""


@dataclass(frozen=True, slots=True)
class Recipe(Generic[D]):
    """How something derived is made.

    Attributes:
        made_by: what the configuration makes it of.
        as_made: what a recorded one was made of, in the words of today: with every option.
        make: makes an empty one of what is recorded, and lends it a maker of folders. Like ``as_made`` it raises a
            `SeealsoError` where a plugin is not installed, or an option is unknown.
        left_open: whether the size of the collection chooses what makes it.
    """

    made_by: Record
    as_made: Callable[[Record], Record]
    make: Callable[[Record, Callable[[], Path]], D]
    left_open: bool = False


class Source(ABC, Generic[D]):
    """Where something derived comes from: what makes it, and what of the catalogue is told to it.

    Args:
        collection: the collection's name.
        recipe: how it is made.
    """

    what: ClassVar[str]
    """What messages call it."""

    bytes_each: int = 0
    """The bytes of an object's content, where a query may do without; 0: it cannot."""

    spare: ClassVar[int] = 0
    """So many objects the next reader replays rather than that a snapshot is saved for them."""

    dispensable: bool = False
    """Queries do without, where it is missing, however many objects there are."""

    def __init__(self, collection: str, recipe: Recipe[D]) -> None:
        self.collection = collection
        self.made_by = recipe.made_by
        self.as_made = recipe.as_made
        self.make = recipe.make
        self.left_open = recipe.left_open

    def warn(self, message: str) -> None:
        """Log a warning about it; each once a process."""
        message = f"collection {self.collection}: {message}"
        if message not in _told:
            _told.add(message)
            log.warning("%s", message)

    def answers(self, made_by: Record) -> bool:
        """Whether one that was made so can be asked at all."""
        return True

    @abstractmethod
    def anything(self, catalog: Catalog) -> bool:
        """Whether there is anything to be held; O(1)."""

    @abstractmethod
    def changed(self, catalog: Catalog, after: int, until: int) -> np.ndarray:
        """IDs of the objects to be added for what changed after a change, until another one; int64, ascending."""

    @abstractmethod
    def feed(self, part: D, catalog: Catalog, ids: np.ndarray) -> None:
        """Add objects."""

    def sample(self, part: D, catalog: Catalog) -> np.ndarray:
        """What to train on: descriptors ``(m, dim)``, m at most ``part.sample_size``."""
        return np.empty((0, 0), np.float32)

    @abstractmethod
    def compare(self, part: D, catalog: Catalog, applied: int) -> list[str]:
        """What is not as the catalogue has it, of one that has applied a change; one line each."""

    def earlier(self, directory: Path) -> tuple[Path, Record] | None:
        """What an earlier release left in the place of snapshots: its folder, and what made it."""
        return None

    def difference(self, made_by: Record) -> str:
        """How one that is there differs from what the configuration says; in words."""
        return "; ".join(_differences(made_by, self.made_by))


def _differences(was: Record, wanted: Record) -> Iterable[str]:
    for kind, now in wanted.items():
        before = was.get(kind)
        if before == now:
            continue
        (old, had), (new, has) = _parted(before), _parted(now)
        if old != new:
            by = "by" if kind == next(iter(wanted)) else f"for the {kind}"
            yield f"{by} {old}, and the configuration says {new}"
        else:
            changed = [option for option in {**had, **has} if had.get(option) != has.get(option)]
            yield (
                f"with {', '.join(f'{option} {_shown(had, option)}' for option in changed)}, and the configuration says "
                f"{', '.join(_shown(has, option) for option in changed)}"
            )


def _parted(built: str | dict[str, Any] | None) -> tuple[str, dict[str, Any]]:
    if isinstance(built, dict):
        return str(built.get("plugin")), {option: value for option, value in built.items() if option != "plugin"}
    return str(built), {}


def _shown(options: dict[str, Any], option: str) -> str:
    value = options.get(option)
    return "none" if value is None else str(value)

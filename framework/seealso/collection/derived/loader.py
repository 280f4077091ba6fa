"""From the snapshots of something derived to the newest that can be used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from seealso.catalogue.reader import Catalog
from seealso.collection.derived.scratch import Scratch
from seealso.collection.derived.snapshots import Snapshot, Snapshots
from seealso.collection.derived.source import Record, Source
from seealso.collection.derived.state import State
from seealso.interfaces.derived import Derived

D = TypeVar("D", bound=Derived[Any])

ATTEMPTS = 10  # to hold a snapshot, while writers replace one after the other


class Loader(Generic[D]):
    """Loads snapshots, and makes empty ones.

    One that cannot be used is passed over with a warning, and not tried again.

    Args:
        source: where the derived thing comes from.
        snapshots: those of it.
        scratch: where its folders for what does not fit into memory shall be; None: among the system's temporary files.
    """

    def __init__(self, source: Source[D], snapshots: Snapshots, scratch: Callable[[], Path | None]) -> None:
        self._source = source
        self._snapshots = snapshots
        self._scratch = scratch
        self._refused: dict[str, str] = {}
        self._looked: str | None = None

    def empty(self, made_by: Record) -> State[D]:
        """One that holds nothing yet, made of what is recorded."""
        return State.empty(self._source, made_by, Scratch(self._scratch))

    def newest(self, catalog: Catalog, state: State[D] | None) -> State[D] | None:
        """The newest that can be used, if it is better than what there is.

        Better is what holds more, was trained among more objects, or is what the configuration says, where the other is not.
        """
        current = self._snapshots.current_name()
        if state is not None and current == self._looked:
            return None
        self._looked = current
        for _ in range(ATTEMPTS):
            try:
                for name in self._snapshots.whole():
                    if name not in self._refused and (found := self._load(name, catalog, state)):
                        return found
                break
            except FileNotFoundError:
                # A writer has replaced it just now.
                continue
        earlier = self._source.earlier(self._snapshots.directory)
        return None if earlier is None or state is not None else self._load_earlier(*earlier, catalog)

    def _load(self, name: str, catalog: Catalog, state: State[D] | None) -> State[D] | None:
        folder = self._snapshots.directory / name
        try:
            snapshot = self._snapshots.hold(name)
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            self.refuse(folder, error)
            return None
        if state is not None and not self._better(snapshot, state):
            snapshot.release()
            return None
        try:
            found = State.load(self._source, snapshot, Scratch(self._scratch))
        except Exception as error:
            snapshot.release()
            if not folder.exists():
                raise FileNotFoundError(folder) from error
            self.refuse(folder, error)
            return None
        return self._unless_too_old(found, catalog)

    def _better(self, snapshot: Snapshot, state: State[D]) -> bool:
        younger = snapshot.among is not None and (state.among is None or snapshot.among > state.among)
        wanted = self._source.made_by
        return snapshot.change > state.applied or younger or (snapshot.made_by == wanted != state.made_by)

    def _load_earlier(self, folder: Path, made_by: Record, catalog: Catalog) -> State[D] | None:
        if folder.name in self._refused:
            return None
        try:
            found = State.load_earlier(self._source, folder, made_by, Scratch(self._scratch))
        except Exception as error:
            self.refuse(folder, error)
            return None
        return self._unless_too_old(found, catalog)

    def _unless_too_old(self, found: State[D], catalog: Catalog) -> State[D] | None:
        if not found.too_old(catalog):
            return found
        found.close()
        return None

    def refuse(self, folder: Path, error: Exception) -> None:
        """Use a snapshot no more; warn of it."""
        reason = " ".join(str(error).split()) or type(error).__name__
        self._refused[folder.name] = f"the {self._source.what} snapshot {folder} cannot be used ({reason})"
        self._source.warn(self._refused[folder.name])

    def refusals(self) -> list[str]:
        """Why snapshots that are there are not used, one line each."""
        return [why for name, why in self._refused.items() if (self._snapshots.directory / name).exists()]

"""What is open of a collection: opened when it is needed, following what other processes do, and closed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from seealso.catalogue.mending import add_checksums
from seealso.catalogue.reader import Catalog
from seealso.catalogue.writer import CatalogWriter
from seealso.collection.parts.automatic import Grounds, recorded_grounds
from seealso.collection.parts.creation import create, exists, explain_absence, store_folder
from seealso.collection.parts.growth import Growth
from seealso.collection.parts.identity import lose_identity, settle_identity
from seealso.collection.parts.lock import write_lock
from seealso.collection.parts.opened import Opened
from seealso.collection.parts.recorded import CONFIGURATION, recorded_anew, recorded_choices, recorded_way
from seealso.collection.parts.resolved import Parts
from seealso.durability import writing_in
from seealso.errors import SeealsoError
from seealso.interfaces.plugin import PluginChoice
from seealso.registry.kinds import Kind

T = TypeVar("T")


class Opening:
    """Opens a collection when it is first asked for. May be used from several threads at once; `writing` by one at a time.

    Args:
        path: the collection's directory.
        resolve: gives its parts, from the choices that it was made with.
    """

    def __init__(self, path: Path, resolve: Callable[[dict[str, PluginChoice]], Parts]) -> None:
        self._path = path
        self._resolve = resolve
        self._lock = threading.RLock()
        self._opened: Opened | None = None
        # Opened to read which parts there are; it becomes that of `_opened`.
        self._catalog: Catalog | None = None
        # Opened before it moved (see `Opened.moved`), and in use since; closed by the last who uses it.
        self._left: list[Opened] = []
        self._parts: Parts | None = None

    def exists(self) -> bool:
        """Whether the collection has been made."""
        return exists(self._path)

    def require(self) -> None:
        """Refuse to go on without a collection.

        Raises:
            NoCollection, CorruptCollection: there is none; says why.
        """
        if not self.exists():
            raise explain_absence(self._path)

    def make(self) -> bool:
        """Make the collection where it is missing; whether it was."""
        if self.exists():
            return False
        create(self._path, self.parts)
        self.forget()
        return True

    def forget(self) -> None:
        """Look up anew which parts are in force: they are recorded in the collection by now."""
        self._parts = None

    @property
    def parts(self) -> Parts:
        """The plugins in force."""
        with self._lock:
            if self._parts is None:
                if not self.exists():
                    self._parts = self._resolve({})
                    return self._parts
                if self._catalog is None:
                    self._catalog = Catalog(self._path)
                parts = self._resolve(recorded_choices(self._catalog))
                parts.grounds = recorded_grounds(self._catalog)
                parts.way = recorded_way(self._catalog)
                self._parts = parts
            return self._parts

    @contextmanager
    def using(self, *, force: bool = False) -> Iterator[Opened]:
        """The collection, opened, with what any process has committed.

        It stays open to the end of the block, also where the descriptors move to another store meanwhile. Take nothing out of
        the block that still reads from it.

        Args:
            force: also with a store that has lost its identity.
        """
        with self._lock:
            opened = self._open(force=force)
            opened.users += 1
        try:
            opened.catalog.refresh()
            yield opened
        finally:
            with self._lock:
                opened.users -= 1
                self._close_unused()

    def _open(self, *, force: bool) -> Opened:
        if self._opened is not None and self._opened.moved():
            self._left.append(self._opened)
            self._opened = None
            self._close_unused()
        if self._opened is None:
            self.require()
            self._opened = self._open_as_recorded(force=force)
        return self._opened

    def _close_unused(self) -> None:
        """Let go of what was left for another store, and is used by nobody."""
        unused = [opened for opened in self._left if not opened.users]
        self._left = [opened for opened in self._left if opened.users]
        for opened in unused:
            opened.close()

    def _open_as_recorded(self, *, force: bool) -> Opened:
        """Opened as the catalogue says; anew where the descriptors move to another store just then."""
        while True:
            parts = self.parts
            catalog, self._catalog = self._catalog or Catalog(self._path), None
            try:
                folder = store_folder(catalog)
                # Before the choices: should they change just now, what is opened counts as moved.
                record = catalog.meta(CONFIGURATION) or ""
                parts.follow(recorded_choices(catalog))
                parts.grounds = recorded_grounds(catalog)
                parts.way = recorded_way(catalog)
            except BaseException:
                catalog.close()
                raise
            try:
                opened = Opened.open(self._path, catalog, parts, record=record, force=force)
            except (SeealsoError, OSError):
                self._catalog = Catalog(self._path)
                if store_folder(self._catalog) == folder:
                    raise
                continue
            if opened.folder.name == folder:
                return opened
            opened.close()

    def asked(self, ask: Callable[[Opened], T], *, unmoved: bool = False) -> T:
        """What is asked of the collection as it is; asked again where that fails and its store was left for another one meanwhile, for
        then it may have been half gone.

        Args:
            ask: the question.
            unmoved: an answer, too, counts only where the collection has not moved meanwhile (see `Opened.moved`).
        """
        while True:
            with self.using() as opened:
                try:
                    answer = ask(opened)
                except (SeealsoError, OSError):
                    if not opened.moved():
                        raise
                else:
                    if not (unmoved and opened.moved()):
                        return answer

    @contextmanager
    def writing(self, *, anew: bool = False, force: bool = False) -> Iterator[tuple[Opened, CatalogWriter]]:
        """Hold the lock, and have the collection open for writing; what is derived follows, and is saved at the end.

        Args:
            anew: what is derived is about to be built anew.
            force: take a store that has lost its identity.
        """
        self.require()
        with write_lock(self._path), writing_in(self._path), ExitStack() as stack:
            opened = stack.enter_context(self.using(force=force))
            writer = CatalogWriter(self._path)
            stack.callback(writer.close)
            if force and lose_identity(opened.store, writer):
                self.close()
                opened = stack.enter_context(self.using())
            settle_identity(opened.store, writer, opened.called, force=force)
            with opened.writing(anew=anew), self._growing(opened, writer, anew=anew):
                yield opened, writer
            add_checksums(writer)

    @contextmanager
    def _growing(self, opened: Opened, writer: CatalogWriter, *, anew: bool) -> Iterator[None]:
        """The collection changes over to the index and the sketch that suit its size; not where it is about to be rebuilt, which does
        so."""
        self.parts.grounds = recorded_grounds(writer)
        if anew:
            yield
            return
        opened.growth = Growth(self._path, self.parts, opened, writer, partial(self._keep, opened, writer))
        try:
            opened.growth.look()
            yield
            opened.growth.settle()
        finally:
            opened.growth = None

    def _keep(
        self, opened: Opened, writer: CatalogWriter, choice: PluginChoice, kind: Kind[Any], grounds: Grounds
    ) -> None:
        """Record that a plugin is in force, and for what it was chosen. What is open has it already, and is not opened anew."""
        with self._lock:
            parts = self.parts
            recorded_anew(writer, {kind.word: choice}, {**(parts.grounds or {}), kind.word: grounds})
            parts.follow(recorded_choices(writer))
            parts.grounds = recorded_grounds(writer)
            opened.record = writer.meta(CONFIGURATION) or ""

    def close(self) -> None:
        """Let go of files, memory and devices; what is asked for later is opened anew."""
        with self._lock:
            for opened in (*self._left, *filter(None, [self._opened])):
                opened.close()
            if self._catalog is not None:
                self._catalog.close()
            self._opened, self._left, self._catalog = None, [], None
            if self._parts is not None:
                if "extractor" in vars(self._parts):
                    self._parts.extractor.close()
                self._parts = None

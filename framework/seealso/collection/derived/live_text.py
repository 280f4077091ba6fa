"""Keeps a text index in step with the catalogue."""

from __future__ import annotations

import json
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from seealso.catalogue.reader import Catalog
from seealso.durability import make_directory, write_atomically
from seealso.errors import FormatError, QueryError
from seealso.interfaces.text import TextIndex

log = logging.getLogger("seealso")

CURRENT = "CURRENT"
LOCK = "text.lock"
PAGE = 1000  # objects at a time
COMMIT_SECONDS = 0.5  # between commits, while images are taken in

Make = Callable[[Path, bool], TextIndex]
"""Makes a text index in a folder; whether for reading only."""


class LiveText:
    """The text index of a collection, brought up to date from the catalogue by whoever may write and finds it behind.

    In its folder the file `CURRENT` names the folder of the index in force, and what made it; one that was made by another
    plugin or with other options, or that cannot be opened, is built anew beside it.

    Args:
        make: makes the index; None where the collection has none.
        made_by: what makes what is there fit: the plugin and its options.
        directory: of the collection's text indexes.
    """

    def __init__(self, make: Make | None, made_by: Any, directory: Path) -> None:
        self._make = make
        self._made_by = made_by
        self.directory = directory
        self._lock = threading.RLock()
        self._reading: TextIndex | None = None
        self._opened: Path | None = None

    @property
    def configured(self) -> bool:
        """Whether the collection has a text index at all."""
        return self._make is not None

    # Reading

    def current(self, catalog: Catalog) -> TextIndex | None:
        """The index, as far as it was brought up to date; None where nothing is described.

        Raises:
            QueryError: the collection has no text index, or it cannot be built now.
        """
        if self._make is None:
            raise QueryError("the collection has no text index (`text: false` in its configuration)")
        with self._lock:
            index = self._open()
            if index is None or index.applied() < catalog.change():
                if not self._bring_up_to_date(catalog) and index is None and catalog.described():
                    raise QueryError(
                        "the text index is not there, or was made with other options, and cannot be built now; run "
                        "`seealso rebuild`"
                    )
                index = self._open()
            return index

    def suggest(self, catalog: Catalog, beginning: str, limit: int) -> list[str]:
        """Words that begin so, the most frequent first."""
        index = self.current(catalog) if self.configured else None
        return [] if index is None else index.suggest(beginning, limit)

    def verify(self, catalog: Catalog) -> list[str]:
        """What is not as the catalogue has it, one line each."""
        index = self.current(catalog) if self.configured else None
        described, indexed = catalog.count_described(), 0 if index is None else int(index.statistics()["objects"])
        if not self.configured or described == indexed or (index is not None and index.applied() < catalog.change()):
            return []
        return [f"{described} objects are described, and {indexed} are in the text index"]

    def _bring_up_to_date(self, catalog: Catalog) -> bool:
        """Write what is missing, where nobody else is writing and the disk lets us."""
        if not catalog.described() and not self.directory.exists():
            return False
        try:
            with self.updating(catalog, wait=False):
                return True
        except (Timeout, OSError):
            return False

    def _open(self) -> TextIndex | None:
        """The index in force, opened for reading; anew where another has taken its place."""
        folder = self._folder()
        if folder is None:
            self._let_go()
            return None
        if self._reading is None or self._opened != folder:
            self._let_go()
            assert self._make is not None
            try:
                self._reading = self._make(folder, True)
            except (FormatError, OSError) as error:
                log.warning("the text index %s cannot be used (%s)", folder, error)
                return None
            self._opened = folder
        return self._reading

    def _folder(self) -> Path | None:
        """The folder of the index in force, where it is one of this plugin and options."""
        try:
            current = json.loads((self.directory / CURRENT).read_text())
            fits = current["made_by"] == self._made_by
            name = str(current["folder"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return self.directory / name if fits and name.isdecimal() else None

    def _let_go(self) -> None:
        if self._reading is not None:
            self._reading.close()
        self._reading = self._opened = None

    # Writing

    @contextmanager
    def updating(self, catalog: Catalog, *, anew: bool = False, wait: bool = True) -> Iterator[TextUpdate]:
        """Hold the right to write, and the index open for it; brought up to date at the end, whatever ended it.

        Args:
            catalog: what it is brought up to date from.
            anew: build it anew in any case.
            wait: for another process that is writing; else Timeout is raised.
        """
        if self._make is None:
            yield TextUpdate(self, catalog, None)
            return
        make_directory(self.directory)
        lock = FileLock(self.directory / LOCK, timeout=-1 if wait else 0, thread_local=False)
        with lock:
            update = TextUpdate(self, catalog, self._make, anew=anew)
            try:
                yield update
            finally:
                update.finish()
                with self._lock:
                    # What it has written is found at once.
                    self._let_go()

    def catch_up(self, catalog: Catalog, *, anew: bool = False) -> None:
        """Bring the index up to date; or build it anew. Waits for another process that is doing so."""
        with self.updating(catalog, anew=anew):
            pass

    def close(self) -> None:
        """Let go of the index."""
        with self._lock:
            self._let_go()


class TextUpdate:
    """The writing of a text index, by the one who holds its lock.

    Nothing is opened until there is something to write.
    """

    def __init__(self, live: LiveText, catalog: Catalog, make: Make | None, *, anew: bool = False) -> None:
        self._live = live
        self._catalog = catalog
        self._make = make
        self._anew = anew
        self._index: TextIndex | None = None
        self._committed = time.monotonic()

    def committed(self) -> None:
        """Something was committed to the catalogue: bring the index up to date, but not too often."""
        if time.monotonic() - self._committed > COMMIT_SECONDS:
            self.catch_up()

    def catch_up(self) -> None:
        """Bring the index up to date."""
        if self._make is None:
            return
        if self._index is None:
            folder = None if self._anew else self._live._folder()
            if folder is None and not self._catalog.described():
                # Nothing is there, and nothing to write.
                self._remove_others(None)
                return
            if folder is not None:
                try:
                    self._index = self._make(folder, False)
                except (FormatError, OSError) as error:
                    log.warning("the text index %s cannot be used (%s); building it anew", folder, error)
            if self._index is None:
                self._build()
                return
        if self._index.applied() < self._catalog.removals_known_since():
            self._build()
        else:
            _apply(self._index, self._catalog)
        self._committed = time.monotonic()

    def _build(self) -> None:
        """Build the index anew, in a folder of its own, and only then put it in the place of the old one."""
        assert self._make is not None
        if self._index is not None:
            self._index.close()
        directory = self._live.directory
        number = 1 + max((int(path.name) for path in directory.iterdir() if path.name.isdecimal()), default=0)
        folder = directory / str(number)
        folder.mkdir()
        self._index = self._make(folder, False)
        _apply(self._index, self._catalog)
        record = {"folder": folder.name, "made_by": self._live._made_by}
        write_atomically(directory / CURRENT, json.dumps(record).encode())
        self._anew = False
        self._remove_others(folder)

    def _remove_others(self, kept: Path | None) -> None:
        """Remove the folders of earlier indexes; a process that has one open goes on reading it."""
        if kept is None:
            (self._live.directory / CURRENT).unlink(missing_ok=True)
        for path in self._live.directory.iterdir():
            if path.name.isdecimal() and path != kept:
                shutil.rmtree(path, ignore_errors=True)

    def finish(self) -> None:
        """Bring it up to date, and let go of it."""
        try:
            self.catch_up()
        finally:
            if self._index is not None:
                self._index.close()
                self._index = None


def _apply(index: TextIndex, catalog: Catalog) -> None:
    """Apply every change that the catalogue knows and the index does not."""
    applied, target = index.applied(), catalog.change()
    if applied >= target:
        return
    removed = catalog.removed_ids(applied)
    if removed.size:
        index.remove(removed)
    changed = catalog.redescribed_ids(applied)
    for start in range(0, changed.size, PAGE):
        page = changed[start : start + PAGE]
        words = catalog.words(page.tolist())
        documents = [[word for said in words.get(id_, {}).values() for word in said] for id_ in page.tolist()]
        some = np.array([bool(document) for document in documents])
        if applied and not some.all():
            # Those that have lost their words.
            index.remove(page[~some])
        if some.any():
            index.put(page[some], [document for document in documents if document])
    index.commit(target)

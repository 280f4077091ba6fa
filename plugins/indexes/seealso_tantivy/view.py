"""What is committed, as readers see it."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tantivy

from seealso import CollectionError
from seealso_tantivy.errors import translated

META = "meta.json"
"""tantivy's list of the segments that count, replaced atomically by every commit and merge."""

_ATTEMPTS = 20


class View:
    """The newest committed state of an index; it may be used from any thread.

    tantivy wants to write a lock file where it reads. Therefore a state is opened through links to its files in a temporary
    folder, which is gone when this is done, since everything is mapped by then: nothing is ever written beside the index, and
    it may lie on a read-only disk. A file that the writer removes just then, in another process, is no damage: its
    list has changed too.

    Args:
        directory: where tantivy's files are, or will be.
        schema: theirs.
    """

    def __init__(self, directory: Path, schema: tantivy.Schema) -> None:
        self.directory = directory
        self._schema = schema
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._searcher: tantivy.Searcher | None = None

    def searcher(self) -> tantivy.Searcher | None:
        """The state that is newest now, which then stays as it is; None where there is no index.

        Raises:
            FormatError: it is damaged.
            CollectionError: it cannot be opened.
        """
        with self._lock:
            for attempt in range(_ATTEMPTS):
                state = self._state()
                if state == self._seen:
                    break
                try:
                    self._searcher = self._open() if state else None
                    self._seen = state
                    break
                except CollectionError:
                    if self._state() == state or attempt == _ATTEMPTS - 1:
                        raise
            return self._searcher

    def close(self) -> None:
        """Let go of the files."""
        with self._lock:
            self._searcher = self._seen = None

    def _state(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(self.directory / META)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _open(self) -> tantivy.Searcher:
        with _temporary_folder() as links:
            try:
                # Before the segments: should they be replaced meanwhile, the list tells that some are missing.
                (links / META).write_bytes((self.directory / META).read_bytes())
                for entry in os.scandir(self.directory):
                    # The names that begin with a dot are of tantivy's housekeeping.
                    if entry.name != META and not entry.name.startswith("."):
                        os.symlink(os.path.abspath(entry.path), links / entry.name)
            except OSError as error:
                raise CollectionError(
                    f"{self.directory}: the text index cannot be opened by way of {links}: {error}"
                ) from error
            with translated(self.directory, links):
                index = tantivy.Index(self._schema, str(links))
                index.config_reader("manual")
                index.reload()
                return index.searcher()


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    try:
        folder = tempfile.mkdtemp(prefix="seealso-")
    except OSError as error:
        raise CollectionError(f"the text index needs a temporary folder, and none can be made: {error}") from error
    try:
        yield Path(folder)
    finally:
        # A thread that tantivy starts with every index may be making its lock file there at the same time; it does so once.
        for _ in range(_ATTEMPTS):
            shutil.rmtree(folder, ignore_errors=True)
            if not os.path.exists(folder):
                break

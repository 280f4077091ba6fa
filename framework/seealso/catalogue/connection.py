"""How the catalogue's SQLite file is opened, and what SQLite's errors mean."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

from seealso.errors import CollectionError, CollectionReadOnly, CorruptCollection, DiskFull, SeealsoError

RESTORE = "restore the catalogue from a backup, or index again into a new collection"
"""What to do about damage that nothing here mends."""

COPY_ATTEMPTS = 20  # to copy a catalogue that is being written to and cannot be watched
COPY_PAUSE = 0.05  # seconds between them


@dataclass(frozen=True, slots=True)
class Frozen:
    """A catalogue as it was opened, where SQLite cannot watch it.

    Attributes:
        file: the catalogue's.
        states: those of the file and of its log then.
        copied: whether a copy is read; otherwise the file itself is, without its log.
    """

    file: Path
    states: list[tuple[int, ...]]
    copied: bool

    @classmethod
    def now(cls, file: Path, *, copied: bool) -> Self:
        """As it is now."""
        states: list[tuple[int, ...]] = []
        for path in (file, log_of(file)):
            with contextlib.suppress(FileNotFoundError):
                found = path.stat()
                states.append((found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns))
        return cls(file, states, copied)

    def outdated(self) -> bool:
        """Whether another process has committed since."""
        return self.now(self.file, copied=self.copied) != self

    def overwritten(self) -> bool:
        """Whether the file that is read is not what it was: what was read may be from before in part, in part from after."""
        return not self.copied and self.now(self.file, copied=False).states[:1] != self.states[:1]


def connect_to_read(file: Path, cleanup: contextlib.ExitStack) -> tuple[sqlite3.Connection, Frozen | None]:
    """A connection for reading, and what it was made from where SQLite cannot watch that.

    A database in WAL mode needs its ``-shm`` file beside it even to be read. Where that cannot be written, SQLite reads
    the file as immutable, which passes over an unfinished ``-wal``; so a copy of both is read then.
    """
    if os.access(file, os.W_OK) and os.access(file.parent, os.W_OK):
        return connect(file, "mode=rw", cleanup), None
    for _ in range(COPY_ATTEMPTS):
        log = _log_head(file)
        frozen = Frozen.now(file, copied=bool(log))
        if not log:
            return connect(file, "immutable=1", cleanup), frozen
        with contextlib.ExitStack() as attempt:
            folder = Path(attempt.enter_context(tempfile.TemporaryDirectory(prefix="seealso-")))
            # The log is copied last: it then holds all that a checkpoint moved into the file while that was copied, and
            # SQLite believes the log. Not so where the log was begun anew or removed in between; its head tells.
            with contextlib.suppress(FileNotFoundError):
                for source in (file, log_of(file)):
                    shutil.copyfile(source, folder / source.name)
            if _log_head(file) == log:
                cleanup.enter_context(attempt.pop_all())
                return connect(folder / file.name, "mode=rw", cleanup), frozen
        time.sleep(COPY_PAUSE)
    raise CollectionError(f"{file}: another process keeps changing it, and it may not be written here; try again later")


def log_of(file: Path) -> Path:
    """SQLite's write-ahead log beside a catalogue's file."""
    return file.with_name(file.name + "-wal")


def _log_head(file: Path) -> bytes:
    """What tells one log from the next: SQLite salts it anew whenever it begins it. Empty where there is no log."""
    try:
        with log_of(file).open("rb") as log:
            return log.read(32)
    except FileNotFoundError:
        return b""


def connect(file: Path, parameters: str, cleanup: contextlib.ExitStack) -> sqlite3.Connection:
    """A connection in autocommit mode that any thread may use, closed with ``cleanup``."""
    uri = f"file:{quote(os.fsencode(file))}?{parameters}"
    connection = sqlite3.connect(uri, uri=True, timeout=60, isolation_level=None, check_same_thread=False)
    cleanup.callback(connection.close)
    # Pages of a connection's own, in KiB. The operating system has them all anyway.
    connection.execute("PRAGMA cache_size = -1024")
    return connection


@contextlib.contextmanager
def translated(file: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise _translation(error, file) from error


def _translation(error: sqlite3.Error | UnicodeDecodeError, file: Path) -> SeealsoError:
    name = getattr(error, "sqlite_errorname", None) or ""
    if name == "SQLITE_FULL" or (name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN")) and _disk_is_full(file.parent)):
        return DiskFull(f"{file.parent}: the disk is full; make room and run the command again, nothing is lost")
    if name.startswith("SQLITE_READONLY"):
        return CollectionReadOnly(
            f"{file.parent}: the collection cannot be written: it lies on a read-only disk, or the permission is missing"
        )
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return CorruptCollection(f"{file} is damaged ({error}); {RESTORE}")
    # Our statements are right: a table or a column that they do not find, or text that is none, was damaged.
    if name == "SQLITE_ERROR" or (not name and "decode" in str(error)):
        what = str(error) if name else "what was text is none any more"
        return CorruptCollection(f"{file} is damaged ({what}); {RESTORE}")
    if name.startswith("SQLITE_BUSY"):
        return CollectionError(f"{file}: another process has held it locked for a minute; try again later")
    return CollectionError(f"{file}: {error}")


def _disk_is_full(directory: Path) -> bool:
    return shutil.disk_usage(directory).free < 1 << 20

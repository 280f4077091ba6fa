"""How the catalogue's SQLite file is opened, and what SQLite's errors mean."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

from seealso.durability import FULL, disk_is_full, refuse_without_locks
from seealso.errors import CollectionError, CollectionReadOnly, CorruptCollection, DiskFull, SeealsoError
from seealso.layout import LOCK

RESTORE = "restore the catalogue from a backup, or index again into a new collection"
"""What to do about damage that nothing here mends."""

COPY_ATTEMPTS = 20  # to copy a catalogue that is being written to and cannot be watched
COPY_PAUSE = 0.05  # seconds between them
MEMORY = "/dev/shm"  # noqa: S108 - the folder is made by tempfile
"""Where Linux keeps files in memory."""
FUNCTION_FAILED = "user-defined function raised exception"
"""What SQLite says where Python raised an error in a function of ours (`checksums.register`)."""
PATIENCE = 60  # seconds that SQLite waits for a lock
NO_ROOM = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN")
"""How the names of SQLite's errors begin where a file beside the catalogue cannot be made or enlarged."""


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

    A database in WAL mode needs its ``-shm`` file beside it even to be read. Where that cannot be written, and where the disk
    has no room for it, SQLite reads the file as immutable, which passes over an unfinished ``-wal``; so a copy of both is read then.
    """
    if os.access(file, os.W_OK) and os.access(file.parent, os.W_OK):
        try:
            with contextlib.ExitStack() as attempt:
                connection = connect(file, "mode=rw", attempt)
                cleanup.enter_context(attempt.pop_all())
                return connection, None
        except sqlite3.OperationalError as error:
            if not (_name_of(error).startswith(NO_ROOM) and disk_is_full(file.parent)):
                raise
    for _ in range(COPY_ATTEMPTS):
        log = _log_head(file)
        frozen = Frozen.now(file, copied=bool(log))
        if not log:
            return connect(file, "immutable=1", cleanup), frozen
        with contextlib.ExitStack() as attempt:
            # The log is copied last: it then holds all that a checkpoint moved into the file while that was copied, and
            # SQLite believes the log. Not so where the log was begun anew or removed in between; its head tells.
            folder = _copied((file, log_of(file)), attempt)
            if _log_head(file) == log:
                cleanup.enter_context(attempt.pop_all())
                return connect(folder / file.name, "mode=rw", cleanup), frozen
        time.sleep(COPY_PAUSE)
    raise CollectionError(f"{file}: another process keeps changing it, and it may not be written here; try again later")


def _copied(files: Iterable[Path], cleanup: contextlib.ExitStack) -> Path:
    """A folder with copies of files, without those that are missing: a temporary one; in memory, where the disk has no room.

    Raises:
        DiskFull: nowhere is any.
    """
    for place in (None, MEMORY):
        try:
            with contextlib.ExitStack() as attempt:
                folder = Path(attempt.enter_context(tempfile.TemporaryDirectory(prefix="seealso-", dir=place)))
                for file in files:
                    with contextlib.suppress(FileNotFoundError):
                        shutil.copyfile(file, folder / file.name)
                cleanup.enter_context(attempt.pop_all())
                return folder
        except FileNotFoundError:
            continue  # no folder can be made there
        except OSError as error:
            if error.errno not in FULL:
                raise
    raise DiskFull(
        "no disk has room for a temporary copy of the catalogue; make room, or set TMPDIR to a folder on another disk"
    )


def out_of_order(file: Path) -> CorruptCollection:
    """What to raise where a page of rows does not follow the one before: to go on would be to go round without end."""
    return CorruptCollection(f"{file} is damaged (rows are out of order); {RESTORE}")


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
    """A connection in autocommit mode that any thread may use, closed with ``cleanup``.

    Raises:
        CollectionError: the file system has no locks.
    """
    uri = f"file:{quote(os.fsencode(file))}?{parameters}"
    connection = sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None, check_same_thread=False)
    cleanup.callback(connection.close)
    try:
        # The first that needs a lock, and the files beside this one.
        connection.execute("PRAGMA schema_version")
    except sqlite3.OperationalError as error:
        if not _name_of(error).startswith("SQLITE_BUSY"):
            raise
        lock = file.with_name(LOCK)
        if lock.exists():
            refuse_without_locks(lock)
    connection.execute(f"PRAGMA busy_timeout = {PATIENCE * 1000}")
    # Pages of a connection's own, in KiB. The operating system has them all anyway.
    connection.execute("PRAGMA cache_size = -1024")
    return connection


@contextlib.contextmanager
def translated(file: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if str(error) == FUNCTION_FAILED:
            # Only a signal ends our functions early, and SQLite forgets what it raised.
            raise KeyboardInterrupt from None
        raise _translation(error, file) from error


def _name_of(error: sqlite3.Error | UnicodeDecodeError) -> str:
    return getattr(error, "sqlite_errorname", None) or ""


def _translation(error: sqlite3.Error | UnicodeDecodeError, file: Path) -> SeealsoError:
    name = _name_of(error)
    if name == "SQLITE_FULL" or (name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN")) and disk_is_full(file.parent)):
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

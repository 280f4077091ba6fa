"""An LMDB environment that several stores, threads and processes share."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lmdb

from seealso import DiskFull, StoreError, disk_is_full, sync_directory, sync_file
from seealso_lmdb.generations import (
    DAMAGE,
    DESCRIPTORS,
    META,
    REMEDY,
    create,
    current,
    following,
    mend_current,
    open_folder,
    refuse_damaged,
    set_current,
    state,
)

NEARLY_FULL = 16 << 20


class SharedLock:
    """A lock that many may share, or one may have alone. Who waits for it alone comes before who comes to share."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._sharing = 0
        self._alone = 0

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold it together with others."""
        with self._condition:
            self._condition.wait_for(lambda: not self._alone)
            self._sharing += 1
        try:
            yield
        finally:
            with self._condition:
                self._sharing -= 1
                self._condition.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold it alone; not while holding it shared."""
        with self._condition:
            self._alone += 1
            try:
                self._condition.wait_for(lambda: not self._sharing)
                yield
            finally:
                self._alone -= 1
                self._condition.notify_all()


class Environment:
    """The current generation of one store's directory. Get it from `acquire`, and give it back with `release`.

    Resizing LMDB's map, and moving to another generation, must not happen while this process has a transaction open:
    transactions share a lock, and those take it alone.
    """

    def __init__(self, directory: Path, map_size: int, *, writable: bool) -> None:
        self.directory = directory
        self.key = _key(directory)
        self.users = 0
        self._writable = writable
        self._map_size = map_size
        self._lock = SharedLock()
        self._process = os.getpid()
        self._environment: Any = None
        self._descriptors: Any = None
        self._meta: Any = None
        self._seen: tuple[int, int] | None = None
        self._open()

    # Opening

    def _open(self) -> None:
        """Open the current generation, instead of what is open."""
        self._drop()
        # A generation may be replaced and removed between our reading its name and opening it.
        for _ in range(10):
            seen = state(self.directory)
            try:
                self._environment = self._open_generation(current(self.directory))
                # Where the environment can be written this takes a short turn among the writers: handles that were
                # opened in a transaction for reading do not outlive it.
                self._descriptors = self._environment.open_db(DESCRIPTORS, create=False)
                self._meta = self._environment.open_db(META, create=False)
                self._environment.reader_check()
                self._seen = seen
                return
            except StoreError:
                self._drop()
                raise
            except (FileNotFoundError, lmdb.Error) as error:
                self._drop()
                if state(self.directory) == seen:
                    raise _cannot_be_opened(error, self.directory) from error
        raise StoreError(f"{self.directory}: the store lmdb keeps being replaced; try again")

    def _open_generation(self, folder: Path) -> Any:
        # A reader opens it for reading only, and so never waits for a writer's turn to end.
        if self._writable:
            return open_folder(folder, self._map_size)
        try:
            return open_folder(folder, self._map_size, readonly=True)
        except lmdb.Error:
            # The lock file can be neither made nor written. Nobody writes to a read-only disk; and should another
            # user write to this file elsewhere, the checksums tell.
            return open_folder(folder, self._map_size, readonly=True, lock=False)

    def _drop(self) -> None:
        if self._environment is not None:
            self._environment.close()
        self._environment = self._descriptors = self._meta = None

    def make_writable(self) -> None:
        """Open it for writing, where it was opened for reading only."""
        self._forget_parent()
        if self._writable:
            return
        with self._lock.alone():
            self._writable = True
            try:
                self._open()
            except StoreError:
                # Those who only read go on.
                self._writable = False
                self._open()
                raise

    def close(self) -> None:
        """Wait for the open transactions, and let go of the files."""
        self._forget_parent()
        with self._lock.alone():
            self._drop()

    def _forget_parent(self) -> None:
        """In a child process: let go of the parent's environment. LMDB forbids an environment to cross a fork.

        Not by closing it, which would free the parent's places in LMDB's table of readers. Nor may the lock be waited
        for: threads that are not here may hold it.
        """
        if self._process != os.getpid():
            self._process = os.getpid()
            self._lock = SharedLock()
            self._environment = self._descriptors = self._meta = None

    # Transactions

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[tuple[Any, Any]]:
        """A transaction on the descriptors, and their database; committed at the end, aborted by an exception."""
        self._notice()
        with self._lock.shared():
            transaction = self._begin(write=write)
            if transaction is not None:
                with transaction:
                    yield transaction, self._descriptors
                return
        with self._lock.alone():
            # Another process has enlarged the map.
            self._resize(0)
        with self.transaction(write=write) as begun:
            yield begun

    def _begin(self, *, write: bool) -> Any:
        try:
            return self._environment.begin(write=write)
        except lmdb.MapResizedError:
            return None

    def _notice(self) -> None:
        """Follow when the store was compacted, when the last attempt to open it failed, and after a fork."""
        self._forget_parent()
        if self._outdated():
            with self._lock.alone():
                if self._outdated():
                    self._open()

    def _outdated(self) -> bool:
        if not self.users:
            raise StoreError(f"{self.directory}: the store is closed")
        return self._environment is None or state(self.directory) != self._seen

    def meta(self, key: bytes) -> bytes | None:
        """A value of the store's own record."""
        with self.transaction() as (transaction, _):
            value: bytes | None = transaction.get(key, db=self._meta)
            return value

    def add_meta(self, transaction: Any, key: bytes, value: bytes) -> None:
        """Add a value to the store's own record, where there is none under that key."""
        transaction.put(key, value, db=self._meta, overwrite=False)

    def put_meta(self, transaction: Any, key: bytes, value: bytes) -> None:
        """Put a value into the store's own record, in the place of one that is there."""
        transaction.put(key, value, db=self._meta)

    def grow(self) -> None:
        """Double the map."""
        with self._lock.alone():
            self._resize(2 * self._environment.info()["map_size"])

    def _resize(self, size: int) -> None:
        try:
            self._environment.set_mapsize(size)
        except (lmdb.Error, MemoryError):
            # LMDB has given up the old map, and has no other: what is not opened again cannot be read any more.
            self._open()
            raise
        self._map_size = self._environment.info()["map_size"]

    def check_tree(self) -> None:
        """Look at the structure of the whole file; O(bytes).

        Raises:
            StoreError: it is damaged so that not everything can be read.
        """
        self._notice()
        with self._lock.shared():
            refuse_damaged(self._environment, whole=True)

    # Compaction

    def pages(self) -> tuple[int, int, int]:
        """Pages of the file, pages in use, and bytes a page."""
        with self.transaction() as (transaction, descriptors):
            stats = [self._environment.stat(), transaction.stat(descriptors), transaction.stat(self._meta)]
            used = sum(stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"] for stat in stats)
            return self._environment.info()["last_pgno"] + 1, used + 2, stats[0]["psize"]

    def replace_by_copy(self) -> None:
        """Write the next generation, without free pages, and move to it; whole or not at all."""
        new = following(current(self.directory))
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        try:
            with self._lock.shared():
                self._environment.copy(str(new), compact=True)
            sync_file(new / "data.mdb")
            sync_directory(new)
        except BaseException:
            # On a full disk above all, half a copy must not stay.
            shutil.rmtree(new, ignore_errors=True)
            raise
        set_current(self.directory, new.name)
        self._notice()


# LMDB forbids a process to open one environment twice (closing the second would undo the first one's locks), and two
# stores in one process cannot know of each other: this is the one thing that they have to share. It is a counted
# registry rather than one of weak references, because those are gone a moment before what they referred to is closed.
_environments: dict[str, Environment] = {}
_environments_lock = threading.Lock()


def acquire(directory: Path, map_size: int, meta: dict[bytes, bytes], *, writable: bool) -> Environment:
    """The environment of a store's directory, this process' only one; made, with ``meta`` in it, where there is none."""
    with _environments_lock:
        if writable:
            mend_current(directory)
        if state(directory) is None:
            if not writable:
                raise StoreError(f"{directory}: there is no store lmdb here")
            create(directory, map_size, meta)
        elif writable:
            # A writer that was killed may have named the generation that is written to from now on, and not synced the name.
            sync_directory(directory)
        found = _environments.get(_key(directory))
        if found is None:
            found = Environment(directory, map_size, writable=writable)
            _environments[found.key] = found
        elif writable:
            found.make_writable()
        found.users += 1
        return found


def release(environment: Environment) -> None:
    """Give an environment back; with its last user it closes."""
    with _environments_lock:
        environment.users -= 1
        if not environment.users:
            del _environments[environment.key]
            environment.close()


def _key(directory: Path) -> str:
    return os.path.realpath(directory)


def _cannot_be_opened(error: FileNotFoundError | lmdb.Error, directory: Path) -> StoreError:
    if isinstance(error, FileNotFoundError):
        return StoreError(f"{error.filename} is missing, and with it the descriptors; {REMEDY}")
    damaged = isinstance(error, DAMAGE)
    return StoreError(f"{directory}: the store lmdb cannot be opened: {error}" + (f"; {REMEDY}" if damaged else ""))


def translate(error: BaseException, directory: Path) -> Exception:
    """One of our errors for one of LMDB's."""
    text = str(error)
    full = isinstance(error, lmdb.DiskError) or any(os.strerror(code) in text for code in (errno.ENOSPC, errno.EDQUOT))
    # Where only a part of what it writes still fits, LMDB speaks of an input/output error.
    if full or (os.strerror(errno.EIO) in text and disk_is_full(directory, NEARLY_FULL)):
        return DiskFull(f"{directory}: the disk is full; make room and run the command again, nothing is lost")
    if isinstance(error, MemoryError | lmdb.MemoryError):
        return StoreError(
            f"{directory}: the store lmdb needs more address space than the process may have; "
            "raise its limit (`ulimit -v unlimited`) and run the command again, nothing is lost"
        )
    damaged = f"; the file is damaged: {REMEDY}" if isinstance(error, DAMAGE) else ""
    return StoreError(f"{directory}: the store lmdb failed: {text}{damaged}")

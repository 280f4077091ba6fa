"""An LMDB environment that several stores, threads and processes share.

On disk: ``CURRENT`` names a generation, a folder such as ``data-000001`` with LMDB's two files in it. Compaction writes the
next generation and replaces ``CURRENT`` atomically; whoever has the old one open notices before its next transaction.
"""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import lmdb

from seealso import DiskFull, StoreError

CURRENT = "CURRENT"
DESCRIPTORS = b"descriptors"
META = b"meta"
SMALLEST_MAP = 1 << 24
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
            self._condition.wait_for(lambda: not self._sharing)
            try:
                yield
            finally:
                self._alone -= 1
                self._condition.notify_all()


class Environment:
    """The current generation of one store's directory. Get it from `environment`.

    Resizing LMDB's map, and moving to another generation, must not happen while this process has a transaction open:
    transactions share a lock, and those take it alone.
    """

    def __init__(self, directory: Path, map_size: int, *, writable: bool) -> None:
        self.directory = directory
        self.writable = writable
        self._map_size = map_size
        self._lock = SharedLock()
        self._open()

    # Opening

    def _open(self) -> None:
        self._process = os.getpid()
        # A generation may be replaced and removed between our reading its name and opening it.
        for _ in range(10):
            self._seen = _state(self.directory / CURRENT)
            try:
                name = (self.directory / CURRENT).read_text().strip()
                self._environment = self._open_generation(self.directory / name)
                # Where the environment can be written this takes a short turn among the writers: handles that were
                # opened in a transaction for reading do not outlive it.
                self._descriptors = self._environment.open_db(DESCRIPTORS, create=False)
                self._meta = self._environment.open_db(META, create=False)
                self._environment.reader_check()
                return
            except (FileNotFoundError, lmdb.Error) as error:
                if _state(self.directory / CURRENT) == self._seen:
                    raise StoreError(f"{self.directory}: the store lmdb cannot be opened: {error}") from error
        raise StoreError(f"{self.directory}: the store lmdb keeps being replaced; try again")

    def _open_generation(self, folder: Path) -> Any:
        if not (folder / "data.mdb").is_file():
            raise FileNotFoundError(errno.ENOENT, "there is no data.mdb in", str(folder))
        if self.writable:
            return open_folder(folder, self._map_size)
        try:
            return open_folder(folder, self._map_size, readonly=True)
        except lmdb.Error:
            # The lock file can be neither made nor written. Nobody writes to a read-only disk; and should another
            # user write to this file elsewhere, the checksums tell.
            return open_folder(folder, self._map_size, readonly=True, lock=False)

    def make_writable(self) -> None:
        """Open it for writing, where it was opened for reading only."""
        if not self.writable:
            with self._lock.alone():
                self._environment.close()
                self.writable = True
                self._open()

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
            self._environment.set_mapsize(0)
        with self.transaction(write=write) as begun:
            yield begun

    def _begin(self, *, write: bool) -> Any:
        try:
            return self._environment.begin(write=write)
        except lmdb.MapResizedError:
            return None

    def _notice(self) -> None:
        """Follow when the store was compacted, or this process is the child of the one that opened it."""
        if self._process != os.getpid():
            # LMDB forbids an environment to cross a fork; the parent's locks may be held by threads that are not here.
            self._lock = SharedLock()
            self._environment = None
            self._open()
        elif _state(self.directory / CURRENT) != self._seen:
            with self._lock.alone():
                if _state(self.directory / CURRENT) != self._seen:
                    self._environment.close()
                    self._open()

    def meta(self, key: bytes) -> bytes | None:
        """A value of the store's own record."""
        with self.transaction() as (transaction, _):
            value: bytes | None = transaction.get(key, db=self._meta)
            return value

    def grow(self) -> None:
        """Double the map."""
        with self._lock.alone():
            self._map_size = 2 * self._environment.info()["map_size"]
            self._environment.set_mapsize(self._map_size)

    # Compaction

    def pages(self) -> tuple[int, int, int]:
        """Pages of the file, pages in use, and bytes a page."""
        with self.transaction() as (transaction, descriptors):
            stats = [self._environment.stat(), transaction.stat(descriptors), transaction.stat(self._meta)]
            used = sum(stat["branch_pages"] + stat["leaf_pages"] + stat["overflow_pages"] for stat in stats)
            return self._environment.info()["last_pgno"] + 1, used + 2, stats[0]["psize"]

    def replace_by_copy(self) -> None:
        """Write the next generation, without free pages, and move to it; whole or not at all."""
        old = (self.directory / CURRENT).read_text().strip()
        new = self.directory / f"data-{int(old.removeprefix('data-')) + 1:06d}"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        with self._lock.shared():
            self._environment.copy(str(new), compact=True)
        sync(new / "data.mdb")
        sync(new)
        set_current(self.directory, new.name)
        self._notice()
        remove_other_generations(self.directory)


def environment(directory: Path, map_size: int, *, writable: bool) -> Environment:
    """The environment of a store's directory; this process' only one."""
    key = os.path.realpath(directory)
    with _environments_lock:
        found = _environments.get(key)
        if found is None:
            found = _environments[key] = Environment(directory, map_size, writable=writable)
        elif writable:
            found.make_writable()
        return found


# LMDB forbids a process to open one environment twice, and two stores in one process cannot know of each other: this is
# the one thing that they have to share. An environment closes when its last store lets go of it.
_environments: WeakValueDictionary[str, Environment] = WeakValueDictionary()
_environments_lock = threading.Lock()


def open_folder(folder: Path, map_size: int, **options: Any) -> Any:
    """Open LMDB's files, with a smaller map where the address space does not allow the one asked for."""
    while True:
        try:
            return lmdb.open(str(folder), map_size=map_size, max_dbs=2, max_readers=512, **options)
        except (lmdb.MemoryError, MemoryError):
            if map_size <= SMALLEST_MAP:
                raise
            map_size //= 2


def create(directory: Path, map_size: int, meta: dict[bytes, bytes]) -> None:
    """Make the first generation; whole or not at all."""
    remove_other_generations(directory)
    folder = directory / "data-000001"
    folder.mkdir()
    made = open_folder(folder, map_size)
    with made.begin(write=True) as transaction:
        made.open_db(DESCRIPTORS, txn=transaction)
        database = made.open_db(META, txn=transaction)
        for key, value in meta.items():
            transaction.put(key, value, db=database)
    made.close()
    # LMDB syncs its file, and never the folder that it has made it in.
    sync(folder)
    set_current(directory, folder.name)


def set_current(directory: Path, name: str) -> None:
    """Name the current generation, durably."""
    new = directory / f"{CURRENT}.new"
    with new.open("w") as file:
        file.write(name)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, directory / CURRENT)
    sync(directory)


def remove_other_generations(directory: Path) -> None:
    """Remove every generation but the current one. Whoever has one mapped goes on with it until its next transaction."""
    current = (directory / CURRENT).read_text().strip() if (directory / CURRENT).exists() else ""
    for folder in directory.glob("data-*"):
        if folder.name != current:
            shutil.rmtree(folder, ignore_errors=True)


def sync(path: Path) -> None:
    """Force a file, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def translate(error: BaseException, directory: Path) -> Exception:
    """One of our errors for one of LMDB's."""
    text = str(error)
    full = isinstance(error, lmdb.DiskError) or any(os.strerror(code) in text for code in (errno.ENOSPC, errno.EDQUOT))
    # Where only a part of what it writes still fits, LMDB speaks of an input/output error.
    if full or (os.strerror(errno.EIO) in text and shutil.disk_usage(directory).free < NEARLY_FULL):
        return DiskFull(f"{directory}: the disk is full; make room and run the command again, nothing is lost")
    return StoreError(f"{directory}: the store lmdb failed: {text}")


def _state(file: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(file)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns

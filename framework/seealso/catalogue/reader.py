"""The catalogue: the transactional record of what a collection holds, in SQLite.

An object is known by its ID and the SHA-256 of its file's bytes; locations say where it was found; failures say which
files could not be taken in, and why. Every change of the set of objects has a number, ascending: what came after
number N is the objects whose ``change`` is larger, and the rows of ``removals`` whose ``change`` is larger. An index that
remembers the number that it has applied can thus always catch up.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from seealso.catalogue.checking import check_meta, count_unchecked, problems
from seealso.catalogue.checksums import register
from seealso.catalogue.connection import connect, connect_to_read, out_of_order, translated
from seealso.catalogue.formats import COUNTED, DAMAGE_SINCE, check_format
from seealso.catalogue.rows import Failure, FileState, Location
from seealso.errors import CorruptCollection
from seealso.interfaces.records import Counts, Damage, DamagedObject, ObjectRecord
from seealso.interfaces.text import Words
from seealso.layout import CATALOGUE
from seealso.sorted_ids import distinct

SPARSE = 16  # IDs drawn for each wanted, before all are read
NEVER = (1 << 63) - 1  # the number of a change that never comes
PARAMETERS = 500  # bound values a statement; every SQLite allows 999

SIZES = np.dtype([(name, np.int64) for name in ("id", "pixels", "bytes", "locations")])

T = TypeVar("T")


class Catalog:
    """The catalogue, for reading. Its methods may be called from several threads at once.

    Raises:
        FormatError: the file is no catalogue, or of a newer format.
        CorruptCollection: SQLite cannot read it.
    """

    def __init__(self, directory: Path) -> None:
        self.file = directory / CATALOGUE
        self._lock = threading.RLock()
        self._connect()

    def _connect(self) -> None:
        self._cleanup = contextlib.ExitStack()
        try:
            with translated(self.file):
                self._connection, self._frozen = connect_to_read(self.file, self._cleanup)
                self._connection.execute("PRAGMA query_only = 1")
                register(self._connection)
                self._format = check_format(self._connection, self.file)
                check_meta(self._connection, self.file, self._format)
        except BaseException:
            self._cleanup.close()
            raise

    def refresh(self) -> None:
        """See what other processes have committed.

        SQLite does so by itself, except where the disk cannot be written: there the file is opened anew if it changed.
        """
        with self._lock:
            if self._frozen is not None and self._frozen.outdated():
                self.close()
                self._connect()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._cleanup.close()

    # What the collection is

    def meta(self, key: str) -> str | None:
        """A value of the collection's own record, such as its provenance."""
        row = self._one("SELECT value FROM meta WHERE key = ?", (key,))
        return None if row is None else str(row[0])

    def change(self) -> int:
        """The number of the newest change; 0 for none yet."""
        return int(self.meta("change") or 0)

    def counts(self) -> Counts:
        """How many objects, locations and failures there are."""
        if self.is_of_format(3):
            kept = dict(self._all("SELECT name, number FROM counts"))
            if kept.keys() == set(COUNTED):
                return Counts(**kept)
        row = self._one("SELECT " + ", ".join(f"(SELECT count(*) FROM {table})" for table in COUNTED))
        assert row is not None
        return Counts(*row)

    def is_of_format(self, version: int) -> bool:
        """Whether the catalogue is of this format or a later one; the next writer brings an older one to the newest."""
        if self._format < version:
            row = self._one("PRAGMA user_version")
            self._format = int(row[0]) if row else 0
        return self._format >= version

    # Objects

    def ids(self, after_change: int = 0, until_change: int = NEVER) -> np.ndarray:
        """IDs of the objects added after a change, until another one, and still there, int64, ascending."""
        found = self._ids("SELECT id FROM objects WHERE change > ? AND change <= ?", after_change, until_change)
        found.sort()
        return found

    def sizes(self) -> np.ndarray:
        """Of every object, ascending: ``id``, ``pixels``, ``bytes`` of its file, and how many ``locations`` it has; a structured array
        ``(n,)`` of int64. O(objects)."""
        return self._array(
            "SELECT id, width * height, file_size, (SELECT count(*) FROM locations WHERE object = objects.id) "
            "FROM objects ORDER BY id",
            (),
            SIZES,
        )

    def removed_ids(self, after_change: int, until_change: int = NEVER) -> np.ndarray:
        """IDs of the objects removed after a change, until another one, int64, ascending."""
        statement = "SELECT object FROM removals WHERE change > ? AND change <= ?"
        return distinct(self._ids(statement, after_change, until_change))

    def step(self, after_change: int, objects: int) -> int:
        """The change until which about so many of the objects that are there were added after a change; the newest one where
        there are not as many."""
        newest = self.change()
        row = self._one(
            "SELECT change FROM objects WHERE change > ? ORDER BY change LIMIT 1 OFFSET ?", (after_change, objects - 1)
        )
        return newest if row is None else min(newest, int(row[0]))

    def removals_known_since(self) -> int:
        """Removals up to this change have been forgotten: an index older than it has to be rebuilt."""
        return int(self.meta("removals_known_since") or 0)

    def newest_id(self) -> int:
        """The largest ID of an object; 0 where there is none."""
        row = self._one("SELECT max(id) FROM objects")
        return 0 if row is None or row[0] is None else int(row[0])

    def existing(self, ids: np.ndarray) -> np.ndarray:
        """Those of ``ids`` that are objects, ascending."""
        found: list[int] = []
        for part in pages_of(possible(ids)):
            found += (row[0] for row in self._all(f"SELECT id FROM objects WHERE id IN ({marks(part)})", part))
        return np.array(sorted(found), dtype=np.int64)

    def random_ids(self, count: int, random: np.random.Generator) -> np.ndarray:
        """Up to ``count`` different IDs, each as likely as any other, in random order; O(count) unless most IDs are gaps."""
        # One by one: of both at once SQLite would go through all rows.
        row = self._one("SELECT (SELECT min(id) FROM objects), (SELECT max(id) FROM objects)")
        if row is None or row[0] is None:
            return np.empty(0, np.int64)
        first, last = row
        if last - first >= SPARSE * count:
            chosen: dict[int, None] = {}
            for _ in range(SPARSE):
                drawn = random.integers(first, last + 1, size=count)
                there = set(self.existing(distinct(drawn)).tolist())
                chosen |= dict.fromkeys(id_ for id_ in drawn.tolist() if id_ in there)
                if len(chosen) >= count:
                    return np.array(list(chosen)[:count], dtype=np.int64)
        everything = self.ids()
        return random.choice(everything, size=min(count, everything.size), replace=False)

    def records(self, ids: Sequence[int]) -> dict[int, ObjectRecord]:
        """The objects of ``ids`` that exist, with their paths."""
        found: dict[int, ObjectRecord] = {}
        for part in pages_of(possible(ids)):
            paths: dict[int, list[bytes]] = {}
            with self._lock:
                rows = self._all(
                    f"SELECT id, hash, width, height, file_size FROM objects WHERE id IN ({marks(part)})", part
                )
                for path, id_ in self._all(f"SELECT path, object FROM locations WHERE object IN ({marks(part)})", part):
                    paths.setdefault(id_, []).append(path)
            for id_, digest, width, height, size in rows:
                found[id_] = ObjectRecord(id_, digest, width, height, size, tuple(sorted(paths.get(id_, ()))))
        return found

    def id_of_hash(self, digest: bytes) -> int | None:
        """The ID of the object with this content hash."""
        row = self._one("SELECT id FROM objects WHERE hash = ?", (digest,))
        return None if row is None else int(row[0])

    def known_hashes(self, digests: Iterable[bytes]) -> set[bytes]:
        """Those of the content hashes that are of an object."""
        found: set[bytes] = set()
        for part in pages_of(list(digests)):
            found |= {
                digest for (digest,) in self._all(f"SELECT hash FROM objects WHERE hash IN ({marks(part)})", part)
            }
        return found

    # Words

    def _has_words(self) -> bool:
        return self.is_of_format(2)

    def words(self, ids: Sequence[int]) -> dict[int, dict[str, tuple[Words, ...]]]:
        """What describes objects: ID → source → words, each once; without the objects that nothing describes."""
        found: dict[int, dict[str, dict[Words, None]]] = {}
        for part in pages_of(possible(ids)) if self._has_words() else ():
            for id_, source, words in self._all(
                "SELECT object, source, words FROM locations JOIN words USING (path) "
                f"WHERE object IN ({marks(part)}) ORDER BY path",
                part,
            ):
                said = found.setdefault(id_, {}).setdefault(source, {})
                said |= dict.fromkeys(self._parsed(words, id_))
        return {id_: {source: tuple(words) for source, words in said.items()} for id_, said in found.items()}

    def _parsed(self, words: str, id_: int) -> list[Words]:
        try:
            return [Words(*each) for each in json.loads(words)]
        except (ValueError, TypeError, RecursionError):
            raise CorruptCollection(
                f"{self.file}: the words of object {id_} are damaged; run `seealso verify`"
            ) from None

    def count_annotated(self) -> int:
        """How many objects are described by any word; O(number of locations that are)."""
        row = (
            self._one("SELECT count(DISTINCT object) FROM words JOIN locations USING (path)")
            if self._has_words()
            else None
        )
        return int(row[0]) if row else 0

    def annotated(self) -> bool:
        """Whether there is a word at all."""
        return self._has_words() and self._one("SELECT 1 FROM words LIMIT 1") is not None

    def reannotated_ids(self, after_change: int, until_change: int = NEVER) -> np.ndarray:
        """IDs of the objects that are there and got or lost words after a change, until another one, int64, ascending.

        O(objects added after it), where there are any words at all.
        """
        if not self._has_words():
            return np.empty(0, np.int64)
        changed = self._ids(
            "SELECT object FROM described JOIN objects ON id = object WHERE described.change > ? AND described.change <= ?",
            after_change,
            until_change,
        )
        if not self.annotated():
            return distinct(changed)
        added = self._ids(
            "SELECT id FROM objects WHERE change > ? AND change <= ? AND EXISTS "
            "(SELECT 1 FROM locations JOIN words USING (path) WHERE object = id)",
            after_change,
            until_change,
        )
        return distinct(added, changed)

    # Files

    def states(self, paths: Sequence[bytes]) -> dict[bytes, bytes]:
        """Path → the signature of the file when it was taken in or failed, for those of ``paths`` that are known."""
        found: dict[bytes, bytes] = {}
        for part in pages_of(list(paths)):
            for table in ("locations", "failures"):
                found |= self._all(f"SELECT path, signature FROM {table} WHERE path IN ({marks(part)})", part)
        return found

    def annotation_states(self, paths: Sequence[bytes]) -> dict[bytes, bytes]:
        """Path → the `Annotation.state` of what describes it, for those of ``paths`` that are locations."""
        found: dict[bytes, bytes] = {}
        for part in pages_of(list(paths)) if self._has_words() else ():
            found |= self._all(f"SELECT path, described FROM locations WHERE path IN ({marks(part)})", part)
        return found

    def objects_at(self, paths: Sequence[bytes]) -> dict[bytes, int]:
        """Path → the ID of the object there, for those of ``paths`` that are locations."""
        found: dict[bytes, int] = {}
        for part in pages_of(list(paths)):
            found |= self._all(f"SELECT path, object FROM locations WHERE path IN ({marks(part)})", part)
        return found

    def failure_reasons(self, paths: Sequence[bytes]) -> dict[bytes, str]:
        """Path → why it failed, for those of ``paths`` that did."""
        found: dict[bytes, str] = {}
        for part in pages_of(list(paths)):
            found |= self._all(f"SELECT path, reason FROM failures WHERE path IN ({marks(part)})", part)
        return found

    def locations_below(self, path: bytes, page: int = 1000) -> Iterator[Location]:
        """Every location at or below a path, ascending; a page at a time, so that the catalogue may change meanwhile."""
        columns = "SELECT path, object, signature, device FROM locations WHERE"
        last, high = path.rstrip(b"/") + b"/", path.rstrip(b"/") + b"0"
        rows = self._all(f"{columns} path = ?", (path,))
        while True:
            for row in rows:
                yield Location(row[0], row[1], FileState(row[2], row[3]))
            rows = self._all(f"{columns} path > ? AND path < ? ORDER BY path LIMIT ?", (last, high, page))
            if not rows:
                return
            last = self._following(last, rows[-1][0])

    def count_objects_below(self, path: bytes) -> int:
        """How many different objects were found at or below a path."""
        low, high = path.rstrip(b"/") + b"/", path.rstrip(b"/") + b"0"
        row = self._one(
            "SELECT count(DISTINCT object) FROM locations WHERE path = ? OR (path > ? AND path < ?)", (path, low, high)
        )
        assert row is not None
        return int(row[0])

    def paths_of(self, object_id: int) -> list[bytes]:
        """Where an object was found, ascending."""
        return [row[0] for row in self._all("SELECT path FROM locations WHERE object = ? ORDER BY path", (object_id,))]

    def failures(self) -> Iterator[Failure]:
        """Every failure, by path."""
        last = b""
        while rows := self._all(
            "SELECT path, reason, signature, time FROM failures WHERE path > ? ORDER BY path LIMIT 1000", (last,)
        ):
            for path, reason, signature, moment in rows:
                yield Failure(path, reason, FileState(signature, 0), moment)
            last = self._following(last, rows[-1][0])

    def damaged(self) -> Iterator[DamagedObject]:
        """Every object whose picture is damaged, by ID."""
        last = 0
        while self.is_of_format(DAMAGE_SINCE) and (
            rows := self._all(
                "SELECT object, reason, share FROM damage WHERE object > ? ORDER BY object LIMIT ?", (last, PARAMETERS)
            )
        ):
            records = self.records([id_ for id_, _, _ in rows])
            for id_, reason, share in rows:
                if id_ in records:
                    yield DamagedObject(id_, records[id_].paths, Damage(reason, share))
            if rows[-1][0] <= last:
                raise out_of_order(self.file)
            last = rows[-1][0]

    def count_damaged(self) -> int:
        """How many objects have a damaged picture; O(that many)."""
        row = self._one("SELECT count(*) FROM damage") if self.is_of_format(DAMAGE_SINCE) else None
        return int(row[0]) if row else 0

    def _following(self, last: bytes, path: bytes) -> bytes:
        """Where the next page begins."""
        if not isinstance(path, bytes) or path <= last:
            raise out_of_order(self.file)
        return path

    def verify(self) -> list[str]:
        """What is wrong with the catalogue, one line each, with the command that mends it; empty when all is well; O(rows)."""
        try:
            with contextlib.ExitStack() as cleanup:
                return self._read(lambda connection: problems(connection, self._second(cleanup)))
        except CorruptCollection as error:
            return [str(error)]

    def _second(self, cleanup: contextlib.ExitStack) -> sqlite3.Connection | None:
        """One more connection; none where SQLite cannot watch the file."""
        return connect(self.file, "mode=rw", cleanup) if self._frozen is None else None

    def unchecked(self) -> int:
        """How many rows have no checksum yet, since an earlier release made the catalogue; O(rows) where there are any."""
        return self._read(count_unchecked)

    def _one(self, statement: str, parameters: Sequence[object] = ()) -> tuple[Any, ...] | None:
        found: tuple[Any, ...] | None = self._read(
            lambda connection: connection.execute(statement, parameters).fetchone()
        )
        return found

    def rows(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """What a statement gives; for the modules of the catalogue that look after a table of their own."""
        return self._all(statement, parameters)

    def _all(self, statement: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self._read(lambda connection: connection.execute(statement, parameters).fetchall())

    def _ids(self, statement: str, *parameters: int) -> np.ndarray:
        return self._array(statement, parameters, np.dtype(np.int64))

    def _array(self, statement: str, parameters: Sequence[int], dtype: np.dtype) -> np.ndarray:
        # An array grows by doubling; a list of Python integers would take ten times the memory.
        def read(connection: sqlite3.Connection) -> np.ndarray:
            try:
                rows = connection.execute(statement, parameters)
                return np.fromiter(rows if dtype.names else (row[0] for row in rows), dtype)
            except (TypeError, ValueError):
                raise CorruptCollection(
                    f"{self.file} is damaged (a number is none any more); run `seealso verify`"
                ) from None

        return self._read(read)

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What some reading gives; anew where another process wrote to the file meanwhile and SQLite cannot know of it."""
        with self._lock:
            while True:
                try:
                    with translated(self.file):
                        found = work(self._connection)
                except CorruptCollection:
                    if self._frozen is None or not self._frozen.overwritten():
                        raise
                else:
                    if self._frozen is None or not self._frozen.overwritten():
                        return found
                self.close()
                self._connect()


def possible(ids: Iterable[int]) -> list[int]:
    """Those that an object can have, as SQLite takes them: numbers of 64 bits, also where NumPy's were given."""
    return [int(id_) for id_ in ids if 0 <= id_ <= NEVER]


def pages_of(values: list[Any]) -> Iterator[list[Any]]:
    """Values, as many at a time as a statement may hold."""
    for start in range(0, len(values), PARAMETERS):
        yield values[start : start + PARAMETERS]


def marks(values: list[Any]) -> str:
    """A question mark for each."""
    return ",".join("?" * len(values))

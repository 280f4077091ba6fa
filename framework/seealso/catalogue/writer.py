"""The catalogue, for writing: every method is one transaction, durable on return.

Only the process that holds the collection's lock makes a `CatalogWriter`.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path

import numpy as np

from seealso.catalogue.checking import check_meta
from seealso.catalogue.checksums import KEYS, NOTHING, checksum_of, inserting, register
from seealso.catalogue.connection import connect, log_of, translated
from seealso.catalogue.formats import (
    APPLICATION_ID,
    CHECKSUMS_SINCE,
    COUNTED,
    FORMAT,
    FORMAT_VERSION,
    UNCHECKED,
    UPGRADES,
    check_format,
    schema_of,
)
from seealso.catalogue.reader import Catalog, marks, pages_of
from seealso.catalogue.rows import Failure, Location, ObjectRow
from seealso.durability import sync_directory, sync_file
from seealso.layout import CATALOGUE

REMOVAL_PAGE = 10_000

WASTED = 0.1
"""The file is written anew where more than this share of it is free: that takes as much room again, and minutes for a hundred million objects."""

UNPLACE = f"INSERT OR IGNORE INTO unplaced SELECT object, {checksum_of('unplaced')} FROM locations WHERE path = ?"
GIVEN = {"path": "?1", "object": "?2", "signature": "?3", "device": "?4"}
PLACE = (
    "INSERT INTO locations(path, object, signature, device, checksum) "
    f"VALUES (?1, ?2, ?3, ?4, {checksum_of('locations', **GIVEN, described=NOTHING)}) "
    "ON CONFLICT(path) DO UPDATE SET object = ?2, signature = ?3, device = ?4, checksum = "
    + checksum_of("locations", **GIVEN, described="locations.described")
)
"""A location as it is now; what describes it stays as it was."""
RESERVED_IDS = 1024  # at a time: one durable write for many batches


def create_catalog(directory: Path, meta: Mapping[str, str]) -> None:
    """Write an empty catalogue; whole or not at all, whenever this is interrupted."""
    new = directory / f"{CATALOGUE}.new"
    # SQLite would believe the log of a catalogue that was there before.
    for leftover in (new.name, f"{new.name}-journal", f"{CATALOGUE}-wal", f"{CATALOGUE}-shm"):
        (directory / leftover).unlink(missing_ok=True)
    with contextlib.ExitStack() as cleanup, translated(directory / CATALOGUE):
        connection = connect(new, "mode=rwc", cleanup)
        register(connection)
        connection.executescript(f"BEGIN; {schema_of(FORMAT_VERSION)} COMMIT;")
        start = {"change": "0", "next_id": "1", FORMAT: str(FORMAT_VERSION), **meta}
        connection.executemany(inserting("meta"), start.items())
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
        connection.execute("PRAGMA journal_mode = WAL")
    sync_file(new)
    os.rename(new, directory / CATALOGUE)
    sync_directory(directory)


class CatalogWriter(Catalog):
    """The catalogue, for reading and writing, from one thread at a time."""

    def _connect(self) -> None:
        self._cleanup = contextlib.ExitStack()
        self._frozen = None
        try:
            with translated(self.file):
                self._connection = connect(self.file, "mode=rw", self._cleanup)
                register(self._connection)
                self._format = check_format(self._connection, self.file)
                check_meta(self._connection, self.file, self._format)
                # FULL: a commit survives a power cut; NORMAL would lose the last ones.
                self._connection.execute("PRAGMA synchronous = FULL")
                self._connection.execute("PRAGMA foreign_keys = ON")
                # In KiB. Hashes fall all over their index: with less, most inserts read a page anew.
                self._connection.execute("PRAGMA cache_size = -16384")
            self._sync_log()
            if self._format < FORMAT_VERSION:
                self._bring_up_to_date()
        except BaseException:
            self._cleanup.close()
            raise

    def _sync_log(self) -> None:
        """Have stay what a writer has committed that was killed before it could sync it: it is seen, and counted on."""
        log = log_of(self.file)
        if log.exists() and log.stat().st_size:
            sync_file(log)
            sync_directory(log.parent)

    def _bring_up_to_date(self) -> None:
        """Make a catalogue of an older format one of this."""
        script = "".join(UPGRADES[version] for version in range(self._format + 1, FORMAT_VERSION + 1))
        lacking = {UNCHECKED: json.dumps([min(KEYS), []])} if self._format < CHECKSUMS_SINCE else {}
        with self._rolled_back_on_failure() as connection:
            connection.executescript(f"BEGIN IMMEDIATE; {script}")
            if lacking:
                connection.execute(f"UPDATE meta SET checksum = {checksum_of('meta')}")
            self.set_in(connection, {FORMAT: str(FORMAT_VERSION), **lacking})
            connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
            connection.execute("COMMIT")
        self._format = FORMAT_VERSION

    @contextlib.contextmanager
    def _rolled_back_on_failure(self) -> Iterator[sqlite3.Connection]:
        with self._lock, translated(self.file):
            try:
                yield self._connection
            except BaseException:
                # A failed COMMIT may have ended the transaction already.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction of its own: durable when the block ends, undone when it raises."""
        with self._rolled_back_on_failure() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def set_meta(self, values: Mapping[str, str]) -> None:
        """Record values of the collection's own, in one transaction."""
        with self.transaction() as connection:
            self.set_in(connection, values)

    @staticmethod
    def set_in(connection: sqlite3.Connection, values: Mapping[str, str]) -> None:
        """Record values in a transaction that has begun."""
        connection.executemany(inserting("meta", "INSERT OR REPLACE"), values.items())

    def reserve_ids(self, count: int) -> int:
        """Reserve ``count`` IDs, ``first`` … ``first + count − 1``; returns ``first``. They are never given again."""
        with self.transaction() as connection:
            first = int(connection.execute("SELECT value FROM meta WHERE key = 'next_id'").fetchone()[0])
            self.set_in(connection, {"next_id": str(first + count)})
        return first

    def return_ids(self, first: int, end: int) -> None:
        """Give back the reserved IDs ``first`` … ``end − 1``, to which nothing was ever stored, if they are the newest."""
        with self.transaction() as connection:
            if self.meta("next_id") == str(end):
                self.set_in(connection, {"next_id": str(first)})

    def commit(self, objects: Sequence[ObjectRow], locations: Sequence[Location], failures: Sequence[Failure]) -> int:
        """Add objects, place locations, record failures; returns the number of the newest change.

        A location that held another object before leaves that object, and so does a file that was reached and failed;
        `remove_unplaced` removes the objects that no location holds any more.
        """
        with self.transaction() as connection:
            change = self.change() + 1
            connection.executemany(
                inserting("objects"),
                ((o.id, o.hash, change, o.width, o.height, o.file_size) for o in objects),
            )
            connection.executemany(
                inserting("damage"),
                ((o.id, o.damage.reason, o.damage.share) for o in objects if o.damage is not None),
            )
            owners = self.objects_at([place.path for place in locations])
            moved = [(place.path,) for place in locations if owners.get(place.path, place.object) != place.object]
            connection.executemany(UNPLACE, moved)
            reannotated = self._annotate(connection, locations, owners)
            self._place(connection, locations, owners)
            if self._one("SELECT 1 FROM failures LIMIT 1"):
                connection.executemany("DELETE FROM failures WHERE path = ?", ((place.path,) for place in locations))
            reannotated |= self._leave(connection, [failure.path for failure in failures if failure.reached])
            connection.executemany(
                f"{inserting('failures')} ON CONFLICT(path) DO UPDATE SET reason = excluded.reason, "
                "signature = excluded.signature, time = excluded.time, checksum = excluded.checksum",
                ((f.path, f.reason, f.state.signature, f.time) for f in failures),
            )
            # What is new is not changed as well.
            reannotated -= {o.id for o in objects}
            return self._end_change(connection, change, reannotated) if objects or reannotated else change - 1

    def remove_locations(self, paths: Sequence[bytes]) -> None:
        """Forget locations."""
        with self.transaction() as connection:
            self.leave_in(connection, paths)

    def leave_in(self, connection: sqlite3.Connection, paths: Sequence[bytes]) -> None:
        """Forget locations in a transaction that has begun."""
        reannotated = self._leave(connection, paths)
        if reannotated:
            self._end_change(connection, self.change() + 1, reannotated)

    def remove_failures(self, paths: Sequence[bytes]) -> None:
        """Forget failures."""
        with self.transaction() as connection:
            connection.executemany("DELETE FROM failures WHERE path = ?", ((path,) for path in paths))

    def remove_unplaced(self) -> Iterator[np.ndarray]:
        """Remove the objects that lost their last location; yields their IDs, committed, a page at a time."""
        while True:
            with self.transaction() as connection:
                connection.execute(
                    "DELETE FROM unplaced WHERE EXISTS (SELECT 1 FROM locations WHERE object = unplaced.object)"
                )
                rows = connection.execute("SELECT object FROM unplaced LIMIT ?", (REMOVAL_PAGE,)).fetchall()
                if rows:
                    change = self.change() + 1
                    self.set_in(connection, {"change": str(change)})
                    connection.executemany(inserting("removals"), ((change, row[0]) for row in rows))
                    connection.executemany("DELETE FROM objects WHERE id = ?", rows)
                    connection.executemany("DELETE FROM described WHERE object = ?", rows)
                    connection.executemany("DELETE FROM damage WHERE object = ?", rows)
                    connection.executemany("DELETE FROM unplaced WHERE object = ?", rows)
            if not rows:
                return
            yield np.array([row[0] for row in rows], dtype=np.int64)

    def forget_removals(self, until_change: int) -> None:
        """Drop the record of removals up to a change that every index has applied."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM removals WHERE change <= ?", (until_change,))
            self.set_in(connection, {"removals_known_since": str(until_change)})

    def compact(self) -> None:
        """Give back the space of removed rows, where it is worth it, and fold the write-ahead log into the file; what is counted is counted
        anew. The file is written anew only where more than `WASTED` of it is free."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM counts")
            for table in COUNTED:
                connection.execute(f"INSERT INTO counts SELECT '{table}', count(*) FROM {table}")
        with self._lock, translated(self.file):
            free, pages = (
                self._connection.execute(f"PRAGMA {count}").fetchone()[0] for count in ("freelist_count", "page_count")
            )
            if free > WASTED * pages:
                self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _end_change(self, connection: sqlite3.Connection, change: int, reannotated: Set[int]) -> int:
        """Record a change, and that the words of some objects changed with it."""
        self.set_in(connection, {"change": str(change)})
        connection.executemany(inserting("described", "INSERT OR REPLACE"), ((id_, change) for id_ in reannotated))
        return change

    def _place(
        self, connection: sqlite3.Connection, locations: Sequence[Location], owners: Mapping[bytes, int]
    ) -> None:
        """Keep locations; ``owners``: path → object, of those that are there already. The others are most, and one statement does for each."""
        # A path that stands twice in a batch is new only once.
        new = {place.path: place for place in reversed(locations) if place.path not in owners}
        again = [place for place in locations if new.get(place.path) is not place]
        connection.executemany(
            inserting("locations"),
            (
                (place.path, place.object, *place.state, b"" if place.annotation is None else place.annotation.state)
                for place in reversed(new.values())
            ),
        )
        connection.executemany(PLACE, ((place.path, place.object, *place.state) for place in again))
        connection.executemany(
            f"UPDATE locations SET described = ?1, checksum = {checksum_of('locations', described='?1')} WHERE path = ?2",
            ((place.annotation.state, place.path) for place in again if place.annotation is not None),
        )

    def _annotate(
        self, connection: sqlite3.Connection, locations: Sequence[Location], owners: Mapping[bytes, int]
    ) -> set[int]:
        """Keep what describes files, before their locations are; returns the IDs of the objects whose words change."""
        words = self._words_at([place.path for place in locations])
        reannotated: set[int] = set()
        for place in locations:
            before, now = words.get(place.path, {}), words.get(place.path, {})
            if place.annotation is not None:
                now = {source: json.dumps(said, ensure_ascii=False) for source, said in place.annotation.words.items()}
            if before != now:
                connection.execute("DELETE FROM words WHERE path = ?", (place.path,))
                connection.executemany(inserting("words"), ((place.path, *each) for each in now.items()))
            owner = owners.get(place.path)
            if before != now or (before and owner != place.object):
                reannotated |= {place.object} if owner is None else {place.object, owner}
        return reannotated

    def _words_at(self, paths: Sequence[bytes]) -> dict[bytes, dict[str, str]]:
        """Path → source → words as they are kept, for those of ``paths`` that have any."""
        found: dict[bytes, dict[str, str]] = {}
        for part in pages_of(list(paths)):
            for path, source, words in self._all(
                f"SELECT path, source, words FROM words WHERE path IN ({marks(part)})", part
            ):
                found.setdefault(path, {})[source] = words
        return found

    def _leave(self, connection: sqlite3.Connection, paths: Sequence[bytes]) -> set[int]:
        """Forget locations, and what describes them; returns the IDs of the objects whose words change."""
        objects, words = self.objects_at(paths), self._words_at(paths)
        connection.executemany(UNPLACE, ((path,) for path in paths))
        connection.executemany("DELETE FROM locations WHERE path = ?", ((path,) for path in paths))
        connection.executemany("DELETE FROM words WHERE path = ?", ((path,) for path in words))
        return {objects[path] for path in words if path in objects}


class IdReserve:
    """Gives IDs, ascending, from blocks reserved durably in the catalogue before any of them is used."""

    def __init__(self, writer: CatalogWriter) -> None:
        self._writer = writer
        self._next = self._end = 0

    def take(self, count: int) -> np.ndarray:
        """``count`` IDs that were never given before, int64, ascending."""
        if self._next + count > self._end:
            self.give_back()
            self._next = self._writer.reserve_ids(max(count, RESERVED_IDS))
            self._end = self._next + max(count, RESERVED_IDS)
        ids = np.arange(self._next, self._next + count, dtype=np.int64)
        self._next += count
        return ids

    def give_back(self) -> None:
        """Return what was reserved and not given."""
        if self._next < self._end:
            self._writer.return_ids(self._next, self._end)
        self._next = self._end = 0

"""The catalogue, for writing: every method is one transaction, durable on return.

Only the process that holds the collection's lock makes a `CatalogWriter`.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from seealso.catalog import FILE_NAME, SCHEMA, Catalog, Failure, Location, ObjectRow
from seealso.catalog_connection import APPLICATION_ID, FORMAT_VERSION, check_format, connect, translated
from seealso.durability import sync_directory, sync_file

REMOVAL_PAGE = 10_000


def create_catalog(directory: Path, meta: Mapping[str, str]) -> None:
    """Write an empty catalogue; whole or not at all, whenever this is interrupted."""
    new = directory / f"{FILE_NAME}.new"
    for leftover in (new, new.with_name(new.name + "-journal")):
        leftover.unlink(missing_ok=True)
    with contextlib.ExitStack() as cleanup, translated(directory / FILE_NAME):
        connection = connect(new, "mode=rwc", cleanup)
        connection.executescript(f"BEGIN; {SCHEMA} COMMIT;")
        start = {"change": "0", "next_id": "1", **meta}
        connection.executemany("INSERT INTO meta VALUES (?, ?)", start.items())
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
        connection.execute("PRAGMA journal_mode = WAL")
    sync_file(new)
    os.rename(new, directory / FILE_NAME)
    sync_directory(directory)


class CatalogWriter(Catalog):
    """The catalogue, for reading and writing, from one thread at a time."""

    def _connect(self) -> None:
        self._cleanup = contextlib.ExitStack()
        self._frozen = None
        try:
            with translated(self.file):
                self._connection = connect(self.file, "mode=rw", self._cleanup)
                check_format(self._connection, self.file)
                # FULL: a commit survives a power cut; NORMAL would lose the last ones.
                self._connection.execute("PRAGMA synchronous = FULL")
                self._connection.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            self._cleanup.close()
            raise

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, translated(self.file):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # A failed COMMIT may have ended the transaction already.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def set_meta(self, values: Mapping[str, str]) -> None:
        """Record values of the collection's own, in one transaction."""
        with self._transaction() as connection:
            connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())

    def reserve_ids(self, count: int) -> int:
        """Reserve ``count`` IDs, ``first`` … ``first + count − 1``; returns ``first``. They are never given again."""
        with self._transaction() as connection:
            first = int(connection.execute("SELECT value FROM meta WHERE key = 'next_id'").fetchone()[0])
            connection.execute("UPDATE meta SET value = ? WHERE key = 'next_id'", (str(first + count),))
        return first

    def return_ids(self, first: int, end: int) -> None:
        """Give back the reserved IDs ``first`` … ``end − 1``, to which nothing was ever stored, if they are the newest."""
        with self._transaction() as connection:
            connection.execute("UPDATE meta SET value = ? WHERE key = 'next_id' AND value = ?", (str(first), str(end)))

    def commit(self, objects: Sequence[ObjectRow], locations: Sequence[Location], failures: Sequence[Failure]) -> int:
        """Add objects, place locations, record failures; returns the number of the newest change.

        A location that held another object before leaves that object, and so does a file that was reached and failed;
        `remove_unplaced` removes the objects that no location holds any more.
        """
        with self._transaction() as connection:
            change = self.change()
            if objects:
                change += 1
                connection.execute("UPDATE meta SET value = ? WHERE key = 'change'", (str(change),))
            connection.executemany(
                "INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?)",
                ((o.id, o.hash, change, o.width, o.height, o.file_size) for o in objects),
            )
            connection.executemany(
                "INSERT OR IGNORE INTO unplaced SELECT object FROM locations WHERE path = ? AND object <> ?",
                ((place.path, place.object) for place in locations),
            )
            connection.executemany(
                "INSERT OR REPLACE INTO locations VALUES (?, ?, ?, ?)",
                ((place.path, place.object, *place.state) for place in locations),
            )
            connection.executemany("DELETE FROM failures WHERE path = ?", ((place.path,) for place in locations))
            self._leave(connection, [failure.path for failure in failures if failure.reached])
            connection.executemany(
                "INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?)",
                ((f.path, f.reason, f.state.signature, f.time) for f in failures),
            )
        return change

    def remove_locations(self, paths: Sequence[bytes]) -> None:
        """Forget locations."""
        with self._transaction() as connection:
            self._leave(connection, paths)

    def remove_failures(self, paths: Sequence[bytes]) -> None:
        """Forget failures."""
        with self._transaction() as connection:
            connection.executemany("DELETE FROM failures WHERE path = ?", ((path,) for path in paths))

    def remove_unplaced(self) -> Iterator[np.ndarray]:
        """Remove the objects that lost their last location; yields their IDs, committed, a page at a time."""
        while True:
            with self._transaction() as connection:
                connection.execute(
                    "DELETE FROM unplaced WHERE EXISTS (SELECT 1 FROM locations WHERE object = unplaced.object)"
                )
                rows = connection.execute("SELECT object FROM unplaced LIMIT ?", (REMOVAL_PAGE,)).fetchall()
                if rows:
                    change = self.change() + 1
                    connection.execute("UPDATE meta SET value = ? WHERE key = 'change'", (str(change),))
                    connection.executemany("INSERT INTO removals VALUES (?, ?)", ((change, row[0]) for row in rows))
                    connection.executemany("DELETE FROM objects WHERE id = ?", rows)
                    connection.executemany("DELETE FROM unplaced WHERE object = ?", rows)
            if not rows:
                return
            yield np.array([row[0] for row in rows], dtype=np.int64)

    def forget_removals(self, until_change: int) -> None:
        """Drop the record of removals up to a change that every index has applied."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM removals WHERE change <= ?", (until_change,))
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('removals_known_since', ?)", (str(until_change),))

    def compact(self) -> None:
        """Give back the space of removed rows, and fold the write-ahead log into the file."""
        with self._lock, translated(self.file):
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _leave(self, connection: sqlite3.Connection, paths: Sequence[bytes]) -> None:
        connection.executemany(
            "INSERT OR IGNORE INTO unplaced SELECT object FROM locations WHERE path = ?", ((path,) for path in paths)
        )
        connection.executemany("DELETE FROM locations WHERE path = ?", ((path,) for path in paths))

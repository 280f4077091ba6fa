"""What may be wrong with a catalogue, and which command mends it."""

from __future__ import annotations

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from seealso.catalogue.checksums import COVERED, checksum_of, failing
from seealso.catalogue.connection import RESTORE
from seealso.catalogue.formats import COUNTED, FORMAT, FORMAT_VERSION, UNCHECKED, schema_of
from seealso.errors import CorruptCollection
from seealso.layout import CATALOGUE

NAMED = 20  # rows of a table that are named; of more only the number is said

TRY_TO_MEND = f"`seealso maintain` mends what it can; where it refuses, {RESTORE}"
TAKE_IN_ANEW = "`seealso maintain` forgets it, and `seealso index PATH…` then takes it in anew"
BUILD_ANEW = "`seealso maintain` forgets it, and has the indexes built anew"
MAY_COME_BACK = "`seealso maintain` forgets that, and `seealso index PATH…` may take the image in again"
FORGET = "`seealso maintain` forgets it; the image stays"

ROWS = {
    "meta": ("the setting", "key"),
    "objects": ("object", "id"),
    "locations": ("the location", "path"),
    "unplaced": ("the lost object", "object"),
    "removals": ("the removal of object", "object"),
    "failures": ("the failure of", "path"),
    "words": ("the words of", "path"),
    "described": ("the change of the words of object", "object"),
    "forgotten": ("what was forgotten of", "path"),
    "damage": ("the damage of object", "object"),
}
"""Table → what a row of it is called, and the column that tells a person which one it is."""

REMEDIES = {
    "meta": RESTORE,
    "unplaced": BUILD_ANEW,
    "removals": BUILD_ANEW,
    "described": BUILD_ANEW,
    "forgotten": MAY_COME_BACK,
    "damage": FORGET,
}


def check_meta(connection: sqlite3.Connection, file: Path, version: int) -> None:
    """Look at what the catalogue records of the collection as a whole, for every answer depends on it; O(1).

    Raises:
        CorruptCollection: a checksum fails, or the header tells of another format than the record.
    """
    recorded = connection.execute("SELECT value FROM meta WHERE key = ?", (FORMAT,)).fetchone()
    # Formats before 4 had no such record.
    if recorded != ((str(version),) if version >= 4 else None):
        raise CorruptCollection(f"{file} is damaged: its header tells of format {version}; {RESTORE}")
    if version >= 4:
        wrong = connection.execute(
            f"SELECT CAST(key AS BLOB) FROM meta WHERE checksum IS NOT {checksum_of('meta')}"
        ).fetchall()
        if wrong:
            names = ", ".join(str(key)[2:-1] for (key,) in wrong)
            raise CorruptCollection(f"{file} is damaged: these settings fail their checksums: {names}; {RESTORE}")


def problems(connection: sqlite3.Connection, second: sqlite3.Connection | None = None) -> list[str]:
    """What is wrong, one line each; O(rows).

    Args:
        connection: reads the rows.
        second: another connection to the same file: the structure is checked through it at the same time, which halves the time.

    Raises:
        sqlite3.Error: the file cannot be read.
    """
    if second is None:
        wrong, rows = structure(connection), _problems_of_rows(connection)
    else:
        with ThreadPoolExecutor(1) as thread:
            checking = thread.submit(structure, second)
            rows = _problems_of_rows(connection)
        wrong = checking.result()
    found = [f"{problem}; {TRY_TO_MEND}" for problem in wrong] + rows
    return [f"{CATALOGUE}: {problem}" for problem in found]


def _problems_of_rows(connection: sqlite3.Connection) -> list[str]:
    # All of them as they are at one moment, for others may be writing.
    connection.execute("BEGIN")
    found: list[str] = []
    try:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        found += (f"{name} is not as it was made; {RESTORE}" for name in _altered(connection, version))
        if version >= 3:
            found += _miscounted(connection)
        if version >= 4:
            found += _failing_rows(connection)
    finally:
        connection.execute("ROLLBACK")
    return found


def structure(connection: sqlite3.Connection) -> list[str]:
    """What SQLite's own check finds wrong."""
    found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(20)") if row[0] != "ok"]
    for table, rowid, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        found.append(f"row {rowid} of {table} refers to a row that is not in {parent}")
    return found


def count_unchecked(connection: sqlite3.Connection) -> int:
    """How many rows have no checksum yet; O(rows) where the catalogue is of an earlier release, else O(1)."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version >= 4 and not _lacks_checksums(connection):
        return 0
    condition = "WHERE checksum IS NULL" if version >= 4 else ""
    return sum(
        int(connection.execute(f"SELECT count(*) FROM {table} {condition}").fetchone()[0])
        for table in COVERED.keys() & _tables(connection)
    )


def _tables(connection: sqlite3.Connection) -> set[str]:
    """The names of the tables that are there."""
    return {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _lacks_checksums(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM meta WHERE key = ?", (UNCHECKED,)).fetchone() is not None


def _altered(connection: sqlite3.Connection, version: int) -> list[str]:
    """The names of tables, indexes and triggers that are not as the format says."""
    if not 1 <= version <= FORMAT_VERSION:
        return []
    plain = sqlite3.connect(":memory:", isolation_level=None)
    try:
        plain.executescript(schema_of(version))
        wanted, there = _schema(plain), _schema(connection)
    finally:
        plain.close()
    return sorted(name for name, sql in wanted.items() if there.get(name) != sql)


def _schema(connection: sqlite3.Connection) -> dict[str, str]:
    rows = connection.execute("SELECT name, type, tbl_name, sql FROM sqlite_master").fetchall()
    return {name: " ".join(f"{kind} {table} {sql}".split()) for name, kind, table, sql in rows}


def _miscounted(connection: sqlite3.Connection) -> list[str]:
    found = []
    for table in COUNTED:
        told, counted = connection.execute(
            f"SELECT (SELECT number FROM counts WHERE name = ?), (SELECT count(*) FROM {table})", (table,)
        ).fetchone()
        if told != counted:
            counts = "none" if told is None else told
            found.append(f"{counted} {table} are there, and {counts} are counted; `seealso maintain` counts anew")
    return found


def _failing_rows(connection: sqlite3.Connection) -> list[str]:
    lacks = _lacks_checksums(connection)
    found: list[str] = []
    # Of an earlier format some are not there; what else is missing is named by itself.
    there = _tables(connection)
    for table, (called, column) in ((table, row) for table, row in ROWS.items() if table in there):
        condition = failing(table) if lacks else f"checksum IS NOT {checksum_of(table)}"
        rows = connection.execute(
            f"SELECT CAST({column} AS BLOB) FROM {table} WHERE {condition} LIMIT ?", (NAMED + 1,)
        ).fetchall()
        remedy = REMEDIES.get(table, TAKE_IN_ANEW)
        found += (
            f"{called} {os.fsdecode(name or b'?')}: its record fails its checksum; {remedy}" for (name,) in rows[:NAMED]
        )
        if len(rows) > NAMED:
            found.append(f"more rows of {table} fail their checksums; {remedy}")
    return found

"""The formats of the catalogue: its tables, and what makes an older one into the newest."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from seealso.catalogue.checksums import ADD_CHECKSUMS
from seealso.errors import FormatError

APPLICATION_ID = 0x53454541  # "SEEA": the magic number, in SQLite's own field for it
FORMAT_VERSION = 5  # 2: words; 3: counts; 4: checksums; 5: damage, and what was forgotten
CHECKSUMS_SINCE = 4  # every row has one
DAMAGE_SINCE = FORGOTTEN_SINCE = 5

FORMAT = "format"
"""The row of ``meta`` that repeats the format. A catalogue whose header tells of another one is damaged."""

UNCHECKED = "unchecked"
"""The row of ``meta`` that says from which row on an older catalogue's rows may lack their checksums: ``[table, key]``. It is missing
where all have them."""

WORDS = """
ALTER TABLE locations ADD COLUMN described BLOB NOT NULL DEFAULT x'';
CREATE TABLE words(
    path BLOB NOT NULL,
    source TEXT NOT NULL,
    words TEXT NOT NULL,
    PRIMARY KEY(path, source)
) WITHOUT ROWID;
CREATE TABLE described(object INTEGER PRIMARY KEY, change INTEGER NOT NULL);
CREATE INDEX described_by_change ON described(change);
"""
"""What format 2 has and format 1 had not. ``words`` holds JSON, ``[[field, text, language], …]``; ``described`` the change at which the
words of an object last changed, if that was after it was added."""

COUNTED = ("objects", "locations", "failures")

COUNTS = "CREATE TABLE counts(name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;" + "".join(
    f"""
INSERT INTO counts SELECT '{table}', count(*) FROM {table};
CREATE TRIGGER {table}_added AFTER INSERT ON {table}
BEGIN UPDATE counts SET number = number + 1 WHERE name = '{table}'; END;
CREATE TRIGGER {table}_removed AFTER DELETE ON {table}
BEGIN UPDATE counts SET number = number - 1 WHERE name = '{table}'; END;
"""
    for table in COUNTED
)
"""What format 3 has and format 2 had not: how many rows there are, since to count them SQLite goes through all of them. Triggers
keep the numbers; they do not see the rows that ``INSERT OR REPLACE`` takes away, so nothing here uses that on these tables."""

FORGOTTEN = """
CREATE TABLE forgotten(
    hash BLOB NOT NULL,
    path BLOB NOT NULL,
    object INTEGER NOT NULL,
    signature BLOB NOT NULL,
    time REAL NOT NULL,
    checksum INTEGER,
    PRIMARY KEY(hash, path)
) WITHOUT ROWID;
CREATE INDEX forgotten_by_path ON forgotten(path);
"""
"""What format 5 has and format 4 had not: the contents that stay out, each with the places where it was found, the state of the file
there, the ID that it had, and when it was forgotten."""

DAMAGE = """
CREATE TABLE damage(object INTEGER PRIMARY KEY, reason TEXT NOT NULL, share REAL NOT NULL, checksum INTEGER);
"""
"""And which objects have a damaged picture, what is wrong with it, and which share of it was decoded."""

UPGRADES = {2: WORDS, 3: COUNTS, 4: ADD_CHECKSUMS, 5: FORGOTTEN + DAMAGE}
"""By format, what makes one of the format before it into it."""

FIRST = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE objects(
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    change INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    file_size INTEGER NOT NULL
);
CREATE INDEX objects_by_change ON objects(change);
CREATE TABLE locations(
    path BLOB PRIMARY KEY,
    object INTEGER NOT NULL REFERENCES objects(id),
    signature BLOB NOT NULL,
    device INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX locations_by_object ON locations(object);
CREATE TABLE unplaced(object INTEGER PRIMARY KEY);
CREATE TABLE removals(change INTEGER, object INTEGER, PRIMARY KEY(change, object)) WITHOUT ROWID;
CREATE TABLE failures(
    path BLOB PRIMARY KEY,
    reason TEXT NOT NULL,
    signature BLOB NOT NULL,
    time REAL NOT NULL
) WITHOUT ROWID;
"""
"""What format 1 has."""


def schema_of(version: int) -> str:
    """The statements that make the tables of a format."""
    return FIRST + "".join(script for since, script in UPGRADES.items() if since <= version)


def check_format(connection: sqlite3.Connection, file: Path) -> int:
    """The format of a catalogue; refuses a file that is none, or one of a newer format."""
    magic = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if magic != APPLICATION_ID:
        raise FormatError(f"{file} is not the catalogue of a seealso collection; name another directory")
    if version > FORMAT_VERSION:
        raise FormatError(
            f"{file.parent} was made by a newer seealso (format {version}; this release reads up to {FORMAT_VERSION}); "
            "upgrade seealso"
        )
    return int(version)

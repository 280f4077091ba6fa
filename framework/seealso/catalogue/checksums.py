"""The checksum of every row of the catalogue: what it covers, how it is computed, and which rows fail it.

A row's checksum is the CRC-32 of all its other values. SQLite computes it in the statement that writes the row, by a function
of ours (`register`), so a statement cannot write a row and forget it. Rows of a catalogue that an earlier release made have
none (NULL) until a writer adds it.
"""

from __future__ import annotations

import sqlite3
from zlib import crc32

COVERED = {
    "meta": ("key", "value"),
    "objects": ("id", "hash", "change", "width", "height", "file_size"),
    "locations": ("path", "object", "signature", "device", "described"),
    "unplaced": ("object",),
    "removals": ("change", "object"),
    "failures": ("path", "reason", "signature", "time"),
    "words": ("path", "source", "words"),
    "described": ("object", "change"),
    "forgotten": ("hash", "path", "object", "signature", "time"),
    "damage": ("object", "reason", "share"),
}
"""Table → its columns, in order; each has the column ``checksum`` after them. What is counted (``counts``) needs none: it is
compared with the rows."""

KEYS = {
    "meta": ("key",),
    "objects": ("id",),
    "locations": ("path",),
    "unplaced": ("object",),
    "removals": ("change", "object"),
    "failures": ("path",),
    "words": ("path", "source"),
    "described": ("object",),
    "forgotten": ("hash", "path"),
    "damage": ("object",),
}
"""Table → the columns that tell its rows apart."""

TYPES = {
    **dict.fromkeys(("key", "value", "reason", "source", "words"), "text"),
    **dict.fromkeys(("hash", "path", "signature", "described"), "blob"),
    **dict.fromkeys(("time", "share"), "real"),
}
"""Column → the type of its values; of the others it is ``integer``. Text is covered as bytes: damage may leave what is no text."""

NOTHING = "x''"
"""No bytes, in SQL."""

LATER = frozenset({"forgotten", "damage"})
"""Tables that came after the checksums: their rows have had them from the first."""

ADD_CHECKSUMS = "".join(
    f"ALTER TABLE {table} ADD COLUMN checksum INTEGER;\n" for table in COVERED if table not in LATER
)
"""What format 4 has and format 3 had not."""


def register(connection: sqlite3.Connection) -> None:
    """Have a connection know the function that the expressions of `checksum_of` call."""
    connection.create_function("row_checksum", -1, _checksum, deterministic=True)


def _checksum(*values: object) -> int:
    return crc32(b"%a" % (values,))


def checksum_of(table: str, **instead: str) -> str:
    """The SQL expression for the checksum of a row of a table: of its columns, or of the expressions that take the place of
    some."""
    values = (_of_its_type(instead.get(column, column), TYPES.get(column, "integer")) for column in COVERED[table])
    return f"row_checksum({', '.join(values)})"


def _of_its_type(value: str, kind: str) -> str:
    """An SQL expression for a value, NULL where it is of another type: damage may make one of another, of the same bytes."""
    return f"CASE typeof({value}) WHEN '{kind}' THEN {f'CAST({value} AS BLOB)' if kind == 'text' else value} END"


def inserting(table: str, verb: str = "INSERT") -> str:
    """The statement that writes a whole row of a table, whose parameters are the columns in order."""
    marks = {column: f"?{place}" for place, column in enumerate(COVERED[table], 1)}
    return f"{verb} INTO {table} VALUES ({', '.join(marks.values())}, {checksum_of(table, **marks)})"


def failing(table: str) -> str:
    """The condition that the rows of a table meet that have a checksum and fail it."""
    return f"checksum IS NOT NULL AND checksum IS NOT {checksum_of(table)}"

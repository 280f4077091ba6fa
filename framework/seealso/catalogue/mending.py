"""What writers do for the catalogue itself: add the checksums that an older one lacks, and forget rows that are damaged."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from seealso.catalogue.checking import structure
from seealso.catalogue.checksums import KEYS, NOTHING, TYPES, checksum_of, failing
from seealso.catalogue.connection import RESTORE, out_of_order
from seealso.catalogue.formats import UNCHECKED
from seealso.catalogue.writer import CatalogWriter
from seealso.errors import CorruptCollection

PAGE = 10_000  # rows that get their checksums in one transaction
A_WRITER = 100_000  # rows that one writer adds checksums to in passing

INDEX_ERRORS = ("missing from index", "wrong # of entries in index", "non-unique entry in index")
"""What SQLite's own check says where only an index is wrong, which can be made anew from its table."""


def add_checksums(writer: CatalogWriter, most: int | None = A_WRITER) -> None:
    """Give rows of a catalogue that an earlier release made their checksums; every page of them is committed.

    It goes on where the last one stopped, table by table, in the order of the keys.

    Args:
        writer: of the catalogue.
        most: rows, at most, rounded up to pages; None: all.
    """
    done = 0
    while (place := writer.meta(UNCHECKED)) is not None and (most is None or done < most):
        table, key = json.loads(place)
        after = [
            bytes.fromhex(value) if TYPES.get(column) == "blob" else value
            for column, value in zip(KEYS[table], key, strict=False)
        ]
        with writer.transaction() as connection:
            following = _add_page(connection, writer.file, table, after)
            if following is None:
                connection.execute("DELETE FROM meta WHERE key = ?", (UNCHECKED,))
            else:
                writer.set_in(connection, {UNCHECKED: json.dumps(following)})
        done += PAGE


def _add_page(connection: sqlite3.Connection, file: Path, table: str, after: Sequence[object]) -> list[object] | None:
    """Add checksums to a page of a table's rows; where to go on, ``[table, key]``, None at the end."""
    keys = ", ".join(KEYS[table])
    marks = ", ".join("?" * len(KEYS[table]))
    beyond = f"({keys}) > ({marks})" if after else "TRUE"
    last = connection.execute(
        f"SELECT {keys} FROM {table} WHERE {beyond} ORDER BY {keys} LIMIT 1 OFFSET ?", (*after, PAGE - 1)
    ).fetchone()
    if last and after and tuple(last) <= tuple(after):
        raise out_of_order(file)
    until = f"({keys}) <= ({marks})" if last else "TRUE"
    connection.execute(
        f"UPDATE {table} SET checksum = {checksum_of(table)} WHERE {beyond} AND {until} AND checksum IS NULL",
        (*after, *(last or ())),
    )
    if last:
        return [table, [value.hex() if isinstance(value, bytes) else value for value in last]]
    tables = sorted(KEYS)
    place = tables.index(table) + 1
    return [tables[place], []] if place < len(tables) else None


def forget_damaged(writer: CatalogWriter) -> int:
    """Forget the rows that fail their checksums, and those that nothing else refers to any more; returns how many; O(rows).

    The next indexing takes the files of forgotten locations in again, and reads forgotten words again. Unless only failures, damage,
    or what keeps images out were forgotten, the next writer rebuilds the indexes, for nobody knows what they have missed. SQLite's own
    indexes are rebuilt from their tables here.

    Raises:
        CorruptCollection: the file is damaged in a way that nothing here mends; nothing was changed.
    """
    with writer.transaction() as connection:
        _mend_structure(connection, writer)
        paths = _keys(connection, "locations")
        ids = _keys(connection, "objects")
        for id_ in ids:
            paths += (row[0] for row in connection.execute("SELECT path FROM locations WHERE object = ?", (id_,)))
        paths += (
            row[0]
            for row in connection.execute("SELECT path FROM locations WHERE object NOT IN (SELECT id FROM objects)")
        )
        connection.executemany("DELETE FROM locations WHERE path = ?", ((path,) for path in paths))
        connection.executemany("DELETE FROM words WHERE path = ?", ((path,) for path in paths))
        forgotten = len(set(paths)) + _forget_words(connection)
        for table in ("removals", "described", "unplaced"):
            forgotten += connection.execute(f"DELETE FROM {table} WHERE {failing(table)}").rowcount
        if forgotten or ids:
            connection.execute(
                f"INSERT OR IGNORE INTO unplaced SELECT id, {checksum_of('unplaced', object='id')} FROM objects "
                "WHERE NOT EXISTS (SELECT 1 FROM locations WHERE object = id)"
            )
            change = str(writer.change() + 1)
            writer.set_in(connection, {"change": change, "removals_known_since": change})
        for table in ("failures", "forgotten", "damage"):
            forgotten += connection.execute(f"DELETE FROM {table} WHERE {failing(table)}").rowcount
        return forgotten


def _mend_structure(connection: sqlite3.Connection, writer: CatalogWriter) -> None:
    wrong = structure(connection)
    if any(mark in problem for problem in wrong for mark in INDEX_ERRORS):
        connection.execute("REINDEX")
        wrong = structure(connection)
    # A row that refers to one that is gone is forgotten, like one that fails its checksum.
    wrong = [problem for problem in wrong if " refers to a row " not in problem]
    if wrong:
        raise CorruptCollection(f"{writer.file} is damaged ({wrong[0]}); {RESTORE}")


def _forget_words(connection: sqlite3.Connection) -> int:
    """Forget words that are damaged, and have those of their files read anew."""
    paths = _keys(connection, "words")
    connection.execute(f"DELETE FROM words WHERE {failing('words')}")
    reading = f"UPDATE locations SET described = {NOTHING}, checksum = {checksum_of('locations', described=NOTHING)}"
    for path in paths:
        if not connection.execute(f"{reading} WHERE path = ?", (path,)).rowcount:
            # The path is what was damaged: nobody knows whose words they were.
            connection.execute(reading)
    return len(paths)


def _keys(connection: sqlite3.Connection, table: str) -> list[bytes]:
    """The keys of the rows of a table that fail their checksums; of words, the paths."""
    return [row[0] for row in connection.execute(f"SELECT {KEYS[table][0]} FROM {table} WHERE {failing(table)}")]

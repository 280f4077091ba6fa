"""The checksum of every row: whatever writes a row writes it, and no changed value passes."""

import sqlite3

import pytest

from seealso.catalogue.checksums import COVERED, KEYS, checksum_of, failing, inserting, register
from seealso.catalogue.formats import FORMAT_VERSION, schema_of

VALUES = {
    "meta": ("größe", "7"),
    "objects": (1, b"h\0" * 16, 2, 640, 480, 10_000),
    "locations": (b"/a\xff", 1, b"s" * 32, -5, b"d"),
    "unplaced": (1,),
    "removals": (3, 1),
    "failures": (b"/b", "no image", b"s" * 32, 1.0e9 + 1 / 3),
    "words": (b"/a\xff", "sidecar", '[["caption", "ein Vogel", "de"]]'),
    "described": (1, 3),
    "forgotten": (b"h\0" * 16, b"/a\xff", 1, b"s" * 32, 1.0e9 + 1 / 3),
    "damage": (1, "cut short", 0.75),
}
FIXED = {
    "meta": 1641191752,
    "objects": 2626865990,
    "locations": 874538009,
    "unplaced": 451421352,
    "removals": 3942264086,
    "failures": 3707848495,
    "words": 712958277,
    "described": 2718702836,
    "forgotten": 749812585,
    "damage": 4060184390,
}
OTHERS = {int: 12345, bytes: b"other", str: "other", float: 1.0e9}


@pytest.fixture
def connection():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    register(connection)
    connection.executescript(schema_of(FORMAT_VERSION))
    for table, values in VALUES.items():
        connection.execute(inserting(table), values)
    yield connection
    connection.close()


def test_every_table_is_covered(connection):
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables == COVERED.keys() | {"counts"}
    for table, columns in COVERED.items():
        there = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        assert there == [*columns, "checksum"]
        keys = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[5]]
        assert keys == list(KEYS[table])


@pytest.mark.parametrize("table", COVERED)
def test_what_was_written_passes_and_what_was_changed_fails(connection, table):
    assert connection.execute(f"SELECT count(*) FROM {table} WHERE {failing(table)}").fetchone() == (0,)
    for column, value in zip(COVERED[table], VALUES[table], strict=True):
        for other in (OTHERS[type(value)], *([value - 1] if isinstance(value, int) else [])):
            connection.execute("BEGIN")
            connection.execute(f"UPDATE {table} SET {column} = ?", (other,))
            assert connection.execute(f"SELECT count(*) FROM {table} WHERE {failing(table)}").fetchone() == (1,), column
            connection.execute("ROLLBACK")


def test_text_that_is_no_text_any_more_fails(connection):
    connection.execute("UPDATE words SET words = CAST(x'5b5bff' AS TEXT)")
    assert connection.execute(f"SELECT count(*) FROM words WHERE {failing('words')}").fetchone() == (1,)


def test_an_expression_takes_the_place_of_a_column(connection):
    connection.execute(f"UPDATE meta SET value = ?1, checksum = {checksum_of('meta', value='?1')}", ("8",))
    assert connection.execute(f"SELECT value FROM meta WHERE NOT ({failing('meta')})").fetchall() == [("8",)]


def test_the_format_is_fixed(connection):
    """The checksums that are in people's catalogues."""
    found = {table: connection.execute(f"SELECT checksum FROM {table}").fetchone()[0] for table in COVERED}
    assert found == FIXED

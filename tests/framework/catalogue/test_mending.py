"""Writers add checksums to older catalogues step by step, and maintenance forgets the rows that are damaged."""

import contextlib
import json
import sqlite3

import pytest

import seealso
from old_catalogues import make_old
from seealso.catalogue import mending
from seealso.catalogue.checksums import inserting
from seealso.catalogue.forgotten import forgotten_hashes
from seealso.catalogue.mending import add_checksums, forget_damaged
from seealso.catalogue.reader import Catalog
from seealso.catalogue.rows import Annotation, Failure, FileState, Location, ObjectRow
from seealso.catalogue.writer import CatalogWriter, create_catalog
from seealso.interfaces.text import Words
from seealso.layout import CATALOGUE

STATE = FileState(b"s" * 32, 1)
OBJECTS = 50


def place(id_: int) -> bytes:
    return b"/%d\xff.jpg" % id_


@pytest.fixture
def folder(tmp_path):
    """A folder with a catalogue that has rows in every table."""
    create_catalog(tmp_path, {"provenance": "{}"})
    with contextlib.closing(CatalogWriter(tmp_path)) as writer:
        ids = range(1, OBJECTS + 1)
        said = {"sidecar": (Words("caption", "a bird"),), "embedded": (Words("title", "größer"),)}
        writer.commit(
            [
                ObjectRow(id_, b"%d" % id_, 4, 3, 100, seealso.Damage("cut short", 0.75) if id_ in (1, 7) else None)
                for id_ in ids
            ],
            [Location(place(id_), id_, STATE, Annotation(b"state", said)) for id_ in ids],
            [Failure(b"/broken", "no image", STATE, 1.5)],
        )
        writer.remove_locations([place(1), place(2)])
        next(writer.remove_unplaced())
        writer.remove_locations([place(3)])
        with writer.transaction() as connection:
            connection.executemany(
                inserting("forgotten"), [(name, b"/away/" + name, 99, b"s", 1.5) for name in (b"x", b"y")]
            )
    return tmp_path


def rows(folder) -> dict[str, list]:
    with contextlib.closing(sqlite3.connect(folder / CATALOGUE)) as connection:
        there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        return {
            table: connection.execute(f"SELECT * FROM {table}").fetchall()
            for table in mending.KEYS
            if table != "meta" and table in there
        }


@pytest.mark.parametrize("version", [1, 2, 3])
def test_an_older_catalogue_gets_its_checksums_in_steps(folder, monkeypatch, version):
    before = rows(folder)
    make_old(folder, version)
    monkeypatch.setattr(mending, "PAGE", 7)
    left = []
    for _ in range(100):
        # A new writer each time goes on where the last one stopped.
        with contextlib.closing(CatalogWriter(folder)) as writer:
            add_checksums(writer, most=20)
            left.append(writer.unchecked())
            assert writer.verify() == []
            if writer.meta("unchecked") is None:
                break
            # What is written meanwhile has its checksum at once.
            writer.remove_failures([b"/broken"])
    assert left == sorted(left, reverse=True)
    assert len(left) > 3
    with contextlib.closing(Catalog(folder)) as catalog:
        assert catalog.meta("unchecked") is None
        assert catalog.verify() == []
    if version == 3:
        # Neither what was forgotten nor damage is told by an older one.
        later = ("failures", "forgotten", "damage")
        assert {table: found for table, found in rows(folder).items() if table not in later} == {
            table: found for table, found in before.items() if table not in later
        }


def test_all_at_once(folder):
    make_old(folder, 3)
    with contextlib.closing(CatalogWriter(folder)) as writer:
        assert writer.unchecked() > OBJECTS
        add_checksums(writer, most=None)
        assert writer.unchecked() == 0


def damage(folder, statement, *parameters):
    with contextlib.closing(sqlite3.connect(folder / CATALOGUE)) as connection, connection:
        connection.execute(statement, parameters)


def mend(folder) -> tuple[int, CatalogWriter]:
    writer = CatalogWriter(folder)
    assert writer.verify()
    forgotten = forget_damaged(writer)
    for _ in writer.remove_unplaced():
        pass
    assert writer.verify() == []
    return forgotten, writer


@pytest.mark.parametrize(
    "statement",
    ["UPDATE objects SET height = 4 WHERE id = 5", "UPDATE locations SET object = 6 WHERE object = 5"],
)
def test_an_object_is_let_go(folder, statement):
    damage(folder, statement)
    forgotten, writer = mend(folder)
    assert forgotten == 1
    assert 5 not in writer.ids()
    assert 6 in writer.ids()
    # The next indexing takes it in anew, with its words.
    assert writer.states([place(5)]) == {}
    assert writer._words_at([place(5)]) == {}
    assert 5 in writer.removed_ids(0)
    assert writer.removals_known_since() == writer.change() - 1  # every index is built anew
    writer.close()


def test_words_are_read_anew(folder):
    damage(
        folder,
        "UPDATE words SET words = ? WHERE path = ? AND source = 'sidecar'",
        json.dumps([["caption", "x", ""]]),
        place(5),
    )
    forgotten, writer = mend(folder)
    assert forgotten == 1
    assert writer.annotation_states([place(5), place(6)]) == {place(5): b"", place(6): b"state"}
    assert 5 in writer.ids()
    writer.close()


def test_words_of_nobody_knows_what(folder):
    damage(folder, "UPDATE words SET path = ? WHERE path = ? AND source = 'sidecar'", b"/elsewhere", place(5))
    _, writer = mend(folder)
    assert set(writer.annotation_states([place(id_) for id_ in range(1, 50)]).values()) == {b""}
    writer.close()


@pytest.mark.parametrize("table", ["removals", "described", "unplaced"])
def test_what_is_for_the_indexes(folder, table):
    damage(folder, f"UPDATE {table} SET object = object + 1000")
    _, writer = mend(folder)
    assert writer.removals_known_since() >= 4
    assert writer.ids().tolist() == list(range(4, OBJECTS + 1))
    writer.close()


def test_failures_are_tried_anew(folder):
    damage(folder, "UPDATE failures SET signature = x'00'")
    forgotten, writer = mend(folder)
    assert forgotten == 1
    assert list(writer.failures()) == []
    assert writer.removals_known_since() == 0  # no index is built anew for that
    writer.close()


def test_what_was_forgotten_may_come_back_where_its_record_is_damaged(folder):
    damage(folder, "UPDATE forgotten SET time = 2 WHERE object = 99 AND path = CAST('/away/x' AS BLOB)")
    forgotten, writer = mend(folder)
    assert forgotten == 1
    assert forgotten_hashes(writer, [b"x", b"y"]) == {b"y"}
    assert writer.removals_known_since() == 0  # no index is built anew for that
    writer.close()


def test_damage_is_forgotten_and_the_image_stays(folder):
    with contextlib.closing(Catalog(folder)) as catalog:
        # That of the object that was removed went with it.
        assert [(each.id, each.paths) for each in catalog.damaged()] == [(7, (place(7),))]
    damage(folder, "UPDATE damage SET reason = 'another'")
    forgotten, writer = mend(folder)
    assert forgotten == 1
    assert list(writer.damaged()) == []
    assert 7 in writer.ids()
    assert writer.removals_known_since() == 0
    writer.close()


def test_a_catalogue_without_damage_has_its_checksums_already(folder):
    make_old(folder, 4)
    before = rows(folder)
    with contextlib.closing(CatalogWriter(folder)) as writer:
        assert writer.meta("unchecked") is None
        assert writer.meta("format") == "5"
        assert (writer.verify(), writer.unchecked(), list(writer.damaged())) == ([], 0, [])
        assert forgotten_hashes(writer, [b"x"]) == set()
    assert rows(folder) == before | {"damage": [], "forgotten": []}


@pytest.mark.parametrize("version", [1, 3])
def test_checksums_go_on_behind_what_was_forgotten(folder, monkeypatch, version):
    """The keys of its rows are bytes, which the place where to go on has to hold."""
    make_old(folder, version)
    monkeypatch.setattr(mending, "PAGE", 3)
    with contextlib.closing(CatalogWriter(folder)) as writer:
        with writer.transaction() as connection:
            rows_of = [(b"%032d" % number, b"/%d\xff" % number, 1, b"s", 1.5) for number in range(10)]
            connection.executemany(inserting("forgotten"), rows_of)
        while writer.meta("unchecked") is not None:
            add_checksums(writer, most=1)
        assert (writer.verify(), writer.unchecked()) == ([], 0)


def page_of(folder, name: str) -> slice:
    """Where the first page of a table or an index lies in the file."""
    with contextlib.closing(sqlite3.connect(folder / CATALOGUE)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    return slice((root - 1) * size, root * size)


def test_an_index_of_sqlites_own_is_made_anew(folder):
    sound = (folder / CATALOGUE).read_bytes()
    page = page_of(folder, "objects_by_change")
    # The entries of rows that are gone are still there, at the end: the first byte from there that counts is damaged.
    for at in range(page.stop - 1, page.start, -1):
        data = bytearray(sound)
        data[at] ^= 1
        (folder / CATALOGUE).write_bytes(data)
        with contextlib.closing(Catalog(folder)) as catalog:
            if any("missing from index" in problem for problem in catalog.verify()):
                break
    forgotten, writer = mend(folder)
    assert forgotten == 0
    assert writer.ids().tolist() == list(range(4, OBJECTS + 1))
    writer.close()


def test_what_cannot_be_mended_is_left_as_it_is(folder):
    data, page = bytearray((folder / CATALOGUE).read_bytes()), page_of(folder, "locations")
    data[page.start + 100 : page.start + 400] = b"\x55" * 300
    (folder / CATALOGUE).write_bytes(data)
    with contextlib.closing(CatalogWriter(folder)) as writer:
        with pytest.raises(seealso.CorruptCollection, match="restore the catalogue from a backup"):
            forget_damaged(writer)
        assert not writer._connection.in_transaction

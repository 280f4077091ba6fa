"""What was forgotten: the contents that stay out, and where they were found."""

import contextlib
import sqlite3

import pytest

import seealso
from old_catalogues import make_old
from seealso.catalogue import forgotten
from seealso.catalogue.forgotten import (
    call_back,
    count_forgotten,
    forget,
    forgotten_hashes,
    forgotten_places,
    forgotten_states,
    has_forgotten,
    hashes_below,
    hashes_of_objects,
    pass_over,
)
from seealso.catalogue.reader import Catalog
from seealso.catalogue.rows import Annotation, Failure, FileState, Location, ObjectRow
from seealso.catalogue.writer import CatalogWriter, create_catalog
from seealso.interfaces.text import Words

STATE = FileState(b"s" * 32, 1)
PLACES = {1: [b"/p/1.jpg"], 2: [b"/p/2\xff.jpg", b"/q/2.jpg"], 3: [b"/q/3.jpg"]}


def hash_of(id_: int) -> bytes:
    return b"%032d" % id_


@pytest.fixture
def writer(tmp_path):
    """Writes to a catalogue of three objects at four places."""
    create_catalog(tmp_path, {})
    with contextlib.closing(CatalogWriter(tmp_path)) as writer:
        said = Annotation(b"state", {"sidecar": (Words("caption", "a bird"),)})
        writer.commit(
            [ObjectRow(id_, hash_of(id_), 4, 3, 100) for id_ in PLACES],
            [Location(path, id_, STATE, said) for id_, paths in PLACES.items() for path in paths],
            [],
        )
        yield writer
        assert writer.verify() == []


def places(catalog) -> list[tuple[bytes, bytes, int]]:
    return [(place.hash, place.path, place.object) for place in forgotten_places(catalog)]


def test_nothing_is_forgotten_at_first(writer):
    assert (has_forgotten(writer), count_forgotten(writer), places(writer)) == (False, 0, [])


def test_an_object_is_forgotten_with_its_places(writer, tmp_path):
    before = writer.change()
    assert forget(writer, [2]) == 2
    assert places(writer) == [(hash_of(2), path, 2) for path in PLACES[2]]
    assert writer.paths_of(2) == []
    # Its words changed, which the indexes hear of.
    assert writer.change() == before + 1
    (removed,) = writer.remove_unplaced()
    assert removed.tolist() == [2]
    assert (has_forgotten(writer), count_forgotten(writer)) == (True, 1)
    with contextlib.closing(Catalog(tmp_path)) as reader:
        assert forgotten_hashes(reader, map(hash_of, range(5))) == {hash_of(2)}
        assert forgotten_states(reader, [b"/q/2.jpg", b"/q/3.jpg"]) == {(b"/q/2.jpg", STATE.signature)}
        assert hashes_of_objects(reader, [1, 2]) == {hash_of(2)}
        assert hashes_below(reader, b"/p") == hashes_below(reader, b"/q/2.jpg") == {hash_of(2)}
        assert hashes_below(reader, b"/q/2") == set()


def test_an_id_that_there_is_not_changes_nothing(writer):
    assert forget(writer, [99]) == 0
    assert not has_forgotten(writer)


def test_another_place_of_what_was_forgotten(writer):
    forget(writer, [1])
    (before,) = forgotten_places(writer)
    writer.commit([], [], [Failure(b"/q/again.jpg", "no image", STATE, 1.0)])
    # It lies where another object was, too.
    pass_over(writer, [(b"/q/again.jpg", hash_of(1), b"new"), (b"/q/3.jpg", hash_of(1), b"newer")])
    assert [place.path for place in forgotten_places(writer)] == [b"/p/1.jpg", b"/q/3.jpg", b"/q/again.jpg"]
    assert {(place.object, place.time) for place in forgotten_places(writer)} == {(1, before.time)}
    assert forgotten_states(writer, [b"/q/again.jpg"]) == {(b"/q/again.jpg", b"new")}
    assert list(writer.failures()) == []
    assert writer.paths_of(3) == []
    pass_over(writer, [(b"/q/again.jpg", hash_of(1), b"newest")])
    assert forgotten_states(writer, [b"/q/again.jpg"]) == {(b"/q/again.jpg", b"newest")}
    assert count_forgotten(writer) == 1


def test_a_place_may_have_held_several(writer):
    forget(writer, [1, 3])
    pass_over(writer, [(b"/p/1.jpg", hash_of(3), b"other")])
    # The first is forgotten still, though its only place holds something else.
    assert forgotten_hashes(writer, [hash_of(1), hash_of(3)]) == {hash_of(1), hash_of(3)}
    assert hashes_below(writer, b"/p/1.jpg") == {hash_of(1), hash_of(3)}


def test_called_back(writer):
    forget(writer, [1, 2, 3])
    call_back(writer, [hash_of(1), b"unknown"])
    assert forgotten_hashes(writer, map(hash_of, PLACES)) == {hash_of(2), hash_of(3)}
    # What has been called back meanwhile is not forgotten by being found.
    pass_over(writer, [(b"/p/1.jpg", hash_of(1), b"new")])
    assert count_forgotten(writer) == 2
    call_back(writer, None)
    assert not has_forgotten(writer)


def test_page_by_page(writer, monkeypatch):
    forget(writer, [1, 2, 3])
    everything = places(writer)
    monkeypatch.setattr(forgotten, "PAGE", 1)
    assert places(writer) == everything
    assert len(everything) == 4


@pytest.mark.parametrize("version", [1, 4])
def test_an_older_catalogue_has_forgotten_nothing(writer, tmp_path, version):
    writer.close()
    make_old(tmp_path, version)
    with contextlib.closing(Catalog(tmp_path)) as reader:
        assert (has_forgotten(reader), count_forgotten(reader), places(reader)) == (False, 0, [])
        assert forgotten_hashes(reader, [hash_of(1)]) == forgotten_states(reader, [b"/p/1.jpg"]) == set()
        assert hashes_of_objects(reader, [1]) == hashes_below(reader, b"/p") == set()
        # A reader that was open before it was brought up to date notices.
        with contextlib.closing(CatalogWriter(tmp_path)) as again:
            forget(again, [1])
            assert count_forgotten(reader) == 1
    writer._connect()


def test_it_is_whole_or_not_at_all(writer, monkeypatch):
    def fail(*_):
        raise sqlite3.OperationalError("stopped")

    monkeypatch.setattr(writer, "leave_in", fail)
    with pytest.raises(seealso.CollectionError, match="stopped"):
        forget(writer, [1])
    assert not has_forgotten(writer)
    assert writer.paths_of(1) == PLACES[1]

"""The catalogue."""

import os
import shutil
import sqlite3
import threading
import types

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import seealso
from seealso.catalogue.reader import Catalog
from seealso.catalogue.rows import Annotation, Failure, FileState, Location, ObjectRow
from seealso.catalogue.writer import CatalogWriter, create_catalog
from seealso.interfaces.text import Words
from seealso.layout import CATALOGUE

STATE = FileState(b"s" * 32, 1)


def row(id_: int, content: bytes | None = None) -> ObjectRow:
    return ObjectRow(id_, (content or b"content %d" % id_).ljust(32), 4, 3, 100)


@pytest.fixture
def writer(tmp_path):
    create_catalog(tmp_path, {"provenance": "{}"})
    writer = CatalogWriter(tmp_path)
    yield writer
    writer.close()


def test_objects_and_locations(writer, tmp_path):
    change = writer.commit([row(3), row(5)], [Location(b"/a", 3, STATE), Location(b"/b\xff", 5, STATE)], [])
    assert change == 1
    reader = Catalog(tmp_path)
    assert reader.change() == 1
    assert reader.ids().tolist() == [3, 5]
    assert reader.sizes().tolist() == [(3, 12, 100, 1), (5, 12, 100, 1)]
    assert reader.sizes()["id"].tolist() == [3, 5]
    assert reader.id_of_hash(row(5).hash) == 5
    assert reader.id_of_hash(b"?" * 32) is None
    assert reader.records([5, 3, 4])[5].paths == (b"/b\xff",)
    assert set(reader.records([5, 3, 4])) == {3, 5}
    assert reader.states([b"/a", b"/c"]) == {b"/a": STATE.signature}
    assert reader.counts().objects == 2
    assert reader.verify() == []
    reader.close()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["place", "fail", "reach and fail", "forget", "forgive"]),
            st.integers(1, 6),
            st.integers(1, 4),
        ),
        max_size=25,
    )
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_counts_are_those_of_the_rows(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("c")
    create_catalog(folder, {})
    writer = CatalogWriter(folder)
    for what, id_, place in steps:
        path = b"/%d" % place
        if what == "place":
            new = [] if writer.existing(np.array([id_])).size else [row(id_)]
            writer.commit(new, [Location(path, id_, STATE)], [])
        elif what in ("fail", "reach and fail"):
            writer.commit([], [], [Failure(path, "no image", STATE, 1.0, reached=what != "fail")])
        elif what == "forget":
            writer.remove_locations([path])
        else:
            writer.remove_failures([path])
        list(writer.remove_unplaced())
        locations = sum(1 for _ in writer.locations_below(b"/"))
        assert writer.counts() == seealso.Counts(writer.ids().size, locations, sum(1 for _ in writer.failures()))
        assert writer.verify() == []
    writer.close()


def test_wrong_counts_are_found_and_mended(writer, tmp_path):
    writer.commit([row(1)], [Location(b"/a", 1, STATE)], [])
    connection = sqlite3.connect(tmp_path / CATALOGUE)
    connection.execute("UPDATE counts SET number = 7 WHERE name = 'locations'")
    connection.commit()
    connection.close()
    (problem,) = writer.verify()
    assert "1 locations are there, and 7 are counted; `seealso maintain` counts anew" in problem
    writer.compact()
    assert writer.verify() == []
    assert writer.counts().locations == 1


def test_the_file_is_written_anew_where_that_gives_much_back(writer, tmp_path):
    rows = range(1, 5001)
    writer.commit([row(i) for i in rows], [Location(b"/%d" % i, i, STATE) for i in rows], [])
    writer.compact()
    full = (tmp_path / CATALOGUE).stat().st_size

    def remove(ids):
        writer.remove_locations([b"/%d" % i for i in ids])
        list(writer.remove_unplaced())
        writer.forget_removals(writer.change())
        writer.compact()

    remove(range(1, 101))
    assert (tmp_path / CATALOGUE).stat().st_size == full
    remove(range(101, 4001))
    assert (tmp_path / CATALOGUE).stat().st_size < full / 2
    assert writer.verify() == []
    assert writer.counts().objects == 1000


def test_a_commit_is_whole_or_not_at_all(writer):
    writer.commit([row(1)], [Location(b"/a", 1, STATE)], [])
    with pytest.raises(seealso.CollectionError):
        writer.commit([row(2), row(1)], [Location(b"/b", 2, STATE)], [])
    assert writer.change() == 1
    assert writer.ids().tolist() == [1]
    # and the connection is usable afterwards
    assert writer.commit([row(2)], [Location(b"/b", 2, STATE)], []) == 2


def test_one_content_is_one_object(writer):
    writer.commit([row(1)], [Location(b"/a", 1, STATE)], [])
    with pytest.raises(seealso.CollectionError, match="UNIQUE"):
        writer.commit([row(2, b"content 1")], [], [])


def test_ids_are_never_given_twice(writer, tmp_path):
    assert writer.reserve_ids(10) == 1
    assert writer.reserve_ids(5) == 11
    writer.return_ids(13, 16)
    assert writer.reserve_ids(1) == 13
    # Only the newest can be returned: others were given since.
    writer.return_ids(5, 11)
    assert writer.reserve_ids(1) == 14
    writer.close()
    again = CatalogWriter(tmp_path)
    assert again.reserve_ids(1) == 15
    again.close()


def test_an_object_goes_when_its_last_location_does(writer):
    writer.commit(
        [row(1), row(2)], [Location(b"/a", 1, STATE), Location(b"/b", 1, STATE), Location(b"/c", 2, STATE)], []
    )
    writer.remove_locations([b"/a"])
    assert list(writer.remove_unplaced()) == []
    writer.remove_locations([b"/b"])
    assert [ids.tolist() for ids in writer.remove_unplaced()] == [[1]]
    assert writer.ids().tolist() == [2]
    assert writer.change() == 2
    assert writer.removed_ids(after_change=1).tolist() == [1]
    assert writer.removed_ids(after_change=2).tolist() == []
    assert writer.ids(after_change=1).tolist() == []


def test_changes_can_be_replayed_step_by_step(writer):
    for first in (1, 4, 6, 9):
        ids = range(first, {1: 4, 4: 6, 6: 9, 9: 10}[first])
        writer.commit([row(id_) for id_ in ids], [Location(b"/%d" % id_, id_, STATE) for id_ in ids], [])
    writer.remove_locations([b"/2", b"/9"])
    assert [ids.tolist() for ids in writer.remove_unplaced()] == [[2, 9]]
    # Whole changes, of about so many objects.
    assert [writer.step(0, count) for count in (1, 2, 3, 4, 5, 7, 8)] == [1, 1, 2, 2, 3, 3, 5]
    assert (writer.step(3, 1), writer.step(5, 1)) == (5, 5)
    steps = [(0, 1), (1, 3), (3, 5)]
    assert [writer.ids(*step).tolist() for step in steps] == [[1, 3], [4, 5, 6, 7, 8], []]
    assert [writer.removed_ids(*step).tolist() for step in steps] == [[], [], [2, 9]]


def test_only_what_got_or_lost_words_is_redescribed(writer):
    def described(*words):
        return Annotation(b"", {"sidecar": tuple(Words("caption", word) for word in words)} if words else {})

    writer.commit([row(1), row(2)], [Location(b"/1", 1, STATE), Location(b"/2", 2, STATE)], [])
    assert writer.reannotated_ids(0).tolist() == []
    writer.commit([row(3), row(4)], [Location(b"/3", 3, STATE, described("bird")), Location(b"/4", 4, STATE)], [])
    writer.commit([], [Location(b"/1", 1, STATE, described("cat"))], [])
    assert writer.reannotated_ids(0).tolist() == [1, 3]
    assert (writer.reannotated_ids(0, 2).tolist(), writer.reannotated_ids(2).tolist()) == ([1, 3], [1])
    writer.commit([], [Location(b"/1", 1, STATE, described()), Location(b"/3", 3, STATE, described())], [])
    assert (writer.annotated(), writer.reannotated_ids(3).tolist()) == (False, [1, 3])


def test_swapped_files_keep_their_objects(writer):
    writer.commit([row(1), row(2)], [Location(b"/a", 1, STATE), Location(b"/b", 2, STATE)], [])
    writer.commit([], [Location(b"/a", 2, STATE)], [])
    assert writer.records([1])[1].paths == ()
    writer.commit([], [Location(b"/b", 1, STATE)], [])
    assert list(writer.remove_unplaced()) == []
    assert writer.records([1])[1].paths == (b"/b",)


def test_a_failure_takes_the_place_of_what_was_there(writer):
    writer.commit([row(1), row(2)], [Location(b"/a", 1, STATE), Location(b"/b", 2, STATE)], [])
    failures = [
        Failure(b"/a", "no image any more", STATE, 1.0, reached=True),
        Failure(b"/b", "permission denied", FileState(b"", 0), 1.0, reached=False),
    ]
    writer.commit([], [], failures)
    assert [ids.tolist() for ids in writer.remove_unplaced()] == [[1]]
    assert writer.failure_reasons([b"/a", b"/b", b"/c"]) == {b"/a": "no image any more", b"/b": "permission denied"}
    # What cannot be read now is tried again each time, its signature being none.
    assert writer.states([b"/b"]) == {b"/b": b""}
    writer.commit([], [Location(b"/b", 2, STATE)], [])
    assert [failure.path for failure in writer.failures()] == [b"/a"]
    writer.remove_failures([b"/a"])
    assert writer.counts().failures == 0


def test_locations_below(writer):
    paths = [b"/p", b"/p/a", b"/p/b/c", b"/p-other/a", b"/p0", b"/o"]
    writer.commit([row(i) for i in range(6)], [Location(path, i, STATE) for i, path in enumerate(paths)], [])
    assert [place.path for place in writer.locations_below(b"/p", page=1)] == [b"/p", b"/p/a", b"/p/b/c"]
    assert [place.path for place in writer.locations_below(b"/p/a")] == [b"/p/a"]
    assert len(list(writer.locations_below(b"/"))) == 6
    assert writer.count_objects_below(b"/p") == 3
    assert writer.count_objects_below(b"/") == 6


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(
    paths=st.sets(st.binary(min_size=1, max_size=6).map(lambda b: b"/" + b.replace(b"\0", b"/")), max_size=25),
    page=st.integers(1, 5),
)
def test_locations_below_are_those_with_the_prefix(tmp_path_factory, paths, page):
    directory = tmp_path_factory.mktemp("catalog")
    create_catalog(directory, {})
    writer = CatalogWriter(directory)
    writer.commit([row(1)], [Location(path, 1, STATE) for path in paths], [])
    for above in [*list(paths)[:3], b"/"]:
        prefix = above.rstrip(b"/") + b"/"
        expected = sorted(path for path in paths if path == above or (path.startswith(prefix) and path != prefix))
        assert sorted({place.path for place in writer.locations_below(above, page=page)} - {prefix}) == [
            path for path in expected if path != prefix
        ]
    writer.close()


def test_file_states_tell_files_apart(tmp_path):
    file = tmp_path / "a"
    file.write_bytes(b"1")
    before = FileState.of(file.stat())
    assert FileState.of(file.stat()) == before
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    file.write_bytes(b"2")
    os.utime(file, ns=times)
    assert FileState.of(file.stat()).signature != before.signature
    assert before.unsettled().signature == b""
    huge = types.SimpleNamespace(st_size=1, st_mtime_ns=-5, st_ctime_ns=1, st_ino=2**64 - 1, st_dev=2**64 - 1)
    assert FileState.of(huge).device == -1


def test_readers_see_what_is_committed_while_they_are_open(writer, tmp_path):
    reader = Catalog(tmp_path)
    writer.commit([row(1)], [Location(b"/a", 1, STATE)], [])
    assert reader.change() == 1
    with pytest.raises(seealso.CollectionError):
        reader._all("DELETE FROM objects")
    reader.close()


def test_it_is_read_from_several_threads(writer, tmp_path):
    writer.commit([row(i) for i in range(1, 200)], [Location(b"/%d" % i, i, STATE) for i in range(1, 200)], [])
    reader = Catalog(tmp_path)
    wrong = []

    def look(start):
        for i in range(start, 199):
            if reader.records([i])[i].paths != (b"/%d" % i,):
                wrong.append(i)

    threads = [threading.Thread(target=look, args=(i,)) for i in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    reader.close()


def test_random_ids_are_different_and_repeatable(writer):
    writer.commit([row(i) for i in range(1, 50)], [], [])
    one = writer.random_ids(10, np.random.default_rng(3)).tolist()
    assert len(set(one)) == 10
    assert one == writer.random_ids(10, np.random.default_rng(3)).tolist()
    assert sorted(writer.random_ids(100, np.random.default_rng()).tolist()) == list(range(1, 50))


def test_a_random_selection_is_fair(tmp_path):
    """Whether few of very many are drawn, or nearly all; whether IDs have few gaps or little else."""
    rng = np.random.default_rng(1)
    for name, ids in (
        ("dense", range(1, 1001)),
        ("holes", [*range(1, 100), *range(900, 1001)]),
        ("gaps", range(1, 10**9, 10**6)),
    ):
        (tmp_path / name).mkdir()
        create_catalog(tmp_path / name, {})
        writer = CatalogWriter(tmp_path / name)
        writer.commit([ObjectRow(id_, str(id_).encode(), 1, 1, 1) for id_ in ids], [], [])
        drawn = np.concatenate([writer.random_ids(10, rng) for _ in range(400)])
        assert set(drawn.tolist()) <= set(ids)
        assert np.unique(drawn).size > 0.95 * len(ids)
        times = np.unique(drawn, return_counts=True)[1]
        assert times.max() < 4 + 4 * 4000 / len(ids)
        for count in (1, len(ids) - 1, len(ids), 5000):
            some = writer.random_ids(count, np.random.default_rng(3))
            assert np.unique(some).size == some.size == min(count, len(ids))
            assert np.array_equal(some, writer.random_ids(count, np.random.default_rng(3)))
        writer.close()


def test_a_newer_format_is_refused(writer, tmp_path):
    connection = sqlite3.connect(tmp_path / CATALOGUE)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(seealso.FormatError, match=r"newer seealso \(format 99.*upgrade seealso"):
        Catalog(tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello" * 1000, b"SQLite format 3\0" + b"\0" * 4080])
def test_a_file_that_is_no_catalogue_is_refused(tmp_path, content):
    (tmp_path / CATALOGUE).write_bytes(content)
    with pytest.raises((seealso.FormatError, seealso.CorruptCollection)) as caught:
        Catalog(tmp_path)
    assert CATALOGUE in str(caught.value)


def test_damage_is_found(writer, tmp_path):
    writer.commit([row(i) for i in range(1, 500)], [Location(b"/%d" % i, i, STATE) for i in range(1, 500)], [])
    writer.compact()
    writer.close()
    data = bytearray((tmp_path / CATALOGUE).read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4096] = b"\x55" * 4096
    (tmp_path / CATALOGUE).write_bytes(data)
    try:
        reader = Catalog(tmp_path)
    except seealso.CorruptCollection as error:
        problems = [str(error)]
    else:
        problems = reader.verify()
        reader.close()
    assert problems
    assert all(CATALOGUE in problem for problem in problems)


def test_an_interrupted_creation_leaves_nothing_in_the_way(tmp_path):
    (tmp_path / f"{CATALOGUE}.new").write_bytes(b"half")
    (tmp_path / f"{CATALOGUE}.new-journal").write_bytes(b"half")
    create_catalog(tmp_path, {})
    catalog = Catalog(tmp_path)
    assert catalog.verify() == []
    catalog.close()


@pytest.fixture
def while_copied(tmp_path, monkeypatch):
    """A catalogue that may only be read, and may change after the n-th file of its copies: ``{n: change}``."""
    monkeypatch.setattr("seealso.catalogue.connection.os.access", lambda path, mode: False)
    changes, copied = {}, []
    copy = shutil.copyfile

    def copying(source, target):
        copy(source, target)
        copied.append(source)
        changes.get(len(copied), lambda: None)()

    monkeypatch.setattr("seealso.catalogue.connection.shutil.copyfile", copying)
    return changes


def test_the_writer_closes_while_its_log_is_copied(writer, tmp_path, while_copied):
    writer.commit([row(1)], [Location(b"/a", 1, STATE)], [])
    while_copied[1] = writer.close  # which removes the log
    reader = Catalog(tmp_path)
    assert reader.ids().tolist() == [1]
    assert reader.verify() == []
    reader.close()


def test_the_log_is_begun_anew_while_it_is_copied(writer, tmp_path, while_copied):
    def begin_anew():
        assert writer._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0] == 0
        writer.set_meta({"key": "value"})

    writer.commit([row(1)], [Location(b"/a", 1, STATE)], [])
    while_copied[1] = begin_anew
    reader = Catalog(tmp_path)
    assert (reader.ids().tolist(), reader.meta("key")) == ([1], "value")
    assert reader.verify() == []
    reader.close()


def test_a_checkpoint_while_it_is_copied(writer, tmp_path, while_copied):
    writer.commit([row(1)], [Location(b"/a", 1, STATE)], [])
    while_copied[1] = lambda: writer._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    reader = Catalog(tmp_path)
    assert reader.ids().tolist() == [1]
    assert reader.verify() == []
    reader.close()


def test_a_file_that_is_read_in_place_is_overwritten(writer, tmp_path, while_copied):
    writer.commit([row(i) for i in range(1, 500)], [], [])
    writer.close()
    reader = Catalog(tmp_path)
    other = CatalogWriter(tmp_path)
    assert reader.ids().size == 499
    other.commit([row(i) for i in range(500, 1000)], [], [])
    other.close()
    assert reader.ids().size == 999
    assert reader.verify() == []
    reader.close()


def test_forgetting_removals(writer):
    writer.commit([row(1), row(2)], [Location(b"/a", 1, STATE), Location(b"/b", 2, STATE)], [])
    writer.remove_locations([b"/a"])
    list(writer.remove_unplaced())
    writer.forget_removals(writer.change())
    assert writer.removed_ids(0).tolist() == []
    assert writer.removals_known_since() == 2

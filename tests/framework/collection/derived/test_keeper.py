"""What is derived, in step with the catalogue: whatever it missed, and whoever made the changes."""

import json
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

import seealso
from seealso.collection.derived.snapshots import DESCRIPTION
from seealso.layout import CATALOGUE
from vector_collections import DIM, found, opened_of, part, refuse


@pytest.fixture(params=["exact", "pivot"])
def opening(request, reopen):
    """Opens the collection with one index or another."""
    return lambda **settings: reopen(**{"index": request.param, **settings})


def forget_removals(collection):
    catalog = seealso.catalogue.writer.CatalogWriter(collection.path)
    catalog.forget_removals(catalog.change())
    catalog.close()


def held_snapshots() -> list[str]:
    """The snapshots that this process holds, by their folders."""
    links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
    files = [Path(os.readlink(link)) for link in links if os.path.lexists(link)]
    return sorted(file.parent.name for file in files if file.name == "snapshot.json")


def made_by(collection) -> dict:
    """What made the current snapshot of the index."""
    directory = collection.path / "index"
    return json.loads((directory / (directory / "CURRENT").read_text() / "snapshot.json").read_text())["made_by"]


# Following


def test_a_reader_follows_a_writer(opening, add):
    writer, reader = opening(), opening()
    add(writer, 40)
    assert found(reader) == writer.ids().tolist()
    add(writer, 20)
    assert len(found(reader)) == 60
    writer.remove(range(1, 16))
    assert found(reader) == part(reader).ids().tolist() == writer.ids().tolist()
    assert len(writer.ids()) == 45


def test_a_catalogue_that_is_older_than_the_index(opening, add, tmp_path):
    """Restored from a backup: the changes that come now have the numbers of others, which the index has seen."""
    writer = opening()
    add(writer, 40)
    writer.close()
    shutil.copyfile(writer.path / CATALOGUE, tmp_path / "backup")
    add(writer, 20)
    writer.maintain()
    writer.close()
    shutil.copyfile(tmp_path / "backup", writer.path / CATALOGUE)
    np.save(tmp_path / "few.npy", np.random.default_rng(3).normal(size=(5, DIM)))
    writer.import_descriptors(tmp_path / "few.npy")
    for collection in (writer, opening()):
        assert found(collection) == part(collection).ids().tolist() == collection.ids().tolist()
        assert collection.verify().problems == []


def test_a_reader_that_missed_removals_which_were_forgotten(opening, add):
    writer, reader = opening(), opening()
    add(writer, 40)
    assert len(found(reader)) == 40
    writer.remove(range(1, 16))
    writer.maintain()
    assert opened_of(writer).catalog.removed_ids(0).size == 0
    assert found(reader) == part(reader).ids().tolist() == writer.ids().tolist()
    assert part(opening()).ids().tolist() == writer.ids().tolist()


@pytest.mark.parametrize("tail", [10_000, 3])
def test_an_old_snapshot_whose_removals_were_forgotten(opening, add, limits, tail, caplog):
    """The current snapshot itself is too old: it is as if there were none."""
    limits(tail=tail)
    writer = opening()
    add(writer, 40)
    reader = opening()
    assert len(found(reader)) == 40
    assert len(held_snapshots()) == 1
    writer.remove(range(1, 16))
    forget_removals(writer)
    writer.close()
    assert found(reader) == found(opening()) == reader.ids().tolist()
    assert held_snapshots() == []
    add(writer, 1)
    assert "building the index anew: there is no snapshot that can be used" in caplog.text
    assert part(opening()).ids().tolist() == writer.ids().tolist()


def test_a_query_waits_for_no_writer(opening, add):
    """Where nothing is to be caught up with: whoever rebuilds or saves holds the lock for long."""
    collection = opening()
    add(collection, 40)
    assert len(found(collection)) == 40
    answers = []
    asking = threading.Thread(target=lambda: answers.append(found(collection)), daemon=True)
    with opened_of(collection).index._lock:
        asking.start()
        asking.join(30)
        assert answers == [collection.ids().tolist()]


def test_a_query_that_is_behind_waits_a_moment_and_then_goes_without(opening, add, monkeypatch):
    monkeypatch.setattr("seealso.collection.derived.keeper.PATIENCE", 0.01)
    collection = opening()
    add(collection, 40)
    assert len(found(collection)) == 40
    add(collection, 5)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(found(collection)), daemon=True)
    with opened_of(collection).index._lock:
        asking.start()
        asking.join(30)
        assert answers == [collection.ids().tolist()]
        assert opened_of(collection).index.part.ids().size == 40


def test_what_the_index_has_just_caught_up_with_is_found_once(reopen, add):
    """The list of what is missing may be older than what the index holds by then."""
    collection = reopen()
    add(collection, 40)
    keeper = opened_of(collection).index
    before, view = keeper.view, []
    add(collection, 5)
    catalog = opened_of(collection).catalog
    opened_of(collection).catalog.refresh()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(keeper, "_come_near", lambda _: None)
        view.append(before(catalog))
    assert view[0].rest.size == 5
    assert found(collection) == collection.ids().tolist()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(keeper, "view", lambda _: view[0])
        assert found(collection) == collection.ids().tolist()


# Far behind


def test_a_reader_far_behind_takes_the_newer_snapshot(opening, add, limits, monkeypatch, caplog):
    limits(tail=10)
    writer, reader, near = opening(), opening(), opening()
    add(writer, 40)
    assert len(found(reader)) == len(found(near)) == 40
    cls = type(part(reader))
    add(writer, 5)
    with monkeypatch.context() as patched:
        patched.setattr(cls, "load", refuse)
        assert len(found(near)) == 45
        assert caplog.text == ""
    add(writer, 20)
    writer.rebuild()
    monkeypatch.setattr(cls, "add", refuse)
    assert found(reader) == part(reader).ids().tolist() == writer.ids().tolist()


def test_a_reader_far_behind_searches_the_rest_without_the_index(opening, add, limits, monkeypatch):
    limits(tail=10)
    writer, reader = opening(), opening()
    add(writer, 40)
    assert len(found(reader)) == 40
    held = held_snapshots()
    monkeypatch.setattr("seealso.collection.derived.keeper.Keeper._save", lambda _: None)
    add(writer, 20)
    writer.remove([3, 45])
    cls = type(part(reader))
    with monkeypatch.context() as patched:
        patched.setattr(cls, "add", refuse)
        patched.setattr(cls, "train", refuse)
        assert found(reader) == writer.ids().tolist()
    assert opened_of(reader).index.part.ids().size == 40
    assert set(held_snapshots()) == set(held)
    # What comes then is read alone.
    catalog, asked = opened_of(reader).catalog, []
    add(writer, 4)
    monkeypatch.setattr(catalog, "ids", lambda *changes: asked.append(changes) or type(catalog).ids(catalog, *changes))
    assert len(reader.similar(1, 1000).hits) == 62
    assert {after for after, _ in asked} == {3}


def test_beyond_the_limit_it_says_how_many_were_not_searched(opening, add, limits, monkeypatch):
    limits(tail=10, flat=15)
    writer, reader = opening(), opening()
    add(writer, 40)
    assert len(found(reader)) == 40
    monkeypatch.setattr("seealso.collection.derived.keeper.Keeper._save", lambda _: None)
    add(writer, 12)
    answer = reader.similar(1, 1000)
    assert (len(answer.hits), answer.unsearched) == (52, 0)
    add(writer, 12)
    answer = reader.similar(1, 1000)
    assert (len(answer.hits), answer.unsearched) == (40, 24)
    assert answer.as_json()["unsearched"] == 24
    assert reader.status()["index"]["missing"] == 24
    assert reader.verify().problems == []


def test_without_a_snapshot_a_query_compares_all_or_says_what_to_run(opening, add, limits, monkeypatch):
    writer = opening()
    add(writer, 40)
    shutil.rmtree(writer.path / "index")
    cls = type(part(writer))
    writer.close()
    limits(tail=10)
    with monkeypatch.context() as patched:
        patched.setattr(cls, "add", refuse)
        assert len(found(opening())) == 40
    limits(tail=10, flat=20)
    reader = opening()
    refused = r"collection c: the index is not built, and its 40 objects are too many .* one; run `seealso rebuild`"
    for _ in range(2):
        with pytest.raises(seealso.CollectionError, match=refused):
            reader.similar(1)
    assert len(reader.verify().problems) == 1
    assert reader.status()["objects"] == reader.status()["index"]["missing"] == 40
    writer.rebuild()
    assert len(found(reader)) == 40


# Other options, other plugins


def test_a_snapshot_made_with_other_options_is_used_as_it_was_made(reopen, add, limits, caplog, monkeypatch):
    add(reopen(), 40)
    before = part(reopen()).pivot
    limits(tail=10)
    cls = type(part(reopen()))
    with monkeypatch.context() as patched:
        # Whatever a query does, it trains nothing and adds nothing.
        patched.setattr(cls, "train", refuse)
        patched.setattr(cls, "add", refuse)
        for _ in range(2):
            other = reopen(index={"plugin": "pivot", "chosen": 1})
            assert len(found(other)) == 40
            assert np.array_equal(part(other).pivot, before)
    line = (
        "collection c: the index was made with chosen 0, and the configuration says 1; it is used as it was made until"
    )
    assert caplog.text.count(line) == 1
    assert caplog.text.count("\n") == 1
    # A writer goes on with it, too.
    add(other, 20)
    assert made_by(other)["index"] == {"plugin": "pivot", "chosen": 0}
    assert np.array_equal(part(reopen()).pivot, before)
    assert found(other) == found(reopen()) == other.ids().tolist()
    other.rebuild()
    assert made_by(other)["index"] == {"plugin": "pivot", "chosen": 1}
    assert not np.array_equal(part(other).pivot, before)
    assert caplog.text.count("\n") == 1


def test_a_snapshot_of_another_plugin_is_used_as_it_was_made(reopen, add, caplog):
    add(reopen(), 40)
    other = reopen(index="exact")
    assert len(found(other)) == 40
    assert part(other).name == "pivot"
    assert "the index was made by pivot, and the configuration says exact; it is used as it was made" in caplog.text
    other.rebuild()
    assert part(other).name == "exact"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"plugin": "none-such"}, "none-such"),
        ({"plugin": "pivot", "none_such": 1}, "none_such"),
        (7, "expected the name"),
    ],
)
def test_what_made_a_snapshot_is_not_there_any_more(reopen, add, caplog, record, reason):
    add(reopen(), 40)
    (file,) = (reopen().path / "index").rglob("snapshot.json")
    description = json.loads(file.read_text())
    description["made_by"]["index"] = record
    del description["files"], description["crc32"]
    file.write_text(json.dumps(description))
    collection = reopen()
    assert len(found(collection)) == 40
    assert "cannot be used" in caplog.text
    assert reason in caplog.text
    assert caplog.text.count("\n") == 1
    add(collection, 1)
    assert made_by(collection)["index"] == {"plugin": "pivot", "chosen": 0}


@pytest.mark.parametrize(("options", "kept"), [({"block": 2}, True), ({"chosen": 1}, False)])
def test_options_that_matter_only_to_a_query_are_those_of_the_configuration(reopen, add, options, kept, caplog):
    add(reopen(), 40)
    other = reopen(index={"plugin": "pivot", **options})
    assert len(found(other)) == 40
    assert (caplog.text == "") is kept
    assert part(other).options.block == options.get("block", 5)


def test_with_another_distance_the_index_is_not_asked(opening, add, limits, caplog, monkeypatch):
    first = opening()
    add(first, 40)
    limits(tail=10)
    other = opening(distance="manhattan")
    expected = np.abs(other.descriptors(other.ids()).astype(float) - other.descriptors([3])[0]).sum(axis=1)
    with monkeypatch.context() as patched:
        patched.setattr(type(part(first)), "candidates", refuse)
        answer = other.similar(3, 5)
    assert np.allclose([hit.distance for hit in answer.hits], np.sort(expected)[:5], rtol=1e-4)
    assert (
        caplog.text.count("for the distance euclidean, and the configuration says manhattan; queries do without") == 1
    )
    # It is fed all the same, with its own distance, so that the way back is open.
    add(other, 5)
    assert part(opening()).ids().size == 45
    limits(tail=10, flat=20)
    refused = (
        "for the distance euclidean, .* its 45 objects are too many to be searched without one; run `seealso rebuild`"
    )
    with pytest.raises(seealso.CollectionError, match=refused):
        opening(distance="manhattan").similar(3)
    other.rebuild()
    assert len(found(opening(distance="manhattan"))) == 45


# Damage


def test_a_damaged_snapshot_is_passed_over(opening, add, caplog):
    add(opening(), 40)
    for file in (opening().path / "index").rglob("*.npy"):
        file.write_bytes(file.read_bytes()[:70])
    collection = opening()
    assert len(found(collection)) == 40
    assert caplog.text.count("cannot be used") == 1
    collection.maintain()
    caplog.clear()
    collection.rebuild()
    assert len(found(opening())) == 40
    assert caplog.text == ""


def test_a_snapshot_of_a_newer_format_is_passed_over(opening, add, caplog):
    add(opening(), 40)
    (file,) = (opening().path / "index").rglob("snapshot.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"version": 99}))
    assert len(found(opening())) == 40
    assert "cannot be used (it is of format 99, and this release reads up to 1)" in caplog.text


def test_the_next_older_snapshot_is_used_where_there_is_one(opening, add, limits, caplog):
    limits(tail=10)
    writer, reader = opening(), opening()
    add(writer, 40)
    assert len(found(reader)) == 40
    add(writer, 3000)
    current = writer.path / "index" / (writer.path / "index" / "CURRENT").read_text()
    for file in current.glob("*.npy"):
        file.write_bytes(b"")
    late = opening()
    assert late.similar(1, 1).hits[0].id == 1
    assert opened_of(late).index.part.ids().size == 40
    assert caplog.text.count("cannot be used") == 1


def test_the_snapshot_that_a_writer_held_when_it_replaced_it_goes_with_the_next_writer(reopen, add):
    with reopen(index="exact") as first:
        add(first, 40)
    with reopen(index="exact") as second:
        add(second, 3000)
        kept = sorted((second.path / "index").glob("0*"))
        assert len(kept) == 2
    with reopen(index="exact") as third:
        assert third.maintain().dropped == 0
    assert sorted((third.path / "index").glob("0*")) == kept[1:]


@pytest.mark.parametrize("left", ["000000000099-1.new", "000000000099-1"])
def test_a_half_written_snapshot_is_not_seen(opening, add, left, caplog):
    add(opening(), 40)
    half = opening().path / "index" / left
    half.mkdir()
    (half / "ids.npy").write_bytes(b"half")
    collection = opening()
    assert len(found(collection)) == 40
    assert caplog.text == ""
    collection.rebuild()
    assert not half.exists()


def test_pivots_of_another_generation_than_the_codes_are_passed_over(reopen, add, caplog):
    writer = reopen(index="ppp-codes")
    add(writer, 300)
    nearest = [hit.id for hit in writer.similar(3, 10).hits]
    directory = writer.path / "index"
    first = (directory / (directory / "CURRENT").read_text() / "pivots.npy").read_bytes()
    add(writer, 1000)
    writer.close()
    current = directory / (directory / "CURRENT").read_text()
    assert (current / "pivots.npy").read_bytes() != first
    (current / "pivots.npy").write_bytes(first)
    expected = [hit.id for hit in reopen(index="exact").similar(3, 10).hits]
    assert caplog.text.count("pivots.npy is damaged: it is not as it was saved") == 1
    caplog.clear()
    late = reopen(index="ppp-codes")
    assert [hit.id for hit in late.similar(3, 10).hits] == expected != nearest
    late.rebuild()
    assert reopen(index="ppp-codes").verify().problems == []


def test_a_part_of_another_collections_snapshot_is_not_taken_for_its_own(reopen, add, caplog, limits):
    """Of the same shape, so that nothing but its checksum tells."""
    add(reopen(index="ppp-codes"), 300)
    directory = reopen().path / "index"
    (first,) = directory.rglob("0_codes.npy")
    other = first.read_bytes()
    before = json.loads((first.parent / "snapshot.json").read_text())["files"]
    shutil.rmtree(directory)
    reopen(index={"plugin": "ppp-codes", "seed": 5}).rebuild()
    (part_of_it,) = directory.rglob("0_codes.npy")
    assert part_of_it.stat().st_size == before["0_codes.npy"][0]
    part_of_it.write_bytes(other)
    index = {"plugin": "ppp-codes", "seed": 5}
    assert reopen(index=index).verify().problems == [
        f"{part_of_it} is damaged: it is not as it was saved; run `seealso rebuild`"
    ]
    expected = [hit.id for hit in reopen(index="exact").similar(3, 10).hits]
    limits(tail=10)
    late = reopen(index=index)
    assert [hit.id for hit in late.similar(3, 10).hits] == expected
    assert opened_of(late).index.part is None
    late.remove([7])
    assert not part_of_it.exists()
    assert reopen(index=index).verify().problems == []


def test_what_is_found_damaged_by_a_writer_is_built_anew(reopen, add, caplog, monkeypatch):
    """Also where only a change, or the saving, comes across it."""
    add(reopen(), 40)
    for method in ("add", "save"):
        again = reopen()
        kind = type(part(again))
        load, sound, torn = kind.load, getattr(kind, method), []

        def note(self, directory, load=load, torn=torn):
            torn.append(self)
            load(self, directory)

        def fail(self, *given, sound=sound, torn=torn):
            if self in torn:
                raise seealso.FormatError("a segment is torn; run `seealso rebuild`")
            sound(self, *given)

        monkeypatch.setattr(kind, "load", note)
        monkeypatch.setattr(kind, method, fail)
        caplog.clear()
        add(again, 1001)
        assert torn
        assert caplog.text.count("cannot be used (a segment is torn") == 1
        assert reopen().verify().problems == []
    assert part(reopen()).ids().size == 2042


def test_what_cannot_be_built_either_is_an_error(reopen, add, monkeypatch):
    collection = reopen()
    add(collection, 40)

    def fail(*_):
        raise seealso.FormatError("the disk is torn")

    monkeypatch.setattr(type(part(collection)), "add", fail)
    with pytest.raises(seealso.FormatError, match="the disk is torn"):
        add(collection, 5)


# Building anew


def test_rebuilding_gives_the_same(opening, add):
    writer = opening()
    add(writer, 40)
    before = [hit.id for hit in writer.similar(3, 10).hits]
    writer.rebuild()
    assert [hit.id for hit in writer.similar(3, 10).hits] == before
    assert [hit.id for hit in opening().similar(3, 10).hits] == before


def test_queries_go_on_while_it_is_rebuilt(opening, add):
    collection = opening()
    add(collection, 40)
    too_few = []
    done = threading.Event()

    def ask():
        while not done.is_set():
            hits = collection.similar(3, 100).hits
            if len(hits) != 40:
                too_few.append(len(hits))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        collection.rebuild()
    done.set()
    for thread in threads:
        thread.join()
    assert too_few == []


def test_rebuilding_takes_no_snapshot(opening, add, limits, monkeypatch, caplog):
    """Not even when so much has changed that a reader would take one."""
    limits(tail=1)
    writer = opening()
    add(writer, 40)
    monkeypatch.setattr(type(part(writer)), "load", refuse)
    writer.rebuild()
    assert found(writer) == part(writer).ids().tolist() == writer.ids().tolist()
    assert caplog.text == ""


def test_rebuilding_an_empty_collection_leaves_no_snapshot(reopen, add):
    collection = reopen()
    add(collection, 40)
    collection.remove(collection.ids())
    collection.rebuild()
    add(collection, 5)
    assert found(reopen()) == collection.ids().tolist()


@pytest.fixture
def grown(reopen, add):
    """Makes a collection whose index was trained on four descriptors."""
    add(reopen(), 4)
    assert part(reopen()).trained_on == 4
    return reopen


def test_an_index_that_has_outgrown_its_training_is_built_anew(grown, add):
    writer, reader = grown(), grown()
    assert len(found(reader)) == 4
    add(writer, 30)
    assert part(writer).trained_on == 20
    assert found(writer) == part(writer).ids().tolist() == writer.ids().tolist()
    # It is saved, and a reader that has the old one takes it; nobody does it twice.
    assert part(grown()).trained_on == part(reader).trained_on == 20
    assert found(reader) == part(reader).ids().tolist() == writer.ids().tolist()


def test_it_is_trained_anew_when_there_are_four_times_as_many(reopen, add, caplog):
    """The first of a long import may be unlike the others, as many as they are."""
    caplog.set_level("INFO")
    collection = reopen()
    add(collection, 40)
    first = part(reopen()).pivot
    add(collection, 119)
    assert np.array_equal(part(reopen()).pivot, first)
    add(collection, 1)
    assert not np.array_equal(part(reopen()).pivot, first)
    assert caplog.text.count("many more objects than it was trained among") == 1


def test_queries_and_changes_go_on_while_it_is_built_anew(grown, commit, monkeypatch):
    writer = grown()
    keeper = opened_of(writer).index
    cls = type(keeper.part)
    train, training, go_on = cls.train, threading.Event(), threading.Event()

    def train_slowly(self, sample):
        training.set()
        assert go_on.wait(60)
        train(self, sample)

    monkeypatch.setattr(cls, "train", train_slowly)
    with writer._writing() as (opened, catalog):
        commit(writer, opened, catalog, 30)
        assert training.wait(60)
        commit(writer, opened, catalog, 6)
        assert found(writer) == writer.ids().tolist()
        assert keeper.part.trained_on == 4
        go_on.set()
        keeper.finish()
        assert keeper.part.trained_on == 20
    assert found(writer) == part(grown()).ids().tolist() == writer.ids().tolist()
    assert len(writer.ids()) == 40


def test_an_index_that_cannot_be_built_anew_goes_on(grown, add, monkeypatch, caplog):
    writer = grown()
    with monkeypatch.context() as patched:
        patched.setattr(type(part(writer)), "train", refuse)
        with writer._writing():
            pass
        assert caplog.text == ""
        add(writer, 30)
        assert "could not be built anew (not now)" in caplog.text
        caplog.clear()
    late = grown()
    assert part(late).trained_on == 4
    assert found(late) == part(late).ids().tolist() == writer.ids().tolist()
    assert late.verify().problems == []


# Telling


def test_of_a_snapshot_that_an_earlier_release_saved_the_plugin_is_asked(grown, monkeypatch):
    collection = grown()
    assert collection.verify().problems == []
    # Its files were compared already.
    monkeypatch.setattr(type(part(collection)), "verify", lambda _: ["it is torn"])
    assert collection.verify().problems == []
    (file,) = (collection.path / "index").glob(f"*/{DESCRIPTION}")
    description = json.loads(file.read_text())
    del description["files"], description["crc32"]
    file.write_text(json.dumps(description))
    assert collection.verify().problems == ["it is torn; run `seealso rebuild`"]


def test_what_differs_from_the_catalogue_is_told(opening, add):
    collection = opening()
    add(collection, 40)
    part(collection).remove(np.array([3, 4]))
    assert collection.verify().problems == ["2 objects are not in the index, the first is 3; run `seealso rebuild`"]


def test_the_size_of_a_descriptor_counts(reopen, add):
    add(reopen(), 4)
    assert opened_of(reopen()).index._source.bytes_each == DIM * 4


@pytest.mark.parametrize("settings", [{"index": {"plugin": "pivot", "chosen": 1}}, {"distance": "manhattan"}])
def test_a_server_takes_what_another_process_has_rebuilt(reopen, add, settings):
    add(reopen(), 40)
    server = reopen(**settings)
    assert len(found(server)) == 40
    before = opened_of(server).index.part
    assert len(found(server)) == 40
    assert opened_of(server).index.part is before
    reopen(**settings).rebuild()
    assert len(found(server)) == 40
    assert opened_of(server).index.part is not before
    assert made_by(server) == opened_of(server).index._source.made_by


def test_with_another_distance_the_ids_are_read_once(reopen, add, limits, monkeypatch):
    limits(tail=10)
    add(reopen(), 40)
    server = reopen(distance="manhattan")
    server.similar(3, 5)
    catalog = opened_of(server).catalog
    monkeypatch.setattr(catalog, "ids", refuse)
    assert len(server.similar(3, 5).hits) == 5


def test_a_snapshot_that_is_replaced_while_it_is_opened(reopen, add, monkeypatch, caplog):
    """Between reading its name and holding it: the next one is taken."""
    add(reopen(), 40)
    snapshots = type(opened_of(reopen()).index._snapshots)
    hold, held = snapshots.hold, []

    def hold_late(self, name):
        held.append(name)
        if len(held) == 1:
            raise FileNotFoundError(name)
        return hold(self, name)

    monkeypatch.setattr(snapshots, "hold", hold_late)
    assert opened_of(reopen()).index.part.ids().size == 40
    assert caplog.text == ""

"""An index in step with the catalogue: whatever it missed, and whoever made the changes."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

import seealso
from conftest import SAMPLES, THUMBNAIL

PLUGINS = [THUMBNAIL, SAMPLES / "plain.py"]


@pytest.fixture(autouse=True)
def _settled_at_once(monkeypatch):
    monkeypatch.setattr("seealso.collection.intake.reading.SETTLED_NS", -1)


@pytest.fixture(params=["exact", "pivot"])
def reopen(request, tmp_path, make_photos):
    """Opens the same collection again and again, as other processes would."""
    make_photos(tmp_path / "photos", 40)
    opened = []

    def reopen(**settings):
        settings = {"extractor": "thumbnail", "index": request.param, **settings}
        opened.append(seealso.open(tmp_path / "c", plugins=PLUGINS, **settings))
        return opened[-1]

    yield reopen
    for collection in opened:
        collection.close()


def found(collection) -> list[int]:
    ids = collection.ids()
    return sorted(hit.id for hit in collection.similar(int(ids[0]), 1000).hits)


def indexed(collection) -> list[int]:
    return collection._current().index.index.ids().tolist()


def test_a_reader_follows_a_writer(reopen, tmp_path, make_photos):
    writer, reader = reopen(), reopen()
    writer.index([tmp_path / "photos"])
    assert found(reader) == writer.ids().tolist()
    make_photos(tmp_path / "photos" / "more", 20, seed=3)
    writer.index([tmp_path / "photos"])
    assert len(found(reader)) == 60
    for path in sorted((tmp_path / "photos").glob("*.jpg"))[:15]:
        path.unlink()
    writer.index([tmp_path / "photos"])
    assert found(reader) == indexed(reader) == writer.ids().tolist()
    assert len(indexed(reader)) == 45


def test_a_reader_that_missed_removals_which_were_forgotten(reopen, tmp_path):
    writer, reader = reopen(), reopen()
    writer.index([tmp_path / "photos"])
    assert len(found(reader)) == 40
    for path in sorted((tmp_path / "photos").iterdir())[:15]:
        path.unlink()
    writer.index([tmp_path / "photos"])
    writer.maintain()
    assert writer._open().catalog.removed_ids(0).size == 0
    assert found(reader) == indexed(reader) == writer.ids().tolist()
    late = reopen()
    assert indexed(late) == writer.ids().tolist()


def test_an_old_snapshot_whose_removals_were_forgotten(reopen, tmp_path):
    """The current snapshot itself is too old: everything is added anew."""
    writer = reopen()
    writer.index([tmp_path / "photos"])
    reader = reopen()
    assert len(found(reader)) == 40
    for path in sorted((tmp_path / "photos").iterdir())[:15]:
        path.unlink()
    writer.index([tmp_path / "photos"])
    catalog = seealso.catalogue.writer.CatalogWriter(writer.path)
    catalog.forget_removals(catalog.change())
    catalog.close()
    assert indexed(reader) == indexed(reopen()) == writer.ids().tolist()


def test_rebuilding_gives_the_same(reopen, tmp_path):
    writer = reopen()
    writer.index([tmp_path / "photos"])
    before = [hit.id for hit in writer.similar(3, 10).hits]
    writer.rebuild()
    assert [hit.id for hit in writer.similar(3, 10).hits] == before
    assert [hit.id for hit in reopen().similar(3, 10).hits] == before


def test_queries_go_on_while_it_is_rebuilt(reopen, tmp_path):
    collection = reopen()
    collection.index([tmp_path / "photos"])
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


def test_a_snapshot_made_with_other_options_is_not_used(reopen, tmp_path):
    reopen().index([tmp_path / "photos"])
    other = reopen(distance="manhattan")
    expected = np.abs(other.descriptors(other.ids()).astype(float) - other.descriptors([3])[0]).sum(axis=1)
    answer = other.similar(3, 5)
    assert np.allclose([hit.distance for hit in answer.hits], np.sort(expected)[:5], rtol=1e-4)


def test_a_damaged_snapshot_is_passed_over(reopen, tmp_path, caplog):
    reopen().index([tmp_path / "photos"])
    for file in (tmp_path / "c" / "index").rglob("*.npy"):
        file.write_bytes(file.read_bytes()[:70])
    collection = reopen()
    assert len(found(collection)) == 40
    assert "cannot be used" in caplog.text
    collection.maintain()
    caplog.clear()
    collection.rebuild()
    assert len(found(reopen())) == 40
    assert caplog.text == ""


def held_snapshots() -> list[str]:
    """The snapshots that this process holds, by their folders."""
    links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
    files = [Path(os.readlink(link)) for link in links if os.path.lexists(link)]
    return sorted(file.parent.name for file in files if file.name == "snapshot.json")


def refuse(*_):
    raise ValueError("not now")


def test_rebuilding_takes_no_snapshot(reopen, tmp_path, monkeypatch, caplog):
    """Not even when so much has changed that a reader would take one."""
    monkeypatch.setattr("seealso.collection.derived.live_index.FAR_BEHIND", 0)
    writer = reopen()
    writer.index([tmp_path / "photos"])
    monkeypatch.setattr(type(writer._current().index.index), "load", refuse)
    writer.rebuild()
    assert found(writer) == indexed(writer) == writer.ids().tolist()
    assert caplog.text == ""


def test_a_reader_far_behind_takes_the_newer_snapshot(reopen, tmp_path, make_photos, monkeypatch, caplog):
    writer, reader, near = reopen(), reopen(), reopen()
    writer.index([tmp_path / "photos"])
    assert len(found(reader)) == len(found(near)) == 40
    make_photos(tmp_path / "photos" / "more", 20, seed=3)
    writer.index([tmp_path / "photos"])
    writer._open().index.save()
    cls = type(writer._open().index.index)
    with monkeypatch.context() as patched:
        patched.setattr(cls, "load", refuse)
        assert len(found(near)) == 60
        assert caplog.text == ""
    monkeypatch.setattr("seealso.collection.derived.live_index.FAR_BEHIND", 0)
    monkeypatch.setattr(cls, "add", refuse)
    assert found(reader) == indexed(reader) == writer.ids().tolist()


def test_a_reader_far_behind_replays_where_there_is_no_newer_snapshot(reopen, tmp_path, make_photos, monkeypatch):
    writer, reader = reopen(), reopen()
    writer.index([tmp_path / "photos"])
    assert len(found(reader)) == 40
    held = held_snapshots()
    monkeypatch.setattr("seealso.collection.derived.live_index.FAR_BEHIND", 0)
    monkeypatch.setattr("seealso.collection.derived.live_index.LiveIndex.save_if_worthwhile", lambda _: None)
    make_photos(tmp_path / "photos" / "more", 20, seed=3)
    writer.index([tmp_path / "photos"])
    assert found(reader) == indexed(reader) == writer.ids().tolist()
    assert len(indexed(reader)) == 60
    assert held_snapshots() == held


def test_a_snapshot_that_is_too_old_is_let_go(reopen, tmp_path):
    reopen().index([tmp_path / "photos"])
    reader = reopen()
    assert len(found(reader)) == 40
    assert len(held_snapshots()) == 1
    for path in sorted((tmp_path / "photos").iterdir())[:15]:
        path.unlink()
    writer = reopen()
    writer.index([tmp_path / "photos"])
    catalog = seealso.catalogue.writer.CatalogWriter(writer.path)
    catalog.forget_removals(catalog.change())
    catalog.close()
    writer.close()
    assert len(found(reader)) == 25
    assert held_snapshots() == []


@pytest.fixture
def grown(tmp_path, make_photos):
    """Makes a collection whose index was trained on four photographs, and adds many more."""
    opened = []

    def reopen(index="pivot"):
        opened.append(seealso.open(tmp_path / "c", plugins=PLUGINS, extractor="thumbnail", index=index))
        return opened[-1]

    make_photos(tmp_path / "photos", 4)
    collection = reopen()
    collection.index([tmp_path / "photos"])
    assert collection._current().index.index.trained_on == 4
    make_photos(tmp_path / "photos" / "more", 30, seed=3)
    yield reopen, tmp_path / "photos"
    for collection in opened:
        collection.close()


def test_an_index_that_has_outgrown_its_training_is_built_anew(grown):
    reopen, photos = grown
    writer, reader = reopen(), reopen()
    assert len(found(reader)) == 4
    writer.index([photos])
    assert writer._open().index.index.trained_on == 20
    assert found(writer) == indexed(writer) == writer.ids().tolist()
    # It is saved, and what is opened later need not do it again.
    assert reopen()._open().index.index.trained_on == 20
    # A reader that goes on does it for itself.
    assert found(reader) == writer.ids().tolist()
    reader._open().index._finish_renewing()
    assert reader._open().index.index.trained_on == 20
    assert found(reader) == indexed(reader) == writer.ids().tolist()


def test_queries_and_changes_go_on_while_it_is_built_anew(grown, make_photos, monkeypatch):
    reopen, photos = grown
    writer, reader = reopen(), reopen()
    assert len(found(reader)) == 4
    writer.index([photos])
    live = reader._open().index
    cls = type(live.index)
    train, training, go_on = cls.train, threading.Event(), threading.Event()

    def train_slowly(self, sample):
        training.set()
        assert go_on.wait(60)
        train(self, sample)

    with monkeypatch.context() as patched:
        patched.setattr(cls, "train", train_slowly)
        assert len(found(reader)) == 34
        assert training.wait(60)
        make_photos(photos / "yet more", 6, seed=4)
        for path in sorted(photos.glob("*.jpg"))[:2]:
            path.unlink()
        writer.index([photos])
        assert found(reader) == writer.ids().tolist()
        assert live.index.trained_on == 4
        go_on.set()
        live._finish_renewing()
    assert live.index.trained_on == 20
    assert found(reader) == indexed(reader) == writer.ids().tolist()
    assert len(indexed(reader)) == 38


def test_an_index_that_cannot_be_built_anew_goes_on(grown, make_photos, monkeypatch, caplog):
    reopen, photos = grown
    writer = reopen()
    with monkeypatch.context() as patched:
        patched.setattr(type(writer._current().index.index), "train", refuse)
        writer.index([photos])
        assert "could not be built anew (not now)" in caplog.text
        caplog.clear()
        make_photos(photos / "yet more", 6, seed=4)
        writer.index([photos])
    assert caplog.text == ""
    assert writer._open().index.index.trained_on == 4
    assert found(writer) == indexed(writer) == writer.ids().tolist()
    assert len(indexed(writer)) == 40
    assert writer.verify().problems == []


def test_it_is_built_anew_from_nothing_however_much_has_changed(grown, monkeypatch):
    monkeypatch.setattr("seealso.collection.derived.live_index.FAR_BEHIND", 0)
    reopen, photos = grown
    writer = reopen()
    writer.index([photos])
    live = writer._open().index
    live._finish_renewing()
    assert live.index.trained_on == 20
    assert live._renewing is None


@pytest.mark.parametrize(("options", "kept"), [({"block": 2}, True), ({"chosen": 1}, False)])
def test_options_that_matter_only_to_a_query_leave_the_snapshot_valid(grown, options, kept):
    reopen, _ = grown
    recorded = reopen()._current().index
    other = reopen({"plugin": "pivot", **options})._current().index
    assert np.array_equal(other.index.pivot, recorded.index.pivot) is kept
    assert (other.saved == recorded.saved) is kept


def test_what_is_wrong_with_the_snapshot_is_told(grown, monkeypatch):
    collection = grown[0]()
    assert collection.verify().problems == []
    monkeypatch.setattr(type(collection._current().index.index), "verify", lambda _: ["it is torn"])
    assert collection.verify().problems == ["it is torn; run `seealso rebuild`"]


def test_a_query_waits_for_no_writer(reopen, tmp_path):
    """Where nothing is to be caught up with: whoever rebuilds or saves holds the index's lock for long."""
    collection = reopen()
    collection.index([tmp_path / "photos"])
    answers = []
    asking = threading.Thread(target=lambda: answers.append(found(collection)), daemon=True)
    with collection._open().index._lock:
        asking.start()
        asking.join(30)
        assert answers == [collection.ids().tolist()]

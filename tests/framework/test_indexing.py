"""An index in step with the catalogue: whatever it missed, and whoever made the changes."""

import threading

import numpy as np
import pytest

import seealso
from conftest import SAMPLES, THUMBNAIL

PLUGINS = [THUMBNAIL, SAMPLES / "plain.py"]


@pytest.fixture(autouse=True)
def _settled_at_once(monkeypatch):
    monkeypatch.setattr("seealso.collection.reading.SETTLED_NS", -1)


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
    catalog = seealso.catalog_writer.CatalogWriter(writer.path)
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

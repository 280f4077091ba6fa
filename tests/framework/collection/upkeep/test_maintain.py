"""Upkeep: what takes room on the disk, and what a check tells of the store."""

import os
import shutil

import numpy as np
import pytest

import seealso
from seealso.collection.upkeep.maintain import bytes_below, bytes_of_parts
from vector_collections import opened_of


def test_the_parts_of_a_collection_are_weighed_and_nothing_else(tmp_path):
    for name in ("catalog.sqlite3", "store-2/segments/1.seg", "index/1/codes.npy", "text/all"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes(10_000))
    parts = bytes_of_parts(tmp_path)
    assert parts == bytes_below(tmp_path) > 40_000
    (tmp_path / "thumbnails" / "ab").mkdir(parents=True)
    (tmp_path / "thumbnails" / "ab" / "ab.webp").write_bytes(bytes(10_000))
    assert bytes_of_parts(tmp_path) == parts < bytes_below(tmp_path)


def test_a_file_with_two_names_is_weighed_once(tmp_path):
    (tmp_path / "one").write_bytes(bytes(10_000))
    before = bytes_below(tmp_path)
    os.link(tmp_path / "one", tmp_path / "other")
    assert bytes_below(tmp_path) == before


def test_status_goes_through_no_folder_of_a_plugin(tmp_path, open_collection):
    np.save(tmp_path / "vectors.npy", np.random.default_rng(1).normal(size=(50, 8)).astype(np.float32))
    with open_collection(extractor={"plugin": "imported", "dim": 8}) as collection:
        collection.import_descriptors(tmp_path / "vectors.npy")
        before = collection.status()["bytes"]
        (collection.path / "thumbnails").mkdir()
        (collection.path / "thumbnails" / "a.webp").write_bytes(bytes(10_000))
        assert collection.status()["bytes"] == before


def test_what_a_store_finds_wrong_is_told(tmp_path, open_collection, monkeypatch):
    np.save(tmp_path / "vectors.npy", np.random.default_rng(1).normal(size=(50, 8)).astype(np.float32))
    with open_collection(extractor={"plugin": "imported", "dim": 8}) as collection:
        collection.import_descriptors(tmp_path / "vectors.npy")
        assert collection.verify().problems == []
        store = type(opened_of(collection).store)
        report = seealso.StoreReport(50, problems=["the store counts wrong"])
        monkeypatch.setattr(store, "verify", lambda self: report)
        assert collection.verify().problems == ["the store counts wrong"]


@pytest.fixture
def imported(tmp_path, open_collection):
    """Makes a collection of so many descriptors."""

    def imported(count: int) -> seealso.Collection:
        file = tmp_path / f"vectors-{count}.npy"
        np.save(file, np.random.default_rng(1).normal(size=(count, 8)).astype(np.float32))
        collection = open_collection(extractor={"plugin": "imported", "dim": 8})
        collection.import_descriptors(file)
        return collection

    return imported


@pytest.mark.parametrize(
    ("count", "lost", "refused"),
    [
        (200, 20, None),
        (200, 21, "21 of 200 descriptors are missing"),
        (50, 10, None),
        (50, 11, "11 of 50"),
        (3, 2, None),
        (3, 3, "all 3 descriptors"),
    ],
)
def test_a_store_that_has_lost_most_is_not_believed(imported, count, lost, refused):
    with imported(count) as collection:
        store = opened_of(collection).store
        store.remove_many(np.arange(1, lost + 1))
        store.flush()
        found = collection.verify()
        assert found.doubtful == bool(refused)
        if refused is None:
            assert len(found.problems) == lost
            assert collection.maintain().dropped == lost
            return
        (problem,) = found.problems
        assert refused in problem
        assert problem.count(": is it the right store? If it is not, ") == 1
        assert "maintain" not in problem
        with pytest.raises(seealso.WrongStore, match=rf"{refused}.*maintain --force"):
            collection.maintain()
        assert collection.counts().objects == count
        assert collection.maintain(force=True).dropped == lost
        assert collection.counts().objects == count - lost


def test_a_store_of_which_most_is_damaged_is_not_believed(imported, monkeypatch):
    with imported(50) as collection:
        store = type(opened_of(collection).store)
        report = seealso.StoreReport(50, damaged=list(range(1, 31)))
        monkeypatch.setattr(store, "verify", lambda self: report)
        (problem,) = collection.verify().problems
        assert "30 of 50 descriptors are damaged: is it the right store?" in problem
        with pytest.raises(seealso.WrongStore, match="30 of 50 descriptors are damaged"):
            collection.maintain()
        assert collection.counts().objects == 50


def test_a_store_that_is_newer_than_its_catalogue_is_not_emptied(imported, tmp_path):
    with imported(60) as collection:
        path = collection.path
    shutil.copytree(path, tmp_path / "backup")
    with imported(300):
        pass
    shutil.copy(tmp_path / "backup" / "catalog.sqlite3", path)
    shutil.rmtree(path / "index")
    with imported(60) as collection:
        found = collection.verify()
        assert found.unused == 300
        assert found.doubtful
        assert (
            "300 of 360 descriptors belong to no object: are store and catalogue the right ones?" in found.problems[0]
        )
        with pytest.raises(seealso.WrongStore, match="300 of 360 descriptors belong to no object"):
            collection.maintain()
        assert collection.maintain(force=True).removed == 300
        assert collection.verify().problems == []


def test_what_an_interrupted_run_has_left_is_removed(imported):
    with imported(20) as collection:
        with collection._writing() as (opened, writer):
            first = writer.reserve_ids(100)
            ids = np.arange(first, first + 100)
            opened.store.put_many(ids, np.ones((100, 8), np.float32))
        assert collection.verify().unused == 100
        assert not collection.verify().doubtful
        assert collection.maintain().removed == 100


def test_what_was_removed_from_the_catalogue_alone_is_removed(imported, monkeypatch):
    """As after a kill between the two; however much it is."""
    with imported(100) as collection:
        monkeypatch.setattr("seealso.collection.upkeep.maintain.INTERRUPTED", 10)
        with collection._writing() as (_, writer):
            records = writer.records(list(range(1, 91)))
            writer.remove_locations([path for record in records.values() for path in record.paths])
            assert sum(ids.size for ids in writer.remove_unplaced()) == 90
        assert collection.verify().unused == 90
        assert not collection.verify().doubtful
        assert collection.maintain().removed == 90

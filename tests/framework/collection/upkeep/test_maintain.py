"""Upkeep: what takes room on the disk, and what a check tells of the store."""

import os

import numpy as np

import seealso
from seealso.collection.upkeep.maintain import bytes_below, bytes_of_parts


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
        store = type(collection._open().store)
        report = seealso.StoreReport(50, problems=["the store counts wrong"])
        monkeypatch.setattr(store, "verify", lambda self: report)
        assert collection.verify().problems == ["the store counts wrong"]

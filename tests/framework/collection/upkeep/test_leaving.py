"""What a conversion leaves is removed: also what a store keeps elsewhere, and also after an interruption."""

from pathlib import Path

import numpy as np
import pytest

import seealso
from conftest import SAMPLES
from samples.elsewhere import TOKEN
from vector_collections import opened_of


def remote(url: object, **options: object) -> dict[str, object]:
    return {"plugin": "remote", "url": str(url), "token": TOKEN, **options}


@pytest.fixture
def opening(tmp_path):
    """Opens a collection of 20 descriptors, in a store whose data lies elsewhere, in ``bucket``."""
    opened = []

    def opening(**settings) -> seealso.Collection:
        settings = {"store": remote(tmp_path / "bucket"), **settings}
        extractor = {"plugin": "imported", "dim": 8}
        opened.append(seealso.open(tmp_path / "c", plugins=[SAMPLES / "elsewhere.py"], extractor=extractor, **settings))
        return opened[-1]

    np.save(tmp_path / "vectors.npy", np.random.default_rng(1).normal(size=(20, 8)).astype(np.float32))
    opening().import_descriptors(tmp_path / "vectors.npy")
    yield opening
    for collection in opened:
        collection.close()


def stop(done, total):
    raise KeyboardInterrupt


def names(folder) -> list[str]:
    return sorted(each.name for each in folder.iterdir()) if folder.exists() else []


def test_the_store_that_was_left_removes_what_it_has(opening, tmp_path):
    assert len(names(tmp_path / "bucket")) == 1
    assert opening().convert(seealso.PluginChoice("flat-file")).copied == 20
    assert names(tmp_path / "bucket") == []
    assert [name for name in names(tmp_path / "c") if name.startswith("store")] == ["store-2"]


def test_one_that_was_not_finished_does_too(opening, tmp_path):
    collection = opening()
    with pytest.raises(KeyboardInterrupt):
        collection.convert(progress=stop, options={"codec": "f16"})
    assert len(names(tmp_path / "bucket")) == 2
    with pytest.raises(KeyboardInterrupt):
        collection.convert(progress=stop, options={"codec": "zstd"})
    assert len(names(tmp_path / "bucket")) == 2
    collection.maintain()
    assert len(names(tmp_path / "bucket")) == 1
    assert [name for name in names(tmp_path / "c") if name.startswith("store")] == ["store"]
    assert collection.verify().problems == []


def test_a_store_goes_all_at_once(opening, tmp_path, monkeypatch):
    """Whoever reads it finds all of it or nothing; what was not removed to its end is removed the next time."""
    store, seen = tmp_path / "c" / "store", []
    with monkeypatch.context() as interrupted:
        interrupted.setattr("shutil.rmtree", lambda folder, **options: seen.append((Path(folder).name, store.exists())))
        opening().convert(seealso.PluginChoice("flat-file"))
    assert next(each for each in seen if each[0].startswith("store")) == ("store.gone", False)
    assert [name for name in names(tmp_path / "c") if name.startswith("store")] == ["store-2", "store.gone"]
    store.mkdir()  # as one would look that was killed before it was renamed
    opening(store="flat-file").maintain()
    assert [name for name in names(tmp_path / "c") if name.startswith("store")] == ["store-2"]


def test_what_was_begun_is_found_again(opening, tmp_path):
    collection = opening()
    with pytest.raises(KeyboardInterrupt):
        collection.convert(progress=stop, options={"codec": "f16"})
    done = collection.convert(options={"codec": "f16"})
    assert (done.copied, done.found) == (0, 20)
    assert len(names(tmp_path / "bucket")) == 1


def test_what_cannot_be_removed_yet_is_removed_later(opening, tmp_path, monkeypatch, caplog):
    collection = opening()
    store = type(opened_of(collection).store)

    def fail(self):
        raise seealso.StoreError("the network is away")

    with monkeypatch.context() as away:
        away.setattr(store, "destroy", fail)
        assert collection.convert(seealso.PluginChoice("flat-file")).copied == 20
        (warning,) = (each.getMessage() for each in caplog.records)
        assert warning == (
            "the store remote, which the descriptors have left, could not be removed: the network is away; `seealso maintain` tries it "
            "again"
        )
        assert len(names(tmp_path / "bucket")) == 1
        # Another conversion passes over its folder.
        again = opening(store="flat-file")
        assert again.convert(options={"codec": "f16"}).copied == 20
    # The configuration has the token no more: then nobody can open it.
    again.maintain()
    assert len(names(tmp_path / "bucket")) == 1
    named = opening(store=remote(tmp_path / "bucket"))
    assert named.convert().copied == 20
    named.maintain()
    assert len(names(tmp_path / "bucket")) == 1
    assert named.verify().problems == []


def test_nothing_is_put_to_what_another_store_keeps(opening, tmp_path):
    """The store ``forgetful`` has but one place at its ``url``."""
    forgetful = {"url": str(tmp_path / "one")}
    opening().convert(seealso.PluginChoice("forgetful", forgetful))
    collection = opening(store={"plugin": "forgetful", **forgetful})
    before = collection.ids().tolist()
    with pytest.raises(seealso.WrongStore, match="descriptors of another store are kept there, perhaps those in force"):
        collection.convert(options={"colour": "red"})
    collection.maintain()
    assert collection.ids().tolist() == before
    assert collection.verify().problems == []
    assert collection.convert(options={"colour": "red", "url": str(tmp_path / "other")}).copied == 20

"""A store hands back the identity that it was given, or it is the wrong one."""

import shutil
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

import seealso
from seealso.catalogue.reader import Catalog
from seealso.catalogue.writer import CatalogWriter
from seealso.collection.parts import identity
from vector_collections import opened_of


@pytest.fixture(params=["flat-file", "lmdb"])
def imported(request, tmp_path, open_collection):
    """Makes a collection of 40 descriptors, or opens it."""
    file = tmp_path / "vectors.npy"
    np.save(file, np.random.default_rng(1).normal(size=(40, 8)).astype(np.float32))

    def imported(name: str = "c") -> seealso.Collection:
        settings = {"extractor": {"plugin": "imported", "dim": 8}, "store": request.param}
        collection = open_collection(tmp_path / name, **settings)
        collection.import_descriptors(file)
        return collection

    return imported


def opened(collection: seealso.Collection) -> seealso.Collection:
    return seealso.Collection(collection.config, collection.plugins)


def files(folder: Path) -> dict[str, bytes]:
    """What is in a folder; without LMDB's table of readers."""
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file() and file.name != "lock.mdb"}


def forget(collection: seealso.Collection) -> None:
    """Make it one of an earlier release, which gave no identities."""
    collection.close()
    with closing(CatalogWriter(collection.path)) as writer:
        writer.set_meta({identity.IDENTITY: "", identity.KEPT: ""})


def identities(collection: seealso.Collection) -> tuple[str, str]:
    """What the catalogue knows, and what the store hands back."""
    with closing(Catalog(collection.path)) as catalog, opened(collection) as again:
        return identity.recorded_identity(catalog), opened_of(again).store.identity()


def test_each_has_one_of_its_own(imported):
    recorded, kept = identities(imported())
    assert recorded == kept
    assert len(recorded) == 40
    assert identities(imported("another"))[0] != recorded
    assert identities(imported()) == (recorded, kept)


def test_the_store_of_another_collection_is_refused(imported):
    mine, other = imported("mine"), imported("other")
    mine.close()
    other.close()
    shutil.rmtree(mine.path / "store")
    shutil.copytree(other.path / "store", mine.path / "store")
    before = files(mine.path / "store")
    uses = [
        lambda collection: collection.similar(1),
        lambda collection: collection.verify(),
        lambda collection: collection.maintain(),
        lambda collection: collection.maintain(force=True),
        lambda collection: collection.rebuild(),
        lambda collection: collection.remove([1]),
    ]
    for use in uses:
        with (
            opened(mine) as again,
            pytest.raises(seealso.WrongStore, match="the wrong store: its identity is") as caught,
        ):
            use(again)
        assert "\n" not in str(caught.value)
    assert files(mine.path / "store") == before


def test_a_store_that_was_emptied_is_refused_unless_forced(imported):
    with imported() as collection:
        pass
    shutil.rmtree(collection.path / "store")
    (collection.path / "store").mkdir()
    with (
        opened(collection) as again,
        pytest.raises(seealso.WrongStore, match="holds 0 descriptors, and the collection 40 objects"),
    ):
        again.similar(1)
    with opened(collection) as again, pytest.raises(seealso.WrongStore, match="maintain --force"):
        again.maintain()
    with opened(collection) as again:
        assert again.maintain(force=True).dropped == 40
    recorded, kept = identities(collection)
    assert recorded == kept != ""


def test_one_of_an_earlier_release_is_read_and_gets_one_from_the_next_writer(imported):
    with imported() as collection:
        store = opened_of(collection).store
        kept = store.identity()
        before = [hit.id for hit in collection.similar(1, 40).hits]
    forget(collection)
    with opened(collection) as again:
        assert [hit.id for hit in again.similar(1, 40).hits] == before
        assert again.verify().problems == []
    assert identities(collection)[0] == ""
    with opened(collection) as again:
        again.remove([])
        # The catalogue was older than the store: that is believed, as the store holds what it should.
        assert [hit.id for hit in again.similar(1, 40).hits] == before
    assert identities(collection) == (kept, kept)


def test_one_of_an_earlier_release_takes_no_store_that_looks_wrong(imported):
    with imported() as collection:
        pass
    forget(collection)
    with opened(collection) as again:
        opened_of(again).store.remove_many(np.arange(1, 40))
    with opened(collection) as again, pytest.raises(seealso.WrongStore, match="the wrong store"):
        again.remove([])
    assert identities(collection)[0] == ""


def test_a_new_collection_takes_no_store_that_holds_something(imported, tmp_path):
    with imported() as collection:
        opened_of(collection).store.keep_identity("")
    with closing(CatalogWriter(collection.path)) as writer:
        writer.set_meta({identity.KEPT: ""})
    with (
        opened(collection) as again,
        pytest.raises(seealso.WrongStore, match="wants an empty store, and this one holds 40"),
    ):
        again.remove([])


def test_a_damaged_one_is_no_other_one(imported):
    with imported() as collection:
        store = opened_of(collection).store
        kept = store.identity()
        store.keep_identity(kept[:5] + chr(ord(kept[5]) ^ 1) + kept[6:])
    with opened(collection) as again, pytest.raises(seealso.WrongStore, match="does not hand back the identity"):
        again.verify()
    with opened(collection) as again:
        assert again.maintain(force=True).dropped == 0
    recorded, kept = identities(collection)
    assert recorded == kept


def test_interrupted_before_the_catalogue_knows(imported, monkeypatch):
    with imported() as collection:
        pass
    recorded, _ = identities(collection)
    with closing(CatalogWriter(collection.path)) as writer:
        writer.set_meta({identity.KEPT: ""})
    with opened(collection) as again:
        store = opened_of(again).store
        kept = []
        monkeypatch.setattr(store, "keep_identity", kept.append)
        again.remove([])
        # Whoever gave it may have been killed before it was on the disk.
        assert kept == [recorded]
        assert again.verify().problems == []
    assert identities(collection) == (recorded, recorded)

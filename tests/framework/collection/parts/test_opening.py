"""What is open of a collection: opened once, when it is needed, and asked again when it has moved."""

import os
import threading

import pytest

import seealso
from seealso.collection.parts.opening import Opening
from seealso.collection.parts.resolved import Parts


@pytest.fixture
def opening(indexed):
    """Of a collection of five photographs, by itself."""
    collection = indexed(5)
    opening = Opening(
        collection.path, lambda recorded: Parts(collection.config, collection.name, collection.plugins, recorded)
    )
    yield opening
    opening.close()


def test_everything_is_opened_once_and_anew_after_closing(opening):
    parts = opening.parts
    with opening.using() as opened, opening.using() as twice:
        assert opening.parts is parts
        assert opened is twice
    opening.close()
    with opening.using() as again:
        assert again is not opened
        assert opening.parts is not parts
        assert again.catalog.counts().objects == 5


def test_who_asks_while_the_descriptors_move_is_asked_again(opening, indexed):
    """And is not told of what failed in the store that they have left."""
    asked = []

    def ask(opened):
        asked.append(opened.folder.name)
        if len(asked) == 1:
            settings = opening.parts.config.collections[opening.parts.name]
            with seealso.Collection(opening.parts.config, opening.parts.plugins) as other:
                assert other.path == settings.path
                other.convert(options={"codec": "f16"})
            raise seealso.StoreError("half gone")
        return opened.store.ids().size

    assert opening.asked(ask) == 5
    assert asked == ["store", "store-2"]
    with pytest.raises(seealso.StoreError, match="really"):
        opening.asked(lambda opened: (_ for _ in ()).throw(seealso.StoreError("really")))


def convert(opening, codec):
    """Another process moves the descriptors."""
    with seealso.Collection(opening.parts.config, opening.parts.plugins) as other:
        other.convert(options={"codec": codec})


def test_who_wants_it_is_asked_again_also_after_an_answer(opening):
    """The descriptors moved while he answered: what he found may be gone, or found by another distance."""
    asked = []

    def ask(opened):
        asked.append(opened.folder.name)
        if len(asked) == 1:
            convert(opening, "f16")
        return opened.folder.name

    assert opening.asked(ask, unmoved=True) == "store-2"
    assert asked == ["store", "store-2"]
    # Else an answer is an answer.
    assert opening.asked(lambda opened: (convert(opening, "raw"), opened.folder.name)[1]) == "store-2"


def open_files():
    return len(os.listdir("/dev/fd"))


def test_what_the_descriptors_have_left_is_closed_by_the_last_who_uses_it(opening):
    with opening.using() as left:
        with opening.using() as the_same:
            convert(opening, "f16")
            with opening.using() as now:
                assert (now.folder.name, left.folder.name) == ("store-2", "store")
            assert the_same.catalog.counts().objects == 5
        assert left.catalog.counts().objects == 5
    with pytest.raises(seealso.CollectionError, match="closed"):
        left.catalog.counts()
    assert now.catalog.counts().objects == 5


def test_a_server_that_sees_many_conversions_keeps_nothing_of_them(opening):
    counts = []
    for codec in ("raw", "zstd") * 4:
        convert(opening, codec)
        with opening.using() as opened:
            assert opened.catalog.counts().objects == 5
        counts.append((open_files(), threading.active_count(), len(os.listdir(opened.folder.parent / "index"))))
    assert max(counts[2:]) <= max(counts[:2]), counts


def test_what_is_not_there_is_made_once(tmp_path, open_collection):
    collection = open_collection(tmp_path / "new")
    opening = Opening(
        collection.path, lambda recorded: Parts(collection.config, collection.name, collection.plugins, recorded)
    )
    with pytest.raises(seealso.NoCollection), opening.using():
        pass
    before = opening.parts
    assert before.recorded == {}
    assert opening.make()
    assert opening.parts is not before
    assert opening.parts.recorded["extractor"].plugin == "thumbnail"
    assert not opening.make()
    opening.close()

"""What objects look like, in the words of the extractor; and in which ways words can be looked for."""

import pytest

import seealso
from conftest import COLOUR_WORDS, THUMBNAIL


@pytest.fixture
def folder(tmp_path, make_photos):
    make_photos(tmp_path / "photos", 6)
    return tmp_path / "photos"


@pytest.fixture
def collection(folder, tmp_path):
    with seealso.open(tmp_path / "c", plugins=[COLOUR_WORDS], extractor="colours") as opened:
        opened.index([folder])
        yield opened


def test_each_object_is_told_of_by_itself(collection):
    ids = collection.ids().tolist()
    together = collection.looks_like(ids)
    assert together
    assert set(together) <= set(ids)
    for id_ in ids:
        assert collection.looks_like([id_]) == ({id_: together[id_]} if id_ in together else {})
    for words in together.values():
        assert [sure for _, sure in words] == sorted((sure for _, sure in words), reverse=True)
    assert collection.looks_like([]) == collection.looks_like([99]) == {}


def test_an_extractor_that_says_nothing_is_not_asked(folder, tmp_path, monkeypatch):
    with seealso.open(tmp_path / "c", plugins=[THUMBNAIL], extractor="thumbnail") as collection:
        collection.index([folder])
        monkeypatch.setattr(type(collection.parts), "check_provenance", None)
        assert collection.looks_like([1, 2]) == {}
        assert not collection.takes_words


def test_nothing_is_said_by_another_extractor_than_made_it(collection, tmp_path):
    other = tmp_path / "other.py"
    other.write_text(COLOUR_WORDS.read_text().replace('"resized to 8 × 8"', '"resized otherwise"'))
    collection.close()
    with seealso.open(tmp_path / "c", plugins=[other], extractor="colours") as opened:
        assert opened.looks_like([1, 2, 3]) == {}


def test_nor_where_its_plugin_is_gone(collection, tmp_path):
    collection.close()
    with seealso.open(tmp_path / "c") as opened:
        assert opened.looks_like([1, 2, 3]) == {}
        assert not opened.takes_words


@pytest.mark.parametrize("said", [[], [[("red", 0.0)]], [[("red", 1.5)]], [[("", 0.5)]], [[], []]])
def test_an_extractor_is_held_to_its_contract(collection, monkeypatch, said):
    monkeypatch.setattr(collection.parts.extractor, "looks_like", lambda descriptors: said)
    with pytest.raises(seealso.PluginError, match=r"colours\.looks_like returned words for"):
        collection.looks_like([1])


def test_the_ways_in_which_words_can_be_looked_for(collection, folder, tmp_path):
    assert collection.finds_by() == ("looks",)
    (folder / "0000-astronaut.txt").write_text("somebody")
    collection.index([folder])
    assert collection.finds_by() == ("keywords", "looks")
    with seealso.open(tmp_path / "d", plugins=[THUMBNAIL], extractor="thumbnail", keywords=["sidecar"]) as deaf:
        deaf.index([folder])
        assert deaf.finds_by() == ("keywords",)
    with seealso.open(tmp_path / "d", plugins=[THUMBNAIL], extractor="thumbnail", text=False) as mute:
        assert mute.finds_by() == ()

"""What reads words beside an extractor: it is tried before a collection is made, recorded, and compared when words are read."""

import contextlib

import pytest

import seealso
from conftest import THUMBNAIL
from seealso import Example
from seealso.catalogue.reader import Catalog
from seealso.collection.parts.reading_words import WORDS

READS = """
    class Options(seealso.PluginOptions):
        side: int = 8
        words: str = "a table"

    @property
    def words_provenance(self):
        if self.options.words == "gone":
            raise seealso.PluginError("the table is gone")
        return self.options.words

    def extract_words(self, phrases):
        if self.options.words in ("gone", "no table"):
            raise seealso.QueryError("this is no table")
        return np.full((len(phrases), self.provenance.dim), 100, np.float32)

    options: Options
"""


@pytest.fixture
def opened(tmp_path):
    """Opens the collection with an extractor whose words are read by something."""
    plugin = tmp_path / "reads.py"
    own = "    class Options(seealso.PluginOptions):\n        side: int = 8\n\n    options: Options\n"
    assert own in THUMBNAIL.read_text()
    plugin.write_text(THUMBNAIL.read_text().replace(own, READS))

    def opened(words: str) -> seealso.Collection:
        return seealso.open(
            tmp_path / "c", plugins=[plugin], extractor={"plugin": "thumbnail", "words": words}, text=False
        )

    return opened


@pytest.fixture
def photos(tmp_path, make_photos):
    make_photos(tmp_path / "photos", 3)
    return tmp_path / "photos"


def recorded(collection) -> str:
    return collection.status()["words_provenance"]


def test_it_is_recorded_with_the_collection(opened, photos, caplog):
    with opened("a table") as collection:
        collection.index([photos])
        assert recorded(collection) == "a table"
        assert len(collection.similar(Example(words="dog")).hits) == 3
    assert caplog.messages == []


def test_words_that_something_else_reads_are_refused_until_it_is_recorded(opened, photos, caplog):
    with opened("a table") as collection:
        collection.index([photos])
    with opened("another") as collection:
        for _ in range(2):
            with pytest.raises(
                seealso.QueryError,
                match=r"its text side has changed since it was recorded \(a table\); put the former back",
            ):
                collection.similar(Example(words="dog"))
        assert len(collection.similar(1).hits) == 3
        assert recorded(collection) == "a table"
        collection.index([photos])
        assert recorded(collection) == "another"
        assert len(collection.similar(Example(words="dog")).hits) == 3
    assert caplog.messages == [
        "collection c: the text side has changed; words are read by this one from now on: another"
    ]


@pytest.mark.parametrize("nothing", ["", "gone"])
def test_images_are_taken_in_and_found_without_it(opened, photos, make_photos, caplog, nothing):
    with opened("a table") as collection:
        collection.index([photos])
    make_photos(photos / "more", 2, seed=1)
    with opened(nothing) as collection:
        collection.index([photos])
        assert len(collection.similar(1).hits) > 3
        assert recorded(collection) == "a table"
        with pytest.raises(seealso.QueryError):
            collection.similar(Example(words="dog"))
    told = ["collection c: images are not found by words, since the table is gone"] if nothing else []
    assert caplog.messages == told


def test_one_that_comes_later_is_recorded_by_the_next_that_indexes(opened, photos, caplog):
    with opened("") as collection:
        collection.index([photos])
        assert recorded(collection) == ""
    with opened("a table") as collection:
        assert len(collection.similar(Example(words="dog")).hits) == 3
        assert recorded(collection) == ""
        collection.index([photos])
        assert recorded(collection) == "a table"
    assert caplog.messages == []


@pytest.mark.parametrize(("words", "said"), [("gone", "the table is gone"), ("no table", "this is no table")])
def test_a_collection_is_not_made_with_one_that_cannot_be_used(opened, photos, tmp_path, words, said):
    with opened(words) as collection, pytest.raises(seealso.ConfigError, match=rf"extractor\.words: {said}"):
        collection.index([photos])
    assert not (tmp_path / "c").exists()


def test_a_collection_whose_words_need_nothing_is_as_those_of_earlier_releases(open_collection, photos):
    with open_collection() as collection:
        collection.index([photos])
        path = collection.path
        assert recorded(collection) == ""
    with contextlib.closing(Catalog(path)) as catalog:
        assert catalog.meta(WORDS) is None

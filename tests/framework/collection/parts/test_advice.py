"""Which better defaults have come since a collection was made, and how to get them."""

from contextlib import closing

import pytest
import yaml

import seealso
from seealso.catalogue.writer import CatalogWriter
from seealso.collection.parts import automatic
from seealso.collection.parts.advice import advice


@pytest.fixture
def made(release, make_photos, tmp_path):
    """The directory of a collection of four photographs that the first release has made."""
    photos = make_photos(tmp_path / "photos", 4)
    with seealso.open(tmp_path / "c", plugins=release(1), text=False) as first:
        first.index(photos)
        assert first.status()["advice"] == []
    return tmp_path / "c"


DISTANCE = {
    "part": "distance",
    "has": "euclidean",
    "default": "cosine",
    "how": "`seealso rebuild --distance cosine` changes it, and extracts nothing again",
}
SIDE = {
    "part": "extractor.side",
    "has": "4",
    "default": "5",
    "how": "only a new collection gets it: `seealso init`, then `seealso index PATH…`",
}


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({}, [DISTANCE, SIDE]),
        ({"extractor": "blocks"}, [DISTANCE, SIDE]),
        ({"extractor": {"plugin": "blocks", "side": 4}}, [DISTANCE]),
        ({"distance": "euclidean"}, [SIDE]),
        # Whoever names another distance has to rebuild, which says all that there is to say.
        ({"distance": "cosine"}, [SIDE]),
        ({"extractor": {"plugin": "blocks", "side": 4}, "distance": "euclidean"}, []),
    ],
)
def test_what_was_the_default_and_is_not_named_is_told(made, release, named, expected):
    with seealso.open(made, plugins=release(2), **named) as collection:
        assert collection.status()["advice"] == expected


def test_what_was_chosen_and_never_was_the_default_is_not_told(release, make_photos, tmp_path):
    photos = make_photos(tmp_path / "photos", 2)
    chosen = {"extractor": {"plugin": "blocks", "side": 6}, "distance": "cosine"}
    with seealso.open(tmp_path / "c", plugins=release(1), **chosen) as first:
        first.index(photos)
    with seealso.open(tmp_path / "c", plugins=release(2)) as collection:
        assert collection.status()["advice"] == []


def test_a_new_collection_and_one_whose_extractor_is_another_are_not_told(made, release, tmp_path):
    with seealso.open(tmp_path / "new", plugins=release(2)) as new:
        assert advice(new.parts) == []
    with seealso.open(made, plugins=release(2), extractor="onnx") as other:
        assert [each.part for each in advice(other.parts)] == ["distance"]
    # Without the plugin that made it there is nobody to ask.
    with seealso.open(made, extractor="onnx") as orphan:
        assert advice(orphan.parts) == []


def test_the_commands_fit_the_configuration(made, release, tmp_path):
    """Of several collections one is picked, and where there is a file a new collection is a line in it."""
    file = tmp_path / "seealso.yaml"
    collections = {name: {"path": str(path)} for name, path in (("old", made), ("other", tmp_path / "other"))}
    file.write_text(yaml.safe_dump({"plugins": [str(each) for each in release(2)], "collections": collections}))
    with seealso.open(config=file, name="old") as collection:
        distance, side = advice(collection.parts)
    assert distance.how.startswith("`seealso --in old rebuild --distance cosine`")
    assert side.how == "only a new collection gets it: name another `path:`, then `seealso index PATH…`"


def test_what_was_followed_is_told_no_more(made, release):
    with seealso.open(made, plugins=release(2)) as collection:
        collection.rebuild(seealso.PluginChoice("cosine"))
        assert collection.status()["advice"] == [SIDE]


def test_sketches_are_told_of_where_they_are_worth_it(made, release, monkeypatch):
    """The record of an earlier release says nothing of what the collection leaves open."""
    monkeypatch.setattr(automatic, "FEW", 3)
    monkeypatch.setattr(automatic, "SMALL", 100)
    with closing(CatalogWriter(made)) as writer, writer.transaction() as connection:
        connection.execute("DELETE FROM meta WHERE key = ?", (automatic.GROUNDS,))
    how = "`seealso rebuild` gives it to this collection, and extracts nothing again; queries then read much less"
    with seealso.open(made, plugins=release(1)) as collection:
        assert collection.status()["advice"] == [{"part": "sketch", "has": "none", "default": "auto", "how": how}]
        monkeypatch.setattr(automatic, "FEW", 4)
        assert collection.status()["advice"] == []

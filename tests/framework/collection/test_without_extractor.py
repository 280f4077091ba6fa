"""A collection whose extractor is not installed any more: everything that decodes no image and extracts nothing works."""

import json
import shutil
from collections.abc import Callable

import numpy as np
import pytest

import seealso
from conftest import THUMBNAIL
from seealso import Collection, PluginChoice, Query
from seealso.evaluation import distances as module

SETTINGS = {"index": "ppp-codes", "keywords": ["sidecar"], "distance": "euclidean"}


@pytest.fixture(scope="module")
def made(tmp_path_factory, make_photos):
    """The directory of a collection of twelve photographs with words, made by the extractor ``thumbnail``."""
    folder = tmp_path_factory.mktemp("made")
    for number, photo in enumerate(make_photos(folder / "photos", 12)):
        photo.with_suffix(".txt").write_text(f"word{number % 3}")
    with seealso.open(folder / "c", plugins=[THUMBNAIL], extractor="thumbnail", **SETTINGS) as collection:
        assert collection.index([folder / "photos"]).added == 12
    return folder / "c"


@pytest.fixture(params=["recorded", "configured"])
def orphan(request, made, tmp_path, monkeypatch):
    """The collection without its extractor, which the record names, or the configuration as well."""
    monkeypatch.setattr(module, "COPIED", 3)
    shutil.copytree(made, tmp_path / "c")
    named = {"extractor": {"plugin": "thumbnail", "side": 8}} if request.param == "configured" else {}
    with seealso.open(tmp_path / "c", **named) as collection:
        yield collection


def test_status_says_what_is_missing(orphan):
    status = orphan.status()
    assert status["parts"]["extractor"] == {"plugin": "thumbnail", "side": 8}
    assert "there is no extractor named 'thumbnail'" in status["extractor"]["missing"]
    assert status["objects"] == 12
    json.dumps(status)


def test_where_it_is_installed_nothing_is_missing(indexed):
    assert "extractor" not in indexed(5).status()


def evaluated(collection: Collection) -> bool:
    report = seealso.evaluate(collection, count=5, k=2, sizes=[12], distances=True).distances
    assert report is not None
    assert report.unusable == 3
    assert "there is no extractor named 'thumbnail'" in report.reason
    return report.kinds[-1].pairs == 66


def tuned(collection: Collection) -> bool:
    tried = list(seealso.with_index_options(collection, {"prefix_length": [3, 4]}))
    found = [seealso.tune(each, 0.5, k=2, count=5).reached for each in tried]
    for each in tried:
        each.close()
    return found == [True, True]


def moved(collection: Collection) -> bool:
    """Moves the descriptors; the record of what made them stays."""
    return collection.convert(PluginChoice("lmdb")).copied == 12 and "missing" in collection.status()["extractor"]


@pytest.mark.parametrize(
    "works",
    [
        evaluated,
        tuned,
        moved,
        lambda collection: len(collection.similar(3, 5).hits) == 5,
        lambda collection: len(collection.similar(3, 5, where="word1").hits) == 4,
        lambda collection: len(collection.text("word1").hits) == 4,
        lambda collection: len(collection.text("word1", by=None).hits) == 4,
        lambda collection: len(collection.search(Query.like(3, keywords="word1")).hits) == 10,
        lambda collection: sorted(collection.suggest("wo")) == ["word0", "word1", "word2"],
        lambda collection: collection.finds_by() == ("keywords",),
        lambda collection: collection.show(3).id == 3 and collection.looks_like([3]) == {},
        lambda collection: len(collection.random(4)) == 4,
        lambda collection: len(collection.duplicates(0.0)) == 0,
        lambda collection: collection.verify().problems == [],
        lambda collection: collection.maintain().dropped == 0,
        lambda collection: collection.rebuild() is None,
        lambda collection: collection.rebuild(PluginChoice("euclidean")) is None,
        lambda collection: collection.remove([3]) == 1,
        lambda collection: collection.likeness().pairs == 66,
        lambda collection: collection.choices()["distance"] == "euclidean",
    ],
)  # fmt: skip
def test_what_needs_no_extractor_works(orphan, works: Callable[[Collection], bool]):
    assert works(orphan)


def test_descriptors_are_written_out(orphan, tmp_path):
    assert seealso.export(orphan, tmp_path / "out.npy") == 12
    assert np.load(tmp_path / "out.npy").shape == (12, 192)


def test_one_that_was_moved_is_read_again_by_its_extractor(orphan, open_collection):
    """What it was made with is recorded still, with its options."""
    orphan.convert(PluginChoice("lmdb"))
    orphan.close()
    with open_collection(orphan.path) as again:
        assert again.status()["parts"]["extractor"] == {"plugin": "thumbnail", "side": 8}
        again.parts.check_provenance(again.provenance)


@pytest.mark.parametrize("ask", [
    lambda collection, photo: collection.similar(photo),
    lambda collection, photo: collection.similar(seealso.Example(words="dog")),
    lambda collection, photo: collection.index([photo]),
])  # fmt: skip
def test_what_needs_it_says_so(orphan, make_photos, tmp_path, ask):
    photo = make_photos(tmp_path / "more", 1, seed=9)[0]
    with pytest.raises(seealso.SeealsoError, match="there is no extractor named 'thumbnail'"):
        ask(orphan, photo)

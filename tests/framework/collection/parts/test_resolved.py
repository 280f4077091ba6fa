"""The parts of a collection: chosen once, checked once, made once."""

from collections import Counter

import numpy as np
import pytest

import seealso
from seealso.catalogue.reader import Catalog
from seealso.collection.parts import resolved
from seealso.configuration import models
from seealso.distances.vectors import Euclidean
from seealso.registry.kinds import DISTANCE, KINDS


@pytest.fixture
def counted(monkeypatch):
    """How often the options of a plugin were checked, a catalogue was opened, and a distance was made."""
    counts = Counter()
    validate, open_catalog, make = models.validate_options, Catalog.__init__, Euclidean.__init__

    def validating(cls, *args, **kwargs):
        counts[f"options of {cls.name}"] += 1
        return validate(cls, *args, **kwargs)

    def opening(self, *args, **kwargs):
        counts[type(self).__name__] += 1
        open_catalog(self, *args, **kwargs)

    def making(self, *args, **kwargs):
        counts["distance"] += 1
        make(self, *args, **kwargs)

    for module in (models, resolved):
        monkeypatch.setattr(module, "validate_options", validating)
    monkeypatch.setattr(Catalog, "__init__", opening)
    monkeypatch.setattr(Euclidean, "__init__", making)
    return counts


@pytest.fixture
def made(open_collection, photos):
    """A collection of photographs, with the index ppp-codes and the store lmdb."""
    settings = {"index": "ppp-codes", "store": {"plugin": "lmdb", "codec": "raw"}, "distance": "euclidean"}
    with open_collection(**settings) as collection:
        collection.index([photos])
    return collection


def checked(counts):
    # A store makes its codecs itself: what new records are written with, and what those are that it holds.
    return {
        name: count for name, count in counts.items() if name.startswith("options of ") and name != "options of raw"
    }


def test_a_query_opens_checks_and_makes_everything_once(made, photos, counted):
    collection = seealso.Collection(made.config, made.plugins)
    with collection:
        collection.similar(photos / sorted(path.name for path in photos.iterdir())[0], 3)
        collection.similar(1, 3)
    assert counted["Catalog"] == 1
    assert counted["distance"] == 1
    assert set(checked(counted)) >= {"options of lmdb", "options of ppp-codes", "options of euclidean"}
    assert set(checked(counted).values()) == {1}


def test_an_ingest_does_too(made, photos, counted):
    (photos / "copy.png").write_bytes(next(photos.glob("*.png")).read_bytes() + b" ")
    with seealso.Collection(made.config, made.plugins) as collection:
        assert collection.index([photos]).added == 1
    assert counted["Catalog"] == 1
    assert counted["CatalogWriter"] == 1
    assert counted["distance"] == 1
    assert set(checked(counted)) >= {"options of lmdb", "options of ppp-codes", "options of euclidean"}
    assert set(checked(counted).values()) == {1}


def test_index_and_refinement_compare_by_the_same_distance(made):
    with made.reading() as (_, distance):
        assert made.parts.distance("float32") is distance


def test_a_variant_at_the_same_place_has_what_was_not_changed(made):
    with made.variant(index=seealso.PluginChoice("exact")) as other:
        assert other.path == made.path
        assert other.name == made.name
        assert other.choices()["index"] == "exact"
        assert other.choices()["store"] == made.choices()["store"]
        assert [hit.id for hit in other.similar(1, 5).hits] == [hit.id for hit in made.similar(1, 5).hits]
    assert made.settings.choices(KINDS["index"])[0].plugin == "ppp-codes"


def test_a_variant_at_another_place_keeps_to_what_is_in_force(open_collection, photos, tmp_path):
    with open_collection(distance="manhattan") as made:
        made.index([photos])
    # The configuration names no distance any more; the collection does.
    with (
        open_collection() as again,
        again.variant(tmp_path / "other.seealso", name="other", text=False) as other,
    ):
        assert not other.exists()
        assert other.name == "other"
        assert other.parts.chosen(DISTANCE).cls.name == "manhattan"
        assert not other.has_text
        other.index([photos])
        assert np.array_equal(other.ids(), again.ids())

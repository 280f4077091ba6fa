"""Which index and which sketch suit a collection of a size; and what is recorded of it."""

import json
from types import SimpleNamespace

import pytest

import seealso
from conftest import SAMPLES
from seealso.collection.parts import automatic
from seealso.collection.parts.automatic import Grounds
from seealso.distances.bits import Hamming
from seealso.distances.vectors import Cosine, Euclidean, Manhattan
from seealso_exact.index import ExactIndex
from seealso_pppcodes.index import PPPCodesIndex
from seealso_rabitq.sketch import RaBitQ

BY_SIZE = SAMPLES / "by_size.py"


@pytest.mark.parametrize(
    ("objects", "sketched", "best"),
    [
        (0, False, "middling"),
        (0, True, "small"),
        (60, True, "small"),
        (61, True, "middling"),
        (100, False, "middling"),
        (101, True, "large"),
        (10**9, False, "large"),
    ],
)
def test_the_index_with_the_highest_preference_of_those_that_suit(objects, sketched, best):
    plugins = seealso.load_plugins([BY_SIZE])
    assert automatic.best_index(plugins, Grounds(objects, sketched)) == best


def test_where_no_index_suits_there_is_none():
    class Tiny(PPPCodesIndex):
        name = "tiny"
        most_objects = 3

    plugins = SimpleNamespace(classes=lambda kind: {"tiny": Tiny})
    assert automatic.best_index(plugins, Grounds(3)) == "tiny"
    assert automatic.best_index(plugins, Grounds(4)) is None


def test_the_sketch_with_the_highest_preference_of_those_that_estimate_the_distance():
    class Anything(RaBitQ):
        name = "anything"
        preference = RaBitQ.preference - 1
        distance_kinds = None

    class Unasked(Anything):
        name = "unasked"
        preference = 0

    sketches = SimpleNamespace(classes=lambda kind: {cls.name: cls for cls in (Unasked, Anything, RaBitQ)})
    found = [automatic.best_sketch(sketches, distance) for distance in (Euclidean, Cosine, Manhattan, Hamming)]
    assert found == ["rabitq", "rabitq", "anything", "anything"]
    alone = SimpleNamespace(classes=lambda kind: {"rabitq": RaBitQ})
    assert automatic.best_sketch(alone, Manhattan) is None


class Needy(PPPCodesIndex):
    name = "needy"
    needs_sketch = True


@pytest.mark.parametrize(
    ("index", "objects", "bytes_each", "why"),
    [
        (None, 5000, 5120, "up to 5,000 objects all of them are read"),
        (None, 5001, 5120, ""),
        (PPPCodesIndex, 5001, 257, ""),
        (None, 5001, 256, "a descriptor of 256 bytes is hardly larger than a sketch"),
        (ExactIndex, 10**6, 5120, "the index exact compares all descriptors"),
        (Needy, 0, 8, ""),
    ],
)
def test_who_does_without_sketches(index, objects, bytes_each, why):
    assert automatic.without_sketch(index, objects, bytes_each) == why


def catalog_with(value):
    return SimpleNamespace(meta=lambda key: value, file="c/catalog.sqlite3")


def test_what_was_recorded():
    grounds = {"index": Grounds(60, True), "sketch": Grounds(31)}
    (record,) = automatic.grounds_record(grounds).values()
    assert automatic.recorded_grounds(catalog_with(record)) == grounds
    assert automatic.recorded_grounds(catalog_with(None)) is None


@pytest.mark.parametrize("value", ["", "7", "[1]", '{"index": 1}', json.dumps({"index": {"objects": 1}})])
def test_a_damaged_record(value):
    with pytest.raises(seealso.FormatError, match=r"catalog\.sqlite3: the record of what `auto` has chosen is damaged"):
        automatic.recorded_grounds(catalog_with(value))

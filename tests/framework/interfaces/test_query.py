"""The question and the answer as values."""

import json
import math

import numpy as np
import pytest

import seealso
from seealso import Answer, Cost, Example, Hit, Query, QueryError, Times


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "an example is empty; give one of id, path, image, descriptor, words"),
        ({"id": 1, "path": "a.jpg"}, r"an example is 2 things at once \(id and path\)"),
        ({"image": b"x", "words": "dog", "id": 3}, "an example is 3 things at once"),
        (
            {"descriptor": np.zeros(3), "region": seealso.Region(0, 0, 1, 1)},
            "an example by its descriptor has no region",
        ),
        ({"words": "dog", "region": seealso.Region(0, 0, 1, 1)}, "an example by its words has no region"),
        ({"words": " "}, "there are no words to look for"),
        ({"id": 1, "weight": math.nan}, "the weight of an example is nan"),
        ({"id": 1, "weight": 0.0}, r"the weight of an example is 0\.0"),
        ({"id": 1, "weight": math.inf}, "the weight of an example is inf"),
        ({"id": 1, "weight": -1e308}, r"the weight of an example is -1e\+308; give one from 1e-12 to 1e\+12"),
        ({"id": 1, "weight": 5e-324}, "the weight of an example is 4.94066e-324; give one from 1e-12"),
    ],
)
def test_what_is_no_example(given, expected):
    with pytest.raises(QueryError, match=expected):
        Example(**given)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "there is nothing to look for; give an example or keywords"),
        ({"where": "bird"}, "there is nothing to look for"),
        ({"examples": (Example(id=1),) * 101}, "there are 101 examples; give 100 at most"),
        ({"examples": (Example(id=1),), "k": 0}, "k is 0; ask for at least 1 hit"),
        ({"examples": (Example(id=1),), "k": -3}, "k is -3"),
        ({"examples": (Example(id=1),), "offset": -1}, "offset is -1; it counts from 0"),
        (
            {"examples": (Example(id=1),), "k": 10**12},
            "reach to hit 1,000,000,000,000; a query reaches 1,000,000 at most",
        ),
        ({"examples": (Example(id=1),), "offset": 10**12}, "reach to hit 1,000,000,000,010"),
        ({"keywords": "bird", "k": 10**12, "offset": 10**12}, "reach to hit 2,000,000,000,000"),
        ({"examples": (Example(id=1),), "candidates": 0}, "candidates is 0"),
        ({"examples": (Example(id=1),), "max_distance": -0.1}, r"max_distance is -0\.1; a distance is 0 or more"),
        ({"examples": (Example(id=1),), "max_distance": math.nan}, "max_distance is nan"),
        ({"keywords": "bird", "max_distance": 1.0}, "max_distance needs an example"),
        *(
            ({"examples": (Example(id=1),), "min_likeness": percent}, f"{percent:g}% is no likeness to ask for")
            for percent in (0, -5, 100.5, math.nan, math.inf)
        ),
        ({"keywords": "bird", "min_likeness": 80}, "min_likeness needs an example"),
        (
            {"examples": (Example(id=1), Example(words="bird")), "min_likeness": 80},
            "compares images with images; for words give",
        ),
    ],
)
def test_what_is_no_query(given, expected):
    with pytest.raises(QueryError, match=expected):
        Query(**given)


def test_a_query_holds_plain_numbers_whatever_was_given():
    given = Query(
        [np.int64(3)], k=np.int32(5), offset=np.int64(2), candidates=np.uint8(9), max_distance=np.float32(0.5)
    )
    plain = Query((Example(id=3),), k=5, offset=2, candidates=9, max_distance=0.5)
    assert given == plain
    assert hash(given) == hash(plain)
    assert json.loads(json.dumps(Answer(given, (), Cost()).as_json()))["query"]["offset"] == 2
    with pytest.raises(TypeError, match="integer"):
        Query.like(1, k=2.5)
    unlimited = Query.like(1, max_distance=math.inf)
    assert unlimited == Query.like(1)
    assert json.dumps(Answer(unlimited, (), Cost()).as_json(), allow_nan=False)


def test_a_distance_that_float32_cannot_hold_is_null_in_json():
    hit = Hit(1, math.inf, (b"/a.jpg",))
    assert json.loads(json.dumps(hit.as_json(), allow_nan=False))["distance"] is None
    assert Hit(1, 0.0, (b"/a.jpg",)).as_json()["distance"] == 0.0


def test_values_are_compared_by_what_they_hold():
    descriptor = np.arange(4, dtype=np.float32)
    assert Example(descriptor=descriptor) == Example(descriptor=descriptor.copy())
    assert Example(descriptor=descriptor) != Example(descriptor=descriptor + 1)
    assert Example(id=1) != Example(id=2)
    assert Query.like(1, k=3) == Query.like(Example(id=1), k=3)
    assert len({Example(id=1), Example(id=1), Example(id=2)}) == 2
    assert Example(id=1) != 1


def test_a_query_is_made_from_what_people_have(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Query.like("a.jpg").examples[0].path == bytes(tmp_path / "a.jpg")
    assert Query.like(np.int64(7)).examples == (Example(id=7),)
    descriptor = np.zeros(3, np.float32)
    assert Query.like(descriptor, 4, k=2).examples == (Example(descriptor=descriptor), Example(id=4))
    with pytest.raises(seealso.FileError, match="a path is empty"):
        Query.like("")
    with pytest.raises(seealso.FileError, match="is no path"):
        Query.like("a\0b.jpg")


def test_costs_add_up():
    first = Cost(10, 2, 100, Times(extract=1.0, read=2.0, total=3.0))
    second = Cost(5, 1, 50, Times(extract=0.5, refine=4.0, total=4.5))
    assert first + second == Cost(15, 3, 150, Times(extract=1.5, read=2.0, refine=4.0, total=7.5))
    assert first == Cost(10, 2, 100, Times(extract=1.0, read=2.0, total=3.0))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7", ("7", 1.0)),
        ("7^2", ("7", 2.0)),
        ("red shoe^0.5", ("red shoe", 0.5)),
        ("a^2^3.25", ("a^2", 3.25)),
        ("a\nb^0", ("a\nb", 0.0)),
    ],
)
def test_weights_as_users_write_them(text, expected):
    assert Example.weighted(text) == expected


@pytest.mark.parametrize("text", ["^2", "a^", "a^-1", "a^1e3", "a^12345", "a^.5", "a^nan", "a^٣"])
def test_what_is_no_weight(text):
    with pytest.raises(QueryError, match=r"behind \^ comes a weight"):
        Example.weighted(text)

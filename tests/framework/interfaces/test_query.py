"""The question as a value."""

import json
import math

import numpy as np
import pytest

import seealso
from seealso import Answer, Cost, Example, Query, QueryError


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
        ({"examples": (Example(id=1),), "reads": 0}, "reads is 0; read at least 1"),
        ({"examples": (Example(id=1),), "reads": -5}, "reads is -5; read at least 1"),
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
            "compares images with images; with words give a distance instead, such as 1.2",
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
    for name, given in (("k", 2.5), ("offset", "3"), ("candidates", 1e3), ("reads", "many")):
        with pytest.raises(QueryError, match=f"{name} is {given!r}; give a whole number"):
            Query.like(1, **{name: given})
    unlimited = Query.like(1, max_distance=math.inf)
    assert unlimited == Query.like(1)
    assert json.dumps(Answer(unlimited, (), Cost()).as_json(), allow_nan=False)


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

"""Examples, and weights as users write them."""

import math

import numpy as np
import pytest

import seealso
from seealso import Example, QueryError


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

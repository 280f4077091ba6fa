"""Words spelt nearly alike."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seealso import nearest_spellings

KNOWN = ["bird", "birds", "brid", "bride", "cat", "dog", "elephant", "word"]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("elefant", ["elephant"]),
        ("dgo", ["dog"]),
        ("birt", ["bird"]),
        ("xird", ["bird"]),
        ("zebra", []),
        ("", []),
    ],
)
def test_the_nearest_come_first(word, expected):
    assert nearest_spellings(word, KNOWN, 2) == expected


@given(st.text(max_size=8), st.lists(st.text(max_size=8), max_size=20), st.integers(0, 5))
def test_no_more_than_are_wanted_and_none_that_is_not_known(word, known, most):
    found = nearest_spellings(word, known, most)
    assert len(found) <= most
    assert set(found) <= set(known)
    assert not word or not most or word not in known or found[0] == word

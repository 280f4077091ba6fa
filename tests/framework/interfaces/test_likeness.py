"""Likeness in percent: what it is of a distance, and how it is written."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seealso import Likeness, QueryError, Within


@pytest.mark.parametrize(
    ("distance", "percent"), [(0, 100), (0.5, 75), (1, 50), (2, 0), (3, 0), (math.inf, 0), (math.nan, 0), (-1e-9, 100)]
)
def test_it_is_linear_from_a_distance_of_0_to_that_of_unrelated_objects(distance, percent):
    assert Likeness(2.0).percent(distance) == percent


@given(st.floats(1e-3, 1e3), st.floats(0.01, 100))
def test_a_likeness_is_a_distance_and_back(typical, percent):
    likeness = Likeness(typical)
    assert likeness.percent(likeness.distance(percent)) == pytest.approx(percent, abs=1e-9)


def test_where_no_two_objects_differ_only_what_lies_at_distance_0_is_alike():
    likeness = Likeness(0.0)
    assert (likeness.percent(0), likeness.percent(1e-9), likeness.percent(5)) == (100, 0, 0)
    assert likeness.distance(80) == 0
    assert not likeness.beyond(5)


def test_what_is_beyond():
    likeness = Likeness(2.0, alike=1.5)
    assert [likeness.beyond(distance) for distance in (0, 1.5, 1.6, math.inf)] == [False, False, True, True]


@pytest.mark.parametrize(
    ("text", "within"),
    [
        ("0.35", Within(0.35)),
        ("0", Within(0.0)),
        (".5", Within(0.5)),
        (" 12 ", Within(12.0)),
        ("1e-3", Within(0.001)),
        ("80%", Within(likeness=80.0)),
        ("80 %", Within(likeness=80.0)),
        ("80\N{NARROW NO-BREAK SPACE}%", Within(likeness=80.0)),
        ("99.5%", Within(likeness=99.5)),
        ("100%", Within(likeness=100.0)),
    ],
)
def test_it_is_written_as_a_distance_or_in_percent(text, within):
    assert Within.parse(text) == within
    assert Within.parse(str(within)) == within


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0%", "0% is no likeness to ask for: it is above 0% and at most 100%"),
        ("100.5%", "100.5% is no likeness to ask for"),
        ("80,5%", "'80,5%' is neither a distance (a number, 0 or more) nor a likeness"),
        ("80,5%", "write the decimals after a point"),
        *((text, f"{text!r} is neither a distance (a number, 0 or more) nor a likeness (as 80%, above 0%") for text in
          ("", "%", "-5%", "-0.1", "nan", "nan%", "inf", "inf%", "1e999", "80%%", "8 0%", "1_0", "near", "\N{ARABIC-INDIC DIGIT EIGHT}%")),
    ],
)  # fmt: skip
def test_what_is_neither(text, says):
    with pytest.raises(QueryError) as caught:
        Within.parse(text)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [{}, {"distance": 1.0, "likeness": 50.0}, {"distance": math.nan}, {"distance": -1.0}, {"likeness": math.nan}],
)
def test_exactly_one_is_given_and_makes_sense(given):
    with pytest.raises(QueryError):
        Within(**given)


def test_a_collection_is_asked_only_where_a_likeness_was_given():
    def never():
        raise AssertionError

    assert Within(0.3).as_distance(never) == 0.3
    assert Within(likeness=75).as_distance(lambda: Likeness(2.0)) == 0.5

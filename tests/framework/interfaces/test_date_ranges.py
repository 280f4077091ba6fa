"""Ranges of dates."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seealso.interfaces.date_ranges import EARLIEST, LATEST, dates_in


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2005..2007", ["2005", "2006", "2007"]),
        ("2019..2019", ["2019"]),
        ("2019-07..2019-09", ["2019-07", "2019-08", "2019-09"]),
        ("2019-7-3..2019-7-5", ["2019-07-03", "2019-07-04", "2019-07-05"]),
        ("2018-12-31..2020-01", ["2018-12-31", "2019", "2020-01"]),
        ("2020-02-28..2020-03-01", ["2020-02-28", "2020-02-29", "2020-03-01"]),
        ("2005", None),
        ("..", None),
        ("2005...2006", None),
        ("05..06", None),
        ("a..b", None),
    ],
)
def test_as_few_as_possible(text, expected):
    assert dates_in(text) == expected


def test_an_end_may_be_left_out():
    assert dates_in("..1801") == [str(EARLIEST), "1801"]
    assert dates_in("2099-12..") == ["2099-12", str(LATEST)]


days = st.dates(date(1970, 1, 1), date(2030, 12, 31))


@given(days, days)
def test_every_day_of_it_is_in_one_part(one, other):
    first, last = sorted((one, other))
    parts = dates_in(f"{first}..{last}")
    assert len(parts) < 150
    for day in (first, first + (last - first) / 2, last, first - timedelta(1), last + timedelta(1)):
        assert sum(day.isoformat().startswith(part) for part in parts) == (first <= day <= last)

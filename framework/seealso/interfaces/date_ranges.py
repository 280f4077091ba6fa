"""Ranges of dates, as a person writes them, in years, months and days."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta

from seealso.errors import QueryError

EARLIEST, LATEST = 1800, 2100
"""The years from which and to which a range goes whose beginning or end is left out."""

_DATE = r"\d{4}(?:-\d{1,2}(?:-\d{1,2})?)?"
_RANGE = re.compile(rf"({_DATE})?\.\.({_DATE})?")


def dates_in(text: str) -> list[str] | None:
    """The years, months and days that a range is made of, as ``2019``, ``2019-07``, ``2019-07-04``, as few as possible; None where the text is
    no range. ``2005..2010``, ``2019-07..2019-09``, ``..2010`` and ``2019-07-15..`` are such.

    Raises:
        QueryError: it holds a date that there is not, or ends before it begins.
    """
    found = _RANGE.fullmatch(text)
    if found is None or not (found[1] or found[2]):
        return None
    first = _day(found[1] or str(EARLIEST), text, last=False)
    last = _day(found[2] or str(LATEST), text, last=True)
    if first > last:
        raise QueryError(f"the range of dates {text} ends before it begins")
    return list(_parts(first, last))


def _day(text: str, whole: str, *, last: bool) -> date:
    """The first or the last day of a year, a month or a day."""
    year, *rest = map(int, text.split("-"))
    try:
        month = rest[0] if rest else 12 if last else 1
        day = rest[1] if len(rest) > 1 else monthrange(year, month)[1] if last else 1
        return date(year, month, day)
    except (ValueError, IndexError):
        raise QueryError(f"{text}, in the range of dates {whole}, is no date") from None


def _parts(first: date, last: date) -> Iterator[str]:
    while first <= last:
        month = date(first.year, first.month, monthrange(first.year, first.month)[1])
        year = date(first.year, 12, 31)
        if (first.month, first.day) == (1, 1) and year <= last:
            yield f"{first.year:04}"
            end = year
        elif first.day == 1 and month <= last:
            yield f"{first.year:04}-{first.month:02}"
            end = month
        else:
            yield first.isoformat()
            end = first
        if end == date.max:
            return
        first = end + timedelta(days=1)

"""The fields of words, under the names that files use for them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seealso import Words

NAMES = {
    "keywords": ("keywords", "keyword", "tags", "tag", "labels", "label", "subject"),
    "title": ("title", "headline"),
    "caption": ("caption", "description", "text", "alt", "comment"),
    "creator": ("creator", "author", "artist", "photographer", "by"),
    "date": ("date", "taken"),
    "place": ("place", "location", "city", "country"),
}
"""Field → the names that it goes by."""

FIELD_OF = {name: field for field, names in NAMES.items() for name in names}

CAPTIONS = ("caption", "title")
"""Fields that cameras and programs write to as well, where nobody has (`seealso_keywords.boilerplate`)."""

_SEPARATOR = re.compile(r"[;,|\n]")
_DATE = re.compile(r"(\d{4})[-:./](\d{1,2})[-:./](\d{1,2})|(\d{4})(\d\d)(\d\d)(?!\d)")


def split_keywords(text: str) -> Iterator[str]:
    """Keywords that stand in one text, separated by semicolons, commas, bars or lines."""
    for part in _SEPARATOR.split(text):
        if part.strip():
            yield part.strip()


def as_words(field: str, text: str, language: str = "") -> Iterator[Words]:
    """A value of a field; keywords come one by one, and of a point in time only the date: ``2019-07-04``."""
    text = text.strip()
    if field == "keywords":
        yield from (Words(field, keyword, language) for keyword in split_keywords(text))
    elif field == "date":
        found = _DATE.match(text)
        if found is not None:
            year, month, day = (part for part in found.groups() if part is not None)
            if int(year) and int(month) and int(day):
                yield Words(field, f"{year}-{month:0>2}-{day:0>2}")
        elif text[:4].isdecimal() and len(text) <= 7:
            yield Words(field, text)
    elif text:
        yield Words(field, text, language)

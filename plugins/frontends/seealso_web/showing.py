"""How things are shown on a page: sizes, numbers, names, and the shapes of the grid."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable

from seealso import ObjectRecord, Words, shown_path
from seealso_web.examples import weight_text
from seealso_web.parameters import region_text

STEPS = 12  # shapes for each doubling of width over height
NARROWEST, WIDEST = -14, 20  # from 0.45 to 3.2 times as wide as high; what is beyond is cut to that


def file_size(count: int) -> str:
    """A number of bytes, for people."""
    if count < 1000:
        return f"{count} bytes"
    size = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        size /= 1000
        if size < 999.5 or unit == "TB":
            break
    return f"{size:.3g} {unit}" if size < 999.5 else f"{size:.0f} {unit}"


def thousands(count: int) -> str:
    """A number, its digits in groups."""
    return f"{count:,}".replace(",", "\u202f")


def name_of(record: ObjectRecord) -> str:
    """The name of an object's file."""
    return shown_path(os.path.basename(record.paths[0]))


def shape(record: ObjectRecord) -> str:
    """The class of a cell of the grid with the proportions of an object, as the style sheet defines it.

    A page brings no styles of its own (the content security policy forbids it), so proportions come in steps, of 6 %. What was
    imported has no size, and is shown as a square.
    """
    step = round(STEPS * math.log2(record.width / record.height)) if record.width and record.height else 0
    step = max(NARROWEST, min(WIDEST, step))
    return f"shape-{'w' if step >= 0 else 'n'}{abs(step)}"


def distance(value: float) -> str:
    """A distance, with as many digits as tell neighbours apart."""
    return f"{value:#.3g}" if value < 100 else f"{value:.0f}"


def percent(likeness: float) -> str:
    """A likeness, rounded down: so that images which are at least as alike as is shown include the one that it is shown of."""
    return f"{math.floor(likeness)}\u202f%"


def by_language(words: Iterable[Words]) -> tuple[list[Words], list[Words]]:
    """Words in the language that each field begins with, or in none; and those in others."""
    first: dict[str, str] = {}
    shown: list[Words] = []
    translated: list[Words] = []
    for word in words:
        of_field = first.setdefault(word.field, word.language)
        (shown if word.language in ("", of_field) else translated).append(word)
    return shown, translated


def as_query(keyword: str) -> str:
    """A text query that finds a keyword: a phrase, where it is of several words or has signs."""
    bare = keyword.replace('"', " ")
    return bare if bare.isalnum() else f'"{bare}"'


FILTERS = {
    "as_query": as_query,
    "region_text": region_text,
    "weight_text": weight_text,
    "file_size": file_size,
    "thousands": thousands,
    "name_of": name_of,
    "shape": shape,
    "distance": distance,
    "percent": percent,
    "shown_path": shown_path,
}

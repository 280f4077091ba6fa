"""What a request asks for: each value read from its path or its query string, and checked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request

from seealso import QueryError, Region, Within, one_line
from seealso_web.examples import LARGEST_ID
from seealso_web.problems import Problem

MOST = 200  # hits in one answer
DEEPEST = 2000  # neighbours that can be paged to
LARGEST_SEED = (1 << 32) - 1
HEAVIEST = 10_000  # weight of an example
LONGEST_NAME = 40  # characters of a name in a query string that are told again

Way = Literal["keywords", "looks"]
"""By what images are found by words: the keywords that they have, or what they look like."""

WAYS: dict[str, Way | None] = {"": None, "keywords": "keywords", "looks": "looks"}
"""What `by` may be in a query string."""

OF_THE_IMAGE = {
    "crop": "it is a part of the image in the path, or of one that is sent",
    "weight": "it is that of the image in the path, or of one that is sent; other examples have theirs behind ^, as in like=7^2",
}
"""What makes sense only where there is an image beside `like`, `unlike` and `words`; and what it belongs to."""

REGION = ("left", "top", "width", "height")
"""What a part of an image is given by."""

NEVER_EMPTY = frozenset({"by", "weight", "where", "within"})
"""What the form of a page may send along empty; a program that does so has lost what it meant."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which of the hits are shown: ``limit`` of them, after ``offset``; none beyond the first ``deepest``."""

    offset: int
    limit: int
    deepest: int = DEEPEST

    @property
    def end(self) -> int:
        """How many hits have to be found."""
        return self.offset + self.limit

    def next(self) -> Window | None:
        """Those that come after; None: no more are shown."""
        limit = min(self.limit, self.deepest - self.end)
        return Window(self.end, limit, self.deepest) if limit > 0 else None


def check_names(request: Request, taken: Mapping[str, bool]) -> None:
    """Refuse a query string that would not be understood as it is meant.

    Args:
        request: has it.
        taken: the names that it may have, and whether each may be given several times.

    Raises:
        Problem: 422, it has another name, or one twice, or one without a value.
    """
    seen = set()
    for name, value in request.query_params.multi_items():
        if name not in taken:
            raise not_taken(name, list(taken))
        if name in seen and not taken[name]:
            raise Problem(422, f"`{name}` is given twice; give it once.")
        if name in NEVER_EMPTY and not value.strip():
            raise Problem(422, f"`{name}` is empty; give it a value, or leave it out.")
        seen.add(name)


def not_taken(name: str, instead: list[str] | None = None) -> Problem:
    """What to tell of a name in a query string that means nothing there; ``instead``: the names that do."""
    takes = f"it takes {', '.join(instead)}" if instead else "it takes nothing"
    return Problem(422, f"`{one_line(name, LONGEST_NAME)}` is not taken here; {OF_THE_IMAGE.get(name, takes)}.")


def number(request: Request, name: str, default: int, least: int, most: int) -> int:
    """A whole number from the query string.

    Raises:
        Problem: 422, it is none, or out of bounds.
    """
    given = request.query_params.get(name)
    if given is None:
        return default
    if not re.fullmatch(r"[0-9]{1,19}", given) or not least <= int(given) <= most:
        raise Problem(422, f"`{name}` has to be a whole number from {least} to {most}.")
    return int(given)


def window(request: Request, limit: int, deepest: int = DEEPEST) -> Window:
    """The window that a request asks for; ``limit``: of as many hits, where it does not say; ``deepest``: none beyond so many.

    Raises:
        Problem: 422, it makes no sense.
    """
    offset = number(request, "offset", 0, 0, deepest - 1)
    return Window(offset, min(number(request, "limit", limit, 1, MOST), deepest - offset), deepest)


def nearness(request: Request, name: str) -> Within | None:
    """A distance or a likeness from the query string; None where it is missing or empty.

    Raises:
        Problem: 422, it is neither.
    """
    given = request.query_params.get(name, "").strip()
    if not given:
        return None
    try:
        return Within.parse(given)
    except QueryError as error:
        raise Problem(422, f"`{name}`: {error}.") from None


def asked_text(request: Request, name: str) -> str | None:
    """The text query that a request asks for, under this name in its query string; None where it is missing or empty."""
    return request.query_params.get(name, "").strip() or None


def way(request: Request) -> Way | None:
    """By what words are looked for: ``by=keywords`` or ``by=looks``; None: by both.

    Raises:
        Problem: 422, it is neither.
    """
    given = request.query_params.get("by", "")
    if given not in WAYS:
        raise Problem(422, "`by` has to be keywords or looks; without it both are looked for.")
    return WAYS[given]


def region(request: Request) -> Region | None:
    """The region that a request asks for: ``crop=left,top,width,height``, or these four each by itself, as a form sends them.

    Raises:
        Problem: 422, it is not a part of an image.
    """
    given = request.query_params
    parts = given["crop"].split(",") if "crop" in given else [given[each] for each in REGION if given.get(each)]
    if not parts:
        return None
    if len(parts) != 4 or not all(re.fullmatch(r"[0-9]{0,6}\.?[0-9]{1,12}", part) for part in parts):
        raise Problem(422, "`crop` has to be four numbers: left, top, width and height, as shares of the image.")
    scale = 1.0 if "crop" in given else 0.01  # a form for people asks for percentages
    try:
        return Region(*(float(part) * scale for part in parts))
    except QueryError as error:
        raise Problem(422, f"{error}") from None


def region_text(region: Region) -> str:
    """A region as it stands in a query string: to the last digit that counts, so that it still lies in the image."""
    return ",".join(f"{getattr(region, side):.12f}".rstrip("0").rstrip(".") for side in REGION)


def id_of(text: str) -> int:
    """An ID in a path.

    Raises:
        Problem: 404, it is none.
    """
    if not re.fullmatch(r"[0-9]{1,19}", text) or int(text) > LARGEST_ID:
        raise Problem(404, "There is no such object.")
    return int(text)


def weight(request: Request) -> float:
    """The weight of the image in the path, or of one that is sent; 1 where the request does not say.

    Raises:
        Problem: 422, it is none.
    """
    try:
        given = float(request.query_params.get("weight") or 1)
    except ValueError:
        given = math.nan
    # Written so that what is not a number is refused too.
    if not 0 < given < HEAVIEST:
        raise Problem(422, f"`weight` has to be a number above 0 and below {HEAVIEST:,}.")
    return given

"""Examples beside the image that a request is about: objects and words, liked or unliked, as a query string has them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from starlette.requests import Request

from seealso import Example
from seealso_web.problems import Problem

MOST_EXAMPLES = 16  # of one question
LONGEST_TEXT = 1000  # characters of words, and of a text query
LARGEST_ID = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Beside:
    """One example of several.

    Attributes:
        what: an object's ID, or words.
        weight: how much it counts beside the others; below 0: the hits shall be unlike it.
    """

    what: int | str
    weight: float = 1.0

    @property
    def liked(self) -> bool:
        """Whether the hits shall be like it."""
        return self.weight > 0

    @property
    def is_words(self) -> bool:
        """Whether it is words."""
        return isinstance(self.what, str)

    def example(self) -> Example:
        """It as a query has it."""
        if isinstance(self.what, str):
            return Example(words=self.what, weight=self.weight)
        return Example(id=self.what, weight=self.weight)

    def field(self) -> tuple[str, str]:
        """Its name and its value in a query string."""
        name = "words" if self.is_words else "like" if self.liked else "unlike"
        what, weight = str(self.what), weight_text(abs(self.weight))
        # Words may have a ^ of their own, behind which no weight stands.
        return name, what if weight == "1" and "^" not in what else f"{what}^{weight}"


def weight_text(weight: float) -> str:
    """A weight as it stands in a query string: in digits."""
    digits = format(Decimal(repr(weight)), "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def examples_of(request: Request) -> tuple[Beside, ...]:
    """The examples that a query string names, in its order: ``like`` and ``unlike`` with the ID of an object, ``words``; each as often as
    one likes, and with a weight behind ``^`` where it does not count 1.

    Raises:
        Problem: 422, one of them makes no sense, or there are too many.
    """
    found = []
    for name, value in request.query_params.multi_items():
        if name in ("like", "unlike"):
            found.append(_object(name, value))
        elif name == "words" and (words := _words(request, value)) is not None:
            found.append(words)
    if len(found) >= MOST_EXAMPLES:
        raise Problem(
            422, f"`like`, `unlike` and `words` give {MOST_EXAMPLES - 1} examples at most; leave some of them out."
        )
    return tuple(found)


def _object(name: str, value: str) -> Beside:
    what, weight = Example.weighted(value.strip().removeprefix("id:"))
    if not re.fullmatch(r"[0-9]{1,19}", what) or int(what) > LARGEST_ID:
        raise Problem(422, f"`{name}` has to be the ID of an object, such as 7, or 7^2 for twice its weight.")
    return Beside(int(what), weight if name == "like" else -weight)


def _words(request: Request, value: str) -> Beside | None:
    words, weight = Example.weighted(value.strip())
    if len(words) > LONGEST_TEXT:
        raise Problem(422, f"`words` has {len(words):,} characters; {LONGEST_TEXT:,} are allowed.")
    if not words.strip():
        # The form of a page sends its empty field along.
        if not request.url.path.startswith("/api/"):
            return None
        raise Problem(422, "`words` is empty; it has to say what the images show.")
    return Beside(words, weight)

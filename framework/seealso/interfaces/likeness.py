"""Likeness: a distance in percent, so that it means the same with every metric and every extractor."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from seealso.errors import QueryError
from seealso.interfaces.field_types import check_fields, check_type

_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Likeness:
    """What likeness means in a collection, measured on pairs of its objects that were taken at random.

    100 % is distance 0. 0 % is the distance at which two unrelated objects lie. Between them it is linear, and it is never below 0.

    Attributes:
        typical: the median distance of the pairs. It is 0 where no two objects differ, or where there are fewer than two: then only
            what lies at distance 0 is alike (100 %), and everything else is not (0 %).
        alike: of the pairs, 5 in 100 are no further apart than this; what is further apart is as far as unrelated objects may be. None
            where there were too few pairs to say so.
        same: objects that are no further apart than this are probably the same picture; None before an evaluation has measured it.
        pairs: how many pairs were measured.
    """

    typical: float
    alike: float | None = None
    same: float | None = None
    pairs: int = 0

    def percent(self, distance: float) -> float:
        """The likeness of two objects at a distance, from 0 to 100."""
        if distance <= 0:
            return 100.0
        # Written so that what is not a finite number is not alike, and nothing is divided by 0.
        return 100 * (1 - distance / self.typical) if distance < self.typical else 0.0

    def distance(self, percent: float) -> float:
        """The distance at which two objects have a likeness, given in percent: what is alike to that degree is no further away."""
        return self.typical * (1 - percent / 100)

    def beyond(self, distance: float) -> bool:
        """Whether an object is as far away as unrelated ones may be; False where that is not known."""
        return self.alike is not None and distance > self.alike


@dataclass(frozen=True, slots=True)
class Within:
    """How near something has to be: within a distance, or a likeness in percent. One of the two is given.

    Attributes:
        distance: 0 or more.
        likeness: in percent, above 0 and at most 100; `Likeness` says what it means.

    Raises:
        QueryError: it is no distance and no likeness; says what is.
    """

    distance: float | None = None
    likeness: float | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        if (self.distance is None) == (self.likeness is None):
            raise QueryError("give a distance or a likeness, one of the two")
        if self.distance is not None and not 0 <= self.distance < math.inf:
            raise QueryError(f"{self.distance} is no distance: a number, 0 or more")
        if self.likeness is not None:
            check_likeness(self.likeness)

    @classmethod
    def parse(cls, text: str) -> Self:
        """What a person wrote: ``0.35`` is a distance, ``80%`` (or ``80 %``) a likeness.

        Raises:
            QueryError: it is neither.
        """
        check_type("a limit", text, str)
        given = text.strip()
        percent = given.endswith("%")
        number = given.removesuffix("%").rstrip()
        if not _NUMBER.fullmatch(number) or float(number) == math.inf:
            point = "; write the decimals after a point" if re.fullmatch(r"[0-9]+,[0-9]+", number) else ""
            raise QueryError(
                f"{text!r} is neither a distance (a number, 0 or more) nor a likeness (as 80%, above 0% and at most 100%){point}"
            )
        return cls(likeness=float(number)) if percent else cls(float(number))

    def __str__(self) -> str:
        """As `parse` takes it, to the last digit: a hit may lie just there."""
        return repr(self.distance) if self.likeness is None else f"{self.likeness:.15g}%"

    @property
    def limits(self) -> dict[str, Any]:
        """The same as settings of a `Query`."""
        return {"max_distance": self.distance, "min_likeness": self.likeness}

    def as_distance(self, likeness: Callable[[], Likeness]) -> float:
        """The distance; ``likeness``, such as `Collection.likeness`, is called only where a likeness was given."""
        if self.distance is not None:
            return self.distance
        assert self.likeness is not None
        return likeness().distance(self.likeness)


def check_likeness(percent: float) -> None:
    """Refuse what is no likeness to ask for.

    Raises:
        QueryError: says what one is.
    """
    # Written so that what is not a number is refused too.
    if not 0 < percent <= 100:
        raise QueryError(f"{percent:g}% is no likeness to ask for: it is above 0% and at most 100%")

"""How near two images have to be to count as the same picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from seealso.interfaces.likeness import Likeness, Within

NEARLY_THE_SAME = Within(likeness=75)
"""What counts as the same picture where only descriptors are compared, and nothing else is said."""

MAY_BE_THE_SAME = Within(likeness=30)
"""What is looked at, where there are pictures and nothing else is said: what fits is the same."""

EVERYTHING = 2
"""So many times the typical distance, where there are too few objects to say what is near: then nearly all are looked at."""


@dataclass(frozen=True, slots=True)
class Nearness:
    """How near the images of a group have to be to its largest.

    Attributes:
        asked: how that was asked for.
        radius: as a distance.
        sure: what is no further apart is the same without fitting, unless it is a mirror image.
        blind: how near is near where the pictures cannot be looked at.
    """

    asked: Within
    radius: float
    sure: float
    blind: float

    @classmethod
    def of(cls, within: Within | None, likeness: Callable[[], Likeness], *, looks: bool) -> Self:
        """What was asked for, or the default.

        Args:
            within: how near is near; None: near enough that the pictures are looked at, and nearer where they cannot be.
            likeness: says what a likeness means.
            looks: whether there are pictures.
        """
        if not looks:
            asked = within or NEARLY_THE_SAME
            radius = asked.as_distance(likeness)
            return cls(asked, radius, radius, radius)
        sure = NEARLY_THE_SAME.as_distance(likeness)
        if within is not None:
            radius = within.as_distance(likeness)
            return cls(within, radius, min(sure, radius), radius)
        known = likeness()
        asked = MAY_BE_THE_SAME if known.alike is not None else Within(EVERYTHING * known.typical)
        return cls(asked, asked.as_distance(likeness), sure, sure)

"""What a query sees of something derived."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import numpy as np

from seealso.sorted_ids import distinct

D = TypeVar("D")


def _none() -> np.ndarray:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class View(Generic[D]):
    """Something derived as of one moment, and how it differs from the catalogue then.

    Attributes:
        part: what can be asked; None: nothing can, so that only ``rest`` is searched.
        rest: IDs of objects that it does not hold, to be searched without it; int64, ascending.
        removed: IDs that it may still hold, and that are gone; int64, ascending.
        unsearched: how many objects are neither in it nor in ``rest``.
    """

    part: D | None
    rest: np.ndarray = field(default_factory=_none)
    removed: np.ndarray = field(default_factory=_none)
    unsearched: int = 0

    def relying_on(self, other: View[Any]) -> View[D]:
        """The same where it can propose only what another thing holds too: what that does not hold is searched without it."""
        if not (other.rest.size or other.unsearched):
            return self
        return replace(self, rest=distinct(self.rest, other.rest), unsearched=max(self.unsearched, other.unsearched))

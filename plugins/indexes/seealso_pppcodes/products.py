"""Distances from one query to all pivots, by one product with the matrix of the pivots."""

from __future__ import annotations

import numpy as np

from seealso import Distance

WORTHWHILE = 1 << 18
"""Values of all pivots together from which on it is quicker than to compare one pivot after another."""

CANCELLED = 0.01
"""Of a squared distance below this share of the squared lengths that it is the difference of, too many digits are lost."""

PARALLEL = 0.98
"""Beyond this cosine, or below its negative, the arc cosine loses too many digits."""

VANISHING, OVERFLOWING = 1e-30, 1e37
"""Squares that float32 holds with all their digits lie between these."""


class PivotProducts:
    """Euclidean distances or angles, to the rounding of float32. Those of which too many digits would be lost are left to the distance.

    Args:
        distance: of the kind ``l2`` or ``angle``.
        pivots: float32 ``(n, dim)``.
    """

    def __init__(self, distance: Distance, pivots: np.ndarray) -> None:
        self._distance = distance
        self._pivots = pivots
        self._directed = distance.kind == "angle"
        with np.errstate(all="ignore"):
            # Moved by their mean, lengths are shorter, and less is lost where two are subtracted.
            self._centre = np.zeros_like(pivots[0]) if self._directed else pivots.mean(axis=0)
            moved = pivots if self._directed else pivots - self._centre
            self._squares = np.vecdot(moved, moved)

    @classmethod
    def of(cls, distance: Distance, pivots: np.ndarray) -> PivotProducts | None:
        """None where another way is better, or the only one."""
        suits = distance.kind in ("l2", "angle") and pivots.dtype == np.float32 and pivots.size >= WORTHWHILE
        return cls(distance, pivots) if suits else None

    def distances(self, query: np.ndarray) -> np.ndarray:
        """From a query, float32 ``(dim,)``, to all pivots: float32 ``(n,)``."""
        # What overflows is left to the distance.
        with np.errstate(all="ignore"):
            distances, sure = self._angles(query) if self._directed else self._lengths(query)
        doubtful = np.flatnonzero(~sure)
        if doubtful.size:
            distances[doubtful] = self._distance.one_to_many(query, self._pivots[doubtful])
        return distances

    def _lengths(self, query: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Euclidean distances, and which of them are sure."""
        moved = query - self._centre
        scale = self._squares + np.vecdot(moved, moved)
        squares = scale - 2 * (self._pivots @ moved - np.vecdot(self._centre, moved))
        return np.sqrt(squares), _in_range(squares, np.maximum(CANCELLED * scale, VANISHING))

    def _angles(self, query: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Angles, and which of them are sure."""
        square = np.vecdot(query, query)
        cosines = (self._pivots @ query) / (np.sqrt(self._squares) * np.sqrt(square))
        sure = (np.abs(cosines) < PARALLEL) & _in_range(self._squares, VANISHING) & _in_range(square, VANISHING)
        return np.arccos(cosines), sure


def _in_range(squares: np.ndarray, smallest: float | np.ndarray) -> np.ndarray:
    """Which squares have kept their digits; none that is not a number."""
    within: np.ndarray = (squares > smallest) & (squares < OVERFLOWING)
    return within

"""Lower bounds of distances, from a few numbers for each object: most pairs are told apart without their descriptors."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from seealso.blocks import working_dtype
from seealso.interfaces.distance import Distance

WIDTH = 64
"""Axes that descriptors are projected to."""

PIVOTS = 16
"""Descriptors that all are compared with, where nothing is known of the distance but that it is a metric."""

ROUNDING = 2e-5
"""How far a bound in float32 may be wrong, beside the size of what it was computed from."""

SEED = 20150809


class Bound(ABC):
    """Tells pairs that are far apart from those that may be near; a pair that is near is never lost."""

    @abstractmethod
    def signatures(self, descriptors: np.ndarray) -> np.ndarray:
        """Descriptors ``(n, dim)`` → float32 ``(n, width)``."""

    @abstractmethod
    def may_be_near(self, a: np.ndarray, b: np.ndarray, radius: float) -> np.ndarray:
        """Signatures ``(n, width)``, ``(m, width)`` → bool ``(n, m)``: False only where the distance is surely beyond ``radius``."""


def bound_for(distance: Distance, sample: np.ndarray, width: int = WIDTH) -> Bound:
    """The bound that suits a distance.

    Args:
        distance: the metric.
        sample: some of the descriptors ``(n, dim)``, n > 0.
        width: numbers for each object, at most.
    """
    if distance.kind in ("l2", "angle"):
        return Projection(sample, width, angle=distance.kind == "angle")
    return Pivots(distance, sample, min(width, PIVOTS))


class Unbounded(Bound):
    """Tells nothing apart: where there are so few that all are compared."""

    def signatures(self, descriptors: np.ndarray) -> np.ndarray:
        """See `Bound`."""
        return np.zeros((len(descriptors), 1), np.float32)

    def may_be_near(self, a: np.ndarray, b: np.ndarray, radius: float) -> np.ndarray:
        """See `Bound`."""
        return np.ones((len(a), len(b)), bool)


class Projection(Bound):
    """For Euclidean distances and angles: the axes along which the descriptors differ most. A projection makes no distance longer.

    Angles are those between points of length 1, whose Euclidean distance is the chord.
    """

    def __init__(self, sample: np.ndarray, width: int, *, angle: bool) -> None:
        self._angle = angle
        points = self._points(sample)
        # In float64, where no sum overflows.
        centre = points.mean(axis=0, dtype=np.float64)
        self._centre = centre.astype(points.dtype)
        self._axes = _main_axes(points - centre, min(width, points.shape[1]))

    def _points(self, descriptors: np.ndarray) -> np.ndarray:
        points = descriptors.astype(working_dtype(descriptors.dtype), copy=False)
        if not self._angle:
            return points
        # By the largest value first, so that no square overflows.
        largest = np.abs(points).max(axis=1, keepdims=True)
        scaled = np.divide(points, largest, out=np.zeros_like(points), where=largest > 0)
        lengths = np.sqrt(np.vecdot(scaled, scaled))[:, np.newaxis]
        found: np.ndarray = np.divide(scaled, lengths, out=scaled, where=lengths > 0)
        return found

    @np.errstate(over="ignore", invalid="ignore")
    def signatures(self, descriptors: np.ndarray) -> np.ndarray:
        """See `Bound`."""
        points = self._points(descriptors) - self._centre
        return np.asarray(points @ self._axes.astype(points.dtype), np.float32)

    @np.errstate(over="ignore", invalid="ignore")
    def may_be_near(self, a: np.ndarray, b: np.ndarray, radius: float) -> np.ndarray:
        """See `Bound`. One product of matrices gives −d²/2 of all pairs: ab − a²/2 − b²/2."""
        reach = 2 * np.sin(min(radius, np.pi) / 2) if self._angle else radius
        halves = np.vecdot(a, a) / 2, np.vecdot(b, b) / 2
        largest = sum(float(half.max(initial=0)) for half in halves)
        left = np.column_stack([a, -halves[0], np.full(len(a), -1, np.float32)])
        right = np.column_stack([b, np.ones(len(b), np.float32), halves[1]])
        # Written so that what overflows is kept.
        near: np.ndarray = ~(left @ right.T < -(reach * reach / 2 + ROUNDING * largest))
        return near


class Pivots(Bound):
    """For any metric: what differs by more than ``radius`` in its distance from a pivot is further apart than that."""

    def __init__(self, distance: Distance, sample: np.ndarray, width: int) -> None:
        self._distance = distance
        chosen = np.random.default_rng(SEED).permutation(len(sample))[:width]
        self._pivots = sample[chosen]

    def signatures(self, descriptors: np.ndarray) -> np.ndarray:
        """See `Bound`."""
        return self._distance.many_to_many(descriptors, self._pivots)

    @np.errstate(invalid="ignore")
    def may_be_near(self, a: np.ndarray, b: np.ndarray, radius: float) -> np.ndarray:
        """See `Bound`."""
        near = np.ones((len(a), len(b)), bool)
        largest = max(float(each.max(initial=0, where=np.isfinite(each))) for each in (a, b))
        most = np.float32(radius + ROUNDING * (radius + largest))
        for of_a, of_b in zip(a.T, b.T, strict=True):
            # Written so that where both are beyond float32 the pair is kept.
            near &= ~(np.abs(np.subtract.outer(of_a, of_b)) > most)
        return near


def _main_axes(points: np.ndarray, width: int) -> np.ndarray:
    """Orthonormal columns ``(dim, width)`` along which centred points ``(n, dim)`` differ most, nearly: by subspace iteration."""
    random = np.random.default_rng(SEED).normal(size=(points.shape[1], width))
    axes = np.linalg.qr(random)[0]
    if not np.isfinite(points).all():
        return axes
    scale = np.abs(points).max(initial=0)
    for _ in range(4 if scale > 0 else 0):
        axes = np.linalg.qr((points / scale).T @ (points / scale @ axes))[0]
    return axes

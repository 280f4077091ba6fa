"""The embedding: from an object's distances to landmarks to a point that stands for it (landmark MDS: de Silva and Tenenbaum,
*Sparse multidimensional scaling using landmark points*, 2004).

Squared distances between landmarks, double-centred, are the products of points that have these distances; their eigenvectors are axes
on which these points can be placed. What is no product of real points, negative eigenvalues, is left out. An object is placed by its
squared distances to the landmarks, a linear map. For the Euclidean distance it is a principal component analysis of the landmarks.

Two things are added, without which objects that are no landmarks are found much worse: `_as_far_as_the_second` and `worth_of`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from seealso import Distance, SketchContext
from seealso_rabitq.coded import finite_numbers, unit_of
from seealso_rabitq.projection import multiplied

ROOM = 1 << 22
"""Bytes of distances to landmarks that are computed at once."""

FARTHEST = 1e5
"""Distances beyond this times the usual one count as this, so that no square is infinite."""

LEAST = 1e-5
"""An axis along which the landmarks vary by less than this share of the largest tells of rounding, not of them."""

TINY = float(np.finfo(np.float32).tiny)
"""The smallest number that float32 holds with all its digits."""

DOUBT = 1e-2
"""How much it counts, beside what objects say of an axis, that an axis is usually worth 1."""

MOST = 4.0
"""What an axis may be worth: more would be an accident of a few objects."""


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """Places objects by their distances to landmarks.

    Attributes:
        distance: the metric.
        landmarks: descriptors ``(m, dim)``.
        unit: distances are divided by this, the usual one.
        mean: from their squares this is taken, float32 ``(m,)``.
        matrix: these are multiplied by this, float32 ``(m, values)``.
    """

    distance: Distance
    landmarks: np.ndarray
    unit: float
    mean: np.ndarray
    matrix: np.ndarray

    @classmethod
    def of_landmarks(cls, distance: Distance, landmarks: np.ndarray) -> tuple[Self, np.ndarray]:
        """One that places nothing yet, and the axes, float32 ``(m, axes)``, the longest first: at least one, at most m."""
        between = distance.many_to_many(landmarks, landmarks)
        apart = between[np.isfinite(between) & (between > 0)]
        unit = float(np.median(apart)) if apart.size else 1.0
        scaled = cls(
            distance, landmarks, unit, np.zeros(len(landmarks), np.float32), np.empty((len(landmarks), 0), np.float32)
        )
        products, mean = products_of(scaled.squares(between))
        return replace(scaled, mean=mean.astype(np.float32)), _axes(products)

    def onto(self, matrix: np.ndarray) -> Embedding:
        """The same with another matrix."""
        return replace(self, matrix=matrix)

    def squares(self, distances: np.ndarray) -> np.ndarray:
        """Distances of any shape → their squares in units of the usual one: float32, all of them finite."""
        with np.errstate(over="ignore", invalid="ignore"):
            # A metric may overflow between descriptors that are all finite; then they are as far apart as can be.
            scaled = np.fmin(np.divide(distances, self.unit, dtype=np.float32), np.float32(FARTHEST))
        squares: np.ndarray = np.square(scaled, out=scaled)
        return squares

    def centred(self, descriptors: np.ndarray) -> Iterator[np.ndarray]:
        """Squared distances of ``(n, dim)`` to the landmarks, less their mean: float32, in blocks."""
        step = max(1, ROOM // (4 * len(self.landmarks)))
        for start in range(0, len(descriptors), step):
            block = descriptors[start : start + step]
            if len(block) == 1:  # metrics are quicker that way
                distances = self.distance.one_to_many(block[0], self.landmarks)[np.newaxis]
            else:
                distances = self.distance.many_to_many(block, self.landmarks)
            squares = self.squares(distances)
            _as_far_as_the_second(squares)
            squares -= self.mean
            yield squares

    def __call__(self, descriptors: np.ndarray) -> np.ndarray:
        """Descriptors ``(n, dim)`` → float32 ``(n, values)``."""
        return multiplied(self.centred(descriptors), len(descriptors), self.matrix)

    def arrays(self) -> dict[str, np.ndarray]:
        """What it takes to make it again."""
        return {"landmarks": self.landmarks, "unit": np.array(self.unit), "mean": self.mean, "matrix": self.matrix}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray], context: SketchContext, values: int) -> Self:
        """From what `arrays` gave.

        Raises:
            ValueError: they do not fit.
        """
        landmarks = arrays.get("landmarks", np.empty(0))
        if landmarks.ndim != 2 or not len(landmarks) or landmarks.shape[1] != context.dim:
            raise ValueError(f"landmarks are missing, or not of {context.dim} values each")
        if landmarks.dtype != context.dtype or (landmarks.dtype.kind == "f" and not np.isfinite(landmarks).all()):
            raise ValueError(f"landmarks are not of {context.dtype}, or not finite numbers")
        mean = finite_numbers(arrays, "mean", (len(landmarks),))
        matrix = finite_numbers(arrays, "matrix", (len(landmarks), values))
        numbers = (np.ascontiguousarray(each, np.float32) for each in (mean, matrix))
        return cls(context.distance, landmarks, unit_of(arrays), *numbers)


def _as_far_as_the_second(squares: np.ndarray) -> None:
    """Let the nearest landmark of each object be as far as the second nearest; squared distances ``(n, m)``, changed in place.

    A landmark is at distance 0 from one, itself, as no other object is. By that alone landmarks would lie apart in as many dimensions as
    there are landmarks, none of which tells anything of others. For an object that is no landmark it changes next to nothing.
    """
    if squares.shape[1] > 1:
        rows = np.arange(len(squares))
        nearest = squares.argmin(axis=1)
        squares[rows, nearest] = np.inf
        squares[rows, nearest] = squares.min(axis=1)


def products_of(squares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The products of points with these squared distances ``(n, n)``, seen from their middle: float64 ``(n, n)``; and the mean squared
    distance from each, ``(n,)``."""
    squares = (squares + squares.T).astype(np.float64) / 2
    np.fill_diagonal(squares, 0)
    _as_far_as_the_second(squares)
    mean = squares.mean(axis=0)
    return (mean + mean[:, np.newaxis] - mean.mean() - squares) / 2, mean


def _axes(products: np.ndarray) -> np.ndarray:
    """The axes on which landmarks lie that have these products, float64 ``(m, m)``.

    Returns:
        float32 ``(m, axes)``, the longest first: what squared distances, less the mean, have to be multiplied by. Where all landmarks
        lie at one point, a single one of zeros.
    """
    lengths, vectors = np.linalg.eigh(products)
    lengths, vectors = lengths[::-1], vectors[:, ::-1]
    count = int(np.count_nonzero(lengths > LEAST * max(float(lengths[0]), TINY)))
    if not count:
        return np.zeros((len(products), 1), np.float32)
    axes: np.ndarray = (vectors[:, :count] * (-0.5 / np.sqrt(lengths[:count]))).astype(np.float32)
    return axes


def worth_of(values: np.ndarray, products: np.ndarray) -> np.ndarray:
    """What each axis is worth for objects that are no landmarks: the weights with which their products on the axes add up best to the
    true ones (least squares).

    Landmarks are few, so the shorter axes are those of chance: others are as far apart on them as on any, and no nearer to the truth.

    Args:
        values: of the objects on the axes, ``(n, axes)``.
        products: the true ones, `products_of` of the same objects.

    Returns:
        float32 ``(axes,)``, from 0 to `MOST`; 1 where they say nothing.
    """
    wide = values.astype(np.float64)
    wide -= wide.mean(axis=0)
    shared = np.square(wide.T @ wide)
    wanted = np.vecdot(wide.T, (products @ wide).T)
    # With a little weight on 1, for axes of which so few objects say nothing.
    doubt = DOUBT * np.diag(shared) + TINY
    weights = np.linalg.solve(shared + np.diag(doubt), wanted + doubt)
    found: np.ndarray = np.clip(weights, 0, MOST).astype(np.float32)
    return found

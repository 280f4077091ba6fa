"""Metrics on vectors of numbers."""

import numpy as np

from seealso.distances.blocks import check_pair, output, row_blocks, working_dtype
from seealso.interfaces.distance import Distance

NUMBERS = ("float32", "float64", "float16", "uint8", "int8")

CANCELLED = 0.01
"""Below this share of |a|² + |b|², a squared distance that was computed as |a|² + |b|² − 2ab has lost too many digits of
float32 to cancellation, and is computed anew from the differences."""


class Euclidean(Distance):
    """The Euclidean distance, √Σ(aᵢ − bᵢ)²."""

    name = "euclidean"
    preference = 10
    dtypes = NUMBERS

    def one_to_many(self, query: np.ndarray, descriptors: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """From the differences themselves, so near-equal descriptors keep all their digits; limited by memory bandwidth."""
        check_pair(query, descriptors, (1, 2))
        out = output(descriptors.shape[:1], out)
        dtype = working_dtype(np.promote_types(query.dtype, descriptors.dtype))
        query = query.astype(dtype)
        for rows in row_blocks(descriptors.shape[0], descriptors.shape[1] * np.dtype(dtype).itemsize):
            difference = np.subtract(descriptors[rows], query, dtype=dtype)
            out[rows] = np.sqrt(np.einsum("ij,ij->i", difference, difference))
        return out

    def many_to_many(self, a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """By matrix products, in blocks; what cancellation would spoil is computed from the differences."""
        check_pair(a, b, (2, 2))
        out = output((a.shape[0], b.shape[0]), out)
        dtype = working_dtype(np.promote_types(a.dtype, b.dtype))
        a, b = a.astype(dtype, copy=False), b.astype(dtype, copy=False)
        b_squares = np.einsum("ij,ij->i", b, b)
        # As many rows at once as give a block of distances of 64 times the cache: few, large products.
        for rows in row_blocks(a.shape[0], max(1, b.shape[0] * np.dtype(dtype).itemsize // 64)):
            part = a[rows]
            scale = np.einsum("ij,ij->i", part, part)[:, np.newaxis] + b_squares
            squares = part @ b.T
            squares *= -2
            squares += scale
            near = np.nonzero(squares < CANCELLED * scale)
            for pairs in row_blocks(near[0].size, a.shape[1] * np.dtype(dtype).itemsize):
                i, j = near[0][pairs], near[1][pairs]
                difference = part[i] - b[j]
                squares[i, j] = np.einsum("ij,ij->i", difference, difference)
            np.sqrt(np.maximum(squares, 0, out=squares), out=squares)
            out[rows] = squares
        return out


class Manhattan(Distance):
    """The Manhattan distance, Σ|aᵢ − bᵢ|."""

    name = "manhattan"
    dtypes = NUMBERS

    def one_to_many(self, query: np.ndarray, descriptors: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """In blocks that stay in the cache; limited by memory bandwidth."""
        check_pair(query, descriptors, (1, 2))
        out = output(descriptors.shape[:1], out)
        dtype = working_dtype(np.promote_types(query.dtype, descriptors.dtype))
        query = query.astype(dtype)
        for rows in row_blocks(descriptors.shape[0], descriptors.shape[1] * np.dtype(dtype).itemsize):
            difference = np.subtract(descriptors[rows], query, dtype=dtype)
            out[rows] = np.abs(difference, out=difference).sum(axis=1)
        return out

    def many_to_many(self, a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """One row of ``a`` after the other: no product of matrices gives it."""
        check_pair(a, b, (2, 2))
        out = output((a.shape[0], b.shape[0]), out)
        for row, descriptor in enumerate(a):
            self.one_to_many(descriptor, b, out[row])
        return out


class Cosine(Distance):
    """The angle between two vectors, in radians, 0 to π. (One minus the cosine would be no metric.)

    It is computed from the chord between the two directions, 2·asin(|u − v| / 2), which keeps small angles accurate, as
    the arc cosine of a float32 product would not.
    """

    name = "cosine"
    dtypes = NUMBERS
    zero_vector = "at a right angle to every other vector, and equal to itself"

    def one_to_many(self, query: np.ndarray, descriptors: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Limited by memory bandwidth."""
        check_pair(query, descriptors, (1, 2))
        out = output(descriptors.shape[:1], out)
        dtype = working_dtype(np.promote_types(query.dtype, descriptors.dtype))
        direction = _directions(query[np.newaxis], dtype)[0]
        for rows in row_blocks(descriptors.shape[0], descriptors.shape[1] * np.dtype(dtype).itemsize):
            directions = _directions(descriptors[rows], dtype)
            zero = ~directions.any(axis=1)
            directions -= direction
            out[rows] = _angles(np.sqrt(np.einsum("ij,ij->i", directions, directions)))
            out[rows][zero] = 0 if not direction.any() else np.pi / 2
        if not direction.any():
            out[descriptors.any(axis=1)] = np.pi / 2
        return out

    def many_to_many(self, a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """The chords are Euclidean distances of directions, so by matrix products."""
        check_pair(a, b, (2, 2))
        out = output((a.shape[0], b.shape[0]), out)
        dtype = working_dtype(np.promote_types(a.dtype, b.dtype))
        a_zero, b_zero = ~a.any(axis=1), ~b.any(axis=1)
        Euclidean().many_to_many(_directions(a, dtype), _directions(b, dtype), out)
        for rows in row_blocks(out.shape[0], out.shape[1] * out.itemsize):
            out[rows] = _angles(out[rows])
        out[a_zero] = np.pi / 2
        out[:, b_zero] = np.pi / 2
        out[np.ix_(a_zero, b_zero)] = 0
        return out


def _directions(vectors: np.ndarray, dtype: type[np.floating]) -> np.ndarray:
    """Vectors scaled to length 1; zero vectors stay zero."""
    # By the largest value first, so that the squares of very large or small values neither overflow nor vanish.
    largest = np.abs(vectors.astype(dtype)).max(axis=1, keepdims=True, initial=0)
    scaled = np.divide(vectors, largest, out=np.zeros(vectors.shape, dtype), where=largest > 0, dtype=dtype)
    lengths = np.sqrt(np.einsum("ij,ij->i", scaled, scaled))[:, np.newaxis]
    directions: np.ndarray = np.divide(scaled, lengths, out=scaled, where=lengths > 0)
    return directions


def _angles(chords: np.ndarray) -> np.ndarray:
    angles: np.ndarray = 2 * np.arcsin(np.minimum(chords / 2, 1))
    return angles

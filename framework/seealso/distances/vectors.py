"""Metrics on vectors of numbers.

Each computes in float32 (float64 descriptors in float64) where that is exact enough, and computes anew, in float64, the
few entries where it is not: near-equal descriptors, and values whose squares overflow or vanish.
"""

from collections.abc import Callable, Iterator

import numpy as np

from seealso.blocks import TILE_SIDE, check_pair, output, recompute, row_blocks, spans, working_dtype
from seealso.interfaces.distance import Distance

NUMBERS = ("float32", "float64", "float16", "uint8", "int8")

CANCELLED = 0.01
"""Below this share of |a|² + |b|², a squared distance that was computed as |a|² + |b|² − 2ab has lost too many digits of
float32 to cancellation."""

PARALLEL = 0.98
"""Beyond this cosine, or below its negative, the arc cosine loses too many digits of float32."""

VANISHING, OVERFLOWING = 1e-30, 1e37
"""Squares that float32 holds with all their digits lie between these."""

# What overflows float32 is recomputed in float64; what overflows that too is infinite, and no reason to warn.
_quietly = np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore")


class Euclidean(Distance):
    """The Euclidean distance, √Σ(aᵢ − bᵢ)²."""

    name = "euclidean"
    dtypes = NUMBERS
    kind = "l2"

    @_quietly
    def one_to_many(self, query: np.ndarray, descriptors: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """From the differences themselves, so near-equal descriptors keep all their digits; limited by memory bandwidth."""
        check_pair(query, descriptors, (1, 2))
        out = output(descriptors.shape[:1], out)
        dtype = working_dtype(np.promote_types(query.dtype, descriptors.dtype))
        converted = query.astype(dtype)
        for rows in row_blocks(descriptors.shape[0], descriptors.shape[1] * np.dtype(dtype).itemsize):
            difference = np.subtract(descriptors[rows], converted, dtype=dtype)
            squares = np.vecdot(difference, difference)
            out[rows] = np.sqrt(squares)
            doubtful = _out_of_range(squares)
            recompute(
                out[np.newaxis, rows], doubtful[np.newaxis], query[np.newaxis], descriptors[rows], _lengths_between
            )
        return out

    @_quietly
    def many_to_many(self, a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """By matrix products, |a|² + |b|² − 2ab, a tile at a time; what cancellation would spoil, from the differences."""
        check_pair(a, b, (2, 2))
        out = output((a.shape[0], b.shape[0]), out)
        dtype = working_dtype(np.promote_types(a.dtype, b.dtype))
        for columns in spans(b.shape[0], TILE_SIDE):
            # Moved by the mean of ``b``: no distance changes, and far less is lost to cancellation.
            centre = b[columns].mean(axis=0, dtype=dtype)
            centre[~np.isfinite(centre)] = 0
            other = np.subtract(b[columns], centre, dtype=dtype)
            finish = _length_finish(np.vecdot(other, other))
            for rows, doubtful in _products(a, other, centre, finish, out[:, columns]):
                recompute(out[rows, columns], doubtful, a[rows], b[columns], _lengths_between)
        return out


class Manhattan(Distance):
    """The Manhattan distance, Σ|aᵢ − bᵢ|."""

    name = "manhattan"
    dtypes = NUMBERS
    kind = "l1"

    def one_to_many(self, query: np.ndarray, descriptors: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """In blocks that stay in the cache; limited by memory bandwidth."""
        check_pair(query, descriptors, (1, 2))
        out = output(descriptors.shape[:1], out)
        self.many_to_many(query[np.newaxis], descriptors, out[np.newaxis])
        return out

    @_quietly
    def many_to_many(self, a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Each block of ``b``, while it is in the cache, against all of ``a``: no product of matrices gives it."""
        check_pair(a, b, (2, 2))
        out = output((a.shape[0], b.shape[0]), out)
        dtype = working_dtype(np.promote_types(a.dtype, b.dtype))
        ones = np.ones(a.shape[1], dtype)
        for columns in row_blocks(b.shape[0], b.shape[1] * np.dtype(dtype).itemsize):
            block = b[columns].astype(dtype, copy=False)
            for row, descriptor in enumerate(a):
                difference = block - descriptor.astype(dtype, copy=False)
                out[row, columns] = np.vecdot(np.abs(difference, out=difference), ones)
        return out


class Cosine(Distance):
    """The angle between two vectors, in radians, 0 to π. (One minus the cosine would be no metric.)

    Small angles are computed from the chord between the two directions, 2·asin(|u − v| / 2), which keeps their digits,
    as the arc cosine would not.
    """

    name = "cosine"
    dtypes = NUMBERS
    kind = "angle"
    zero_vector = "at a right angle to every other vector, and equal to itself"

    @_quietly
    def one_to_many(self, query: np.ndarray, descriptors: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Limited by memory bandwidth."""
        check_pair(query, descriptors, (1, 2))
        out = output(descriptors.shape[:1], out)
        dtype = working_dtype(np.promote_types(query.dtype, descriptors.dtype))
        converted = query.astype(dtype, copy=False)
        for rows in row_blocks(descriptors.shape[0], descriptors.shape[1] * np.dtype(dtype).itemsize):
            block = descriptors[rows].astype(dtype, copy=False)
            angles = (block @ converted)[np.newaxis]
            doubtful = _angle_finish(np.vecdot(block, block))(converted[np.newaxis], angles)
            out[rows] = angles[0]
            recompute(out[np.newaxis, rows], doubtful, query[np.newaxis], block, _angles_between)
        return out

    @_quietly
    def many_to_many(self, a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """By matrix products, a tile at a time."""
        check_pair(a, b, (2, 2))
        out = output((a.shape[0], b.shape[0]), out)
        dtype = working_dtype(np.promote_types(a.dtype, b.dtype))
        for columns in spans(b.shape[0], TILE_SIDE):
            other = b[columns].astype(dtype, copy=False)
            finish = _angle_finish(np.vecdot(other, other))
            for rows, doubtful in _products(a, other, None, finish, out[:, columns]):
                recompute(out[rows, columns], doubtful, a[rows], b[columns], _angles_between)
        return out


Finish = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Turns the products of some rows with all columns into distances, in place; says which are doubtful, bool."""


def _products(
    a: np.ndarray, b: np.ndarray, centre: np.ndarray | None, finish: Finish, out: np.ndarray
) -> Iterator[tuple[slice, np.ndarray]]:
    """Write all products of rows of ``a`` (moved by ``centre``) with those of ``b``, finished, to ``out``.

    Matrix products want large tiles, and what is done to their results wants the cache: so each tile is finished in
    blocks. Yields the rows of each block, and what is doubtful in it.
    """
    moved = np.empty((min(TILE_SIDE, a.shape[0]), a.shape[1]), b.dtype)
    for rows in spans(a.shape[0], TILE_SIDE):
        part = moved[: rows.stop - rows.start]
        np.subtract(a[rows], 0 if centre is None else centre, out=part, dtype=b.dtype, casting="same_kind")
        products = np.matmul(part, b.T, out=out[rows] if out.dtype == b.dtype else None)
        for block in row_blocks(len(part), products.shape[1] * products.itemsize):
            doubtful = finish(part[block], products[block])
            done = slice(rows.start + block.start, rows.start + block.stop)
            if out.dtype != b.dtype:
                out[done] = products[block]
            yield done, doubtful


def _length_finish(lengths: np.ndarray) -> Finish:
    """For Euclidean distances; ``lengths`` are the squared lengths of the columns."""

    def finish(rows: np.ndarray, products: np.ndarray) -> np.ndarray:
        scale = np.add.outer(np.vecdot(rows, rows), lengths)
        products *= -2
        products += scale
        scale *= CANCELLED
        doubtful = _out_of_range(products, np.maximum(scale, VANISHING, out=scale))
        np.sqrt(np.maximum(products, 0, out=products), out=products)
        return doubtful

    return finish


def _angle_finish(lengths: np.ndarray) -> Finish:
    """For angles; ``lengths`` are the squared lengths of the columns."""
    roots, unsafe = np.sqrt(lengths), _out_of_range(lengths)

    def finish(rows: np.ndarray, products: np.ndarray) -> np.ndarray:
        squares = np.vecdot(rows, rows)
        products /= np.sqrt(squares)[:, np.newaxis]
        products /= roots
        doubtful: np.ndarray = ~(np.abs(products) < PARALLEL) | _out_of_range(squares)[:, np.newaxis] | unsafe
        np.arccos(products, out=products)
        return doubtful

    return finish


def _out_of_range(squares: np.ndarray, smallest: float | np.ndarray = VANISHING) -> np.ndarray:
    """Where squares have lost digits, to the limits of float32 or below ``smallest``, or are not a number."""
    return ~((squares > smallest) & (squares < OVERFLOWING))


def _lengths_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distances of float64 pairs: ``(p, dim)`` twice → ``(p,)``."""
    difference = a - b
    lengths: np.ndarray = np.sqrt(np.vecdot(difference, difference))
    return lengths


def _angles_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angles of float64 pairs: ``(p, dim)`` twice → ``(p,)``."""
    u, v = _directions(a), _directions(b)
    angles = 2 * np.arcsin(np.minimum(_lengths_between(u, v) / 2, 1))
    zero = ~u.any(axis=1), ~v.any(axis=1)
    return np.where(zero[0] & zero[1], 0.0, np.where(zero[0] | zero[1], np.pi / 2, angles))


def _directions(vectors: np.ndarray) -> np.ndarray:
    """Float64 vectors scaled to length 1; zero vectors stay zero."""
    # By the largest value first, so that the squares of very large or small values neither overflow nor vanish.
    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=0)
    scaled = np.divide(vectors, largest, out=np.zeros_like(vectors), where=largest != 0)
    lengths = np.sqrt(np.vecdot(scaled, scaled))[:, np.newaxis]
    directions: np.ndarray = np.divide(scaled, lengths, out=scaled, where=lengths != 0)
    return directions

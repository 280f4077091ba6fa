"""The true nearest neighbours of a few queries, by brute force, found while descriptors pass by."""

import numpy as np

BLOCK = 4096
"""Descriptors that are compared at once: what that takes stays small."""

ROUNDING = float(np.finfo(np.float32).eps)


class Nearest:
    """The nearest neighbours of some queries among all descriptors that were offered.

    Which descriptors may be near is seen from a product of float32. Its rounding is bounded, and whatever may be among the nearest by that
    bound is compared once more in float64, value by value. So the neighbours are the true ones of the float32 values.

    Args:
        queries: float32 ``(n, dim)``.
        count: neighbours of each.

    Attributes:
        ids: of the nearest, int64 ``(n, count)``, the nearest first; −1 where there are not as many yet.
        squares: their squared distances, float64 ``(n, count)``, ascending; infinity where there are not as many yet.
    """

    def __init__(self, queries: np.ndarray, count: int) -> None:
        self.queries = np.ascontiguousarray(queries, np.float32)
        self.count = count
        self.ids = np.full((len(queries), count), -1, np.int64)
        self.squares = np.full((len(queries), count), np.inf)
        self._lengths = np.vecdot(self.queries, self.queries)[:, np.newaxis]

    def offer(self, first: int, descriptors: np.ndarray) -> None:
        """Descriptors ``(m, dim)`` whose IDs are ``first``, ``first + 1``, …"""
        for start in range(0, len(descriptors), BLOCK):
            self._offer(first + start, descriptors[start : start + BLOCK])

    @property
    def last(self) -> np.ndarray:
        """How far the farthest of them is from each query, float64 ``(n,)``."""
        return np.sqrt(self.squares[:, -1])

    def _offer(self, first: int, descriptors: np.ndarray) -> None:
        sums = self._lengths + np.vecdot(descriptors, descriptors)
        estimates = sums - 2 * (self.queries @ descriptors.T)
        # A sum of products is off by no more than this, in whatever order it is added up.
        off = (2 * descriptors.shape[1] * ROUNDING) * sums
        limits = self.squares[:, -1].copy()
        unknown = np.flatnonzero(np.isinf(limits))
        if unknown.size and len(descriptors) >= self.count:
            most = np.partition((estimates + off)[unknown], self.count - 1, axis=1)
            limits[unknown] = most[:, self.count - 1]
        may_be = estimates - off <= limits[:, np.newaxis]
        for query in np.flatnonzero(may_be.any(axis=1)).tolist():
            rows = np.flatnonzero(may_be[query])
            self._compare(query, first + rows, descriptors[rows])

    def _compare(self, query: int, ids: np.ndarray, descriptors: np.ndarray) -> None:
        apart = descriptors.astype(np.float64) - self.queries[query]
        squares = np.concatenate([self.squares[query], np.vecdot(apart, apart)])
        ids = np.concatenate([self.ids[query], ids])
        best = np.argsort(squares, kind="stable")[: self.count]
        self.squares[query], self.ids[query] = squares[best], ids[best]


def intrinsic_dimension(distances: np.ndarray) -> float:
    """From the distances of queries to their k nearest ``(queries, k)``, ascending: the maximum-likelihood estimate of Levina and Bickel."""
    last = distances[:, -1:]
    logs = np.log(last / np.maximum(distances[:, :-1], 1e-12))
    return float(1 / logs.mean())

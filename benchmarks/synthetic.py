"""Synthetic descriptors in any number, where speed and size matter and not what is in the pictures."""

import numpy as np

DIM = 64
CLUSTERS = 2000
CHUNK = 1 << 16


class Clusters:
    """Clusters that are flat in most directions; a chunk is the same whenever it is made."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self.centres = 0.6 * random.normal(size=(CLUSTERS, DIM)).astype(np.float32)
        self.directions = 0.35 * random.normal(size=(CLUSTERS, 8, DIM)).astype(np.float32)

    def chunk(self, number: int, count: int = CHUNK) -> np.ndarray:
        """Descriptors ``(count, DIM)``."""
        random = np.random.default_rng([1, number])
        cluster = random.integers(0, CLUSTERS, count)
        along = random.normal(size=(count, 8)).astype(np.float32)
        noise = 0.1 * random.normal(size=(count, DIM)).astype(np.float32)
        return self.centres[cluster] + np.einsum("nj,njd->nd", along, self.directions[cluster]) + noise

    def queries(self, count: int) -> np.ndarray:
        """Descriptors that are in no chunk: ``(count, DIM)``."""
        return self.chunk(1 << 31, count)


class Nearest:
    """The nearest neighbours of a few queries by brute force, found while the descriptors pass by.

    Args:
        queries: ``(n, dim)``.
        count: neighbours of each.
    """

    def __init__(self, queries: np.ndarray, count: int) -> None:
        self.queries = queries
        self.count = count
        self.ids = np.zeros((len(queries), 0), np.int64)
        self._distances = np.zeros((len(queries), 0), np.float32)

    def offer(self, first: int, descriptors: np.ndarray) -> None:
        """Descriptors ``(m, dim)`` whose IDs are ``first``, ``first + 1``, …"""
        distances = np.vecdot(descriptors, descriptors) - 2 * (self.queries @ descriptors.T)
        near = np.argpartition(distances, min(self.count, len(descriptors)) - 1, axis=1)[:, : self.count]
        distances = np.concatenate([self._distances, np.take_along_axis(distances, near, 1)], axis=1)
        ids = np.concatenate([self.ids, near + first], axis=1)
        best = np.argsort(distances, axis=1, kind="stable")[:, : self.count]
        self.ids, self._distances = np.take_along_axis(ids, best, 1), np.take_along_axis(distances, best, 1)

    @property
    def last(self) -> np.ndarray:
        """How far the farthest of them is from each query, ``(n,)``."""
        squares = self._distances.max(axis=1) + np.vecdot(self.queries, self.queries)
        return np.sqrt(np.maximum(squares, 0))

"""Synthetic descriptors that are shaped like the activations of a network: rectified, and in clusters of very different sizes."""

import numpy as np

DIM = 4096
LATENT = 40
CLUSTERS = 1000
SPREAD = 0.8  # of the points of a cluster, beside 1 of the clusters; the median of them
UNEVEN = 0.8  # standard deviation of its logarithm
CHUNK = 20_000
TOGETHER = 2000  # a part of a chunk

HELD_OUT = 1 << 31
"""The chunk that queries are taken from: no collection reaches so far."""


class Activations:
    """Rectified descriptors of ``dim`` values, from points in ``latent`` dimensions; a chunk is the same whenever it is made."""

    def __init__(self, dim: int = DIM, latent: int = LATENT) -> None:
        random = np.random.default_rng(2015)
        self.dim = dim
        self.latent = latent
        self.centres = random.normal(size=(CLUSTERS, latent)).astype(np.float32)
        self.spreads = np.float32(SPREAD) * np.exp(np.float32(UNEVEN) * random.normal(size=CLUSTERS).astype(np.float32))
        self.weights = random.normal(size=(latent, dim)).astype(np.float32) / np.float32(np.sqrt(latent))
        self.bias = np.float32(0.75) + random.normal(size=dim).astype(np.float32) * np.float32(0.3)
        self._drawn = -1, np.empty((0, latent), np.float32)
        self._made = -1, np.empty((0, dim), np.float32)

    def points(self, number: int, count: int = CHUNK) -> np.ndarray:
        """The points ``(count, latent)`` of a chunk, from which its descriptors come; beside these they are small."""
        random = np.random.default_rng([1, number])
        cluster = random.integers(0, CLUSTERS, count)
        around = self.spreads[cluster, np.newaxis] * random.normal(size=(count, self.latent)).astype(np.float32)
        return self.centres[cluster] + around

    def described(self, points: np.ndarray) -> np.ndarray:
        """The descriptors ``(n, dim)`` of points ``(n, latent)``."""
        made = points @ self.weights
        made -= self.bias
        return np.maximum(made, 0, out=made)

    def chunk(self, number: int, count: int = CHUNK) -> np.ndarray:
        """Descriptors ``(count, dim)``."""
        return self.described(self.points(number, count))

    def rows(self, first: int, end: int) -> np.ndarray:
        """The descriptors ``(end - first, dim)`` with these numbers, of all chunks one after the other: the same to the bit however they are
        asked for. In order, and a few at a time, they need hardly more memory than they take themselves."""
        parts = [np.empty((0, self.dim), np.float32)]
        while first < end:
            number, inside = divmod(first, TOGETHER)
            parts.append(self._together(number)[inside : inside + end - first])
            first += len(parts[-1])
        return np.concatenate(parts)

    def _together(self, number: int) -> np.ndarray:
        """As many descriptors as are always made together, since how a product is rounded depends on how many rows it has."""
        if self._made[0] != number:
            chunk, inside = divmod(number * TOGETHER, CHUNK)
            if self._drawn[0] != chunk:
                self._drawn = chunk, self.points(chunk)
            self._made = number, self.described(self._drawn[1][inside : inside + TOGETHER])
        return self._made[1]

    def held_out(self, count: int) -> np.ndarray:
        """Descriptors ``(count, dim)`` of the same kind that have no number; up to `CHUNK` of them, the first always the same."""
        return self.described(self.points(HELD_OUT)[:count])

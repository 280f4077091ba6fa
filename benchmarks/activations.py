"""Synthetic descriptors that are shaped like the activations of a network: rectified, and in clusters of very different sizes."""

import numpy as np

DIM = 4096
LATENT = 40
CLUSTERS = 1000
SPREAD = 0.8  # of the points of a cluster, beside 1 of the clusters; the median of them
UNEVEN = 0.8  # standard deviation of its logarithm
CHUNK = 20_000


class Activations:
    """Rectified descriptors of ``dim`` values, from points in ``latent`` dimensions; a chunk is the same whenever it is made."""

    def __init__(self, dim: int = DIM, latent: int = LATENT) -> None:
        random = np.random.default_rng(2015)
        self.latent = latent
        self.centres = random.normal(size=(CLUSTERS, latent)).astype(np.float32)
        self.spreads = np.float32(SPREAD) * np.exp(np.float32(UNEVEN) * random.normal(size=CLUSTERS).astype(np.float32))
        self.weights = random.normal(size=(latent, dim)).astype(np.float32) / np.float32(np.sqrt(latent))
        self.bias = np.float32(0.75) + random.normal(size=dim).astype(np.float32) * np.float32(0.3)

    def chunk(self, number: int, count: int = CHUNK) -> np.ndarray:
        """Descriptors ``(count, dim)``."""
        random = np.random.default_rng([1, number])
        cluster = random.integers(0, CLUSTERS, count)
        around = self.spreads[cluster, np.newaxis] * random.normal(size=(count, self.latent)).astype(np.float32)
        return np.maximum((self.centres[cluster] + around) @ self.weights - self.bias, 0)

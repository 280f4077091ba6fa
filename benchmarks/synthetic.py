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

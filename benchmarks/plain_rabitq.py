"""The code of the sketch ``rabitq`` in plain NumPy, as the papers write it: what its kernels are measured against."""

from collections.abc import Mapping

import numpy as np

SCALES = np.linspace(0.25, 1, 25, dtype=np.float32)
"""Of the largest step: so many are tried for each object, where a value has more than one bit."""

BLOCK = 4096


class PlainRaBitQ:
    """Steps of one, two or four bits, and a scale by which products with them are right on the average; the query is not rounded.

    Args:
        parameters: what a sketch ``rabitq`` has learned (`seealso.Sketch.parameters`).
        directed: only the direction of a descriptor counts.
    """

    def __init__(self, parameters: Mapping[str, np.ndarray], *, directed: bool) -> None:
        self._parameters = parameters
        self._directed = directed
        self._half = 1 << (int(parameters["bits"]) - 1)

    def encode(self, descriptors: np.ndarray) -> None:
        """Hold the codes of descriptors ``(n, dim)``."""
        parts = [self._coded(descriptors[start : start + BLOCK]) for start in range(0, len(descriptors), BLOCK)]
        self._steps, self._squares, self._scales = (np.concatenate(each) for each in zip(*parts, strict=True))

    def scores(self, query: np.ndarray) -> np.ndarray:
        """Estimates of the squared distances of all to a query ``(dim,)``, but for what is the same for all."""
        return self._squares - 2 * self._scales * (self._steps @ self._values(query[np.newaxis])[0])

    def _values(self, descriptors: np.ndarray) -> np.ndarray:
        """Centred, projected and rotated."""
        if self._directed:
            lengths = np.linalg.norm(descriptors, axis=1, keepdims=True)
            scaled = descriptors / np.where(lengths > 0, lengths, 1)
        else:
            scaled = descriptors / np.float32(self._parameters["unit"])
        return (scaled - self._parameters["mean"]) @ self._parameters["matrix"]

    def _coded(self, descriptors: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Steps ``(n, values)``, squared lengths and scales ``(n,)``."""
        values = self._values(descriptors)
        sizes = np.abs(values)
        top = np.maximum(sizes.max(axis=1, keepdims=True), np.float32(1e-18))
        best = np.full(len(values), -1, np.float32)
        steps = np.empty_like(sizes)
        for share in SCALES if self._half > 1 else SCALES[-1:]:
            levels = np.minimum(np.floor(sizes * (self._half / (share * top))), self._half - 1) + np.float32(0.5)
            cosines = np.vecdot(levels, sizes) / np.linalg.norm(levels, axis=1)
            better = cosines > best
            best[better], steps[better] = cosines[better], levels[better]
        squares = np.vecdot(values, values)
        return np.where(values >= 0, steps, -steps), squares, squares / np.maximum(np.vecdot(steps, sizes), 1e-18)

"""The sketch ``acme``: random projections, a byte each."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from pydantic import Field

import seealso

LARGEST = 1e15  # beyond it squares are no float32


class AcmeOptions(seealso.PluginOptions):
    """The options of the sketch acme."""

    values: int = Field(default=32, ge=8, le=1024, multiple_of=8, description="bytes an object; more estimate better")


class Acme(seealso.Sketch):
    """Projects a descriptor onto random directions, and keeps a byte of each: what lies beyond what the sample had is cut off.

    For the Euclidean distance, which a random projection keeps on the average.
    """

    name = "acme"
    sample_size = 1000
    distance_kinds: ClassVar[tuple[str, ...] | None] = ("l2",)
    Options = AcmeOptions
    options: AcmeOptions

    _learned: Mapping[str, np.ndarray]

    @property
    def width(self) -> int:
        """A byte for each value."""
        return self.options.values

    def train(self, sample: np.ndarray) -> None:
        """See between which bounds the values of a sample lie."""
        values = self._projected(sample)
        low, high = values.min(axis=0), values.max(axis=0)
        self._learned = {"low": low, "step": np.maximum(high - low, 1e-6 * np.abs(values).max() + 1e-30) / 255}

    def parameters(self) -> Mapping[str, np.ndarray]:
        """The bounds."""
        return self._learned

    def restore(self, parameters: Mapping[str, np.ndarray]) -> None:
        """Take the bounds again.

        Raises:
            ValueError: they are not those of so many values.
        """
        for name in ("low", "step"):
            if name not in parameters or parameters[name].shape != (self.options.values,):
                raise ValueError(f"{name} is missing, or not of {self.options.values} values")
        self._learned = parameters

    def encode(self, descriptors: np.ndarray) -> np.ndarray:
        """``(n, dim)`` → ``(n, values)``."""
        low, step = self._learned["low"], self._learned["step"]
        rows: np.ndarray = np.rint((self._projected(descriptors) - low) / step).clip(0, 255).astype(np.uint8)
        return rows

    def query(self, descriptor: np.ndarray) -> seealso.SketchQuery:
        """A query keeps its values as they are."""
        values = self._projected(descriptor[np.newaxis])[0]
        return AcmeQuery(self._learned["low"] - values, self._learned["step"])

    def _projected(self, descriptors: np.ndarray) -> np.ndarray:
        """``(n, dim)`` → float64 ``(n, values)``, of about the same lengths."""
        count = self.options.values
        directions = np.random.default_rng(0).normal(size=(self.context.dim, count)) / count**0.5
        values: np.ndarray = descriptors.astype(np.float64).clip(-LARGEST, LARGEST) @ directions
        return values


class AcmeQuery(seealso.SketchQuery):
    """A query: how far the lowest value of each byte is from its own, and what a step of a byte is."""

    def __init__(self, low: np.ndarray, step: np.ndarray) -> None:
        self._low = low
        self._step = step

    def scores(self, rows: np.ndarray, places: np.ndarray, out: np.ndarray) -> None:
        """The distances between the values."""
        out[...] = np.linalg.norm(rows[places] * self._step + self._low, axis=1)

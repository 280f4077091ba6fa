"""The distance: a metric on descriptors."""

from abc import abstractmethod
from typing import ClassVar, Literal

import numpy as np

from seealso.interfaces.plugin import Plugin, PluginOptions


class Distance(Plugin):
    """A metric on fixed-shape numeric arrays: d(x, x) = 0, symmetric, and the triangle inequality holds.

    Every method may be called from several threads at once.
    """

    dtypes: ClassVar[tuple[str, ...]] = ("float32", "float64", "float16")
    """The NumPy types of the descriptors that it takes."""

    zero_vector: ClassVar[str] = "an ordinary point"
    """What a descriptor of nothing but zeros means to it."""

    kind: ClassVar[Literal["l1", "l2", "angle", "hamming"] | None] = None
    """What it is, where it is one of these: ``l2``, the Euclidean length of the difference of two descriptors; ``l1``, the sum of
    the absolute differences; ``angle``, the angle between them in radians, where one of nothing but zeros is at a right angle to
    every other and equal to itself; ``hamming``, how many bits differ. None where it is anything else.

    A codec or an index may compute a distance that says what it is by itself, in its own way, to the rounding of float32. It has
    to go by this, never by the name."""

    def __init__(self, options: PluginOptions | None = None) -> None:
        self.options = options if options is not None else self.Options()

    @abstractmethod
    def many_to_many(self, a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """``(n, dim)``, ``(m, dim)`` → float32 distances ``(n, m)``, written to ``out`` where it is given."""

    def one_to_many(self, query: np.ndarray, descriptors: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """``(dim,)``, ``(n, dim)`` → float32 distances ``(n,)``, written to ``out`` where it is given."""
        distances: np.ndarray = self.many_to_many(query[np.newaxis], descriptors)[0]
        if out is None:
            return distances
        out[...] = distances
        return out

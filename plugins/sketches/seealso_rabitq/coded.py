"""What the sketches have in common: some values of a descriptor, and a code that writes them with a few bits each."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np

from seealso import PluginOptions, Sketch, SketchContext, SketchQuery
from seealso_rabitq.code import BITS, Code, values_of
from seealso_rabitq.options import RaBitQOptions


class Values(Protocol):
    """The way from a descriptor to the values that are encoded."""

    @property
    def unit(self) -> float:
        """The distance that two objects have whose values are 1 apart."""

    def __call__(self, descriptors: np.ndarray) -> np.ndarray:
        """Descriptors ``(n, dim)`` → float32 ``(n, values)``."""

    def arrays(self) -> dict[str, np.ndarray]:
        """What it takes to make it again."""


class Coded(NamedTuple):
    """What training finds: the code, and the values that it writes."""

    code: Code
    values: Values


class CodedSketch(Sketch):
    """Writes values by a `Code`; which values these are, the subclass says. A score is the square of a distance between values."""

    options: RaBitQOptions

    def __init__(self, options: PluginOptions, context: SketchContext) -> None:
        super().__init__(options, context)
        self._coded: Coded | None = None

    @abstractmethod
    def fitted(self, sample: np.ndarray) -> Coded:
        """Learn from a sample ``(m, dim)``."""

    @abstractmethod
    def restored(self, parameters: Mapping[str, np.ndarray], code: Code) -> Values:
        """The values, from what `Values.arrays` gave.

        Raises:
            ValueError: something is missing, or does not fit.
        """

    @property
    def _learned(self) -> Coded:
        assert self._coded is not None, "it has not been trained"
        return self._coded

    @property
    def width(self) -> int:
        """What the option says."""
        return self.options.bytes

    def codes(self, most: int) -> list[Code]:
        """The codes to choose from: what keeps more of a descriptor comes first, then what has more bits.

        Args:
            most: there is no more to keep of a descriptor than so many values.
        """
        bits = [self.options.bits] if self.options.bits else [bits for bits in BITS if values_of(self.width, bits)]
        codes = [Code(self.width, each) for each in bits]
        return sorted(codes, key=lambda code: (-min(code.values, most), -code.bits))

    def train(self, sample: np.ndarray) -> None:
        """Find the values that tell a sample ``(m, dim)`` apart, and the code that ranks it best: about a second."""
        self._coded = self.fitted(sample)

    def parameters(self) -> dict[str, np.ndarray]:
        """What the values were learned as, and their bits."""
        code, values = self._learned
        return {"bits": np.array(code.bits), **values.arrays()}

    def restore(self, parameters: Mapping[str, np.ndarray]) -> None:
        """Take them again.

        Raises:
            ValueError: something is missing, or does not fit the options or the descriptors.
        """
        bits = parameters.get("bits", 0)
        code = next((each for each in self.codes(self.width) if np.array_equal(bits, each.bits)), None)
        if code is None:
            raise ValueError(f"bits is {parameters.get('bits')}, which does not fit into {self.width} bytes")
        self._coded = Coded(code, self.restored(parameters, code))

    def encode(self, descriptors: np.ndarray) -> np.ndarray:
        """Find the values of ``(n, dim)``, which takes most of the time, and encode them."""
        code, values = self._learned
        return code.encode(values(descriptors))

    def query(self, descriptor: np.ndarray) -> SketchQuery:
        """Find the values of a query, and write them bit by bit."""
        code, values = self._learned
        return code.query(values(descriptor[np.newaxis])[0])

    def distances(self, scores: np.ndarray) -> np.ndarray:
        """Scores are squares, in units of the values."""
        lengths: np.ndarray = np.sqrt(np.maximum(scores, 0)) * np.float32(self._learned.values.unit)
        return lengths

    def statistics(self) -> dict[str, int | float | str]:
        """How many values are encoded, and with how many bits each."""
        return {} if self._coded is None else {"values": self._coded.code.values, "bits": self._coded.code.bits}


def finite_numbers(arrays: Mapping[str, np.ndarray], name: str, form: tuple[int, ...]) -> np.ndarray:
    """One of the arrays, which has to hold floating-point numbers in this shape.

    Raises:
        ValueError: it does not, or is missing.
    """
    if name not in arrays or arrays[name].shape != form or arrays[name].dtype.kind != "f":
        raise ValueError(f"{name} is missing, or not of shape {form}")
    if not np.isfinite(arrays[name]).all():
        raise ValueError(f"{name} holds values that are not finite numbers")
    return arrays[name]


def unit_of(arrays: Mapping[str, np.ndarray]) -> float:
    """The array ``unit``, a number above 0.

    Raises:
        ValueError: it is none, or is missing.
    """
    unit = float(finite_numbers(arrays, "unit", ()))
    if not unit > 0:
        raise ValueError("unit is not above 0")
    return unit

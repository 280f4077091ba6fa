"""The sketch ``rabitq``."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from seealso import PluginOptions, Sketch, SketchContext, SketchQuery
from seealso_rabitq.choosing import best_of
from seealso_rabitq.code import BITS, Code, values_of
from seealso_rabitq.options import RaBitQOptions
from seealso_rabitq.projection import Projection, frame, principal_axes


class RaBitQ(Sketch):
    """A few bits for each value of a rotated principal component analysis, and two numbers (RaBitQ: Gao and Long, SIGMOD 2024).

    For the Euclidean distance and the angle. The sample says how many bits a value gets: with one there is room for the most values,
    which images need; where few values tell descriptors apart, more bits each are better.
    """

    name = "rabitq"
    distance_kinds = ("l2", "angle")
    Options = RaBitQOptions

    options: RaBitQOptions

    def __init__(self, options: PluginOptions, context: SketchContext) -> None:
        super().__init__(options, context)
        self._directed = context.distance.kind == "angle"
        self._projection: Projection | None = None
        self._code: Code | None = None

    @property
    def width(self) -> int:
        """What the option says."""
        return self.options.bytes

    def _codes(self) -> list[Code]:
        """The codes to choose from: what keeps more of a descriptor comes first, then what has more bits."""
        bits = [self.options.bits] if self.options.bits else [bits for bits in BITS if values_of(self.width, bits)]
        codes = [Code(self.width, each) for each in bits]
        return sorted(codes, key=lambda code: (-min(code.values, self.context.dim), -code.bits))

    def train(self, sample: np.ndarray) -> None:
        """Find the axes along which a sample ``(m, dim)`` varies most, and the code that ranks it best: about a second."""
        codes, dim, seed = self._codes(), self.context.dim, self.options.seed
        centre = Projection.centre(sample, directed=self._directed)
        centred = np.concatenate(list(centre.centred(sample)))
        held = [min(code.values, dim) for code in codes]
        axes = principal_axes(centred, max(held), seed)
        matrices = [axes[:, :count] @ frame(count, code.values, seed) for count, code in zip(held, codes, strict=True)]
        best = best_of(codes, [centred @ matrix for matrix in matrices], centred, seed)
        self._code, self._projection = codes[best], centre.onto(matrices[best])

    def parameters(self) -> dict[str, np.ndarray]:
        """The projection, and the bits of a value."""
        assert self._code is not None
        assert self._projection is not None
        return {"bits": np.array(self._code.bits), **self._projection.arrays()}

    def restore(self, parameters: Mapping[str, np.ndarray]) -> None:
        """Take them again.

        Raises:
            ValueError: something is missing, or does not fit the options or the descriptors.
        """
        code = next((each for each in self._codes() if np.array_equal(parameters.get("bits", 0), each.bits)), None)
        if code is None:
            raise ValueError(f"bits is {parameters.get('bits')}, which does not fit into {self.width} bytes")
        self._code, self._projection = (
            code,
            Projection.of_arrays(parameters, directed=self._directed, dim=self.context.dim, values=code.values),
        )

    def encode(self, descriptors: np.ndarray) -> np.ndarray:
        """Project ``(n, dim)``, and encode the values: a product of a matrix takes most of the time."""
        assert self._code is not None
        assert self._projection is not None
        return self._code.encode(self._projection(descriptors))

    def query(self, descriptor: np.ndarray) -> SketchQuery:
        """Project a query, and write its values bit by bit."""
        assert self._code is not None
        assert self._projection is not None
        return self._code.query(self._projection(descriptor[np.newaxis])[0])

    def distances(self, scores: np.ndarray) -> np.ndarray:
        """Scores are squared distances: in units of the sample, or between two points of the unit sphere."""
        assert self._projection is not None
        lengths: np.ndarray = np.sqrt(np.maximum(scores, 0))
        if self._directed:
            angles: np.ndarray = 2 * np.arcsin(np.minimum(lengths / 2, 1))
            return angles
        return lengths * np.float32(self._projection.unit)

    def statistics(self) -> dict[str, int | float | str]:
        """How many values are encoded, and with how many bits each."""
        return {} if self._code is None else {"values": self._code.values, "bits": self._code.bits}

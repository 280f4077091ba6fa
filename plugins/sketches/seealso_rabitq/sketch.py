"""The sketch ``rabitq``."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from seealso_rabitq.choosing import best_of
from seealso_rabitq.code import Code
from seealso_rabitq.coded import Coded, CodedSketch
from seealso_rabitq.options import RaBitQOptions
from seealso_rabitq.projection import Projection, frame, principal_axes


class RaBitQ(CodedSketch):
    """A few bits for each value of a rotated principal component analysis, and two numbers (RaBitQ: Gao and Long, SIGMOD 2024).

    For the Euclidean distance and the angle. The sample says how many bits a value gets: with one there is room for the most values,
    which images need; where few values tell descriptors apart, more bits each are better.
    """

    name = "rabitq"
    preference = 20
    distance_kinds = ("l2", "angle")
    Options = RaBitQOptions

    @property
    def _directed(self) -> bool:
        """Only the direction of a descriptor counts."""
        return self.context.distance.kind == "angle"

    def fitted(self, sample: np.ndarray) -> Coded:
        """Find the axes along which a sample ``(m, dim)`` varies most."""
        dim, seed = self.context.dim, self.options.seed
        codes = self.codes(dim)
        centre = Projection.centre(sample, directed=self._directed)
        centred = np.concatenate(list(centre.centred(sample)))
        held = [min(code.values, dim) for code in codes]
        axes = principal_axes(centred, max(held), seed)
        matrices = [axes[:, :count] @ frame(count, code.values, seed) for count, code in zip(held, codes, strict=True)]
        squares = np.vecdot(centred, centred)

        def true(queries: np.ndarray) -> np.ndarray:
            squared: np.ndarray = squares[queries, np.newaxis] + squares - 2 * (centred[queries] @ centred.T)
            return squared

        best = best_of(codes, [centred @ matrix for matrix in matrices], true, seed)
        return Coded(codes[best], centre.onto(matrices[best]))

    def restored(self, parameters: Mapping[str, np.ndarray], code: Code) -> Projection:
        """The projection again.

        Raises:
            ValueError: something is missing, or does not fit.
        """
        return Projection.of_arrays(parameters, directed=self._directed, dim=self.context.dim, values=code.values)

    def distances(self, scores: np.ndarray) -> np.ndarray:
        """Scores are squared distances: in units of the sample, or between two points of the unit sphere."""
        lengths = super().distances(scores)
        if not self._directed:
            return lengths
        angles: np.ndarray = 2 * np.arcsin(np.minimum(lengths / 2, 1))
        return angles

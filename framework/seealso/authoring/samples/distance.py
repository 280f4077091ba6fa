"""The distance ``acme``: Minkowski's, for any power."""

import numpy as np
from pydantic import Field

import seealso


class AcmeOptions(seealso.PluginOptions):
    """The options of the distance acme."""

    power: float = Field(
        default=3.0,
        ge=1,
        le=100,
        description="1 is the Manhattan distance, 2 the Euclidean; the higher, the more the largest difference counts",
    )


class Acme(seealso.Distance):
    """The p-th root of the sum of the p-th powers of the differences."""

    name = "acme"
    Options = AcmeOptions
    options: AcmeOptions

    def many_to_many(self, a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """``(n, dim)``, ``(m, dim)`` → float32 ``(n, m)``, a row at a time: memory for one block of differences."""
        if out is None:
            out = np.empty((len(a), len(b)), np.float32)
        many = b.astype(np.float64)
        for row, one in zip(out, a.astype(np.float64), strict=True):
            row[...] = (np.abs(many - one) ** self.options.power).sum(axis=1) ** (1 / self.options.power)
        return out

"""The true neighbours of the seed's experiment: found while its descriptors pass, and kept from one sitting to the next."""

import io
from pathlib import Path

import numpy as np
from nearest import Nearest

import seealso

FILE = "truth.npz"
NEIGHBOURS = 10


class Passed:
    """The nearest of the queries that are held out, among the descriptors that have passed so far.

    Args:
        folder: of the experiment.
        queries: float32 ``(n, dim)``.

    Attributes:
        nearest: the neighbours; an ID is the number of a descriptor.
        rows: so many descriptors have passed, the first ones.

    Raises:
        SystemExit: what was kept cannot be read.
    """

    def __init__(self, folder: Path, queries: np.ndarray) -> None:
        self._file = folder / FILE
        self.nearest = Nearest(queries, NEIGHBOURS)
        self.rows = 0
        if self._file.exists():
            self._load()

    def offer(self, first: int, descriptors: np.ndarray) -> None:
        """The descriptors ``(m, dim)`` with the numbers ``first``, ``first + 1``, … pass; those that have passed before are not compared
        again.

        Raises:
            ValueError: some before them have not passed.
        """
        if first > self.rows:
            raise ValueError(f"descriptor {first} passes, and {self.rows} has not")
        missing = descriptors[self.rows - first :]
        if len(missing):
            self.nearest.offer(self.rows, missing)
            self.rows += len(missing)

    def save(self) -> None:
        """Keep what was found, in one replacement."""
        kept = io.BytesIO()
        np.savez(kept, ids=self.nearest.ids, squares=self.nearest.squares, rows=np.int64(self.rows))
        seealso.write_atomically(self._file, kept.getvalue())

    def _load(self) -> None:
        try:
            with np.load(self._file, allow_pickle=False) as kept:
                ids, squares, rows = kept["ids"], kept["squares"], int(kept["rows"])
        except Exception as error:
            raise SystemExit(
                f"{self._file}: it cannot be read ({error}); remove it, and run the same command again: all descriptors then pass once more"
            ) from None
        if ids.shape != self.nearest.ids.shape or squares.shape != ids.shape:
            raise SystemExit(f"{self._file}: it is of other queries; remove it, and run the same command again")
        self.nearest.ids, self.nearest.squares, self.rows = ids, squares, rows

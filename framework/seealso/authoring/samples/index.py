"""The metric index ``acme``: a table of distances to pivots (LAESA: Micó, Oncina, Vidal, 1994)."""

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

import seealso

MAGIC = "seealso-acme"
VERSION = 1
BLOCK = 1000


class AcmeOptions(seealso.PluginOptions):
    """The options of the index acme."""

    pivots: int = Field(default=16, ge=1, le=1024, description="more take memory and time, and need fewer candidates")


class Acme(seealso.MetricIndex):
    """Keeps the distances of every object to some pivots.

    By the triangle inequality the distance to an object is at least the largest difference of the two distances to a pivot;
    candidates come by that. Works for any metric; O(n) a query.
    """

    name = "acme"
    sample_size = 1000
    needs_content: ClassVar[bool] = True
    Options = AcmeOptions
    options: AcmeOptions

    def __init__(self, options: seealso.PluginOptions, context: seealso.IndexContext) -> None:
        super().__init__(options, context)
        self._pivots = np.empty((0, context.dim), context.dtype)
        # IDs, ascending, and their distances to the pivots. Both are replaced at once and never changed, so that a query
        # that is under way goes on with what it has begun with.
        self._table = np.empty(0, np.int64), np.empty((0, 0), np.float32)

    def train(self, sample: np.ndarray) -> None:
        """Choose pivots by chance, from different descriptors."""
        different = np.unique(sample, axis=0)
        chosen = np.random.default_rng(0).permutation(len(different))[: self.options.pivots]
        self._pivots = different[np.sort(chosen)]
        self._table = np.empty(0, np.int64), np.empty((0, len(self._pivots)), np.float32)

    def add(self, ids: np.ndarray, descriptors: np.ndarray | None) -> None:
        """Add objects, in the place of those with the same IDs."""
        assert descriptors is not None
        self.context.check(descriptors)
        self.remove(ids)
        known, distances = self._table
        new = self.context.distance.many_to_many(descriptors, self._pivots)
        order = np.argsort(together := np.concatenate([known, ids]), kind="stable")
        self._table = together[order], np.concatenate([distances, new])[order]

    def remove(self, ids: np.ndarray) -> None:
        """Remove objects."""
        known, distances = self._table
        stay = ~np.isin(known, ids)
        self._table = known[stay], distances[stay]

    def candidates(
        self, query: np.ndarray, *, allowed: seealso.IdSet | None = None, wanted: int = BLOCK
    ) -> Iterator[seealso.CandidateBlock]:
        """All objects, by the least distance that the pivots allow."""
        ids, distances = self._table
        if allowed is not None:
            inside = allowed.contains(ids)
            ids, distances = ids[inside], distances[inside]
        if not ids.size:
            return
        own = self.context.distance.one_to_many(query, self._pivots)
        scores = np.abs(distances - own).max(axis=1)
        order = np.argsort(scores, kind="stable")
        for start in range(0, order.size, max(wanted, BLOCK)):
            part = order[start : start + max(wanted, BLOCK)]
            yield seealso.CandidateBlock(ids[part], scores[part])

    def ids(self) -> np.ndarray:
        """All IDs, ascending."""
        return self._table[0]

    def save(self, directory: Path) -> None:
        """Write the arrays, and a file that says what they are, with their checksums."""
        ids, distances = self._table
        arrays = {"pivots.npy": self._pivots, "ids.npy": ids, "distances.npy": distances}
        for name, array in arrays.items():
            np.save(directory / name, array, allow_pickle=False)
        sums = {name: zlib.crc32((directory / name).read_bytes()) for name in arrays}
        (directory / "acme.json").write_text(json.dumps({"magic": MAGIC, "version": VERSION, "crc32": sums}))

    def load(self, directory: Path) -> None:
        """Read them again.

        Raises:
            FormatError: they are not ours, of a newer format, or damaged; the index is then built anew.
        """
        try:
            head = json.loads((directory / "acme.json").read_text())
            if (head["magic"], head["version"]) != (MAGIC, VERSION):
                raise seealso.FormatError(f"{directory}: not a snapshot of this index, or of a newer format")
            for name, crc in head["crc32"].items():
                if zlib.crc32((directory / name).read_bytes()) != crc:
                    raise seealso.FormatError(f"{directory / name} is damaged")
            self._pivots = np.load(directory / "pivots.npy", allow_pickle=False)
            self._table = (
                np.load(directory / "ids.npy", allow_pickle=False),
                np.load(directory / "distances.npy", allow_pickle=False),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise seealso.FormatError(f"{directory}: not a snapshot of this index: {error}") from None

    def statistics(self) -> dict[str, int | float | str]:
        """How many objects and pivots, and the memory that they take."""
        ids, distances = self._table
        return {"objects": ids.size, "bytes": ids.nbytes + distances.nbytes, "pivots": len(self._pivots)}

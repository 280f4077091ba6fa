"""Brute force: the true distance to every object, in bounded memory."""

import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from seealso import CandidateBlock, FormatError, IdSet, IndexContext, MetricIndex, PluginOptions

MAGIC = "seealso-exact"
FORMAT_VERSION = 1
FIRST_BLOCK = 1024
LARGEST_BLOCK = 1 << 20


class ExactIndex(MetricIndex):
    """Reads every descriptor for every query; nothing is missed, and nothing has to be refined.

    In memory it holds the IDs, eight bytes each, and the best of a pass over the store. A pass gives the best 1,024;
    a caller who takes more pays for further passes, each over the whole store and for eight times as many.

    A query costs O(objects × dimension), and reads the whole store.
    """

    name = "exact"
    preference = 10
    needs_descriptors = False

    def __init__(self, options: PluginOptions, context: IndexContext) -> None:
        super().__init__(options, context)
        # Replaced as a whole at every change, so that a query goes on with the array that it began with.
        self._ids: np.ndarray = np.empty(0, np.int64)

    def add(self, ids: np.ndarray, descriptors: np.ndarray | None) -> None:
        """Add IDs; O(objects) where they are not larger than all before, else O(objects log objects)."""
        if not ids.size:
            return
        if not self._ids.size or ids[0] > self._ids[-1]:
            self._ids = np.concatenate([self._ids, ids])
        else:
            self._ids = np.union1d(self._ids, ids)

    def remove(self, ids: np.ndarray) -> None:
        """Remove IDs; O((objects + removed) log removed)."""
        self._ids = np.setdiff1d(self._ids, ids, assume_unique=False)

    def ids(self) -> np.ndarray:
        """All IDs, ascending."""
        return self._ids

    def candidates(self, query: np.ndarray, *, allowed: IdSet | None = None) -> Iterator[CandidateBlock]:
        """Every object by its true distance, ties by ID."""
        ids = self._ids
        if allowed is not None:
            ids = ids[allowed.contains(ids)]
        size = FIRST_BLOCK
        last: tuple[float, int] | None = None
        yielded = 0
        while yielded < ids.size:
            block = self._pass(query, ids, size, last)
            if not block.ids.size:
                return
            yield block
            yielded += block.ids.size
            last = float(block.scores[-1]), int(block.ids[-1])
            size = min(size * 8, LARGEST_BLOCK)

    def _pass(self, query: np.ndarray, ids: np.ndarray, size: int, last: tuple[float, int] | None) -> CandidateBlock:
        """The best ``size`` objects that come after ``last`` by (distance, ID): one pass over the store."""
        best_ids = np.empty(0, np.int64)
        best = np.empty(0, np.float32)
        reads = bytes_read = 0
        for block in self.context.store.read_blocks(ids):
            reads += block.reads
            bytes_read += block.bytes_read
            distances = block.distances(self.context.distance, query)
            wanted = ~np.isnan(distances)
            if last is not None:
                wanted &= (distances > last[0]) | ((distances == last[0]) & (block.ids > last[1]))
            if best.size == size:
                wanted &= distances <= best[-1]
            if not wanted.any():
                continue
            best_ids = np.concatenate([best_ids, block.ids[wanted]])
            best = np.concatenate([best, distances[wanted]])
            order = np.lexsort((best_ids, best))[:size]
            best_ids, best = best_ids[order], best[order]
        return CandidateBlock(best_ids, best, exact=True, reads=reads, bytes_read=bytes_read)

    def save(self, directory: Path) -> None:
        """Write the IDs and their checksum."""
        np.save(directory / "ids.npy", self._ids, allow_pickle=False)
        header = {"magic": MAGIC, "version": FORMAT_VERSION, "crc32": zlib.crc32(self._ids.tobytes())}
        (directory / "exact.json").write_text(json.dumps(header))

    def load(self, directory: Path) -> None:
        """Map the IDs.

        Raises:
            FormatError: they are not what `save` wrote, or damaged, or of a newer format.
        """
        try:
            header = json.loads((directory / "exact.json").read_text())
            ids = np.load(directory / "ids.npy", mmap_mode="r", allow_pickle=False)
            sound = (
                header["magic"] == MAGIC
                and header["version"] <= FORMAT_VERSION
                and ids.dtype == np.int64
                and ids.ndim == 1
                and zlib.crc32(ids) == header["crc32"]
            )
        except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
            raise FormatError(f"{directory}: not a snapshot of the index exact: {error}") from error
        if not sound:
            raise FormatError(f"{directory}: not a sound snapshot of the index exact, or one of a newer format")
        self._ids = ids

    def statistics(self) -> dict[str, int | float | str]:
        """Objects, and bytes in memory."""
        return {"objects": int(self._ids.size), "bytes": int(self._ids.nbytes)}

"""Brute force: the true distance to every object, in bounded memory."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import numpy as np

from seealso import CandidateBlock, EncodedBlock, IdSet, IndexContext, KeptIds, MetricIndex, PluginOptions

FIRST_BLOCK = 1024
LARGEST_BLOCK = 1 << 20
WORTH_A_THREAD = 4096  # objects


class ExactIndex(MetricIndex):
    """Reads every descriptor for every query; nothing is missed, and nothing has to be refined.

    In memory it holds the IDs, eight bytes each, and the best of a pass over the store. A pass gives the best 1,024;
    a caller who takes more pays for further passes, each over the whole store and for eight times as many.

    A query costs O(objects × dimension), and reads the whole store.
    """

    name = "exact"
    preference = 10
    needs_content = False
    exact = True

    def __init__(self, options: PluginOptions, context: IndexContext) -> None:
        super().__init__(options, context)
        self._ids = KeptIds(ExactIndex.name)

    def add(self, ids: np.ndarray, descriptors: np.ndarray | None) -> None:
        """Add IDs; O(objects) where they are not larger than all before, else O(objects log objects)."""
        self._ids.add(ids)

    def remove(self, ids: np.ndarray) -> None:
        """Remove IDs; O(objects + removed log objects)."""
        self._ids.remove(ids)

    def ids(self) -> np.ndarray:
        """All IDs, ascending."""
        return self._ids.array

    def candidates(
        self, query: np.ndarray, *, allowed: IdSet | None = None, wanted: int = FIRST_BLOCK
    ) -> Iterator[CandidateBlock]:
        """Every object by its true distance, ties by ID. What is wanted does not matter: most take far less."""
        ids = self._ids.array
        if allowed is not None:
            ids = ids[allowed.contains(ids)]
        size = FIRST_BLOCK
        last: tuple[float, int] | None = None
        yielded = 0
        while yielded < ids.size:
            block = self._pass(query, ids, size, last)
            if block.ids.size:
                yield block
            if block.ids.size < size:
                return
            yielded += block.ids.size
            last = float(block.scores[-1]), int(block.ids[-1])
            size = min(size * 8, LARGEST_BLOCK)

    def _pass(self, query: np.ndarray, ids: np.ndarray, size: int, last: tuple[float, int] | None) -> CandidateBlock:
        """The best ``size`` objects that come after ``last`` by (distance, ID): one pass over the store."""

        def scan(part: np.ndarray) -> _Best:
            best = _Best(size, last)
            for block in self.context.store.read_blocks(part):
                best.offer(block, *block.sound_distances(self.context.distance, query))
            return best

        # NumPy lets go of the interpreter's lock, and so does the store where it waits for the disk.
        threads = max(1, min(self.context.threads, ids.size // WORTH_A_THREAD))
        if threads == 1:
            return scan(ids).block()
        with ThreadPoolExecutor(threads) as pool:
            first, *others = pool.map(scan, np.array_split(ids, threads))
        for other in others:
            first.merge(other)
        return first.block()

    def save(self, directory: Path) -> None:
        """Write the IDs and their checksum."""
        self._ids.save(directory)

    def load(self, directory: Path) -> None:
        """Map the IDs.

        Raises:
            FormatError: they are not what `save` wrote, or damaged, or of a newer format.
        """
        self._ids.load(directory)

    def statistics(self) -> dict[str, int | float | str]:
        """Objects, and bytes in memory."""
        ids = self._ids.array
        return {"objects": int(ids.size), "bytes": int(ids.nbytes)}


class _Best:
    """The best ``size`` of the objects offered, by (distance, ID), among those that come after ``last``."""

    def __init__(self, size: int, last: tuple[float, int] | None) -> None:
        self._size = size
        self._last = last
        self._ids = [np.empty(0, np.int64)]
        self._distances = [np.empty(0, np.float32)]
        self._held = 0
        self._bound = np.float32(np.inf)
        self._reads = 0
        self._bytes_read = 0

    def offer(self, block: EncodedBlock, ids: np.ndarray, distances: np.ndarray) -> None:
        """Take what may be among the best of what was read in a block; a distance that is no number never is."""
        self._reads += block.reads
        self._bytes_read += block.bytes_read
        wanted = distances <= self._bound
        if self._last is not None:
            wanted &= (distances > self._last[0]) | ((distances == self._last[0]) & (ids > self._last[1]))
        self._hold(ids[wanted], distances[wanted])

    def merge(self, other: Self) -> None:
        """Take the best of another part of the collection."""
        self._reads += other._reads
        self._bytes_read += other._bytes_read
        for ids, distances in zip(other._ids, other._distances, strict=True):
            self._hold(ids, distances)

    def _hold(self, ids: np.ndarray, distances: np.ndarray) -> None:
        if ids.size:
            self._ids.append(ids)
            self._distances.append(distances)
            self._held += ids.size
            # Twice as many as wanted, so that an object costs a share of few sortings, whatever the size of a block.
            if self._held >= 2 * self._size:
                self._sort()

    def _sort(self) -> None:
        ids, distances = np.concatenate(self._ids), np.concatenate(self._distances)
        order = np.lexsort((ids, distances))[: self._size]
        self._ids, self._distances = [ids[order]], [distances[order]]
        self._held = order.size
        if self._held == self._size:
            self._bound = self._distances[0][-1]

    def block(self) -> CandidateBlock:
        """All of them, best first."""
        self._sort()
        return CandidateBlock(self._ids[0], self._distances[0], True, self._reads, self._bytes_read)

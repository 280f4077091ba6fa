"""All sketches, one after another."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np

from seealso import CandidateBlock, IdSet, IndexContext, KeptIds, MetricIndex, PluginOptions, SketchView
from seealso_scan.best import Best, Last

FIRST_BLOCK = 1000
LARGEST_BLOCK = 1 << 20

SLICE = 1 << 14
"""Sketches that are compared before the best of them are looked for: few enough that the estimates stay in the cache."""

WORTH_A_THREAD = 1 << 16
"""So many sketches, at least, are compared by each thread."""

LAST = np.finfo(np.float32).max
"""The score of what has no sketch."""


class ScanIndex(MetricIndex):
    """Compares the sketches of all objects with every query; the collection has to have a `sketch:`.

    No index is faster, up to some hundred thousand objects. It overlooks nothing that the sketches tell, and what is removed or not
    allowed costs nothing. In memory it holds the IDs, eight bytes each; the sketches are the collection's.

    A query costs O(objects), in several threads. A pass gives as many as are wanted; a caller who takes more pays for further passes, each
    for eight times as many. What has no sketch yet comes last.
    """

    name = "scan"
    preference = 30
    most_objects = 500_000
    needs_content = False
    needs_sketch = True

    def __init__(self, options: PluginOptions, context: IndexContext) -> None:
        super().__init__(options, context)
        self._ids = KeptIds(ScanIndex.name)
        self._workers = ThreadPoolExecutor(context.threads, thread_name_prefix="scan")

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
        """Every object by its sketch, ties by which came first; then those without one."""
        known = IdSet.of_ascending(self._ids.array)
        sketches = None if self.context.sketches is None else self.context.sketches()
        if sketches is not None:
            yield from self._estimated(sketches, query, known, allowed, max(1, wanted))
        ids = known.ids if allowed is None else allowed.ids[known.contains(allowed.ids)]
        unknown = ids if sketches is None else ids[sketches.places(ids) < 0]
        for start in range(0, unknown.size, LARGEST_BLOCK):
            some = unknown[start : start + LARGEST_BLOCK]
            yield CandidateBlock(some, np.full(some.size, LAST))

    def _estimated(
        self, sketches: SketchView, query: np.ndarray, known: IdSet, allowed: IdSet | None, size: int
    ) -> Iterator[CandidateBlock]:
        scan = Scan(sketches, query, allowed)
        looked_at = len(known) if allowed is None else scan.size
        last: Last | None = None
        while True:
            best = self._pass(scan, size, last)
            scores, numbers = best.ordered()
            ids = sketches.ids(scan.places(numbers))
            # There may be sketches of others: of what was just removed, or is about to be added.
            own = known.contains(ids)
            if own.any():
                yield CandidateBlock(ids[own], scores[own], estimated=True, looked_at=looked_at)
                looked_at = 0
            if numbers.size < size:
                return
            last = float(scores[-1]), int(numbers[-1])
            size = min(8 * size, LARGEST_BLOCK)

    def _pass(self, scan: Scan, size: int, last: Last | None) -> Best:
        """The best ``size`` of all that come after ``last``."""
        threads = max(1, min(self.context.threads, scan.size // WORTH_A_THREAD))
        bounds = [scan.size * part // threads for part in range(threads + 1)]
        others = [self._workers.submit(scan.best, start, end, size, last) for start, end in pairwise(bounds[1:])]
        best = scan.best(0, bounds[1], size, last)
        for other in others:
            best.merge(other.result())
        return best

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
        """Objects, and bytes in memory beside the sketches."""
        ids = self._ids.array
        return {"objects": int(ids.size), "bytes": int(ids.nbytes)}

    def close(self) -> None:
        """Let the threads end."""
        self._workers.shutdown()


class Scan:
    """Sketches that are compared with a query: all, in their order; or those of objects that are allowed.

    Attributes:
        size: how many; they are numbered from 0.
    """

    def __init__(self, sketches: SketchView, query: np.ndarray, allowed: IdSet | None) -> None:
        self._sketches = sketches
        self._query = sketches.query(query)
        self._places: np.ndarray | None = None
        self.size = sketches.size
        if allowed is not None:
            places = sketches.places(allowed.ids)
            self._places = places[places >= 0]
            self.size = self._places.size

    def places(self, numbers: np.ndarray) -> np.ndarray:
        """Where the sketches with some numbers are."""
        return numbers if self._places is None else self._places[numbers]

    def best(self, start: int, end: int, size: int, last: Last | None) -> Best:
        """The best ``size`` of those from ``start`` until ``end`` that come after ``last``."""
        best = Best(size, last)
        for first in range(start, end, SLICE):
            best.offer(self._estimates(first, min(end, first + SLICE)), first)
        return best

    def _estimates(self, start: int, end: int) -> np.ndarray:
        if self._places is None:
            return self._sketches.scores_between(self._query, start, end)
        return self._sketches.scores(self._query, self._places[start:end])

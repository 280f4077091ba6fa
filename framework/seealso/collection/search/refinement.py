"""From what is asked to the nearest objects: candidates, read and measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from seealso.collection.derived.view import View
from seealso.collection.search.measures import Estimates, Measure
from seealso.collection.search.stopwatch import Stopwatch
from seealso.collection.sketches.table import Sketches
from seealso.interfaces.answer import Cost
from seealso.interfaces.index import CandidateBlock, IdSet, MetricIndex
from seealso.interfaces.store import EncodedBlock, ObjectStore
from seealso.sorted_ids import distinct

STEP = 500  # candidates that are refined together where refinement may stop early
CLOSELY = 100  # measured by a costly measure, at least
AT_ONCE = 1000  # descriptors that are measured together then
HELD = 10_000  # descriptors that are kept until then, as they were read
READS = 32  # the same where sketches have put them in order
WHOLE = 500_000  # allowed objects whose sketches are all looked at: it takes no longer than asking an index
SPARE = 64  # kept beyond those that are wanted, for those that turn out to have no place any more


class Best:
    """The best of what was seen, by (distance, ID), at most ``limit``."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.ids = np.empty(0, np.int64)
        self.distances = np.empty(0, np.float32)

    def add(self, ids: np.ndarray, distances: np.ndarray) -> None:
        """See some more; O((limit + n) log(limit + n))."""
        ids = np.concatenate([self.ids, ids])
        distances = np.concatenate([self.distances, distances])
        order = np.lexsort((ids, distances))[: self.limit]
        self.ids, self.distances = ids[order], distances[order]

    def within(self, most: float | None) -> tuple[np.ndarray, np.ndarray]:
        """IDs and distances, the nearest first; only those that are no further than ``most``."""
        if most is None:
            return self.ids, self.distances
        end = int(np.searchsorted(self.distances, most, side="right"))
        return self.ids[:end], self.distances[:end]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How far a refinement goes.

    Attributes:
        hits: how many of the nearest have to be right.
        candidates: how many candidates of the index to look at, at most; not fewer than ``hits``.
        reads: where there are sketches, how many of them to refine, at most; not fewer than ``hits``.
        patience: stop when the nearest have not changed over so many steps of `STEP` candidates, or of `READS` that sketches have put in
            order; None: refine them all.
        allowed: only these objects.
        skip: not these objects; int64 ``(n,)``.
        stops: numbers of reads, ascending: where there are sketches, `Refinement.run` tells when it has refined so many by them.
    """

    hits: int
    candidates: int
    reads: int = 200
    patience: int | None = None
    allowed: IdSet | None = None
    skip: np.ndarray | None = None
    stops: tuple[int, ...] = ()


class Ranked(NamedTuple):
    """Objects that are worth reading.

    Attributes:
        unknown: those without a sketch, int64.
        ids: of those with one as many as are to be read, the nearest by their sketches first.
        looked_at: how many objects there were to choose from.
    """

    unknown: np.ndarray
    ids: np.ndarray
    looked_at: int


class Refinement:
    """Finds the nearest objects by a measure.

    What the index does not hold yet is compared without it. Where the index gives the measure's own distances nothing is
    refined. Where there are several probes, their candidates are taken by turns. Where the measure is costly all are measured roughly, and
    of the nearest by that, `CLOSELY` or as many as are wanted, `Measure.nearest` are measured anew.

    Without sketches all candidates are refined; and where no more objects are allowed than candidates, the index is not asked: all of them
    are refined, and the answer is exact. With sketches the best by these are refined, of as many allowed ones as `WHOLE` without asking the
    index; an object that has no sketch yet is refined in any case. An index that ranks by sketches is asked for the best of all; of several
    probes together it knows nothing, and the sketches of all objects are looked at here, of as many as `WHOLE`.

    Args:
        store: holds the descriptors.
        view: the index that proposes candidates, and what it does not hold.
        measure: how far an object is from what is asked.
        wanted: how far to go.
        cost: counts what it takes.
        watch: books the stages candidates, sketch, read and refine.
        sketches: estimate distances; None: there are none.
    """

    def __init__(
        self,
        store: ObjectStore,
        view: View[MetricIndex],
        measure: Measure,
        wanted: Wanted,
        cost: Cost,
        watch: Stopwatch,
        sketches: Sketches | None = None,
    ) -> None:
        self._store = store
        self._view = view
        self._measure = measure
        self._wanted = wanted
        self._cost = cost
        self._watch = watch
        self._sketches = sketches
        skip = np.empty(0, np.int64) if wanted.skip is None else wanted.skip
        self._passed_over = np.concatenate([skip, view.removed])
        # Of these the index may propose some: it may be catching up.
        self._seen = IdSet.of_ascending(view.rest)
        self._unchanged = 0  # refined since the nearest changed last
        self._costly = measure.is_costly()
        self._distances = measure.roughly if self._costly else measure.distances
        self.best = Best(max(wanted.hits + SPARE, CLOSELY if self._costly else 0))
        self._blocks: list[EncodedBlock] = []  # what was read, where the best are looked at once more
        self._held = 0  # descriptors in them

    def run(self, stopped: Callable[[int], None] = lambda stop: None) -> Best:
        """The nearest that were found, by distance and ID; objects that are gone may still be among them.

        ``stopped`` is told each of `Wanted.stops` when it is reached, with `best` as it is then.
        """
        self._stopped = stopped
        self._find()
        if self._costly:
            near, self.best = self.best.ids, Best(self.best.ids.size)
            for start in range(0, near.size, AT_ONCE):
                self._look_closely(near[start : start + AT_ONCE])
        return self.best

    def _look_closely(self, ids: np.ndarray) -> None:
        """Measure some objects as they shall be measured, together: a costly measure is much quicker so."""
        blocks = self._records_of(ids)
        # A store may have changed its codec meanwhile.
        for codec in {id(block.codec): block.codec for block in blocks}.values():
            same = [block for block in blocks if block.codec is codec]
            records = [record for block in same for record in block.records]
            together = EncodedBlock(np.concatenate([block.ids for block in same]), records, codec, 0, 0)
            self.best.add(*self._measure.nearest(together, self._wanted.hits))
        self._watch.book("refine")

    def _records_of(self, ids: np.ndarray) -> list[EncodedBlock]:
        """What was read of some of the best."""
        found = []
        for block in self._blocks:
            places = np.flatnonzero(np.isin(block.ids, ids))
            if places.size:
                records = [block.records[place] for place in places.tolist()]
                found.append(EncodedBlock(block.ids[places], records, block.codec, 0, 0))
        return found

    def _keep(self, block: EncodedBlock) -> None:
        """Have what was read at hand: of the best it is not read again. Of very many only these are kept."""
        self._blocks.append(block)
        self._held += block.ids.size
        if self._held > HELD + self.best.limit:
            best = self._records_of(self.best.ids)
            self._blocks = [replace(each, records=[bytes(record) for record in each.records]) for each in best]
            self._held = sum(each.ids.size for each in self._blocks)

    def _find(self) -> None:
        ranked = None if self._sketches is None else self._ranked(self._sketches)
        if ranked is None:
            before = self._cost.refined
            self._by_reading()
            self._cost.candidates += self._cost.refined - before
            return
        unknown, ids, looked_at = ranked
        self._cost.candidates += looked_at
        if unknown.size:
            self._refine(unknown)
        self._settled(ids, READS, self._wanted.stops)

    def _by_reading(self) -> None:
        allowed = self._wanted.allowed
        if allowed is not None and len(allowed) <= self._wanted.candidates:
            self._refine(self._kept(allowed.ids))
            return
        rest = self._rest()
        if rest.size:
            self._refine(rest)
        for block in self._proposed(self._wanted.candidates):
            if self._settled(block.ids, STEP):
                return

    def _ranked(self, sketches: Sketches) -> Ranked | None:
        """What is worth reading by the sketches; None where they do not tell."""
        reads = max(self._wanted.reads, CLOSELY if self._costly else 0)
        index = self._view.part
        if index is not None and index.needs_sketch and self._measure.by_probe():
            return self._ranked_by_index(index, reads)
        estimates = self._measure.estimates(sketches)
        return None if estimates is None else self._ranked_here(sketches, estimates, reads)

    def _ranked_by_index(self, index: MetricIndex, reads: int) -> Ranked:
        """As the index has put it in order, which knows the sketches."""
        ranked, others = [np.empty(0, np.int64)], [self._rest()]
        looked_at = others[0].size
        for block in self._proposed(reads):
            (ranked if block.estimated else others).append(block.ids)
            looked_at += block.looked_at if block.estimated else block.ids.size
        if ranked[1:] and self._passed_over.size:
            # It has looked at these, too; no candidate is among them.
            held = IdSet.of_ascending(index.ids()).contains(self._passed_over)
            allowed = self._wanted.allowed
            looked_at -= int(np.count_nonzero(held if allowed is None else held & allowed.contains(self._passed_over)))
        return Ranked(np.concatenate(others), np.concatenate(ranked), looked_at)

    def _ranked_here(self, sketches: Sketches, estimates: Estimates, reads: int) -> Ranked:
        """By the estimates of what the index proposes, or of all that is allowed."""
        ids, places = self._gathered(sketches)
        looked_at = ids.size
        self._watch.book("candidates")
        unknown = ids[places < 0]
        ids, places = ids[places >= 0], places[places >= 0]
        # Where all are read their order says when to stop.
        if ids.size > reads or self._wanted.patience or self._wanted.stops:
            scores = estimates(places)
            best = np.argpartition(scores, reads - 1)[:reads] if ids.size > reads else np.arange(ids.size)
            ids = ids[best[np.argsort(scores[best], kind="stable")]]
        self._watch.book("sketch")
        return Ranked(unknown, ids, looked_at)

    def _gathered(self, sketches: Sketches) -> tuple[np.ndarray, np.ndarray]:
        """All objects that are to be looked at, and the places of their sketches, -1 where there is none."""
        whole = self._whole()
        if whole is not None:
            places = sketches.places(whole)
            # Those without a sketch are read: no more than would be read without any.
            if np.count_nonzero(places < 0) <= self._wanted.candidates:
                return whole, places
        ids = np.concatenate([self._rest(), *(block.ids for block in self._proposed(self._wanted.candidates))])
        return ids, sketches.places(ids)

    def _whole(self) -> np.ndarray | None:
        """All objects that the hits may be, where the sketches of all are looked at rather than the index is asked; else None."""
        index, allowed = self._view.part, self._wanted.allowed
        if allowed is not None:
            ids = allowed.ids
        elif index is not None and index.needs_sketch:
            ids = distinct(index.ids(), self._view.rest) if self._view.rest.size else index.ids()
        else:
            return None
        return self._kept(ids) if ids.size <= max(WHOLE, self._wanted.candidates) else None

    def _kept(self, ids: np.ndarray) -> np.ndarray:
        """Without those that are passed over; in their order."""
        return ids[~np.isin(ids, self._passed_over)] if self._passed_over.size else ids

    def _rest(self) -> np.ndarray:
        """What the index does not hold, as far as it is allowed."""
        rest, allowed = self._view.rest, self._wanted.allowed
        return self._kept(rest if allowed is None or not rest.size else rest[allowed.contains(rest)])

    def _proposed(self, most: int) -> Iterator[CandidateBlock]:
        """Candidates of the index, so many at most. Those whose distance it knows are taken as they are, and do not come."""
        index, wanted = self._view.part, self._wanted
        if index is None:
            return
        probes = self._measure.probes
        # Those that are passed over come on top: for one that is missing an index would search as far as for all of the first.
        asked = most + min(self._passed_over.size, wanted.candidates)
        # A part from each probe, for the first block may hold as many as are asked for.
        asked = -(-asked // len(probes))
        blocks = _by_turns([index.candidates(probe, allowed=wanted.allowed, wanted=asked) for probe in probes])
        proposed = np.empty(0, np.int64)  # by any of several probes
        considered = 0
        for block in self._timed(blocks):
            self._cost.reads += block.reads
            self._cost.bytes_read += block.bytes_read
            kept = ~np.isin(block.ids, self._passed_over)
            if len(self._seen):
                kept &= ~self._seen.contains(block.ids)
            if len(probes) > 1:
                kept &= ~np.isin(block.ids, proposed)
                proposed = np.concatenate([proposed, block.ids[kept]])
            ids, scores = block.ids[kept], block.scores[kept]
            if block.exact and self._measure.plain:
                self._cost.candidates += ids.size
                considered += ids.size
                self.best.add(ids, scores)
                self._watch.book("candidates")
                # No object outside is nearer.
                if considered >= wanted.hits + SPARE:
                    return
                continue
            left = most - considered
            yield replace(block, ids=ids[:left], scores=scores[:left])
            considered += min(left, ids.size)
            if considered >= most:
                return

    def _timed(self, blocks: Iterator[CandidateBlock]) -> Iterator[CandidateBlock]:
        while True:
            block = next(blocks, None)
            self._watch.book("sketch" if block is not None and block.estimated else "candidates")
            if block is None:
                return
            yield block

    def _settled(self, ids: np.ndarray, step: int, stops: Sequence[int] = ()) -> bool:
        """Refine candidates, the best first, and tell of each stop on the way; whether the nearest have not changed for so long that no
        more are wanted."""
        patience = self._wanted.patience
        size = step if patience else max(1, ids.size)
        for start in range(0, ids.size, size):
            end = min(start + size, ids.size)
            before = self.best.ids[: self._wanted.hits]
            done = start
            for stop in (*(stop for stop in stops if start < stop < end), end):
                self._refine(ids[done:stop])
                done = stop
                if stop in stops:
                    self._stopped(stop)
            same = np.array_equal(self.best.ids[: self._wanted.hits], before)
            self._unchanged = self._unchanged + end - start if same else 0
            if patience and self._unchanged >= patience * step:
                return True
        return False

    def _refine(self, ids: np.ndarray) -> None:
        self._cost.refined += ids.size
        for block in self._store.read_blocks(ids):
            self._watch.book("read")
            self._cost.reads += block.reads
            self._cost.bytes_read += block.bytes_read
            self.best.add(*self._distances(block))
            if self._costly:
                self._keep(block)
            self._watch.book("refine")
        self._watch.book("read")


def _by_turns(sources: Sequence[Iterator[CandidateBlock]]) -> Iterator[CandidateBlock]:
    """A block of each, again and again, until all have ended."""
    going = [iter(source) for source in sources]
    while going:
        for source in tuple(going):
            block = next(source, None)
            if block is None:
                going.remove(source)
            else:
                yield block

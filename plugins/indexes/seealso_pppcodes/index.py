"""The metric index ``ppp-codes``."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np

from seealso import CandidateBlock, IdSet, IndexContext, MetricIndex
from seealso_pppcodes import merging, snapshot
from seealso_pppcodes.cells import FilledCells
from seealso_pppcodes.options import PPPCodesOptions
from seealso_pppcodes.pivots import PivotSpaces, choose_pivots
from seealso_pppcodes.ranking import CandidateSearch, Tables
from seealso_pppcodes.segment import Segment
from seealso_pppcodes.state import State
from seealso_pppcodes.statistics import report, report_cells
from seealso_pppcodes.unranked import UnrankedSearch
from seealso_pppcodes.visiting import SPACES_SEEN_IN, Visits

log = logging.getLogger("seealso")

TAIL = 1 << 14
"""Objects that are looked through one by one; when there are more, they become a segment."""

SEGMENTS = 24
"""When there are so many segments, whoever adds waits for the merging."""

OUTGROWN = 4
"""Pivots are drawn anew when there are so many times as many objects as they were drawn from."""

NEW = 0.5
"""A save joins all that it can when more than this share of the objects is in no snapshot yet. Else only these are written: with
many saves while a collection grows, the whole of it is not written each time."""

WORTH_A_THREAD = 1 << 20  # looks at a symbol or a distance


class PPPCodesIndex(MetricIndex):
    """Pivot permutation prefixes in several independent pivot spaces (Novak and Zezula, DEXA 2014; TLDKS XXIV, 2016).

    An object is known by which pivots are nearest to it, in order, in each space: some 50 bytes. Any metric will do; only
    distances to pivots are ever computed. A query costs one distance to each pivot, and a number of looks that depends on
    how many candidates are wanted, not on the size of the collection. Beside a sketch, which ranks candidates by itself, the cells
    are enough: 15 bytes (`ranking: none`).
    """

    name = "ppp-codes"
    preference = 20
    Options = PPPCodesOptions

    options: PPPCodesOptions

    def __init__(self, options: PPPCodesOptions, context: IndexContext) -> None:
        super().__init__(options, context)
        self.sample_size = 2 * options.pivot_spaces * options.pivots
        self._spaces: PivotSpaces | None = None
        self._state: State | None = None
        self._trained_on = 0
        self._loaded_from: Path | None = None
        self._saved: snapshot.Saved | None = None
        # What was last told of the cells, and of which counts.
        self._cells: tuple[weakref.ref[np.ndarray], dict[str, str]] | None = None
        # The cells that hold anything, of the counts for which a query last needed them.
        self._filled: tuple[weakref.ref[np.ndarray], FilledCells] | None = None
        # Held while one state takes the place of another; never while anything long is done.
        self._changing = threading.Lock()
        self._merger = ThreadPoolExecutor(1, thread_name_prefix="merge")
        self._merging: Future[None] | None = None
        self._workers = ThreadPoolExecutor(context.threads, thread_name_prefix="score")
        if not options.ranks and context.sketches is None:
            _warn_of_no_ranking()

    @property
    def pivots(self) -> np.ndarray:
        """The pivots in force: ``(spaces, pivots, dim)``; none before it was trained."""
        return np.empty((0, 0, self.context.dim), self.context.dtype) if self._spaces is None else self._spaces.pivots

    # Changes

    def train(self, sample: np.ndarray) -> None:
        """Choose the pivots from a sample ``(m, dim)``, m at least 1.

        Raises:
            ValueError: it is empty, of another shape or type, or holds values that are not finite.
        """
        self.context.check(sample)
        if not len(sample):
            raise ValueError("there is nothing to choose pivots from")
        options = self.options
        pivots = choose_pivots(
            self.context.distance, sample, options.pivot_spaces, options.pivots, options.pivot_choice, options.seed
        )
        self._spaces = PivotSpaces(self.context.distance, pivots, options.prefix_length)
        self._trained_on = len(sample)
        self._state = State.empty(self._spaces.shape)

    def add(self, ids: np.ndarray, descriptors: np.ndarray | None) -> None:
        """Add objects: one distance to each pivot, O(λ·k·dim) each; found as soon as this returns.

        Raises:
            ValueError: descriptors of another shape or type, or with values that are not finite; nothing is added then.
        """
        if self._spaces is None or self._state is None:
            raise ValueError("the index has not been trained")
        if descriptors is None or len(descriptors) != len(ids):
            raise ValueError("every object needs a descriptor")
        self.context.check(descriptors)
        if not ids.size:
            return
        codes = self._spaces.codes(descriptors, self._map_rows)
        with self._changing:
            self._state = self._state.added(ids, codes)
            if self._state.tail.size > TAIL:
                self._state = self._state.sealed()
        self._merge_in_background()
        if len(self._state.segments) > SEGMENTS:
            self._finish_merging()

    def remove(self, ids: np.ndarray) -> None:
        """Remove objects; their room is given back when a quarter of a segment is gone."""
        if self._state is None or not ids.size:
            return
        with self._changing:
            self._state = self._state.removed(ids)
        self._merge_in_background()

    def _merge_in_background(self) -> None:
        if self._merging is not None and not self._merging.done():
            return
        self._finish_merging()
        assert self._state is not None
        if merging.due(self._state):
            self._merging = self._merger.submit(self._merge, merging.due)

    def _finish_merging(self) -> None:
        """Wait for the merging under way, where there is one."""
        # Forgotten first: what it raises is told once, and the next change tries again.
        finished, self._merging = self._merging, None
        if finished is not None:
            finished.result()

    def _merge(self, which: Callable[[State], tuple[Segment, ...]]) -> None:
        assert self._state is not None
        while segments := which(before := self._state):
            merged = merging.merge(before, segments)
            with self._changing:
                self._state = self._state.merged(before, segments, merged)

    def _settle(self) -> State:
        """Finish all merging, and have as few segments as can be."""
        assert self._state is not None
        self._finish_merging()
        with self._changing:
            self._state = self._state.sealed()
        self._merger.submit(self._merge, merging.due).result()
        self._merger.submit(self._merge, merging.joinable).result()
        return self._state

    # Queries

    def candidates(
        self, query: np.ndarray, *, allowed: IdSet | None = None, wanted: int = 1000
    ) -> Iterator[CandidateBlock]:
        """Candidates by what their codes say, best first, ties by ID; where nothing is ranked, in the order in which they were come
        across. As of the moment when the first is taken.

        Raises:
            ValueError: the query is of another shape or type, or holds values that are not finite.
        """
        self.context.check(query[np.newaxis])
        if self._spaces is None or self._state is None:
            return
        yield from self._search(query, allowed).blocks(max(1, wanted))

    def _search(self, query: np.ndarray, allowed: IdSet | None = None) -> CandidateSearch | UnrankedSearch:
        assert self._spaces is not None
        assert self._state is not None
        state, options = self._state, self.options
        tables = Tables.of(self._spaces, query, options)
        ranked = options.ranks and state.shape.kept
        # The ranks of MEDRANK count everything with a lower score in a space, wherever else it is.
        alone = ranked and options.aggregation == "percentile"
        least = 1 if alone else min(SPACES_SEEN_IN, state.shape.spaces)
        visits = Visits(state, self._filled_cells(state), tables.values, least)
        if not ranked:
            return UnrankedSearch(visits, allowed)
        return CandidateSearch(visits, tables, options, allowed, self._map_rows)

    def _filled_cells(self, state: State) -> FilledCells:
        known = self._filled
        if known is None or known[0]() is not state.counts:
            known = self._filled = weakref.ref(state.counts), FilledCells.of(state.counts, 1 << state.shape.bits)
        return known[1]

    def _map_rows(self, work: Callable[[slice], None], rows: int, looks: int) -> None:
        """Do the work on all rows, in several threads where that pays."""
        threads = max(1, min(self.context.threads, rows * looks // WORTH_A_THREAD))
        parts = [slice(rows * part // threads, rows * (part + 1) // threads) for part in range(threads)]
        others = [self._workers.submit(work, part) for part in parts[1:]]
        work(parts[0])
        for other in others:
            other.result()

    def ids(self) -> np.ndarray:
        """All IDs, int64, ascending."""
        return np.empty(0, np.int64) if self._state is None else self._state.ids()

    def storage_order(self) -> np.ndarray | None:
        """All IDs by their codes in the first space, so that what is near there is near on disk."""
        if self._state is None:
            return None
        state = self._state
        length = state.shape.length
        ids, codes = state.live()
        # The first symbol counts most: `lexsort` wants it last.
        return ids[np.lexsort(codes[:, :length].T[::-1])]

    # Upkeep

    def outgrown(self) -> bool:
        """Whether the pivots were drawn from too few of the objects that there are now."""
        if self._state is None or self._trained_on >= self.sample_size:
            return False
        return self._state.objects >= OUTGROWN * self._trained_on

    def save(self, directory: Path) -> None:
        """Write pivots, codes, and their checksums; what the snapshot before holds of it is linked, where that can be."""
        assert self._spaces is not None
        assert self._state is not None
        state = self._settle() if self._is_mostly_new(self._state) else self._state
        self._saved = snapshot.save(directory, self._spaces.pivots, self._trained_on, state, self._saved)

    def _is_mostly_new(self, state: State) -> bool:
        known = {} if self._saved is None else self._saved.names()
        saved = sum(segment.size for segment in state.segments if id(segment.low) in known)
        return saved < (1 - NEW) * (state.tail.size + sum(segment.size for segment in state.segments))

    def load(self, directory: Path) -> None:
        """Map what `save` wrote.

        Raises:
            FormatError: it is something else, damaged, or of a newer format.
        """
        context = self.context
        pivots, trained_on, length, state, self._saved = snapshot.load(directory, context.dim, context.dtype)
        self._spaces = PivotSpaces(context.distance, pivots, length)
        self._trained_on, self._state, self._loaded_from = trained_on, state, directory

    def verify(self) -> list[str]:
        """Check the checksums of the snapshot that was loaded."""
        return [] if self._loaded_from is None else snapshot.verify(self._loaded_from)

    def statistics(self) -> dict[str, int | float | str]:
        """Objects; bytes in memory, in all and for each object by part; how large the cells are."""
        if self._spaces is None or self._state is None:
            return {"objects": 0, "bytes": 0}
        state, told = self._state, self._cells
        if told is None or told[0]() is not state.counts:
            told = self._cells = weakref.ref(state.counts), report_cells(state)
        filled = 0 if self._filled is None else self._filled[1].nbytes
        return report(self._spaces, state, self._trained_on, filled) | told[1]

    def close(self) -> None:
        """Finish the merging under way, and let go of memory."""
        self._merger.shutdown()
        self._workers.shutdown()
        self._spaces = self._state = self._filled = None


@cache
def _warn_of_no_ranking() -> None:
    """Once a process: an index is made wherever one is loaded or built."""
    log.warning(
        "the index ppp-codes has `ranking: none`, and there is no sketch that ranks instead: candidates come in hardly any order; write "
        "`sketch: rabitq` beside it, or leave out `ranking`"
    )

"""The way from a query to its candidates, best first."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from seealso import CandidateBlock, IdSet, distinct
from seealso_pppcodes.cells import CellOrder
from seealso_pppcodes.options import PPPCodesOptions
from seealso_pppcodes.pivots import MapRows, PivotSpaces
from seealso_pppcodes.state import State

LARGEST_SCORE = 1 << 30
"""Scores are integers up to about this, so that their sums do not depend on the order of the additions."""

UNRANKED = np.iinfo(np.int64).max
"""The rank of an object whose rank is not known yet."""

LEAST_SCORED = 16384
"""Objects to score, at least, however few candidates are wanted: they cost little."""

FINE_UP_TO = 1 << 20
COARSENING = 0.125
"""There are as many cells however many objects: in more than `FINE_UP_TO` their symbols say less of each, and so more is scored,
by this power of how many times more they are (measured up to 20 million)."""

SPACES_SEEN_IN = 2
"""In so many spaces an object is come across before it is scored: what is near in one alone is hardly ever near."""


@dataclass(frozen=True, slots=True)
class Tables:
    """What a symbol adds to the score of an object, for one query.

    Attributes:
        values: int32 ``(spaces, length, 2 ** bits)``: by space, position in the prefix, and symbol.
        inversions: what each pair of symbols adds that the query orders the other way round.
        unit: the score of one unit of distance.
    """

    values: np.ndarray
    inversions: int
    unit: float

    @classmethod
    def of(cls, spaces: PivotSpaces, query: np.ndarray, options: PPPCodesOptions) -> Tables:
        """From the distances of a query ``(dim,)`` to the pivots."""
        distances = spaces.distances(query)
        length = spaces.shape.length
        if options.ranking == "distance-sum":
            weighted = options.weight ** np.arange(length)[:, np.newaxis] * distances[:, np.newaxis, :]
            # Where the query equals every pivot, any unit will do.
            unit = LARGEST_SCORE / (float(weighted.max(axis=2).sum()) or 1.0)
            return cls(_padded(np.rint(weighted * unit), spaces.shape.bits), 0, unit)
        ranks = np.argsort(np.argsort(distances, axis=1, kind="stable"), axis=1)[:, np.newaxis, :]
        if options.ranking == "spearman-footrule":
            moved = np.abs(ranks - np.arange(length)[:, np.newaxis])
            return cls(_padded(moved, spaces.shape.bits), 0, 1.0)
        # Kendall's tau between the query's whole order and a prefix: of the pivots that the query has before a symbol of the
        # prefix, all are on the wrong side but those that come before it in the prefix too: their number differs from the
        # symbol's place in the prefix by its inversions, so Σ(rank − place) + inversions counts each wrong pair once.
        wrong = ranks - np.arange(length)[:, np.newaxis]
        return cls(_padded(wrong, spaces.shape.bits), 1, 1.0)


def _padded(values: np.ndarray, bits: int) -> np.ndarray:
    """The tables as int32, with an entry for every value that a symbol can have."""
    more = (1 << bits) - values.shape[2]
    return np.pad(values, ((0, 0), (0, 0), (0, more)), mode="edge").astype(np.int32)


class CandidateSearch:
    """One query's way through the index.

    In each space it visits the cells whose first two symbols cost least. What it comes across in two spaces is scored in all
    of them; when enough is scored, the best of it are the candidates. As the caller takes more, it visits more. Which objects
    are scored depends on the pivots, the query, and the set of objects alone, not on how they lie in segments.

    Args:
        state: what the index holds.
        tables: what symbols cost.
        options: how to rank.
        allowed: only these.
        map_rows: runs kernels on many rows.
    """

    def __init__(
        self, state: State, tables: Tables, options: PPPCodesOptions, allowed: IdSet | None, map_rows: MapRows
    ) -> None:
        self._state = state
        self._tables = tables
        self._options = options
        self._allowed = allowed
        self._map_rows = map_rows
        self._percentile = options.percentile if options.aggregation == "percentile" else None
        # The ranks of MEDRANK count everything with a lower score in a space, wherever else it is.
        self._least_seen = 1 if self._percentile is not None else min(SPACES_SEEN_IN, state.shape.spaces)
        self._cells = [CellOrder(state.counts[space], tables.values[space]) for space in range(state.shape.spaces)]
        # Come across in one space; and removed, or scored already.
        self._seen = [np.zeros(hidden.size if self._least_seen > 1 else 0, np.uint8) for hidden in state.hidden]
        self._hidden = [hidden.copy() for hidden in state.hidden]
        self._tail_hidden = state.tail.hidden[: state.tail.size].copy()
        self._bases = np.cumsum([0, *(segment.size for segment in state.segments)])
        # Of everything that was scored: where it is, its score in each space or the sum, and whether it is not yet taken.
        self._places = np.empty(0, np.int64)
        self._scores = np.empty((0, 1 if self._percentile is None else state.shape.spaces), np.int32)
        self._left = np.empty(0, np.bool_)
        self._complete = False

    @property
    def scored(self) -> int:
        """How many objects it scored so far."""
        return int(self._places.size)

    def blocks(self, wanted: int) -> Iterator[CandidateBlock]:
        """All candidates in blocks, best first; ``wanted`` in the first, and in each that follows as many as before it."""
        objects = self._state.objects
        among = objects if self._allowed is None else len(self._allowed)
        if not objects or not among:
            return
        taken, last = 0, np.float32(-np.inf)
        per_candidate = self._options.scored_per_candidate * max(1.0, objects / FINE_UP_TO) ** COARSENING
        while True:
            enough = max(LEAST_SCORED, (taken + wanted) * per_candidate)
            keys = self._deepen(enough, wanted, max(1.0, objects / among))
            ready = np.flatnonzero(self._left & (keys < UNRANKED))
            if not ready.size:
                return
            ids, scores = self._take(ready, keys[ready], wanted)
            # What was come across too late for its score is passed on with that of the last.
            scores = np.maximum(scores, last)
            last = scores[-1]
            yield CandidateBlock(ids, scores)
            taken += ids.size
            wanted = taken

    def _deepen(self, enough: float, wanted: int, sparse: float) -> np.ndarray:
        """Visit cells until ``enough`` objects are scored and ``wanted`` of them can be taken, or nothing is left to visit.

        Only one object in ``sparse`` is allowed. Returns what everything scored is ranked by.
        """
        keys = self._keys()
        # Of what is visited only the share that is allowed can be taken.
        depth = enough * sparse
        while not self._complete and (
            self.scored < enough or np.count_nonzero(self._left & (keys < UNRANKED)) < wanted
        ):
            self._visit(depth)
            keys = self._keys()
            # What two spaces have in common grows faster than what is visited in each.
            depth *= min(8.0, max(1.25, (enough / max(1, self.scored)) ** (2 / 3)))
        return keys

    def _keys(self) -> np.ndarray:
        if self._percentile is None:
            return self._scores[:, 0]
        # When everything is visited no score is missing, however high.
        least = [UNRANKED if self._complete else cells.least_score for cells in self._cells]
        return percentile_ranks(self._scores, np.array(least), self._percentile)

    def _visit(self, depth: float) -> None:
        """Visit the cells that hold the best ``depth`` objects in each space, as far as that was not done yet."""
        from seealso_pppcodes import kernels

        state = self._state
        self._complete = depth >= state.objects
        visits = [cells.advance(min(int(depth), state.objects)) for cells in self._cells]
        for number, segment in enumerate(state.segments):
            sizes = (
                segment.starts[space, cells + 1] - segment.starts[space, cells] for space, cells in enumerate(visits)
            )
            places = np.empty(min(sum(int(each.sum()) for each in sizes), segment.size), np.int64)
            found = 0
            for space, cells in enumerate(visits):
                found = kernels.visit_cells(
                    cells,
                    segment.starts[space],
                    segment.low[space],
                    segment.high[space],
                    self._seen[number],
                    self._hidden[number],
                    places,
                    found,
                )
            # In the order of the memory: the processor waits far less for it.
            self._score(segment.codes, np.sort(places[:found]), int(self._bases[number]))
        tail = state.tail
        codes = tail.codes[: tail.size]
        places = np.empty(tail.size, np.int64)
        limits = np.array([cells.limit for cells in self._cells])
        found = kernels.visit_rows(codes, self._tables.values, limits, self._least_seen, self._tail_hidden, places)
        self._score(codes, places[:found], int(self._bases[-1]))

    def _score(self, codes: np.ndarray, places: np.ndarray, base: int) -> None:
        """Score rows of a segment, or of the tail, and keep those that are allowed."""
        from seealso_pppcodes import kernels

        if self._allowed is not None:
            places = places[self._allowed.contains(self._ids(places + base))]
        scores = np.zeros((places.size, self._scores.shape[1]), np.int32)

        def score(rows: slice) -> None:
            kernels.score(codes, places[rows], self._tables.values, self._tables.inversions, scores[rows])

        self._map_rows(score, places.size, codes.shape[1])
        self._places = np.concatenate([self._places, places + base])
        self._scores = np.concatenate([self._scores, scores])
        self._left = np.concatenate([self._left, np.ones(places.size, np.bool_)])

    def _take(self, ready: np.ndarray, keys: np.ndarray, wanted: int) -> tuple[np.ndarray, np.ndarray]:
        """The best ``wanted`` of those that are ``ready``, ties by ID; they are not left afterwards."""
        if wanted < ready.size:
            worst = np.partition(keys, wanted - 1)[wanted - 1]
            good = keys <= worst
            ready, keys = ready[good], keys[good]
        ids = self._ids(self._places[ready])
        order = np.lexsort((ids, keys))[:wanted]
        self._left[ready[order]] = False
        unit = self._tables.unit if self._percentile is None else 1.0
        return ids[order], (keys[order] / unit).astype(np.float32)

    def _ids(self, places: np.ndarray) -> np.ndarray:
        """The IDs at places counted through all segments and the tail."""
        ids = np.empty(places.size, np.int64)
        part = np.searchsorted(self._bases, places, side="right") - 1
        for number in distinct(part):
            here = part == number
            local = places[here] - self._bases[number]
            in_tail = number == len(self._state.segments)
            ids[here] = self._state.tail.ids[local] if in_tail else self._state.segments[number].ids.at(local)
        return ids


def percentile_ranks(scores: np.ndarray, limits: np.ndarray, percentile: float) -> np.ndarray:
    """For each object the given percentile of its ranks in the spaces (MEDRANK; Fagin, Kumar and Sivakumar, 2003).

    A rank is how many objects have a lower score in a space, so objects that a space cannot tell apart rank alike. The
    percentile p of λ ranks is the ⌈pλ⌉-th smallest.

    Args:
        scores: int32 ``(n, spaces)``, of all objects whose score is below the limit in any space, and others.
        limits: int64 ``(spaces,)``: in each space every object with a lower score is among those ``n``.
        percentile: 0 to 1.

    Returns:
        int64 ``(n,)``; `UNRANKED` where it cannot be known yet, and then it is no less than any that is known.
    """
    count, spaces = scores.shape
    ranks = np.full((count, spaces), UNRANKED, np.int64)
    reached = UNRANKED
    for space in range(spaces):
        seen = scores[:, space] < limits[space]
        ordered = np.sort(scores[seen, space])
        ranks[seen, space] = np.searchsorted(ordered, scores[seen, space], side="left")
        if ordered.size < count or limits[space] != np.iinfo(np.int64).max:
            reached = min(reached, ordered.size)
    needed = math.ceil(round(percentile * spaces, 9))
    keys: np.ndarray = np.partition(ranks, needed - 1, axis=1)[:, needed - 1]
    return np.where(keys < reached, keys, UNRANKED)

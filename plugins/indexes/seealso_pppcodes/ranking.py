"""The way from a query to its candidates, best first."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from seealso import CandidateBlock, IdSet
from seealso_pppcodes.options import PPPCodesOptions
from seealso_pppcodes.pivots import MapRows, PivotSpaces
from seealso_pppcodes.visiting import Visits

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
        """From the distances of a query ``(dim,)`` to the pivots. Where nothing is ranked they tell which cells are near."""
        distances = spaces.distances(query)
        length = spaces.shape.length
        if options.ranking in ("distance-sum", "none") or not spaces.shape.kept:
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
    if more:
        values = np.pad(values, ((0, 0), (0, 0), (0, more)), mode="edge")
    return values.astype(np.int32)


class CandidateSearch:
    """One query's way through the index.

    What it sees in two spaces is scored in all of them; when enough is scored, the best of it are the candidates. As the
    caller takes more, it visits more.

    Args:
        visits: the way through the cells.
        tables: what symbols cost.
        options: how to rank.
        allowed: only these.
        map_rows: runs kernels on many rows.
    """

    def __init__(
        self, visits: Visits, tables: Tables, options: PPPCodesOptions, allowed: IdSet | None, map_rows: MapRows
    ) -> None:
        self._visits = visits
        self._tables = tables
        self._options = options
        self._allowed = allowed
        self._map_rows = map_rows
        self._percentile = options.percentile if options.aggregation == "percentile" else None
        # Of everything that was scored: where it is, its score in each space or the sum, and whether it is not yet taken.
        spaces = visits.state.shape.spaces
        self._places = np.empty(0, np.int64)
        self._scores = np.empty((0, 1 if self._percentile is None else spaces), np.int32)
        self._left = np.empty(0, np.bool_)

    @property
    def scored(self) -> int:
        """How many objects it scored so far."""
        return int(self._places.size)

    def blocks(self, wanted: int) -> Iterator[CandidateBlock]:
        """All candidates in blocks, best first; ``wanted`` in the first, and in each that follows as many as before it."""
        objects = self._visits.state.objects
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
            # What was seen too late for its score is passed on with that of the last.
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
        while not self._visits.complete and (
            self.scored < enough or np.count_nonzero(self._left & (keys < UNRANKED)) < wanted
        ):
            for number, places in enumerate(self._visits.deepen(depth)):
                self._score(number, places)
            keys = self._keys()
            # What two spaces have in common grows faster than what is visited in each.
            depth *= min(8.0, max(1.25, (enough / max(1, self.scored)) ** (2 / 3)))
        return keys

    def _keys(self) -> np.ndarray:
        if self._percentile is None:
            return self._scores[:, 0]
        # When everything is visited no score is missing, however high.
        least = self._visits.order.least_scores
        limits = np.full_like(least, UNRANKED) if self._visits.complete else least
        return percentile_ranks(self._scores, limits, self._percentile)

    def _score(self, number: int, places: np.ndarray) -> None:
        """Score rows of a segment, or of the tail, and keep those that are allowed."""
        from seealso_pppcodes import kernels

        if self._allowed is not None:
            places = places[self._allowed.contains(self._visits.ids_in(number, places))]
        if not places.size:
            return
        codes = self._visits.codes(number)
        scores = np.zeros((places.size, self._scores.shape[1]), np.int32)

        def score(rows: slice) -> None:
            kernels.score(codes, places[rows], self._tables.values, self._tables.inversions, scores[rows])

        self._map_rows(score, places.size, codes.shape[1])
        self._places = np.concatenate([self._places, places + self._visits.bases[number]])
        self._scores = np.concatenate([self._scores, scores])
        self._left = np.concatenate([self._left, np.ones(places.size, np.bool_)])

    def _take(self, ready: np.ndarray, keys: np.ndarray, wanted: int) -> tuple[np.ndarray, np.ndarray]:
        """The best ``wanted`` of those that are ``ready``, ties by ID; they are not left afterwards."""
        if wanted < ready.size:
            worst = np.partition(keys, wanted - 1)[wanted - 1]
            good = keys <= worst
            ready, keys = ready[good], keys[good]
        ids = self._visits.ids(self._places[ready])
        order = best_first(keys, ids)[:wanted]
        self._left[ready[order]] = False
        unit = self._tables.unit if self._percentile is None else 1.0
        return ids[order], (keys[order] / unit).astype(np.float32)


def best_first(keys: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """The order by key, ties by ID: places of both, int64 ``(n,)``.

    Args:
        keys: integers of 32 bits ``(n,)``.
        ids: int64 ``(n,)``, each once.
    """
    by_id = None if (ids[1:] > ids[:-1]).all() else np.argsort(ids)
    keys = keys if by_id is None else keys[by_id]
    # Numbers that hold both are sorted many times as fast as pairs are.
    order: np.ndarray = np.sort(keys.astype(np.int64) << 32 | np.arange(keys.size)) & 0xFFFFFFFF
    return order if by_id is None else by_id[order]


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

"""Candidates in the order in which a query sees them: for a sketch to rank."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seealso import CandidateBlock, IdSet
from seealso_pppcodes.visiting import Visits

FIRST_DEPTH = 16
"""The first look goes so deep, at least: so what is nearest comes first, however much is wanted in the end;"""

FIRST_SHARE = 1 / 16
"""or as deep as holds this share of what is wanted."""

SHORTEST, LONGEST = 1.1, 2.0
"""By how much a look goes deeper than the one before: less, the less is missing, so that not much more is found than is wanted."""


class UnrankedSearch:
    """One query's way through an index without codes, or that leaves ranking to others.

    It goes deeper into the cells step by step, and what it sees in two spaces is a candidate. Those of an earlier step come
    first; those of one step in the order of their IDs.

    Args:
        visits: the way through the cells.
        allowed: only these.
    """

    def __init__(self, visits: Visits, allowed: IdSet | None) -> None:
        self._visits = visits
        self._allowed = allowed

    def blocks(self, wanted: int) -> Iterator[CandidateBlock]:
        """All candidates in blocks; ``wanted`` in the first or somewhat more, and in each that follows as many as before it."""
        objects = self._visits.state.objects
        among = objects if self._allowed is None else len(self._allowed)
        if not objects or not among:
            return
        # Of what is visited only the share that is allowed can be taken.
        depth = max(FIRST_DEPTH, FIRST_SHARE * wanted) * max(1.0, objects / among)
        taken, found = 0, [np.empty(0, np.int64)]
        count = 0
        while not self._visits.complete:
            found.append(self._found(depth))
            count += found[-1].size
            # What two spaces have in common grows faster than what is visited in each.
            missing = (taken + wanted) / max(1, taken + count)
            depth *= min(LONGEST, max(SHORTEST, missing ** (2 / 3)))
            if count and (count >= wanted or self._visits.complete):
                # There is no score: only the order is told.
                yield CandidateBlock(np.concatenate(found), np.arange(taken, taken + count, dtype=np.float32))
                taken += count
                wanted, count, found = taken, 0, []

    def _found(self, depth: float) -> np.ndarray:
        """The IDs of the allowed objects that were seen often enough for the first time, int64, ascending."""
        parts = [self._visits.ids_in(number, places) for number, places in enumerate(self._visits.deepen(depth))]
        ids = np.sort(np.concatenate(parts))
        return ids if self._allowed is None else ids[self._allowed.contains(ids)]

"""Two rankings of objects made one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

EVENED_OUT = 60
"""Added to every rank, as in the paper: so the first places of one ranking do not outweigh all of the other."""

DEPTH = 1000
"""Objects of each ranking that take part; more where a page lies beyond them."""


def fused(rankings: Sequence[np.ndarray]) -> np.ndarray:
    """The IDs that stand in any of some rankings, int64, best first, by reciprocal rank; equal ones by ID; O(n log n).

    Cormack, Clarke, Büttcher, *Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods* (SIGIR 2009).
    """
    ids = np.concatenate(rankings)
    shares = np.concatenate([1 / (EVENED_OUT + 1 + np.arange(ranking.size)) for ranking in rankings])
    each, places = np.unique(ids, return_inverse=True)
    scores = np.bincount(places, shares, each.size)
    found: np.ndarray = each[np.lexsort((each, -scores))]
    return found

"""Which code ranks a sample best."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from seealso_rabitq.code import Code

QUERIES = 100
"""So many of the sample are asked for their neighbours among the others."""

NEAREST, FIRST = 10, 20
"""A code is as good as the share of the nearest that come among so many first."""


def best_of(
    codes: Sequence[Code], projected: Sequence[np.ndarray], true: Callable[[np.ndarray], np.ndarray], seed: int
) -> int:
    """The number of the code that finds the most of the nearest neighbours in a sample; of several, the one that is the least off.

    Args:
        codes: those that may be taken.
        projected: the sample as each of them encodes it, float32 ``(m, values)``.
        true: gives the squared distances from some of the sample, whose numbers it is told, to all of it: ``(queries, m)``.
        seed: of the choice of queries.
    """
    size = len(projected[0])
    if len(codes) == 1 or size == 1:
        return 0
    queries = np.random.default_rng(seed).permutation(size)[:QUERIES]
    squares = true(queries)
    found = [_faith(code, values, queries, squares) for code, values in zip(codes, projected, strict=True)]
    return max(range(len(codes)), key=found.__getitem__)


def _faith(code: Code, values: np.ndarray, queries: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    """The share of the nearest that are found, and how far the estimates are off, negative: the more of both, the better."""
    rows = code.encode(values)
    rows.flags.writeable = False
    places = np.arange(len(values))
    nearest, first = min(NEAREST, places.size - 1), min(FIRST, places.size - 1)
    shares, errors = [], []
    for query, distances in zip(queries.tolist(), true, strict=True):
        scores = np.empty(places.size, np.float32)
        code.query(values[query]).scores(rows, places, scores)
        errors.append(np.abs(scores - distances).mean())
        others = np.delete(places, query)
        wanted = others[np.argsort(distances[others])[:nearest]]
        got = others[np.argsort(scores[others], kind="stable")[:first]]
        shares.append(np.isin(wanted, got).mean())
    return float(np.mean(shares)), -float(np.mean(errors))

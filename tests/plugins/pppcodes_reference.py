"""The method of the index ppp-codes written down plainly, from its definitions: what its answers are held to.

Every object is looked at, one after another; nothing is kept in tables, and nothing is spared.
"""

import math
from dataclasses import dataclass

import numpy as np

import seealso
from seealso_pppcodes.options import PPPCodesOptions

LARGEST_SCORE = 1 << 30
"""Distances are rounded to this part of the largest sum there can be, so that equal sums are equal to the last bit."""


@dataclass
class Reference:
    """Ranks descriptors by their pivot permutation prefixes.

    Attributes:
        distance: the metric.
        pivots: descriptors ``(spaces, pivots, dim)``.
        options: how to rank.
    """

    distance: seealso.Distance
    pivots: np.ndarray
    options: PPPCodesOptions

    def encode(self, descriptors: np.ndarray) -> np.ndarray:
        """Descriptors ``(n, dim)`` → the numbers of the nearest pivots, nearest first: ``(n, spaces, length)``."""
        spaces, count, dim = self.pivots.shape
        distances = self.distance.many_to_many(descriptors, self.pivots.reshape(-1, dim))
        order = np.argsort(distances.reshape(len(descriptors), spaces, count), axis=2, kind="stable")
        return order[:, :, : self.options.prefix_length]

    def scores(self, query: np.ndarray, prefixes: np.ndarray) -> np.ndarray:
        """The score of every object in every space, int64 ``(n, spaces)``: the lower the better."""
        spaces, count, dim = self.pivots.shape
        distances = self.distance.one_to_many(query, self.pivots.reshape(-1, dim))
        distances = distances.astype(np.float64).reshape(spaces, count)
        if self.options.ranking == "distance-sum":
            weights = self.options.weight ** np.arange(prefixes.shape[2])
            largest = np.outer(distances.max(axis=1), weights).sum()
            unit = LARGEST_SCORE / (largest or 1.0)

        def score(space: int, prefix: list[int]) -> int:
            if self.options.ranking == "distance-sum":
                terms = (weight * distances[space, pivot] for weight, pivot in zip(weights, prefix, strict=True))
                return sum(round(term * unit) for term in terms)
            order = np.argsort(distances[space], kind="stable").tolist()
            return footrule(order, prefix) if self.options.ranking == "spearman-footrule" else tau(order, prefix)

        rows = [[score(space, prefix) for space, prefix in enumerate(row)] for row in prefixes.tolist()]
        return np.array(rows, np.int64).reshape(len(prefixes), spaces)

    def aggregate(self, scores: np.ndarray) -> list[int]:
        """What objects are ranked by in the end, from their scores ``(n, spaces)``."""
        if self.options.aggregation == "score-sum":
            return scores.sum(axis=1).tolist()
        ranks = [[int((scores[:, space] < own).sum()) for space, own in enumerate(row)] for row in scores]
        needed = math.ceil(round(self.options.percentile * scores.shape[1], 9))
        return [sorted(row)[needed - 1] for row in ranks]

    def candidates(self, query: np.ndarray, ids: np.ndarray, descriptors: np.ndarray) -> list[int]:
        """All IDs, the best candidate first, ties by ID."""
        keys = self.aggregate(self.scores(query, self.encode(descriptors)))
        return [id_ for _, id_ in sorted(zip(keys, ids.tolist(), strict=True))]


def footrule(order: list[int], prefix: list[int]) -> int:
    """Spearman's footrule: how far the pivots of a prefix are from their places in the query's order, in all."""
    return sum(abs(order.index(pivot) - place) for place, pivot in enumerate(prefix))


def tau(order: list[int], prefix: list[int]) -> int:
    """Kendall's tau: how many pairs of pivots the query's order and a prefix have the other way round.

    A pivot that is not in the prefix comes, for the object, after all that are; of two such nothing is known.
    """
    wrong = 0
    for place, pivot in enumerate(prefix):
        for other in order[: order.index(pivot)]:
            wrong += other not in prefix[:place]
    return wrong

"""How sure a recall is that was measured on a sample."""

from __future__ import annotations

import math

import numpy as np

Z = 1.959964
"""Of the normal distribution: 95 % lie within so many standard deviations."""


def recall_interval(recalls: np.ndarray, k: int) -> tuple[float, float]:
    """The 95 % interval of the mean of recalls ``(queries,)``, each a share of k neighbours.

    Wilson's interval (1927) for a share, where the neighbours of one query count for as many independent trials as their variance
    says: for one at least, and for k at most. A sample without a miss is thus no proof that there are none.
    """
    count, mean = len(recalls), float(recalls.mean())
    spread = float(recalls.var(ddof=1)) / count if count > 1 else 0.0
    trials = float(count)
    if spread > 0:
        trials = min(max(mean * (1 - mean) / spread, count), count * k)
    middle = (mean + Z * Z / (2 * trials)) / (1 + Z * Z / trials)
    half = Z / (1 + Z * Z / trials) * math.sqrt(mean * (1 - mean) / trials + Z * Z / (4 * trials * trials))
    return max(0.0, min(mean, middle - half)), min(1.0, max(mean, middle + half))

"""Sets of integers as sorted arrays."""

import numpy as np


def distinct(*values: np.ndarray) -> np.ndarray:
    """The integers that stand in any of some arrays ``(n,)`` of the same dtype: ascending, each once; O(n log n).

    ``np.unique`` and ``np.union1d`` give the same, but put integers into a hash table: 50 times as slow for a million IDs
    (NumPy 2.4).
    """
    together: np.ndarray = np.sort(np.concatenate(values))
    first = np.ones(together.shape, bool)
    first[1:] = together[1:] != together[:-1]
    return together[first]

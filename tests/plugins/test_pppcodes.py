"""The index ppp-codes: its answers are the reference's, whatever the order in which things come and go."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seealso_pppcodes import kernels, ranking


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    span=st.sampled_from([1, 3, 4096, 5000, 49 * 4096, 3 * 49 * 4096 + 1, 1 << 29]),
    pairs=st.booleans(),
)
def test_chosen_cells_hold_what_is_wanted(seed, span, pairs):
    """Also where a bound lies on the border between two buckets."""
    random = np.random.default_rng(seed)
    first = random.integers(0, span, 16).astype(np.int32)
    first[:2] = 0, span - 1
    second = np.zeros(16, np.int32) if pairs else np.empty(0, np.int32)
    if pairs and span > 4096:
        first[2:] = first[2:] // (span // 4096) * (span // 4096)
    counts = random.integers(0, 3, 256 if pairs else 16).astype(np.uint32)
    bounds = (first[:, np.newaxis] + second).ravel() if pairs else first
    for wanted in range(1, int(counts.sum()) + 1, 5 if pairs else 1):
        chosen = np.zeros(counts.size, np.uint8)
        limit = kernels.choose_cells(counts, first, second, wanted, ranking.BUCKETS, chosen)
        assert counts[chosen > 0].sum() >= wanted
        assert chosen.astype(bool).tolist() == ((bounds < limit) & (counts > 0)).tolist()

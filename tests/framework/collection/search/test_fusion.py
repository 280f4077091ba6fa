import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seealso.collection.search.fusion import EVENED_OUT, fused

rankings = st.lists(
    st.lists(st.integers(0, 50), unique=True, max_size=20).map(lambda ids: np.array(ids, np.int64)),
    min_size=1,
    max_size=3,
)


@given(rankings)
def test_it_is_the_sum_of_reciprocal_ranks(given_rankings):
    scores = {}
    for ranking in given_rankings:
        for rank, id_ in enumerate(ranking.tolist(), 1):
            scores[id_] = scores.get(id_, 0) + 1 / (EVENED_OUT + rank)
    found = fused(given_rankings).tolist()
    assert sorted(found) == sorted(scores)
    for one, other in itertools.pairwise(found):
        assert scores[one] > scores[other] - 1e-12
        assert abs(scores[one] - scores[other]) > 1e-12 or one < other


def test_what_stands_in_both_comes_first():
    assert fused([np.array([1, 2, 3]), np.array([3, 4])]).tolist() == [3, 1, 2, 4]


@given(rankings)
def test_one_ranking_alone_stays_as_it_is(given_rankings):
    assert fused(given_rankings[:1]).tolist() == given_rankings[0].tolist()

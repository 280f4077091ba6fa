"""The index ppp-codes: distances from a query to all pivots by one product."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seealso
from seealso.distances.vectors import Cosine, Euclidean, Manhattan
from seealso_pppcodes.index import PPPCodesIndex
from seealso_pppcodes.options import PPPCodesOptions
from seealso_pppcodes.products import PivotProducts

METRICS = {metric.name: metric() for metric in (Euclidean, Cosine)}


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("scale", [1e-25, 1.0, 1e18, 1e38])
@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**32 - 1), shift=st.sampled_from([0.0, 3.0]))
def test_products_give_the_distances(metric, scale, seed, shift):
    """Also to a pivot that equals the query, is nearly parallel to it or zero, and where squares overflow or vanish."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(60, 40)) + shift
    rows[1], rows[2], rows[3], rows[4] = rows[0], 1.001 * rows[0], -rows[0], 0
    rows = (rows / np.abs(rows).max() * scale).astype(np.float32)
    distance = METRICS[metric]
    found = PivotProducts(distance, rows).distances(rows[0])
    assert found.dtype == np.float32
    assert np.allclose(found, distance.one_to_many(rows[0], rows), rtol=2e-5, atol=0)


def test_products_are_for_many_vectors_of_float32():
    rows = np.ones((1280, 256), np.float32)
    assert PivotProducts.of(METRICS["euclidean"], rows) is not None
    assert PivotProducts.of(METRICS["cosine"], rows) is not None
    assert PivotProducts.of(Manhattan(), rows) is None
    assert PivotProducts.of(METRICS["euclidean"], rows.astype(np.float64)) is None
    assert PivotProducts.of(METRICS["euclidean"], rows[:1000]) is None


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_by_products_the_candidates_are_the_same(metric, monkeypatch):
    """But for those that float32 cannot tell apart."""
    descriptors = np.random.default_rng(0).normal(size=(900, 16)).astype(np.float32)
    context = seealso.IndexContext(METRICS[metric], None, 16, np.dtype(np.float32), 1)
    found = []
    for worthwhile in (1 << 30, 1):
        monkeypatch.setattr("seealso_pppcodes.products.WORTHWHILE", worthwhile)
        index = PPPCodesIndex(PPPCodesOptions(pivots=32), context)
        index.train(descriptors)
        index.add(np.arange(900), descriptors)
        found.append([next(index.candidates(query, wanted=50)) for query in descriptors[:20] + np.float32(0.01)])
        assert (index._spaces._products is None) == (worthwhile > 1)
        index.close()
    for exact, product in zip(*found, strict=True):
        assert len(set(exact.ids.tolist()) ^ set(product.ids.tolist())) <= 2
        assert np.allclose(exact.scores, product.scores, rtol=1e-5)

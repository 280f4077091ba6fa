"""Bounds: a pair that is near is never lost, whatever the metric and the numbers; pairs that are far apart mostly are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seealso.collection.duplicates.bounds import Pivots, Projection, Unbounded, bound_for
from seealso.distances.bits import Hamming
from seealso.distances.vectors import Cosine, Euclidean, Manhattan

DISTANCES = [Euclidean(), Cosine(), Manhattan(), Hamming()]


def descriptors(distance, count, seed, scale=1.0):
    """Some descriptors, each with another one near it."""
    random = np.random.default_rng(seed)
    if isinstance(distance, Hamming):
        some = random.integers(0, 256, (count, 8), np.uint8)
        return np.concatenate([some, some ^ (random.random(some.shape) < 0.05).astype(np.uint8)])
    some = random.normal(size=(count, 40)).astype(np.float32)
    near = some + 0.05 * random.normal(size=some.shape).astype(np.float32)
    return np.float32(scale) * np.concatenate([some, near])


@pytest.mark.parametrize("distance", DISTANCES, ids=lambda distance: distance.name)
@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=st.integers(0, 1000), width=st.integers(1, 70), share=st.floats(0, 1))
def test_no_pair_that_is_near_is_lost(distance, seed, width, share):
    some = descriptors(distance, 30, seed)
    true = distance.many_to_many(some, some)
    radius = float(np.quantile(true, share))
    bound = bound_for(distance, some[:20], width)
    signatures = bound.signatures(some)
    assert signatures.dtype == np.float32
    near = bound.may_be_near(signatures, signatures, radius)
    assert not ((true <= radius) & ~near).any()


@pytest.mark.parametrize("distance", DISTANCES[:3], ids=lambda distance: distance.name)
def test_pairs_that_are_far_apart_are_mostly_told(distance):
    some = descriptors(distance, 200, 1)
    true = distance.many_to_many(some, some)
    radius = float(np.diag(true, 200).max())
    bound = bound_for(distance, some)
    near = bound.may_be_near(bound.signatures(some), bound.signatures(some), radius)
    assert near.mean() < 0.2


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1e3, 1e18, 3e38])
@pytest.mark.parametrize("distance", DISTANCES[:3], ids=lambda distance: distance.name)
def test_values_however_large_or_small_lose_no_pair(distance, scale):
    some = descriptors(distance, 20, 2, scale / 8)
    true = distance.many_to_many(some, some)
    bound = bound_for(distance, some)
    signatures = bound.signatures(some)
    for radius in np.quantile(true[np.isfinite(true)], [0, 0.02, 0.5]).tolist():
        assert not ((true <= radius) & ~bound.may_be_near(signatures, signatures, radius)).any()


def test_zeros_are_no_special_case():
    some = np.concatenate([np.zeros((2, 5), np.float32), np.eye(5, dtype=np.float32)])
    for distance in DISTANCES[:3]:
        true = distance.many_to_many(some, some)
        bound = bound_for(distance, some)
        signatures = bound.signatures(some)
        for radius in (0.0, 1.0, 1.6):
            assert not ((true <= radius) & ~bound.may_be_near(signatures, signatures, radius)).any()
    same = np.ones((9, 5), np.float32)
    bound = bound_for(DISTANCES[1], same)
    assert bound.may_be_near(bound.signatures(same), bound.signatures(same), 0.0).all()


def test_what_is_known_of_a_distance_decides_which_bound_it_is():
    some = descriptors(DISTANCES[0], 5, 3)
    assert [type(bound_for(each, some)) for each in DISTANCES[:3]] == [Projection, Projection, Pivots]
    assert Unbounded().may_be_near(Unbounded().signatures(some), Unbounded().signatures(some[:3]), 0).shape == (10, 3)

"""Descriptors of random objects."""

import numpy as np
import pytest

from seealso.collection.sample import read_sample
from vector_collections import opened_of


@pytest.fixture
def opened(indexed):
    """Of sixty photographs, with what is open of them."""
    collection = indexed(60)
    return collection, opened_of(collection)


def rows(descriptors: np.ndarray) -> set[bytes]:
    return {row.tobytes() for row in descriptors}


def test_a_sample_is_the_same_as_long_as_nothing_changes(opened):
    collection, held = opened
    sample = read_sample(held.store, held.catalog, 20)
    everything = collection.descriptors(collection.ids())
    assert sample.shape == (20, everything.shape[1])
    assert sample.dtype == everything.dtype
    assert len(rows(sample)) == 20
    assert rows(sample) <= rows(everything)
    assert np.array_equal(sample, read_sample(held.store, held.catalog, 20))
    # In the order of neither the IDs nor the store.
    assert not np.array_equal(read_sample(held.store, held.catalog, 100), everything)


def test_of_few_all_are_taken_and_of_none_none(opened):
    collection, held = opened
    assert rows(read_sample(held.store, held.catalog, 1000)) == rows(collection.descriptors(collection.ids()))
    held.store.remove_many(collection.ids()[:59])
    assert len(read_sample(held.store, held.catalog, 1000)) == 1
    held.store.remove_many(collection.ids())
    assert len(read_sample(held.store, held.catalog, 1000)) == 0

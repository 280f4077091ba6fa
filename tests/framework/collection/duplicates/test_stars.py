"""Stars: each object joins the nearest that began a group before it; the same however the objects are cut into blocks."""

import numpy as np
import pytest

from seealso.collection.duplicates.bounds import Unbounded, bound_for
from seealso.collection.duplicates.stars import NONE, Gathering, block_size
from seealso.distances.vectors import Cosine, Euclidean, Manhattan
from seealso.testing.memory_store import MemoryStore


def store_of(descriptors: np.ndarray, ids: np.ndarray) -> MemoryStore:
    store = MemoryStore(descriptors.shape[1])
    store.put_many(ids, descriptors)
    return store


def expected(true: np.ndarray, radius: float, size: int, judge=None) -> tuple[list[int], list[float]]:
    """Heads and distances, one object after the other: with the heads of earlier blocks first, else with those of its own."""
    heads: list[int] = []
    found: list[int] = []
    distances: list[float] = []
    for place in range(len(true)):
        start = place - place % size
        for some in ([head for head in heads if head < start], [head for head in heads if head >= start]):
            near = sorted((true[place, head], head) for head in some if true[place, head] <= radius)
            near = [each for each in near if judge is None or judge(place, each[1], each[0])]
            if near:
                break
        if near:
            distances.append(float(near[0][0]))
            found.append(near[0][1])
        else:
            heads.append(place)
            distances.append(0.0)
            found.append(place)
    return found, distances


@pytest.fixture(params=[Euclidean(), Cosine(), Manhattan()], ids=lambda distance: distance.name)
def case(request):
    """A distance, 150 descriptors that lie in heaps, their IDs in no order, and how near is near."""
    random = np.random.default_rng(5)
    heaps = random.normal(size=(30, 20))
    descriptors = (heaps[random.integers(0, 30, 150)] + 0.2 * random.normal(size=(150, 20))).astype(np.float32)
    ids = random.permutation(1000)[:150].astype(np.int64)
    true = request.param.many_to_many(descriptors, descriptors)
    return request.param, descriptors, ids, float(np.quantile(true, 0.02))


@pytest.mark.parametrize("size", [7, 64, 4096])
def test_each_joins_the_nearest_that_began_a_group_before_it(case, size):
    distance, descriptors, ids, radius = case
    bound = bound_for(distance, descriptors)
    found = Gathering(store_of(descriptors, ids), distance, bound, ids, radius, size=size).run()
    heads, distances = expected(distance.many_to_many(descriptors, descriptors), radius, size)
    assert found.heads.tolist() == heads
    assert np.allclose(found.distances, distances, atol=1e-6)
    # No star is chained: whoever is a head belongs to itself.
    assert (found.heads[found.heads] == found.heads).all()
    assert len(set(heads)) < 150


class Even:
    """Only objects whose places are both even, or both odd, are the same."""

    def __init__(self) -> None:
        self.prepared: set[int] = set()

    def prepare(self, places):
        self.prepared |= set(places)

    def __call__(self, place, other, distance):
        assert {place, other} <= self.prepared
        return (place - other) % 2 == 0

    def repeat(self, places, others):
        raise AssertionError("no two are identical")


@pytest.mark.parametrize("size", [7, 150])
def test_a_judge_decides_among_those_that_are_near(case, size):
    distance, descriptors, ids, radius = case
    bound = bound_for(distance, descriptors)
    found = Gathering(store_of(descriptors, ids), distance, bound, ids, radius, Even(), size).run()
    true = distance.many_to_many(descriptors, descriptors)
    heads, _ = expected(true, radius, size, lambda a, b, _: (a - b) % 2 == 0)
    assert found.heads.tolist() == heads


def test_those_with_the_very_same_descriptor_go_together():
    random = np.random.default_rng(1)
    some = random.normal(size=(20, 6)).astype(np.float32)
    descriptors = some[random.integers(0, 20, 200)]
    ids = np.arange(200, dtype=np.int64)
    repeated = []

    class Nobody:
        def prepare(self, places):
            pass

        def __call__(self, place, other, distance):
            return distance == 0

        def repeat(self, places, others):
            repeated.extend(zip(places.tolist(), others.tolist(), strict=True))

    found = Gathering(store_of(descriptors, ids), Euclidean(), Unbounded(), ids, 100.0, Nobody(), 64).run()
    first = {tuple(row): place for place, row in reversed(list(enumerate(descriptors.tolist())))}
    assert found.heads.tolist() == [first[tuple(row)] for row in descriptors.tolist()]
    assert not found.distances.any()
    assert all((descriptors[place] == descriptors[other]).all() for place, other in repeated)


def test_what_the_store_does_not_hold_belongs_to_nobody():
    descriptors = np.ones((4, 3), np.float32)
    store = store_of(descriptors, np.array([5, 9, 2, 7]))
    store.remove_many(np.array([9]))
    found = Gathering(store, Euclidean(), Unbounded(), np.array([5, 9, 2, 7]), 0.0, size=2).run()
    assert found.heads.tolist() == [0, NONE, 0, 0]
    assert found.distances[[0, 2, 3]].tolist() == [0, 0, 0]


def test_progress_is_told(case):
    distance, descriptors, ids, radius = case
    told = []
    gathering = Gathering(store_of(descriptors, ids), distance, Unbounded(), ids, radius, size=64)
    gathering.run(lambda done, total: told.append((done, total)))
    assert told == [(64, 150), (128, 150), (150, 150)]


def test_blocks_are_bounded():
    assert block_size(1280 * 4) == 4096
    assert block_size(1 << 18) == 128
    assert block_size(1 << 30) == 64

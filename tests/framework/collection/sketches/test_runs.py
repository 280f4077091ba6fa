"""IDs and places as runs: whatever comes and goes, they are those of a dictionary."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seealso.collection.sketches.runs import Runs
from seealso.testing.effort import examples

LARGEST = (1 << 63) - 1
IDS = st.one_of(st.integers(0, 30), st.sampled_from([1 << 31, 1 << 53, LARGEST - 2, LARGEST - 1, LARGEST]))
STEPS = st.lists(st.tuples(st.sampled_from(["add", "add", "remove"]), st.sets(IDS, max_size=12)), max_size=12)


def as_array(ids) -> np.ndarray:
    return np.array(sorted(ids), np.int64)


@examples(50)
@given(steps=STEPS)
def test_they_are_those_of_a_dictionary(steps):
    runs, expected, used = Runs.empty(), {}, 0
    for step, ids in steps:
        if step == "add":
            new = as_array(ids - set(expected))
            runs = runs.added(new, used)
            expected |= dict(zip(new.tolist(), range(used, used + new.size), strict=True))
            used += new.size
        else:
            runs = runs.without(as_array(ids))
            expected = {id_: place for id_, place in expected.items() if id_ not in ids}
        runs.check(used)
        assert runs.size == len(expected)
        assert runs.ids().tolist() == sorted(expected)
        assert runs.last == max(expected, default=-1)
        asked = as_array({*range(32), LARGEST, LARGEST - 1, 1 << 53, *ids})
        assert runs.at(asked).tolist() == [expected.get(id_, -1) for id_ in asked.tolist()]
        owners = {place: id_ for id_, place in expected.items()}
        assert runs.ids_at(np.arange(used + 3)).tolist() == [owners.get(place, -1) for place in range(used + 3)]
        for start, end in ((0, used), (used // 3, used - used // 3), (used, used)):
            assert runs.unused(start, end).tolist() == [place for place in range(start, end) if place not in owners]
        for size in (1, 3, 100):
            blocks = list(runs.blocks(size))
            assert all(ids.size <= size for ids, _ in blocks)
            found = [pair for block in blocks for pair in zip(*(each.tolist() for each in block), strict=True)]
            assert found == sorted(expected.items())


def test_what_follows_one_another_is_one_run():
    runs = Runs.empty()
    for start in range(0, 1000, 10):
        runs = runs.added(np.arange(start, start + 10), start)
    assert runs.firsts.size == 1
    assert runs.nbytes == 24
    runs = runs.added(np.arange(2000, 2010), 1000)
    assert runs.firsts.size == 2
    # The same IDs elsewhere are another run.
    assert runs.added(np.arange(2010, 2020), 5000).firsts.size == 3


def test_nothing_removed_is_the_same():
    runs = Runs.empty().added(np.arange(5), 0)
    assert runs.without(np.array([7, 9])) is runs
    assert runs.without(np.empty(0, np.int64)) is runs


@pytest.mark.parametrize(
    ("firsts", "lengths", "places", "expected"),
    [
        ([-1], [2], [0], "runs of IDs are damaged"),
        ([5], [0], [0], "runs of IDs are damaged"),
        ([5], [1 << 62], [0], "runs of IDs are damaged"),
        ([5, 6], [2, 2], [0, 2], "do not ascend"),
        ([9, 5], [2, 2], [0, 2], "do not ascend"),
        ([5], [2], [-1], "without a row"),
        ([5], [5], [6], "without a row"),
    ],
)
def test_damaged_ones_are_refused(firsts, lengths, places, expected):
    runs = Runs(*(np.array(each, np.int64) for each in (firsts, lengths, places)))
    with pytest.raises(ValueError, match=expected):
        runs.check(10)

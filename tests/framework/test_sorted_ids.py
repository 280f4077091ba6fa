import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seealso import FormatError, KeptIds, distinct

LARGEST = (1 << 63) - 1

numbers = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=30).map(lambda values: np.array(values, np.int64))
steps = st.lists(
    st.tuples(st.booleans(), st.sets(st.one_of(st.integers(0, 30), st.just(LARGEST)), max_size=8)), max_size=12
)


@given(st.lists(numbers, min_size=1, max_size=3))
def test_distinct_is_the_sorted_set(arrays):
    expected = sorted({number for array in arrays for number in array.tolist()})
    before = [array.copy() for array in arrays]
    found = distinct(*arrays)
    assert found.tolist() == expected
    assert found.dtype == np.int64
    assert all(np.array_equal(array, kept) for array, kept in zip(arrays, before, strict=True))


@given(steps)
def test_kept_ids_are_those_of_a_set(steps):
    kept, expected, moments = KeptIds("some"), set(), []
    for adding, some in steps:
        ids = np.array(sorted(some), np.int64)
        if adding:
            kept.add(ids)
            expected = expected | some
        else:
            kept.remove(ids)
            expected = expected - some
        assert kept.array.dtype == np.int64
        moments.append((kept.array, sorted(expected)))
    # What was there at a moment stays.
    assert all(array.tolist() == ids for array, ids in moments)


def test_kept_ids_are_saved(tmp_path):
    kept = KeptIds("some")
    kept.add(np.array([3, 5, LARGEST]))
    kept.save(tmp_path)
    again = KeptIds("some")
    again.load(tmp_path)
    assert again.array.tolist() == [3, 5, LARGEST]
    again.remove(np.array([3]))
    again.add(np.array([4]))
    assert again.array.tolist() == [4, 5, LARGEST]
    again.load(tmp_path)
    assert again.array.tolist() == [3, 5, LARGEST]


def test_kept_ids_of_another_index_are_refused(tmp_path):
    KeptIds("some").save(tmp_path)
    with pytest.raises(FormatError, match="not a snapshot of the index other"):
        KeptIds("other").load(tmp_path)
    (tmp_path / "some.json").rename(tmp_path / "other.json")
    with pytest.raises(FormatError, match="not a sound snapshot of the index other"):
        KeptIds("other").load(tmp_path)

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from seealso import distinct

numbers = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=30).map(lambda values: np.array(values, np.int64))


@given(st.lists(numbers, min_size=1, max_size=3))
def test_distinct_is_the_sorted_set(arrays):
    expected = sorted({number for array in arrays for number in array.tolist()})
    before = [array.copy() for array in arrays]
    found = distinct(*arrays)
    assert found.tolist() == expected
    assert found.dtype == np.int64
    assert all(np.array_equal(array, kept) for array, kept in zip(arrays, before, strict=True))

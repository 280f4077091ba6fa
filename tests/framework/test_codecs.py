"""The codecs: what is written can be read again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from seealso.codecs.raw import Raw
from seealso.distances.vectors import Euclidean
from seealso.interfaces.codec import CodecContext, Records
from seealso.interfaces.plugin import PluginOptions


def raw(dim: int, dtype: str = "float32") -> Raw:
    return Raw(PluginOptions(), CodecContext(dim, np.dtype(dtype)))


@given(
    st.sampled_from(["float32", "float64", "float16", "uint8", "int8"]).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=12))
    )
)
def test_raw_is_lossless(descriptors):
    codec = raw(descriptors.shape[1], descriptors.dtype.name)
    records = codec.encode(descriptors)
    assert [len(record) for record in records] == [descriptors.shape[1] * descriptors.itemsize] * len(descriptors)
    found = codec.decode([memoryview(record) for record in records])
    assert found.dtype == descriptors.dtype
    assert found.shape == descriptors.shape
    assert found.tobytes() == descriptors.tobytes()
    assert found.flags.writeable


def test_raw_is_little_endian():
    assert raw(1).encode(np.array([[1.0]], ">f4")) == [b"\x00\x00\x80\x3f"]


@pytest.mark.parametrize("records", [[b"123"], [b"12345"], [b"123", b"12345"]])
def test_a_record_of_another_length_is_refused(records):
    with pytest.raises(ValueError, match="not of 4 bytes"):
        raw(1).decode(records)


def test_distances_on_records():
    rng = np.random.default_rng(0)
    descriptors = rng.normal(size=(9, 5)).astype(np.float32)
    codec = raw(5)
    expected = Euclidean().one_to_many(descriptors[0], descriptors)
    assert np.array_equal(codec.distances(Euclidean(), descriptors[0], codec.encode(descriptors)), expected)


@given(st.lists(st.binary(max_size=9), max_size=9), st.slices(9))
def test_records_in_one_buffer(records, some):
    together = Records.of(records)
    assert [bytes(record) for record in together] == records
    assert [bytes(record) for record in together[some]] == records[some]
    assert Records.of(together) is together
    assert len(together[some]) == len(records[some])
    if records:
        assert bytes(together[-1]) == records[-1]
    with pytest.raises(IndexError):
        together[len(records)]

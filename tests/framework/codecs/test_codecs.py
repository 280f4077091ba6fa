"""The codecs: what is written can be read again, what is damaged is refused, and distances are those of what was decoded."""

import subprocess
import sys
from functools import cache

import numpy as np
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import seealso
from lengths import campaign
from seealso.codecs import register_codecs
from seealso.distances import register_distances
from seealso.distances.vectors import Cosine, Euclidean
from seealso.interfaces.codec import Codec, CodecContext, Records
from seealso.testing import CodecTests

CODECS = {cls.name: cls for cls in register_codecs()}
LOSSLESS = ["raw", "sparse", "zstd"]
HALVES = ["f16", "sparse-f16"]
DTYPES = ["float32", "float64", "float16", "uint8", "int8", "uint16", "int32", "int64"]


class TestRaw(CodecTests):
    codec_class = CODECS["raw"]


class TestSparse(CodecTests):
    codec_class = CODECS["sparse"]


class TestZstd(CodecTests):
    codec_class = CODECS["zstd"]


class TestF16(CodecTests):
    codec_class = CODECS["f16"]
    dtypes = ("float32", "float64", "float16")


class TestSparseF16(CodecTests):
    codec_class = CODECS["sparse-f16"]
    dtypes = ("float32", "float64", "float16")


class TestSparseU8(CodecTests):
    codec_class = CODECS["sparse-u8"]
    dtypes = ("float32", "float64", "float16")
    most_off = 0.02


# Compiling a kernel for the first time takes seconds.
patiently = settings(max_examples=campaign(30, 100), deadline=None, suppress_health_check=[HealthCheck.too_slow])


def make(name: str, dim: int, dtype: str = "float32", **options) -> Codec:
    cls = CODECS[name]
    return cls(cls.Options(**options), CodecContext(dim, np.dtype(dtype)))


@cache
def values_of(dtype: str, bound: float | None) -> st.SearchStrategy[np.ndarray]:
    """Ten values of a type: any bits; or floating-point numbers no further from zero than ``bound``."""
    width = np.dtype(dtype).itemsize
    if bound is not None and dtype.startswith("float"):
        return hnp.arrays(dtype, 10, elements=st.floats(-bound, bound, width=8 * width))
    return st.binary(min_size=10 * width, max_size=10 * width).map(lambda drawn: np.frombuffer(drawn, dtype))


counts, dims = st.integers(0, 6), st.sampled_from([0, 1, 7, 8, 63, 64, 65, 140])
shares, seeds = st.sampled_from([0.0, 0.3, 0.9, 1.0]), st.integers(0, 999)


@st.composite
def descriptors_of(draw, dtype: str, bound: float | None = None, more: int = 0):
    """``(n, dim)`` of a type, n from ``more`` on, made of some ten values, with any share of zeros, also negative ones."""
    shape, random = (draw(counts) + more, draw(dims)), np.random.default_rng(draw(seeds))
    values = random.choice(draw(values_of(dtype, bound)), shape)
    values[random.random(shape) < draw(shares)] = 0
    if values.dtype.kind == "f":
        values[random.random(shape) < 0.1] = -0.0
    return values


def scattered(records: list[bytes], shift: int, gaps: list[int] | None = None) -> Records:
    """The same records in one buffer with other things between them, the first at ``shift``."""
    buffer, starts = bytearray(b"\xa5" * shift), []
    for number, record in enumerate(records):
        starts.append(len(buffer))
        buffer += record + b"\x5a" * (gaps[number % len(gaps)] if gaps else 0)
    lengths = np.array(list(map(len, records)), np.int64)
    return Records(np.frombuffer(bytes(buffer), np.uint8), np.array(starts, np.int64), lengths)


# Encoding and decoding


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LOSSLESS)
@pytest.mark.torture
@patiently
@given(data=st.data())
def test_what_is_lossless_gives_every_bit_back(name, dtype, data):
    descriptors = data.draw(descriptors_of(dtype))
    codec = make(name, descriptors.shape[1], dtype)
    assert codec.lossless
    records = codec.encode(descriptors)
    assert len(records) == len(descriptors)
    for form in (records, [memoryview(r) for r in records], Records.of(records), scattered(records, 3, [1, 0, 6])):
        found = codec.decode(form)
        assert found.dtype == descriptors.dtype
        assert found.shape == descriptors.shape
        assert found.tobytes() == descriptors.tobytes()
        assert found.flags.writeable
    assert codec.error(descriptors) == 0


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("name", HALVES)
@pytest.mark.torture
@patiently
@given(data=st.data())
def test_what_is_lossy_gives_float16_back(name, dtype, data):
    descriptors = data.draw(descriptors_of(dtype, bound=65504))
    codec = make(name, descriptors.shape[1], dtype)
    assert not codec.lossless
    found = codec.decode(codec.encode(descriptors))
    assert found.dtype == descriptors.dtype
    expected = descriptors.astype(np.float16).astype(dtype)
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("name", HALVES)
def test_how_far_a_lossy_one_is_off(name):
    rng = np.random.default_rng(0)
    codec = make(name, 64)
    assert 2**-14 < codec.error(rng.normal(size=(50, 64)).astype(np.float32)) < 2**-11
    assert codec.error(np.zeros((3, 64), np.float32)) == 0
    assert codec.error(np.empty((0, 64), np.float32)) == 0


@pytest.mark.parametrize("name", HALVES)
def test_what_float16_cannot_hold_is_refused(name):
    with pytest.raises(ValueError, match=r"values up to 65504, and there is one of 70000; index into a new coll"):
        make(name, 3).encode(np.array([[1, -70000, 2]], np.float32))
    with pytest.raises(
        seealso.ConfigError, match=f"the codec {name} takes descriptors of floating-point numbers, not uint8;"
    ):
        make(name, 3, "uint8")


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.torture
@patiently
@given(data=st.data())
def test_bytes_are_off_by_half_a_step_and_then_no_more(dtype, data):
    descriptors = data.draw(descriptors_of(dtype, bound=65504))
    codec = make("sparse-u8", descriptors.shape[1], dtype)
    found = codec.decode(codec.encode(descriptors))
    assert found.dtype == descriptors.dtype
    largest = np.abs(descriptors.astype(np.float64)).max(axis=1, initial=0)
    codes = np.where((descriptors < 0).any(axis=1), 127, 255)
    off = np.abs(found.astype(np.float64) - descriptors).max(axis=1, initial=0)
    # Beside half a step there is the rounding of the type, and what is smaller than any step.
    assert (off <= largest * (0.501 / codes + np.finfo(dtype).eps) + 1e-37).all()
    if dtype != "float16":  # which rounds what is decoded
        assert codec.decode(codec.encode(found)).tobytes() == found.tobytes()


def test_bytes_of_what_has_signs_and_of_what_has_none():
    codec = make("sparse-u8", 5)
    for row in ([0, 1, 2, 254, 255], [-127, 0, 1, -1, 126], [255, 0, 0, 0, -0.4], [0, 0, 0, 0, 0], [7, 7, 7, 7, 7]):
        descriptor = np.array([row], np.float32)
        found = codec.decode(codec.encode(descriptor))
        expected = np.maximum(descriptor, 0) if min(row) == np.float32(-0.4) else descriptor
        assert np.allclose(found, expected, rtol=0, atol=1e-4 * max(map(abs, row)))


def test_bytes_hold_the_smallest_and_the_largest_numbers():
    codec = make("sparse-u8", 3)
    tiny = float(np.finfo(np.float32).smallest_subnormal)
    assert codec.decode(codec.encode(np.array([[tiny, -tiny, 0]], np.float32))).tolist() == [[0, 0, 0]]
    for large in ([3.4e38, 1e38, 0], [3.4e38, -3.4e38, 0]):
        found = codec.decode(codec.encode(np.array([large], np.float32)))
        assert np.isfinite(found).all()
        assert np.allclose(found, large, rtol=0.01)
    for beyond in ([3.402e38, 0, 0], [np.inf, 0, 0], [np.nan, 0, 0]):
        with pytest.raises(
            ValueError, match=r"the codec sparse-u8 holds values up to 3\.4e\+38, and there is one beyond"
        ):
            codec.encode(np.array([beyond], np.float32))


@pytest.mark.parametrize("step", [0.0, -0.0, np.nan, np.inf, -np.inf, 1e-39, 3e38])
def test_a_step_that_cannot_be_is_refused(step):
    codec = make("sparse-u8", 3)
    record = codec.encode(np.ones((1, 3), np.float32))[0]
    damaged = np.float32(step).tobytes() + record[4:]
    with pytest.raises(ValueError, match="record 1 is none of the codec sparse-u8: its step cannot be"):
        codec.decode([record, damaged])


def test_rectified_descriptors_as_bytes():
    """What it is for: a byte for each value that is not zero, and neighbours stay neighbours."""
    random = np.random.default_rng(4)
    descriptors = np.maximum(random.normal(size=(400, 1024)) - 0.5, 0).astype(np.float32)
    codec = make("sparse-u8", 1024)
    records = codec.encode(descriptors)
    assert sum(map(len, records)) <= 4 * 400 + 128 * 400 + np.count_nonzero(descriptors)
    assert codec.error(descriptors) < 0.01
    exact = np.array([Euclidean().one_to_many(query, descriptors) for query in descriptors[:20]])
    found = np.array([codec.distances(Euclidean(), query, records) for query in descriptors[:20]])
    others = ~np.eye(20, 400, dtype=bool)
    assert np.allclose(found[others], exact[others], rtol=0.003)


def test_sparse_takes_no_wider_values():
    with pytest.raises(seealso.ConfigError, match="takes values of up to 8 bytes, not complex128"):
        make("sparse", 3, "complex128")


def test_what_is_written():
    """The formats: collections hold them."""
    descriptors = np.array([[0, 1, 0, -0.0, 0, 0, 0, 0, 0, 2]], ">f4")
    one, two, minus = b"\x00\x00\x80\x3f", b"\x00\x00\x00\x40", b"\x00\x00\x00\x80"
    zero = bytes(4)
    assert make("raw", 10).encode(descriptors) == [zero + one + zero + minus + zero * 5 + two]
    assert make("f16", 10).encode(descriptors) == [b"\0\0\0\x3c\0\0\0\x80" + bytes(10) + b"\0\x40"]
    bitmap = b"\x0a\x02" + bytes(6)
    assert make("sparse", 10).encode(descriptors) == [bitmap + one + minus + two]
    assert make("sparse-f16", 10).encode(descriptors) == [bitmap + b"\0\x3c\0\x80\0\x40"]
    # A 255th of 2, of sixteen bits, rounded up; -0.0 is 0.
    step = np.float32(32897 / 2**22).tobytes()
    assert make("sparse-u8", 10).encode(descriptors) == [step + b"\x02\x02" + bytes(6) + b"\x7f\xff"]
    (frame,) = make("zstd", 10).encode(descriptors)
    assert zstandard.decompress(frame) == descriptors.astype("<f4").tobytes()


def test_a_higher_level_of_zstd_is_smaller():
    descriptors = np.tile(np.random.default_rng(0).integers(0, 9, (4, 500)).astype(np.float32), 8)
    fast, small = (make("zstd", 4000, level=level).encode(descriptors) for level in (1, 19))
    assert sum(map(len, small)) < sum(map(len, fast))
    assert make("zstd", 4000).decode(small).tobytes() == descriptors.tobytes()


# Damage


@pytest.mark.parametrize("name", CODECS)
def test_records_of_every_other_length_are_refused(name):
    codec = make(name, 70)
    descriptor = np.arange(70, dtype=np.float32)
    (record,) = codec.encode(descriptor[np.newaxis])
    for length in range(2 * len(record)):
        if length != len(record):
            cut = (record + record)[:length]
            for records in ([cut], [record, cut]):
                with pytest.raises(ValueError, match=f"of the codec {name}"):
                    codec.decode(records)
                with pytest.raises(ValueError, match=f"of the codec {name}"):
                    codec.distances(Euclidean(), descriptor, records)
    assert codec.undecodable([record, record[:-1], record, b"", record]) == [1, 3]
    assert codec.undecodable([record]) == codec.undecodable([]) == []


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.torture
@patiently
@given(data=st.data())
def test_flipped_bits_are_refused_or_decoded(name, data):
    dim = data.draw(st.sampled_from([1, 10, 64, 130]))
    codec = make(name, dim)
    descriptor = np.where(np.arange(dim) % 3, np.float32(0), np.arange(dim, dtype=np.float32))
    record = bytearray(codec.encode(descriptor[np.newaxis])[0])
    for bit in data.draw(st.lists(st.integers(0, 8 * len(record) - 1), min_size=1, max_size=4)):
        record[bit // 8] ^= 1 << bit % 8
    with np.errstate(all="ignore"):
        try:
            decoded = codec.decode([bytes(record)])
        except ValueError:
            with pytest.raises(ValueError, match="codec"):
                codec.distances(Euclidean(), descriptor, [bytes(record)])
        else:
            assert decoded.shape == (1, dim)
            assert codec.distances(Euclidean(), descriptor, [bytes(record)]).shape == (1,)


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.torture
@patiently
@given(record=st.binary(max_size=80), dim=st.sampled_from([0, 1, 9, 64, 65]))
def test_any_bytes_are_refused_or_decoded(name, record, dim):
    codec = make(name, dim)
    with np.errstate(all="ignore"):
        try:
            assert codec.decode([record]).shape == (1, dim)
            assert codec.distances(Euclidean(), np.zeros(dim, np.float32), [record]).shape == (1,)
        except ValueError:
            pass


@pytest.mark.parametrize("name", ["raw", "f16", "sparse", "sparse-f16", "sparse-u8"])
@pytest.mark.parametrize(
    ("start", "length"), [(-8, None), (8, None), (0, 1 << 62), (1 << 62, None), (0, -1), (-(1 << 63), None)]
)
def test_records_that_reach_beyond_their_buffer_are_refused(name, start, length):
    codec = make(name, 64)
    (record,) = codec.encode(np.ones((1, 64), np.float32))
    length = len(record) if length is None else length
    records = Records(np.frombuffer(record, np.uint8), np.array([start]), np.array([length]))
    for ask in (lambda: codec.decode(records), lambda: codec.distances(Euclidean(), np.ones(64, np.float32), records)):
        with pytest.raises(ValueError, match=f"of the codec {name}"):
            ask()


def test_a_bitmap_with_bits_beyond_the_dimension_is_refused():
    record = bytearray(make("sparse", 10).encode(np.ones((1, 10), np.float32))[0])
    record[1] = 0b111  # ten bits again, the last one the eleventh
    record[0] = 0b1111111
    with pytest.raises(ValueError, match="record 0 is none of the codec sparse: its bitmap"):
        make("sparse", 10).decode([bytes(record)])


def test_a_frame_that_would_unfold_without_end_is_not_decompressed():
    bomb = zstandard.ZstdCompressor().compress(bytes(1 << 28))
    unsaid = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(40))
    twice = 2 * make("zstd", 10).encode(np.zeros((1, 10), np.float32))[0]
    for record in (bomb, unsaid, twice):
        with pytest.raises(ValueError, match="a record of the codec zstd is"):
            make("zstd", 10).decode([record])


# Distances


@pytest.mark.parametrize("metric", register_distances())
@pytest.mark.parametrize("name", CODECS)
@pytest.mark.torture
@patiently
@given(data=st.data(), shift=st.integers(0, 9))
def test_distances_are_those_of_what_was_decoded(name, metric, data, shift):
    distance = metric()
    dtype = data.draw(
        st.sampled_from([d for d in metric.dtypes if d.startswith("float") or name in LOSSLESS] or [None])
    )
    if dtype is None:
        return
    drawn = data.draw(descriptors_of(dtype, bound=1000, more=1))
    query, descriptors = drawn[0], drawn[1:]
    codec = make(name, query.size, dtype)
    if len(descriptors) and data.draw(st.booleans()):
        query = descriptors[0]
    records = codec.encode(descriptors)
    expected = distance.one_to_many(query, codec.decode(records))
    for form in (
        records,
        scattered(records, shift),
        scattered(records, shift, [5]),
        scattered(records, shift, [0, 3, 8]),
    ):
        found = codec.distances(distance, query, form)
        assert found.dtype == np.float32
        assert np.allclose(found, expected, rtol=1e-6, atol=1e-30)
        assert ((found == 0) == (expected == 0)).all()


def half_empty(name, scale):
    """A generator, a codec, and a descriptor of this scale as the codec keeps it, about half of whose values are 0."""
    if scale == 1e30 and name in HALVES:
        pytest.skip("float16 holds values up to 65504")
    rng = np.random.default_rng(1)
    query = np.where(rng.random(1280) < 0.5, 0, rng.normal(size=1280) * scale).astype(np.float32)
    codec = make(name, 1280)
    query = codec.decode(codec.encode(query[np.newaxis]))[0]
    return rng, codec, query


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1, 1e3, 1e30])
def test_near_equal_descriptors_keep_their_digits(name, scale):
    rng, codec, query = half_empty(name, scale)
    descriptors = np.tile(query, (200, 1))
    for row in range(1, 200):
        descriptors[row] *= 1 + rng.normal() * 10.0 ** -rng.integers(0, 8)
    records = codec.encode(descriptors)
    exact = codec.decode(records).astype(np.float64) - query
    found = codec.distances(Euclidean(), query, records)
    assert found[0] == 0
    # By the largest value, so that the squares do not vanish.
    expected = scale * np.sqrt(((exact / scale) ** 2).sum(axis=1))
    assert np.allclose(found, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1, 1e3, 1e30])
def test_near_parallel_descriptors_keep_their_digits(name, scale):
    rng, codec, query = half_empty(name, scale)
    if not query.any():
        pytest.skip("float16 knows no such small values")
    turns = 10.0 ** rng.integers(-7, 1, 200)[:, np.newaxis] * rng.normal(size=(200, 1280))
    descriptors = (query * (1 + turns)).astype(np.float32)
    descriptors[:4] = [query, -query, np.zeros(1280), query * 3]
    records = codec.encode(descriptors)
    rows, direction = codec.decode(records).astype(np.float64) / scale, query.astype(np.float64) / scale
    rows /= np.where(rows.any(axis=1), np.linalg.norm(rows, axis=1), 1)[:, np.newaxis]
    expected = 2 * np.arcsin(np.minimum(np.linalg.norm(rows - direction / np.linalg.norm(direction), axis=1) / 2, 1))
    expected[2] = np.pi / 2
    assert np.allclose(codec.distances(Cosine(), query, records), expected, rtol=1e-6, atol=1e-7)
    assert codec.distances(Cosine(), np.zeros(1280, np.float32), records)[2] == 0


class Halved(Euclidean):
    """A distance of an outsider, which says nothing of what it is."""

    name = "halved"
    kind = None

    def one_to_many(self, query, descriptors, out=None):
        return super().one_to_many(query, descriptors, out) / 2


@pytest.mark.parametrize("name", CODECS)
def test_a_distance_that_says_nothing_of_itself_is_asked(name):
    rng = np.random.default_rng(2)
    descriptors = rng.normal(size=(9, 50)).astype(np.float32)
    codec = make(name, 50)
    records = codec.encode(descriptors)
    expected = Euclidean().one_to_many(descriptors[0], codec.decode(records)) / 2
    assert np.allclose(codec.distances(Halved(), descriptors[0], records), expected, rtol=1e-6)


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("shape", [(9,), (11,), (1, 10), ()])
def test_a_query_of_another_shape_is_refused(name, shape):
    codec = make(name, 10)
    with pytest.raises(ValueError, match="cannot be compared"):
        codec.distances(Euclidean(), np.zeros(shape, np.float32), codec.encode(np.ones((2, 10), np.float32)))


class Seen(Euclidean):
    """Keeps what it was asked about."""

    name = "seen"

    def one_to_many(self, query, descriptors, out=None):
        self.descriptors = descriptors
        return super().one_to_many(query, descriptors, out)


def test_raw_records_equally_far_apart_are_not_copied():
    descriptors = np.arange(40, dtype=np.float32).reshape(4, 10)
    codec, seen = make("raw", 10), Seen()
    records = codec.encode(descriptors)
    expected = Euclidean().one_to_many(descriptors[1], descriptors)
    for shift, gaps, copied in ((0, None, False), (8, [24], False), (3, [5], False), (1, [2, 7], True)):
        together = scattered(records, shift, gaps)
        assert np.array_equal(codec.distances(seen, descriptors[1], together), expected)
        assert np.shares_memory(seen.descriptors, together.buffer) != copied
        assert not np.shares_memory(codec.decode(together), together.buffer)
        for places in ([3, 1, 1, 0], [2, 2], [3, 2, 1], [1]):
            some = together.take(np.array(places))
            assert np.array_equal(codec.decode(some), descriptors[places])
            assert np.array_equal(codec.distances(seen, descriptors[1], some), expected[places])


@pytest.mark.parametrize("name", CODECS)
def test_no_records(name):
    codec = make(name, 10)
    for none in ([], Records.of([])):
        assert codec.decode(none).shape == (0, 10)
        assert codec.distances(Euclidean(), np.zeros(10, np.float32), none).shape == (0,)
        assert codec.statistics(none) == {"codec": name}
    assert codec.encode(np.empty((0, 10), np.float32)) == []


def test_statistics():
    descriptors = np.zeros((4, 640), np.float32)
    descriptors[:, ::4] = 1
    assert make("sparse", 640).statistics(make("sparse", 640).encode(descriptors)) == {"codec": "sparse", "ratio": 3.56}
    assert make("f16", 640).statistics(make("f16", 640).encode(descriptors)) == {"codec": "f16", "ratio": 2}


@given(st.lists(st.binary(max_size=9), max_size=9), st.slices(9))
def test_records_in_one_buffer(records, some):
    together = Records.of(records)
    assert [bytes(record) for record in together] == records
    assert [bytes(record) for record in together[some]] == records[some]
    assert Records.of(together) is together
    assert together.inside()
    assert len(together[some]) == len(records[some])
    if records:
        assert bytes(together[-1]) == records[-1]
        assert [bytes(record) for record in together.take(np.array([-1, 0]))] == [records[-1], records[0]]
    with pytest.raises(IndexError):
        together[len(records)]


def test_what_is_heavy_waits_until_it_is_needed():
    program = (
        "import sys, seealso; plugins = seealso.load_plugins(); plugins.list_all(); "
        "seealso.commented_configuration(plugins); sys.exit(bool({'numba', 'zstandard'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0

"""The metrics, against plain NumPy in float64."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lengths import campaign
from seealso.blocks import TILE_SIDE, row_blocks
from seealso.distances.bits import Hamming
from seealso.distances.vectors import Cosine, Euclidean, Manhattan
from seealso.testing import DistanceTests


def reference(name: str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``(n, dim)``, ``(m, dim)`` → ``(n, m)``, pair by pair."""
    a, b = a[:, np.newaxis].astype(np.float64), b[np.newaxis].astype(np.float64)
    if name == "euclidean":
        return np.sqrt(((a - b) ** 2).sum(axis=2))
    if name == "manhattan":
        return np.abs(a - b).sum(axis=2)
    if name == "cosine":
        lengths = np.linalg.norm(a, axis=2), np.linalg.norm(b, axis=2)
        with np.errstate(all="ignore"):
            u, v = a / lengths[0][..., np.newaxis], b / lengths[1][..., np.newaxis]
            angle = 2 * np.arctan2(np.linalg.norm(u - v, axis=2), np.linalg.norm(u + v, axis=2))
        zeros = (lengths[0] == 0).astype(int) + (lengths[1] == 0)
        return np.where(zeros == 2, 0.0, np.where(zeros == 1, np.pi / 2, angle))
    bits = np.unpackbits(a.astype(np.uint8), axis=2) != np.unpackbits(b.astype(np.uint8), axis=2)
    return bits.sum(axis=2).astype(np.float64)


class TestEuclidean(DistanceTests):
    distance_class = Euclidean


class TestManhattan(DistanceTests):
    distance_class = Manhattan


class TestCosine(DistanceTests):
    distance_class = Cosine


class TestHamming(DistanceTests):
    distance_class = Hamming


METRICS = [Euclidean, Manhattan, Cosine, Hamming]


def data(metric: type, n: int, dim: int, dtype: str, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if dtype == "uint8":
        return rng.integers(0, 256, (n, dim), dtype=np.uint8)
    if dtype == "int8":
        return rng.integers(-128, 128, (n, dim), dtype=np.int8)
    return rng.normal(size=(n, dim)).astype(dtype)


CASES = [(metric, dtype) for metric in METRICS for dtype in metric.dtypes]


@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (3, 5, 7), (0, 4, 3), (4, 0, 3), (17, 33, 64), (2, 3, 1280), (300, 40, 9)]
)
@pytest.mark.parametrize(("metric", "dtype"), CASES, ids=lambda each: getattr(each, "name", each))
def test_equal_to_the_reference(metric, dtype, shape):
    n, m, dim = shape
    a, b = data(metric, n, dim, dtype), data(metric, m, dim, dtype, 1)
    expected = reference(metric.name, a, b)
    found = metric().many_to_many(a, b)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    for row in range(min(n, 3)):
        one = metric().one_to_many(a[row], b)
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, expected[row], rtol=2e-5, atol=1e-30)


@pytest.mark.parametrize("metric", METRICS, ids=lambda each: each.name)
def test_out_and_views(metric):
    dtype = metric.dtypes[0]
    a, b = data(metric, 12, 40, dtype)[::2, ::2], data(metric, 30, 40, dtype, 1)[::3, ::2]
    expected = reference(metric.name, a, b)
    out = np.full((6, 10), -1, np.float32)
    assert metric().many_to_many(a, b, out) is out
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-5)
    out = np.full(10, -1, np.float32)
    assert metric().one_to_many(a[0], b, out) is out
    np.testing.assert_allclose(out, expected[0], rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="out has to be float32 of shape"):
        metric().many_to_many(a, b, np.empty((6, 9), np.float32))


@pytest.mark.parametrize("metric", METRICS, ids=lambda each: each.name)
def test_wrong_shapes_are_refused(metric):
    a = data(metric, 3, 8, metric.dtypes[0])
    for query, descriptors in ((a, a), (a[0], a[0]), (a[0], a[:, :4])):
        with pytest.raises(ValueError, match="cannot be compared"):
            metric().one_to_many(query, descriptors)
    with pytest.raises(ValueError, match="cannot be compared"):
        metric().many_to_many(a, a[:, :4])


thoroughly = settings(max_examples=campaign(40, 100), deadline=None)

vectors = hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.floats(-1e3, 1e3, width=32)
)


@pytest.mark.torture
@thoroughly
@given(vectors)
@pytest.mark.parametrize("metric", [Euclidean, Manhattan, Cosine], ids=lambda each: each.name)
def test_it_is_a_metric(metric, points):
    found = metric().many_to_many(points, points).astype(np.float64)
    scale = 1 + found.max()
    assert (found >= 0).all()
    assert (np.diag(found) == 0).all()
    if metric is not Cosine:  # vectors of one direction are equal to it
        assert ((found == 0) == (points[:, np.newaxis] == points).all(axis=2)).all()
    np.testing.assert_allclose(found, found.T, rtol=2e-4, atol=0)
    for middle in range(len(points)):
        around = found[:, middle][:, np.newaxis] + found[middle][np.newaxis]
        assert (found <= around + 2e-4 * scale).all()


@pytest.mark.torture
@thoroughly
@given(
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=9).flatmap(
        lambda shape: hnp.arrays(np.float32, shape, elements=st.floats(allow_nan=False, allow_infinity=False, width=32))
    )
)
@example(points=np.array([[-np.finfo(np.float32).max], [1.8889468e22]], np.float32))
@pytest.mark.parametrize("metric", [Euclidean, Manhattan, Cosine], ids=lambda each: each.name)
def test_values_of_any_size(metric, points):
    """Squares of float32 may overflow, or vanish; sums of the largest values are beyond float32 and infinite."""
    expected = reference(metric.name, points, points)
    with np.errstate(over="ignore"):
        expected = expected.astype(np.float32)  # what is a little beyond the largest value is rounded to it
    tolerance = {"rtol": 1e-4, "atol": 1e-37 if metric is not Cosine else 1e-6}
    np.testing.assert_allclose(metric().many_to_many(points, points), expected, **tolerance)
    np.testing.assert_allclose(metric().one_to_many(points[0], points), expected[0], **tolerance)


@pytest.mark.torture
@thoroughly
@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=17)))
def test_hamming_is_a_metric(points):
    found = Hamming().many_to_many(points, points)
    assert (found == reference("hamming", points, points)).all()
    assert (found == found.T).all()
    assert ((found == 0) == (points[:, np.newaxis] == points).all(axis=2)).all()
    for middle in range(len(points)):
        assert (found <= found[:, middle][:, np.newaxis] + found[middle]).all()


@pytest.mark.torture
@thoroughly
@given(vectors)
@pytest.mark.parametrize("metric", [Euclidean, Manhattan, Cosine], ids=lambda each: each.name)
def test_one_to_many_is_a_row_of_many_to_many(metric, points):
    rows = metric().many_to_many(points, points)
    for row, point in zip(rows, points, strict=True):
        np.testing.assert_allclose(metric().one_to_many(point, points), row, rtol=2e-4, atol=1e-4)


@pytest.mark.parametrize("metric", [Euclidean, Manhattan, Cosine], ids=lambda each: each.name)
@pytest.mark.parametrize("nearness", [1e-1, 1e-2, 1e-4, 1e-5])
def test_near_equal_descriptors_keep_their_digits(metric, nearness):
    """Here |a|² + |b|² − 2ab in float32 would be all rounding error."""
    rng = np.random.default_rng(3)
    a = (10 + rng.normal(size=(20, 1280))).astype(np.float32)
    b = (a + nearness * rng.normal(size=a.shape)).astype(np.float32)
    expected = reference(metric.name, a, b)
    near = np.arange(20)
    np.testing.assert_allclose(metric().many_to_many(a, b)[near, near], expected[near, near], rtol=1e-4)
    np.testing.assert_allclose(metric().one_to_many(a[0], b), expected[0], rtol=1e-5)
    assert (np.diag(metric().many_to_many(a, a)) == 0).all()
    assert metric().one_to_many(a[3], a)[3] == 0


@pytest.mark.parametrize("metric", [Euclidean, Manhattan, Cosine], ids=lambda each: each.name)
def test_a_value_that_is_no_number_spoils_only_its_own_distances(metric):
    a = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    expected = reference(metric.name, a, a)
    a[2, 1] = np.nan
    found = metric().many_to_many(a, a)
    others = np.delete(np.arange(6), 2)
    assert np.isnan(found[2]).all()
    assert np.isnan(found[:, 2]).all()
    np.testing.assert_allclose(found[np.ix_(others, others)], expected[np.ix_(others, others)], rtol=1e-4, atol=1e-6)
    assert np.isnan(metric().one_to_many(a[0], a)).tolist() == [False, False, True, False, False, False]


@pytest.mark.parametrize(("metric", "dtype"), CASES, ids=lambda each: getattr(each, "name", each))
def test_memory_is_bounded(metric, dtype):
    """Whatever the number of descriptors, and also where they have to be converted, or copied because they are strided."""
    a, b = data(metric, 6, 256, dtype)[:, ::2], np.tile(data(metric, 600, 256, dtype, 1), (100, 1))[:, ::2]
    out = np.empty((6, 60_000), np.float32)
    for compute in (lambda: metric().many_to_many(a, b, out), lambda: metric().one_to_many(a[0], b, out[0])):
        tracemalloc.start()
        compute()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 5_000_000


@pytest.mark.parametrize("metric", METRICS, ids=lambda each: each.name)
def test_from_several_threads_at_once(metric):
    one = metric()
    a = data(metric, 600, 64, metric.dtypes[0])
    expected = one.many_to_many(a, a)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: one.many_to_many(a, a), range(8)):
            assert np.array_equal(found, expected)


def test_the_zero_vector_and_the_cosine():
    zero, one = np.zeros((1, 3), np.float32), np.array([[0, 2, 0]], np.float32)
    metric = Cosine()
    assert metric.many_to_many(zero, one)[0, 0] == np.float32(np.pi / 2)
    assert metric.many_to_many(one, zero)[0, 0] == np.float32(np.pi / 2)
    assert metric.many_to_many(zero, zero)[0, 0] == 0
    assert metric.one_to_many(zero[0], np.vstack([zero, one])).tolist() == [0, np.float32(np.pi / 2)]
    assert metric.one_to_many(one[0], zero).tolist() == [np.float32(np.pi / 2)]


def test_the_cosine_does_not_see_lengths():
    a = np.array([[1e30, 0], [0, 1e-30]], np.float32)
    np.testing.assert_allclose(Cosine().many_to_many(a, a), [[0, np.pi / 2], [np.pi / 2, 0]], atol=1e-6)
    np.testing.assert_allclose(Cosine().one_to_many(a[0], -a[:1]), [np.pi], rtol=1e-6)


def test_hamming_counts_bits():
    a = np.array([[0b1111_0000, 0], [0, 0]], np.uint8)
    assert Hamming().many_to_many(a, a).tolist() == [[0, 4], [4, 0]]
    with pytest.raises(ValueError, match="uint8"):
        Hamming().one_to_many(a[0].astype(np.int16), a.astype(np.int16))


def test_blocks_cover_everything_once():
    for rows, row_bytes in ((0, 4), (1, 1 << 30), (1000, 4096), (10, 0)):
        covered = [place for block in row_blocks(rows, row_bytes) for place in range(block.start, block.stop)]
        assert covered == list(range(rows))


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (1, 1), (TILE_SIDE + 1, 5), (5, TILE_SIDE + 1)])
@pytest.mark.parametrize("metric", [Euclidean, Cosine])
def test_every_pair_of_a_tile_is_computed(metric, shape):
    random = np.random.default_rng(0)
    a, b = (random.normal(size=(count, 3)).astype(np.float32) for count in shape)
    found = metric().many_to_many(a, b, out=np.full(shape, np.nan, np.float32))
    np.testing.assert_allclose(found, reference(metric.name, a, b), rtol=1e-4, atol=1e-6)


def test_distances_across_tiles():
    a = np.random.default_rng(0).normal(size=(TILE_SIDE + 7, 8)).astype(np.float32)
    for metric in (Euclidean, Cosine):
        found = metric().many_to_many(a, a)
        np.testing.assert_allclose(found, reference(metric.name, a, a), rtol=1e-4, atol=1e-7)
        assert (np.diag(found) == 0).all()

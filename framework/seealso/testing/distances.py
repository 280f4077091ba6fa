"""What a distance has to do: it is a metric, and computes the same whichever way it is asked."""

from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import numpy as np
import pytest

from seealso.interfaces.distance import Distance
from seealso.testing.plugin_classes import PluginTests

DIMS = (1, 7, 64, 1280)


class DistanceTests(PluginTests):
    """Subclass it in a test module as ``Test…``, and name the class of your distance."""

    kind = "distance"
    class_attribute = "distance_class"
    distance_class: ClassVar[type[Distance]]

    tolerance: ClassVar[float] = 2e-5
    """How far two ways to compute a distance may differ, as a share of the largest distance."""

    self_tolerance: ClassVar[float] = 1e-3
    """How far a descriptor may be from itself, as a share of the largest distance: with matrix products a difference is what
    large numbers leave of one another."""

    def sample(self, count: int, dim: int, dtype: str, seed: int = 0) -> np.ndarray:
        """Descriptors ``(count, dim)`` that the distance is meant for; override it where these are not."""
        rng = np.random.default_rng(seed)
        if np.dtype(dtype).kind in "ui":
            return rng.integers(0, np.iinfo(dtype).max, (count, dim), dtype=dtype, endpoint=True)
        return (rng.normal(size=(count, dim)) + 0.5).astype(dtype)

    @pytest.fixture
    def distance(self) -> Distance:
        """The distance under test."""
        return self.distance_class(self.distance_class.Options.model_validate(dict(self.options)))

    @pytest.fixture(params=DIMS, ids="dim {}".format)
    def dim(self, request: pytest.FixtureRequest) -> int:
        """How many values a descriptor has."""
        assert isinstance(request.param, int)
        return request.param

    def test_it_takes_some_type(self, distance: Distance) -> None:
        assert distance.dtypes
        assert all(np.dtype(each).kind in "fui" for each in distance.dtypes)

    def test_what_it_gives(self, distance: Distance, dim: int) -> None:
        for dtype in distance.dtypes:
            a, b = self.sample(5, dim, dtype), self.sample(9, dim, dtype, 1)
            found = distance.many_to_many(a, b)
            assert found.shape == (5, 9)
            assert found.dtype == np.float32
            assert np.isfinite(found).all()
            assert (found >= 0).all()
            out = np.full((5, 9), -1, np.float32)
            assert distance.many_to_many(a, b, out) is out
            self.assert_near(out, found)

    def test_one_to_many_is_the_same(self, distance: Distance, dim: int) -> None:
        for dtype in distance.dtypes:
            a, b = self.sample(3, dim, dtype), self.sample(50, dim, dtype, 1)
            expected = distance.many_to_many(a, b)
            for query, row in zip(a, expected, strict=True):
                found = distance.one_to_many(query, b)
                assert found.shape == (50,)
                assert found.dtype == np.float32
                self.assert_near(found, row)
                out = np.full(50, -1, np.float32)
                assert distance.one_to_many(query, b, out) is out
                self.assert_near(out, row)

    def test_it_is_symmetric(self, distance: Distance, dim: int) -> None:
        for dtype in distance.dtypes:
            a, b = self.sample(20, dim, dtype), self.sample(30, dim, dtype, 1)
            self.assert_near(distance.many_to_many(a, b), distance.many_to_many(b, a).T)

    def test_a_descriptor_is_at_no_distance_from_itself(self, distance: Distance, dim: int) -> None:
        for dtype in distance.dtypes:
            a = self.sample(20, dim, dtype)
            found = distance.many_to_many(a, a)
            assert np.diag(found).max() <= self.self_tolerance * max(found.max(), 1e-6)

    def test_the_triangle_inequality_holds(self, distance: Distance, dim: int) -> None:
        for dtype in distance.dtypes:
            a = self.sample(25, dim, dtype)
            found = distance.many_to_many(a, a).astype(np.float64)
            np.fill_diagonal(found, 0)
            by_way_of = (found[:, :, np.newaxis] + found[np.newaxis]).min(axis=1)
            assert (found <= by_way_of + self.self_tolerance * found.max()).all()

    def test_a_zero_vector_has_a_distance(self, distance: Distance, dim: int) -> None:
        assert distance.zero_vector
        for dtype in distance.dtypes:
            zero = np.zeros((2, dim), dtype)
            found = distance.many_to_many(np.concatenate([self.sample(3, dim, dtype), zero]), zero)
            assert np.isfinite(found).all()
            assert (found >= 0).all()

    def test_none_and_one(self, distance: Distance) -> None:
        for dtype in distance.dtypes:
            a = self.sample(3, 8, dtype)
            assert distance.many_to_many(a[:0], a).shape == (0, 3)
            assert distance.many_to_many(a, a[:0]).shape == (3, 0)
            assert distance.one_to_many(a[0], a[:0]).shape == (0,)
            assert distance.many_to_many(a[:1], a[1:2]).shape == (1, 1)

    def test_how_many_at_once_makes_no_difference(self, distance: Distance) -> None:
        dtype = distance.dtypes[0]
        a, b = self.sample(70, 33, dtype), self.sample(300, 33, dtype, 1)
        whole = distance.many_to_many(a, b)
        parts = [np.hstack([distance.many_to_many(x, y) for y in (b[:1], b[1:130], b[130:])]) for x in (a[:13], a[13:])]
        self.assert_near(np.vstack(parts), whole)

    def test_descriptors_that_do_not_lie_side_by_side(self, distance: Distance) -> None:
        for dtype in distance.dtypes:
            wide = self.sample(40, 60, dtype)
            found = distance.many_to_many(wide[::3, ::2], wide[::2, 1::2])
            expected = distance.many_to_many(
                np.ascontiguousarray(wide[::3, ::2]), np.ascontiguousarray(wide[::2, 1::2])
            )
            self.assert_near(found, expected)

    def test_what_it_is_given_is_left_as_it_was(self, distance: Distance) -> None:
        for dtype in distance.dtypes:
            a, b = self.sample(4, 16, dtype), self.sample(6, 16, dtype, 1)
            for each in (a, b):
                each.setflags(write=False)
            distance.many_to_many(a, b)
            distance.one_to_many(a[0], b)
            assert np.array_equal(a, self.sample(4, 16, dtype))

    def test_in_several_threads(self, distance: Distance) -> None:
        dtype = distance.dtypes[0]
        samples = [(self.sample(30, 48, dtype, seed), self.sample(200, 48, dtype, seed + 50)) for seed in range(12)]
        expected = [distance.many_to_many(a, b) for a, b in samples]
        with ThreadPoolExecutor(6) as pool:
            for found, one in zip(pool.map(lambda each: distance.many_to_many(*each), samples), expected, strict=True):
                self.assert_near(found, one)

    def test_the_distance_is_what_it_says(self, distance: Distance, dim: int) -> None:
        if distance.kind is None:
            pytest.skip("it does not say what it is (`kind`)")
        for dtype in distance.dtypes:
            a, b = self.sample(4, dim, dtype), self.sample(6, dim, dtype, 1)
            expected = _by_definition(distance.kind, a, b)
            found = distance.many_to_many(a, b)
            assert np.allclose(found, expected, rtol=1e-4, atol=1e-4 * expected.max())

    def assert_near(self, found: np.ndarray, expected: np.ndarray) -> None:
        """Distances have to be those, but for the rounding."""
        scale = float(expected.max(initial=0)) or 1.0
        assert np.abs(found.astype(np.float64) - expected).max(initial=0) <= self.tolerance * scale


def _by_definition(kind: str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The distances ``(n, m)`` of ``(n, dim)`` and ``(m, dim)`` that a kind names, in float64 and with no care for speed."""
    if kind == "hamming":
        bits: np.ndarray = np.bitwise_count(a[:, np.newaxis] ^ b).sum(axis=2)
        return bits
    rows, columns = a[:, np.newaxis].astype(np.float64), b[np.newaxis].astype(np.float64)
    if kind == "angle":
        lengths = np.linalg.norm(rows, axis=2) * np.linalg.norm(columns, axis=2)
        products = (rows * columns).sum(axis=2)
        cosines = np.divide(products, lengths, out=np.zeros_like(products), where=lengths != 0)
        angles: np.ndarray = np.arccos(np.clip(cosines, -1, 1))
        return angles
    lengths_between: np.ndarray = np.linalg.norm(rows - columns, ord={"l1": 1, "l2": 2}[kind], axis=2)
    return lengths_between

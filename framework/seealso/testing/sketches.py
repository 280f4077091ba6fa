"""What a sketch has to do."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seealso.interfaces.sketch import Sketch, SketchContext, SketchQuery
from seealso.testing.effort import examples
from seealso.testing.index_fixtures import DIM, DISTANCES, heaps
from seealso.testing.plugin_classes import PluginTests

Make = Callable[..., Sketch]


class SketchTests(PluginTests):
    """Subclass it in a test module as ``Test…``, and name the class of your sketch."""

    kind = "sketch"
    class_attribute = "sketch_class"
    sketch_class: ClassVar[type[Sketch]]

    @pytest.fixture(params=sorted(DISTANCES))
    def metric(self, request: pytest.FixtureRequest) -> str:
        """The name of one of the framework's distances that the sketch estimates."""
        kinds = self.sketch_class.distance_kinds
        if kinds is not None and DISTANCES[request.param].kind not in kinds:
            pytest.skip(f"the sketch does not estimate {request.param} (`distance_kinds`)")
        return str(request.param)

    def made(self, metric: str, dim: int = DIM, dtype: str | None = None) -> Sketch:
        """A new sketch for a metric."""
        distance = DISTANCES[metric]()
        dtype = dtype or ("float32" if "float32" in distance.dtypes else distance.dtypes[0])
        options = self.sketch_class.Options.model_validate(dict(self.options))
        return self.sketch_class(options, SketchContext(distance, dim, np.dtype(dtype), 2))

    def trained(self, metric: str, sample: np.ndarray) -> Sketch:
        """A sketch that was trained on a sample, if it wants to be."""
        sketch = self.made(metric, sample.shape[1], sample.dtype.name)
        if sketch.sample_size:
            sketch.train(sample[: sketch.sample_size])
        return sketch

    @pytest.fixture
    def points(self, metric: str) -> np.ndarray:
        """Descriptors ``(400, DIM)``: ten heaps of them."""
        return heaps(400, 0, DISTANCES[metric])

    @pytest.fixture
    def sketch(self, metric: str, points: np.ndarray) -> Sketch:
        """A sketch that was trained on them."""
        return self.trained(metric, points)

    # Rows

    def test_rows_are_what_it_says(self, metric: str, points: np.ndarray) -> None:
        before = self.made(metric).width
        assert before > 0
        assert before % 8 == 0
        sketch = self.trained(metric, points)
        for count in (400, 1, 0):
            rows = sketch.encode(points[:count])
            assert rows.dtype == np.uint8
            assert rows.shape == (count, sketch.width)
        assert sketch.width == before

    def test_the_company_makes_no_difference(self, sketch: Sketch, points: np.ndarray) -> None:
        # But for the rounding: a product of matrices may round a value otherwise than one of a vector.
        whole = rows_of(sketch, points)
        single = np.concatenate([rows_of(sketch, points[place : place + 1]) for place in range(60)])
        parts = np.concatenate([rows_of(sketch, points[:13]), rows_of(sketch, points[13:60])])
        for query in points[::40]:
            expected = scores(sketch.query(query), whole)[:60]
            for rows in (single, parts):
                assert_near(scores(sketch.query(query), rows), expected)

    def test_the_same_again(self, metric: str, sketch: Sketch, points: np.ndarray) -> None:
        rows = rows_of(sketch, points)
        assert np.array_equal(rows_of(sketch, points), rows)
        again = self.trained(metric, points)
        assert np.array_equal(rows_of(again, points), rows), "trained on the same sample, it is another"

    def test_what_it_is_given_is_left_as_it_was(self, metric: str) -> None:
        points = heaps(200, 0, DISTANCES[metric])
        points.flags.writeable = False
        sketch = self.trained(metric, points)
        rows = rows_of(sketch, points)
        before = rows.tobytes()
        scores(sketch.query(points[3]), rows)
        assert rows.tobytes() == before
        assert np.array_equal(points, heaps(200, 0, DISTANCES[metric]))

    def test_descriptors_that_do_not_lie_side_by_side(self, sketch: Sketch, points: np.ndarray) -> None:
        wide = np.repeat(points, 2, axis=1)[:, ::2]
        assert_near(
            scores(sketch.query(wide[5]), rows_of(sketch, wide)),
            scores(sketch.query(points[5]), rows_of(sketch, points)),
        )

    # Scores

    def test_the_nearest_come_first(self, metric: str, sketch: Sketch, points: np.ndarray) -> None:
        rows, distance, shares = rows_of(sketch, points), DISTANCES[metric](), []
        for query in heaps(20, 1, DISTANCES[metric]):
            nearest = np.argsort(distance.one_to_many(query, points), kind="stable")[:10]
            first = np.argsort(scores(sketch.query(query), rows), kind="stable")[:60]
            shares.append(np.isin(nearest, first).mean())
        assert np.mean(shares) >= 0.85

    def test_an_object_comes_first_for_its_own_descriptor(self, sketch: Sketch, points: np.ndarray) -> None:
        rows = rows_of(sketch, points)
        places = [
            int(np.flatnonzero(np.argsort(scores(sketch.query(points[own]), rows), kind="stable") == own)[0])
            for own in range(0, 400, 20)
        ]
        assert np.mean(np.array(places) < 20) >= 0.9

    def test_distances_are_estimated(self, metric: str, sketch: Sketch, points: np.ndarray) -> None:
        # So that those of several queries can be put together; a part of a sketch may be left out, so they may be too small.
        rows, distance = rows_of(sketch, points), DISTANCES[metric]()
        for query in heaps(5, 2, DISTANCES[metric]):
            true = distance.one_to_many(query, points)
            found = sketch.distances(scores(sketch.query(query), rows))
            assert found.shape == true.shape
            assert np.corrcoef(true, found)[0, 1] > 0.8
            assert 0.3 < found.mean() / true.mean() < 1.7

    def test_any_places_in_any_order(self, sketch: Sketch, points: np.ndarray) -> None:
        rows, query = rows_of(sketch, points), sketch.query(points[7])
        everything = scores(query, rows)

        @examples(20)
        @given(drawn=st.lists(st.integers(0, len(points) - 1), max_size=300))
        def check(drawn: list[int]) -> None:
            places = np.array(drawn, np.int64)
            out = np.full(places.size + 2, np.nan, np.float32)
            query.scores(rows, places, out[1:-1])
            assert np.array_equal(out[1:-1], everything[places])
            assert np.isnan(out[[0, -1]]).all(), "it wrote beyond what it was given"

        check()

    def test_rows_in_a_file(self, sketch: Sketch, points: np.ndarray, tmp_path: Path) -> None:
        rows = rows_of(sketch, points)
        rows.tofile(tmp_path / "rows")
        mapped = np.memmap(tmp_path / "rows", np.uint8, "r", shape=rows.shape).view(np.ndarray)
        query = sketch.query(points[1])
        assert np.array_equal(scores(query, mapped), scores(query, rows))

    def test_queries_have_nothing_in_common(self, sketch: Sketch, points: np.ndarray) -> None:
        rows = rows_of(sketch, points)
        expected = [scores(sketch.query(query), rows) for query in points[:6]]
        queries = [sketch.query(query) for query in points[:6]]
        for number in (0, 5, 2, 2, 1, 4, 3, 0):
            assert np.array_equal(scores(queries[number], rows), expected[number])

    def test_in_several_threads(self, sketch: Sketch, points: np.ndarray) -> None:
        rows, one = rows_of(sketch, points), sketch.query(points[0])
        expected = [scores(sketch.query(query), rows) for query in points[:24]]
        with ThreadPoolExecutor(6) as pool:
            for found, own in zip(
                pool.map(lambda query: scores(sketch.query(query), rows), points[:24]), expected, strict=True
            ):
                assert np.array_equal(found, own)
            for found in pool.map(lambda _: scores(one, rows), range(24)):
                assert np.array_equal(found, expected[0])

    # What it has learned

    def test_what_it_has_learned_is_restored(
        self, metric: str, sketch: Sketch, points: np.ndarray, tmp_path: Path
    ) -> None:
        again = self.made(metric)
        again.restore(kept(sketch, tmp_path))
        rows = rows_of(sketch, points)
        assert np.array_equal(rows_of(again, points), rows)
        assert np.array_equal(scores(again.query(points[9]), rows), scores(sketch.query(points[9]), rows))
        assert again.statistics() == sketch.statistics()
        some = scores(sketch.query(points[9]), rows)
        assert np.array_equal(again.distances(some), sketch.distances(some))

    def test_what_does_not_fit_is_refused(self, metric: str, sketch: Sketch, tmp_path: Path) -> None:
        learned = kept(sketch, tmp_path)
        for name in learned:
            for wrong in (None, np.full((3, 2, 1), 7.5)):
                others = (
                    {**learned, name: wrong} if wrong is not None else {k: v for k, v in learned.items() if k != name}
                )
                with pytest.raises(ValueError):
                    self.made(metric).restore(others)

    # What is hard to learn from

    @pytest.mark.parametrize("count", [1, 2, 3, 20])
    def test_few_descriptors(self, metric: str, count: int) -> None:
        points = heaps(50, 0, DISTANCES[metric])
        sketch = self.trained(metric, points[:count])
        assert np.isfinite(scores(sketch.query(points[0]), rows_of(sketch, points))).all()

    def test_equal_descriptors(self, metric: str) -> None:
        points = np.repeat(heaps(1, 0, DISTANCES[metric]), 50, axis=0)
        sketch = self.trained(metric, points)
        found = scores(sketch.query(points[0]), rows_of(sketch, points))
        assert np.isfinite(found).all()
        assert_near(found, np.full_like(found, found[0]))

    @pytest.mark.parametrize("size", [0, 1e-30, 1e30])
    def test_values_of_every_size(self, metric: str, size: float) -> None:
        points = heaps(60, 0, DISTANCES[metric])
        if points.dtype.kind != "f":
            pytest.skip("the descriptors are bits")
        extreme = points.copy()
        extreme[::5] *= np.float32(size)
        for sample in (points, extreme, points * np.float32(size)):
            sketch = self.trained(metric, sample)
            rows = rows_of(sketch, np.concatenate([extreme, sample]))
            for query in (extreme[0], points[1], sample[5]):
                assert np.isfinite(scores(sketch.query(query), rows)).all()

    def test_descriptors_of_every_type(self, metric: str) -> None:
        for dtype in DISTANCES[metric].dtypes:
            points = heaps(60, 0, DISTANCES[metric])
            points = (points * 4 + 60).clip(0, 120).astype(dtype) if points.dtype.kind == "f" else points
            sketch = self.trained(metric, points)
            first = np.argsort(scores(sketch.query(points[3]), rows_of(sketch, points)), kind="stable")[:20]
            assert 3 in first

    @pytest.mark.parametrize("dim", [1, 3, 200])
    def test_descriptors_of_every_length(self, metric: str, dim: int) -> None:
        points = np.tile(heaps(60, 0, DISTANCES[metric]), (1, 13))[:, :dim]
        sketch = self.trained(metric, points)
        assert np.isfinite(scores(sketch.query(points[3]), rows_of(sketch, points))).all()


def rows_of(sketch: Sketch, descriptors: np.ndarray) -> np.ndarray:
    """Rows as the framework keeps them: side by side, and read-only."""
    rows = np.ascontiguousarray(sketch.encode(descriptors)).copy()
    rows.flags.writeable = False
    return rows


def scores(query: SketchQuery, rows: np.ndarray) -> np.ndarray:
    """The scores of all rows."""
    out = np.full(len(rows), np.nan, np.float32)
    places = np.arange(len(rows))
    query.scores(rows, places, out)
    assert np.array_equal(places, np.arange(len(rows))), "it changed the places that it was given"
    return out


def assert_near(found: np.ndarray, expected: np.ndarray) -> None:
    """Scores have to be those, but for what a value that is rounded otherwise makes of a few of them."""
    scale = float(np.abs(expected).max(initial=0)) or 1.0
    off = np.abs(found.astype(np.float64) - expected) / scale
    assert np.mean(off > 0.01) <= 0.02, "scores depend on what else there is"


def kept(sketch: Sketch, folder: Path) -> dict[str, np.ndarray]:
    """What it has learned, as a snapshot keeps it."""
    learned: dict[str, Any] = {}
    for name, array in sketch.parameters().items():
        assert name.isidentifier()
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
        learned[name] = np.load(folder / f"{name}.npy", allow_pickle=False)
    return learned

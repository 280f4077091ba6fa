"""The sketch rabitq: its kernels do what NumPy does, slowly; and it finds neighbours."""

import numpy as np
import pytest
from pydantic import ValidationError

import seealso
from seealso.distances.vectors import Cosine, Euclidean
from seealso.testing import SketchTests
from seealso_rabitq.choosing import best_of
from seealso_rabitq.code import BITS, QUERY_BITS, Code, values_of
from seealso_rabitq.kernels import SCALES, best_scale
from seealso_rabitq.options import RaBitQOptions
from seealso_rabitq.projection import Projection, frame, principal_axes
from seealso_rabitq.sketch import RaBitQ


class TestRaBitQ(SketchTests):
    sketch_class = RaBitQ
    options = {"bits": 2}  # noqa: RUF012 - to choose them takes the longest; that is tried below


CODES = [Code(size, bits) for size in (16, 40, 48, 72, 104) for bits in BITS if values_of(size, bits)]
each_code = pytest.mark.parametrize("code", CODES, ids=lambda code: f"{code.size} bytes, {code.bits} bits")


def made(distance: type[seealso.Distance], dim: int, dtype: str = "float32", **options: object) -> RaBitQ:
    context = seealso.SketchContext(distance(), dim, np.dtype(dtype), 1)
    return RaBitQ(RaBitQOptions.model_validate(options), context)


def normal(count: int, dim: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)


def activations(count: int, dim: int, latent: int, seed: int = 0) -> np.ndarray:
    """Like those of a network: zero or more, and of few dimensions below."""
    mixing = np.random.default_rng(7).normal(size=(latent, dim))
    return np.maximum(0, np.random.default_rng(seed).normal(size=(count, latent)) @ mixing).astype(np.float32)


# The reference: all of it again, in NumPy and float64


def steps_of(code: Code, rows: np.ndarray) -> np.ndarray:
    """The steps of rows, float64 ``(n, values)``, centred."""
    words = code.values // 64
    bits = np.unpackbits(rows[:, 8:], axis=1, bitorder="little")[:, : code.bits * words * 64]
    planes = bits.reshape(len(rows), code.bits, code.values).astype(np.float64)
    return np.tensordot(planes, 2.0 ** np.arange(code.bits), axes=(1, 0)) - (2**code.bits - 1) / 2


def factors_of(rows: np.ndarray) -> np.ndarray:
    return rows[:, :8].copy().view(np.float32).astype(np.float64)


def reference_steps(code: Code, values: np.ndarray) -> np.ndarray:
    """Steps by trying all scales."""
    values, half = values.astype(np.float64), 2 ** (code.bits - 1)
    best, found = np.full(len(values), -1.0), np.zeros_like(values)
    for share in np.linspace(0.25, 1, SCALES) if code.bits > 1 else [1.0]:
        scale = half / (share * np.abs(values).max(axis=1, keepdims=True))
        steps = np.minimum(np.floor(np.abs(values) * scale), half - 1) + 0.5
        cosines = np.vecdot(steps, np.abs(values)) / np.linalg.norm(steps, axis=1)
        better = cosines > best
        best[better], found[better] = cosines[better], steps[better]
    return np.where(values >= 0, found, -found)


@each_code
def test_rows_hold_what_the_reference_finds(code):
    values = normal(200, code.values)
    rows = code.encode(values)
    assert rows.shape == (200, code.size)
    steps, expected = steps_of(code, rows), reference_steps(code, values)
    # A value on the border of two steps may be rounded either way, and of two scales that are as good either may be taken.
    assert (steps == expected).mean() > 0.995
    squares, scales = factors_of(rows).T
    wide = values.astype(np.float64)
    assert np.allclose(squares, np.vecdot(wide, wide), rtol=1e-5)
    assert np.allclose(scales, squares / np.vecdot(steps, wide), rtol=1e-4)


@each_code
def test_scores_are_those_of_the_reference(code):
    rows = code.encode(normal(300, code.values))
    rows.flags.writeable = False
    squares, scales = factors_of(rows).T
    places = np.random.default_rng(3).integers(0, 300, 700)
    for query in normal(5, code.values, 1):
        # As its bits say it.
        levels = 2 ** QUERY_BITS[code.bits] - 1
        low, step = float(query.min()), float(query.max() - query.min()) / levels
        rounded = low + step * np.rint((query - low) / step)
        assert np.abs(rounded - query).max() <= step / 2 + 1e-6
        expected = squares + float(query @ query) - 2 * scales * (steps_of(code, rows) @ rounded)
        out = np.empty(700, np.float32)
        code.query(query).scores(rows, places, out)
        assert np.allclose(out, expected[places], rtol=1e-3, atol=1e-3 * squares.mean())


@each_code
def test_estimates_are_right_on_the_average(code):
    objects, query = normal(2000, code.values), normal(1, code.values, 5)[0]
    rows = code.encode(objects)
    rows.flags.writeable = False
    out = np.empty(2000, np.float32)
    code.query(query).scores(rows, np.arange(2000), out)
    true = np.square(objects - query).sum(axis=1)
    off = (out - true) / true.mean()
    assert abs(off.mean()) < 0.02
    assert off.std() < {1: 0.2, 2: 0.1, 4: 0.05}[code.bits] * (64 / code.values) ** 0.5 * 1.5


def test_the_best_scale_is_found():
    values = np.array([0.1, -0.2, 0.3, 4.0] * 16, np.float32)
    scale = best_scale(values, 8, 4.0)
    assert 8 / 4.0 <= scale <= 8 / (0.25 * 4.0)


def test_what_vanishes_is_zero():
    code = Code(40, 1)
    values = np.zeros((3, 256), np.float32)
    values[1] = 1e-30
    values[2, 0] = 1e-3
    rows = code.encode(values)
    assert not rows[:2].any()
    assert factors_of(rows)[2, 0] == pytest.approx(1e-6)


# Projection


def test_principal_axes_are_those_of_numpy():
    sample = normal(300, 40) * np.linspace(3, 0.1, 40, dtype=np.float32)
    sample -= sample.mean(axis=0)
    axes = principal_axes(sample, 10, 0)
    expected = np.linalg.svd(sample.astype(np.float64), full_matrices=False)[2][:10].T
    assert np.allclose(np.abs(np.vecdot(axes.T, expected.T)), 1, atol=1e-3)


@pytest.mark.parametrize("rows", [30, 200])
def test_axes_are_found_by_iteration_where_there_is_much(monkeypatch, rows):
    monkeypatch.setattr("seealso_rabitq.projection.EXACT", 20)
    monkeypatch.setattr("seealso_rabitq.projection.SPARE", 8)
    sample = normal(rows, 100) * np.geomspace(3, 0.01, 100, dtype=np.float32)
    sample -= sample.mean(axis=0)
    axes = principal_axes(sample, 16, 0)
    assert np.allclose(axes.T @ axes, np.eye(16), atol=1e-4)
    held = np.square(sample @ axes).sum() / np.square(sample).sum()
    best = np.square(np.linalg.svd(sample, compute_uv=False)[:16]).sum() / np.square(sample).sum()
    assert held > 0.995 * best


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_what_the_sample_does_not_say_is_filled_up(rows):
    sample = normal(rows, 30)
    sample -= sample.mean(axis=0)
    axes = principal_axes(sample, 20, 0)
    assert np.allclose(axes.T @ axes, np.eye(20), atol=1e-4)
    assert np.allclose(np.square(sample @ axes).sum(), np.square(sample).sum(), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(("count", "values"), [(64, 64), (3, 64), (200, 256)])
def test_a_frame_leaves_lengths_and_angles(count, values):
    turned = frame(count, values, 0)
    assert turned.shape == (count, values)
    assert np.allclose(turned @ turned.T, np.eye(count), atol=1e-5)
    assert not np.array_equal(frame(count, values, 1), turned)


@pytest.mark.parametrize("directed", [False, True])
def test_values_are_those_of_float64(directed):
    sample = normal(700, 30) + 5
    projection = Projection.centre(sample, directed=directed).onto(frame(30, 64, 0))
    wide = sample.astype(np.float64)
    if directed:
        wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    else:
        assert projection.unit == pytest.approx(30**0.5, rel=0.2)
        wide /= projection.unit
    expected = (wide - wide.mean(axis=0)) @ frame(30, 64, 0).astype(np.float64)
    assert np.allclose(projection(sample), expected, atol=1e-4)


# The choice of bits


@pytest.mark.parametrize(("sample", "bits"), [(activations(500, 500, 4), 4), (normal(1000, 1200), 1)])
def test_the_sample_says_how_many_bits(sample, bits):
    sketch = made(Euclidean, sample.shape[1])
    sketch.train(sample)
    assert sketch.statistics() == {"values": 256 // bits, "bits": bits}


def test_one_code_is_not_tried():
    assert best_of([Code(40, 1)], [normal(50, 256)], lambda queries: pytest.fail("it asks"), 0) == 0


# Neighbours


@pytest.mark.parametrize("distance", [Euclidean, Cosine])
@pytest.mark.parametrize(("size", "share"), [(40, 0.9), (72, 0.96)])
def test_the_nearest_are_among_the_first(distance, size, share):
    objects, queries = activations(1500, 200, 60), activations(15, 200, 60, 1)
    sketch = made(distance, 200, bytes=size)
    sketch.train(objects[::2])
    rows = sketch.encode(objects)
    rows.flags.writeable = False
    found = []
    for query in queries:
        nearest = np.argsort(distance().one_to_many(query, objects))[:10]
        scores = np.empty(1500, np.float32)
        sketch.query(query).scores(rows, np.arange(1500), scores)
        found.append(np.isin(nearest, np.argsort(scores)[:60]).mean())
    assert np.mean(found) >= share


def test_a_zero_vector_finds_its_like_under_cosine():
    objects = activations(200, 50, 10)
    objects[::20] = 0
    sketch = made(Cosine, 50)
    sketch.train(objects)
    rows = sketch.encode(objects)
    rows.flags.writeable = False
    scores = np.empty(200, np.float32)
    sketch.query(objects[0]).scores(rows, np.arange(200), scores)
    assert set(np.argsort(scores)[:10].tolist()) == set(range(0, 200, 20))


# Options


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"bytes": 41}, "multiple of 8"),
        ({"bytes": 8}, "greater than or equal to 16"),
        ({"bytes": 4096}, "less than or equal to 520"),
        ({"bytes": 16, "bits": 4}, "4 bits do not fit into 16 bytes; give at least 40"),
        ({"bytes": 16, "bits": 2}, "2 bits do not fit into 16 bytes; give at least 24"),
        ({"bits": 3}, "1, 2 or 4"),
        ({"seed": -1}, "greater than or equal to 0"),
    ],
)
def test_options_that_do_not_fit(options, expected):
    with pytest.raises(ValidationError, match=expected):
        RaBitQOptions.model_validate(options)


def test_another_distance_is_refused_in_one_line(make_collection):
    with pytest.raises(
        seealso.ConfigError,
        match="the sketch rabitq estimates the distances cosine, euclidean, and not manhattan; write `sketch: none`, or choose another",
    ):
        make_collection(sketch="rabitq", distance="manhattan").index([])


def test_what_is_of_other_options_is_not_restored():
    sketch = made(Euclidean, 30)
    sketch.train(normal(60, 30))
    for options in ({"bytes": 72}, {"bits": 2 if sketch.statistics()["bits"] != 2 else 1}):
        with pytest.raises(ValueError):
            made(Euclidean, 30, **options).restore(sketch.parameters())
    with pytest.raises(ValueError, match="mean is missing, or not of shape"):
        made(Euclidean, 31).restore(sketch.parameters())

"""The sketch landmarks: it places objects where their distances say, whatever the distance is; and it finds neighbours."""

import numpy as np
import pytest
from pydantic import ValidationError

import seealso
from conftest import SAMPLES
from seealso.distances.bits import Hamming
from seealso.distances.vectors import Cosine, Euclidean, Manhattan
from seealso.testing import SketchTests
from seealso_rabitq import embedding
from seealso_rabitq.embedding import Embedding, products_of, worth_of
from seealso_rabitq.landmarks import Landmarks
from seealso_rabitq.options import LandmarksOptions

JACCARD = SAMPLES / "jaccard.py"
Jaccard = seealso.load_plugins([JACCARD]).get("distance", "jaccard")


class TestLandmarks(SketchTests):
    sketch_class = Landmarks
    # To find axes among many, and to choose bits, takes the longest; that is tried below.
    options = {"bits": 2, "landmarks": 128}  # noqa: RUF012


class Squared(Euclidean):
    """No metric: a detour is shorter."""

    name = "squared"
    kind = None

    def many_to_many(self, a, b, out=None):
        return np.square(super().many_to_many(a, b, out), out=out)

    def one_to_many(self, query, descriptors, out=None):
        return np.square(super().one_to_many(query, descriptors, out), out=out)


class Overflowing(Manhattan):
    """Of some pairs it knows no distance."""

    name = "overflowing"
    kind = None

    def many_to_many(self, a, b, out=None):
        distances = super().many_to_many(a, b, out)
        distances[distances > 60] = np.inf
        distances[distances < 5] = np.nan
        return distances

    def one_to_many(self, query, descriptors, out=None):
        return self.many_to_many(query[np.newaxis], descriptors)[0]


def made(distance: type[seealso.Distance], dim: int, **options: object) -> Landmarks:
    dtype = np.dtype("float32" if "float32" in distance.dtypes else "uint8")
    return Landmarks(LandmarksOptions.model_validate(options), seealso.SketchContext(distance(), dim, dtype, 1))


def trained(distance: type[seealso.Distance], sample: np.ndarray, **options: object) -> Landmarks:
    sketch = made(distance, sample.shape[1], **options)
    sketch.train(sample)
    return sketch


def scores(sketch: Landmarks, query: np.ndarray, objects: np.ndarray) -> np.ndarray:
    rows = sketch.encode(objects)
    rows.flags.writeable = False
    out = np.empty(len(objects), np.float32)
    sketch.query(query).scores(rows, np.arange(len(objects)), out)
    return out


def normal(count: int, dim: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)


def activations(count: int, seed: int = 0, dim: int = 200, latent: int = 30) -> np.ndarray:
    """Like those of a network: zero or more, and of few dimensions below."""
    mixing = np.random.default_rng(7).normal(size=(latent, dim))
    return np.maximum(0, np.random.default_rng(seed).normal(size=(count, latent)) @ mixing).astype(np.float32)


def of_type(distance: type[seealso.Distance], values: np.ndarray) -> np.ndarray:
    """Descriptors that a distance takes: for bits those values that are large."""
    if "uint8" in distance.dtypes and "float32" not in distance.dtypes:
        return np.packbits(values > (1 if distance is Hamming else 5), axis=1)
    return values


# Where objects are placed


def placed(distance: type[seealso.Distance], landmarks: np.ndarray) -> Embedding:
    plain, axes = Embedding.of_landmarks(distance(), landmarks)
    return plain.onto(axes)


def test_in_few_dimensions_places_keep_all_distances():
    # Of objects that are no landmarks, too: with another factor, or with distances that are not squared, they would not.
    place, objects = placed(Euclidean, normal(400, 5) * 3 + 100), normal(60, 5, 1) * 3 + 100
    values = place(objects).astype(np.float64)
    assert values.shape == (60, 5)
    between = np.linalg.norm(values[:, np.newaxis] - values, axis=2) * place.unit
    assert np.allclose(between, Euclidean().many_to_many(objects, objects), rtol=0.005, atol=0.005 * place.unit)


@pytest.mark.parametrize("distance", [Manhattan, Cosine, Hamming, Jaccard])
def test_landmarks_lie_where_classical_scaling_puts_them(distance):
    landmarks = of_type(distance, activations(60))
    place = placed(distance, landmarks)
    squares = np.square(distance().many_to_many(landmarks, landmarks).astype(np.float64) / place.unit)
    # But that each is as far from itself as from its nearest neighbour.
    squares += np.diag(np.sort(squares, axis=0)[1] - np.diag(squares))
    middle = np.eye(60) - 1 / 60
    lengths, vectors = np.linalg.eigh(-middle @ squares @ middle / 2)
    lengths, vectors = lengths[lengths > 1e-5 * lengths.max()], vectors[:, lengths > 1e-5 * lengths.max()]
    expected = (vectors * lengths) @ vectors.T
    values = place(landmarks).astype(np.float64)
    assert values.shape == (60, lengths.size)
    assert np.allclose(values @ values.T, expected, atol=1e-3 * np.abs(expected).max())


def test_the_longest_axes_come_first():
    landmarks = activations(100)
    lengths = np.square(placed(Manhattan, landmarks)(landmarks)).sum(axis=0)
    assert (np.diff(lengths) < 1e-3 * lengths[0]).all()
    assert lengths[0] > 5 * lengths[-1]


def test_landmarks_that_are_all_as_far_apart_tell_nothing():
    # Classical scaling would place them on 29 axes, of which each tells one of them from all others.
    place = placed(Manhattan, np.eye(30, dtype=np.float32))
    assert not place.matrix.any()
    assert not place(normal(5, 30)).any()


def test_what_no_points_have_is_left_out():
    landmarks = normal(50, 3)
    place = placed(Squared, landmarks)
    assert np.isfinite(place.matrix).all()
    assert place.matrix.shape[1] < 49, "all axes are there"
    values = place(landmarks)
    assert np.isfinite(values).all()
    # The order of distances is that of the squares.
    for number in range(0, 50, 7):
        near = np.argsort(np.linalg.norm(values - values[number], axis=1))[:10]
        true = np.argsort(np.linalg.norm(landmarks - landmarks[number], axis=1))[:10]
        assert np.isin(true, near).mean() >= 0.7


def test_distances_are_asked_for_in_blocks(monkeypatch):
    asked = []

    class Counting(Manhattan):
        def many_to_many(self, a, b, out=None):
            asked.append((len(a), len(b)))
            return super().many_to_many(a, b, out)

    place, objects = placed(Counting, normal(32, 4)), normal(100, 4, 1)
    expected = place(objects)
    asked.clear()
    monkeypatch.setattr(embedding, "ROOM", 4 * 32 * 11)
    assert np.allclose(place(objects), expected, atol=1e-4)
    # The last one goes the way of a query.
    assert asked == [(11, 32)] * 9 + [(1, 32)]
    assert place(objects[:0]).shape == (0, expected.shape[1])


def test_there_are_no_more_landmarks_than_asked_for():
    sketch = trained(Manhattan, normal(300, 6), landmarks=20)
    landmarks = sketch.parameters()["landmarks"]
    assert landmarks.shape == (20, 6)
    assert len(np.unique(landmarks, axis=0)) == 20
    other = trained(Manhattan, normal(300, 6), landmarks=20, seed=1).parameters()["landmarks"]
    assert not np.array_equal(other, landmarks)
    # And no more than half the sample.
    assert trained(Manhattan, normal(7, 6), landmarks=20).parameters()["landmarks"].shape == (4, 6)


def test_an_axis_of_chance_is_worth_nothing():
    true, chance = normal(300, 4), normal(300, 20, 1)
    products, _ = products_of(np.square(true[:, np.newaxis] - true).sum(axis=2))
    weights = worth_of(np.hstack([true[:, :3], 2 * true[:, 3:], chance]), products)
    assert weights[:3] == pytest.approx(1, abs=0.05)
    assert weights[3] == pytest.approx(0.25, abs=0.05)
    assert weights[4:] == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("count", [1, 30])
def test_an_axis_that_nothing_is_said_of_is_worth_1(count):
    assert worth_of(np.ones((count, 3), np.float32), np.zeros((count, count))) == pytest.approx(1)


# Neighbours


@pytest.mark.slow
@pytest.mark.parametrize("distance", [Manhattan, Cosine, Hamming, Jaccard])
@pytest.mark.parametrize(("size", "share"), [(40, 0.9), (72, 0.95)])
def test_the_nearest_are_among_the_first(distance, size, share):
    objects, queries = of_type(distance, activations(1500)), of_type(distance, activations(15, 1))
    sketch = trained(distance, objects[:1000], bytes=size, landmarks=256)
    found = []
    for query in queries:
        nearest = np.argsort(distance().one_to_many(query, objects), kind="stable")[:10]
        found.append(np.isin(nearest, np.argsort(scores(sketch, query, objects))[:60]).mean())
    assert np.mean(found) >= share


@pytest.mark.parametrize(("distance", "share"), [(Manhattan, 0.9), (Hamming, 0.8), (Jaccard, 0.65)])
def test_with_few_landmarks_axes_of_chance_do_no_harm(distance, share):
    # As many axes as landmarks, nearly; were each worth the same, .83, .62 and .48 would be found.
    objects, found = of_type(distance, activations(1500)), []
    sketch = trained(distance, objects[:1000], bytes=72, bits=1, landmarks=100)
    for query in of_type(distance, activations(30, 1)):
        nearest = np.argsort(distance().one_to_many(query, objects), kind="stable")[:10]
        found.append(np.isin(nearest, np.argsort(scores(sketch, query, objects))[:30]).mean())
    assert np.mean(found) >= share


@pytest.mark.parametrize("distance", [Euclidean, Manhattan, Cosine, Hamming, Jaccard])
def test_distances_are_on_the_scale_of_the_metric(distance):
    objects, alike = of_type(distance, activations(400)), []
    sketch = trained(distance, objects, bytes=104, bits=4)
    for query in objects[::57]:
        estimates, true = sketch.distances(scores(sketch, query, objects)), distance().one_to_many(query, objects)
        alike.append(np.corrcoef(estimates, true)[0, 1])
        assert 0.7 < estimates.mean() / true.mean() < 1.3
    assert np.mean(alike) > 0.85


def test_the_sample_says_how_many_bits():
    few = trained(Manhattan, activations(900, latent=3), landmarks=300)
    many = trained(Manhattan, normal(900, 300), landmarks=450)
    assert few.statistics() == {"values": 64, "bits": 4}
    assert many.statistics() == {"values": 256, "bits": 1}


# What is hard to place


@pytest.mark.parametrize("distance", [Euclidean, Manhattan, Cosine, Hamming, Jaccard])
@pytest.mark.parametrize("count", [1, 50])
def test_equal_objects_are_at_distance_0(distance, count):
    others = of_type(distance, activations(60))
    sketch = trained(distance, np.repeat(others[:1], count, axis=0))
    assert (sketch.distances(scores(sketch, others[0], np.repeat(others[:1], 50, axis=0))) == 0).all()
    assert np.isfinite(scores(sketch, others[1], others)).all()


def test_equal_objects_among_others_are_found():
    objects = activations(300)
    objects[::30] = objects[0]
    sketch = trained(Manhattan, objects)
    found = scores(sketch, objects[0], objects)
    assert set(np.argsort(found)[:10].tolist()) == set(range(0, 300, 30))
    assert sketch.distances(found)[0] < 0.05 * sketch.distances(found).mean()


def test_zero_vectors_find_their_like_under_cosine():
    objects = activations(200)
    objects[::20] = 0
    sketch = trained(Cosine, objects)
    assert set(np.argsort(scores(sketch, objects[0], objects))[:10].tolist()) == set(range(0, 200, 20))
    # Trained on nothing else, too.
    nothing = trained(Cosine, np.zeros((20, 200), np.float32))
    assert np.isfinite(scores(nothing, objects[1], objects)).all()


def test_sets_of_eight_bits():
    every = np.arange(256, dtype=np.uint8)[:, np.newaxis]
    for distance in (Hamming, Jaccard):
        sketch = trained(distance, every, bytes=104)
        estimates = sketch.distances(scores(sketch, every[7], every))
        assert np.corrcoef(estimates, distance().one_to_many(every[7], every))[0, 1] > 0.9
        assert np.argmin(estimates) == 7


def test_a_distance_that_is_no_number_counts_as_far():
    points = normal(300, 8) * 5
    sketch = trained(Overflowing, points)
    assert np.isfinite(scores(sketch, points[0], points)).all()
    assert np.isfinite(scores(sketch, points[0] * 1e9, points * 1e9)).all()


# What it has learned, and options


def test_what_is_of_other_options_or_descriptors_is_not_restored():
    sketch = trained(Manhattan, normal(60, 30), bits=1)
    learned = sketch.parameters()
    for options in ({"bytes": 72}, {"bits": 2}):
        with pytest.raises(ValueError):
            made(Manhattan, 30, **options).restore(learned)
    with pytest.raises(ValueError, match="landmarks are missing, or not of 31 values each"):
        made(Manhattan, 31).restore(learned)
    with pytest.raises(ValueError, match="landmarks are not of uint8, or not finite numbers"):
        made(Hamming, 30).restore(learned)
    for name, value, expected in (
        ("landmarks", np.full((60, 30), np.nan, np.float32), "landmarks are not of float32, or not finite numbers"),
        ("landmarks", learned["landmarks"][:-1], "mean is missing, or not of shape"),
        ("matrix", learned["matrix"] * np.inf, "matrix holds values that are not finite numbers"),
        ("unit", np.array(0.0), "unit is not above 0"),
    ):
        with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=expected):
            made(Manhattan, 30).restore({**learned, name: value})


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"bytes": 41}, "multiple of 8"),
        ({"bytes": 16, "bits": 4}, "4 bits do not fit into 16 bytes; give at least 40"),
        ({"landmarks": 0}, "greater than or equal to 1"),
        ({"landmarks": 4096}, "less than or equal to 2048"),
    ],
)
def test_options_that_do_not_fit(options, expected):
    with pytest.raises(ValidationError, match=expected):
        LandmarksOptions.model_validate(options)


# In a collection


def test_a_collection_with_a_distance_of_a_plugin(tmp_path):
    objects, query = of_type(Jaccard, activations(900)), of_type(Jaccard, activations(1, 5))[0]
    np.save(tmp_path / "rows.npy", objects)
    settings = {
        "plugins": [SAMPLES / "plain.py", JACCARD],
        "index": "pivot",
        "distance": "jaccard",
        "sketch": {"plugin": "landmarks", "landmarks": 200},
        "text": False,
    }
    with seealso.open(tmp_path / "c", **settings) as collection:
        collection.import_descriptors(tmp_path / "rows.npy", dtype="uint8")
        answer = collection.similar_to_descriptor(query, 10, reads=100)
    assert answer.cost.refined == 100
    true = np.sort(Jaccard().one_to_many(query, objects))[:10]
    assert np.isin(true, [hit.distance for hit in answer.hits]).mean() >= 0.8
    with seealso.open(tmp_path / "c", plugins=settings["plugins"]) as again:
        told = again.status()["sketch"]
        assert (told["objects"], told["bytes_per_object"]) == (900, 40)
        same = again.similar_to_descriptor(query, 10, reads=100)
    assert [hit.id for hit in same.hits] == [hit.id for hit in answer.hits]

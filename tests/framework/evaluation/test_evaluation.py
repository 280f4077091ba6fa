"""Evaluating and tuning: the true neighbours are those of brute force, and what is said of the answers is true."""

import shutil
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seealso
from seealso.distances.bits import Hamming
from seealso.distances.vectors import Cosine, Euclidean, Manhattan
from seealso.evaluation import exact
from seealso.evaluation.intervals import recall_interval
from seealso.testing import MemoryStore, write_pictures
from seealso.testing.collections import deployment_of
from seealso.testing.strategies import picture

# The true neighbours


def store_of(descriptors: np.ndarray) -> MemoryStore:
    store = MemoryStore(descriptors.shape[1], descriptors.dtype.name)
    store.put_many(np.arange(len(descriptors)) * 3, descriptors)
    return store


@settings(deadline=None, max_examples=40)
@given(
    count=st.integers(1, 90),
    k=st.integers(1, 12),
    metric=st.sampled_from([Euclidean, Manhattan, Cosine, Hamming]),
    coarse=st.booleans(),
    seed=st.integers(0, 999),
)
def test_they_are_those_of_brute_force(count, k, metric, coarse, seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(count, 6)).astype(np.float32)
    points = np.round(points) if coarse else points  # ties everywhere
    if metric is Hamming:
        points = rng.integers(0, 4 if coarse else 256, (count, 6), dtype=np.uint8)
    store, distance = store_of(points), metric()
    rows = rng.integers(0, count, 7)
    own = np.where(np.arange(7) % 2, rows * 3, -1)
    found = seealso.exact_neighbours(store, distance, points[rows], k, own)
    for number, row in enumerate(rows):
        true = distance.one_to_many(points[row], points)
        expected = [(d, i * 3) for i, d in enumerate(true.tolist()) if i * 3 != own[number]]
        expected = sorted(expected)[:k]
        real = found.ids[number] >= 0
        # Which of those that are equally far is open, and how many are computed at once decides the last digit.
        near = {"rtol": 1e-5, "atol": 1e-5}
        assert np.allclose(found.distances[number][real], [d for d, _ in expected], **near)
        assert np.allclose(true[found.ids[number][real] // 3], found.distances[number][real], **near)
        assert len(set(found.ids[number][real])) == len(expected)
        assert own[number] not in found.ids[number][real]


def test_an_interrupted_computation_goes_on(tmp_path, monkeypatch):
    points = np.random.default_rng(0).normal(size=(500, 6)).astype(np.float32)
    store, distance, work = store_of(points), Euclidean(), tmp_path / "work.npz"
    monkeypatch.setattr(exact, "STEP", 100)
    monkeypatch.setattr(exact, "SAVE_SECONDS", 0)
    expected = seealso.exact_neighbours(store, distance, points[:5], 4)

    def interrupt(done: int, total: int) -> None:
        if done == 300:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        seealso.exact_neighbours(store, distance, points[:5], 4, work=work, progress=interrupt)
    steps: list[tuple[int, int]] = []
    found = seealso.exact_neighbours(
        store, distance, points[:5], 4, work=work, progress=lambda *step: steps.append(step)
    )
    assert steps == [(300, 500), (400, 500), (500, 500)]
    assert np.array_equal(found.ids, expected.ids)
    steps.clear()
    seealso.exact_neighbours(store, distance, points[:5], 4, work=work, progress=lambda *step: steps.append(step))
    assert steps == []
    # For other queries, another k, or when there is more, it begins anew.
    store.put_many(np.array([7]), points[:1])
    found = seealso.exact_neighbours(
        store, distance, points[:5], 4, work=work, progress=lambda *step: steps.append(step)
    )
    assert len(steps) == 6
    assert found.ids[0, 0] in (0, 7)


@pytest.mark.parametrize("damage", [b"", b"no", b"PK\x03\x04" + bytes(50)])
def test_a_damaged_work_file_is_passed_over(tmp_path, damage):
    points = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    (tmp_path / "work.npz").write_bytes(damage)
    found = seealso.exact_neighbours(store_of(points), Euclidean(), points[:2], 3, work=tmp_path / "work.npz")
    assert found.ids[:, 0].tolist() == [0, 3]


def test_damage_to_what_was_computed_is_found(tmp_path):
    """Also where the head of an array becomes shorter by it, so that all values move."""
    points = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    work = tmp_path / "work.npz"
    true = seealso.exact_neighbours(store_of(points), Euclidean(), points[:2], 3, work=work)
    data = bytearray(work.read_bytes())
    data[data.find(b"\x93NUMPY", data.find(b"ids.npy")) + 8] ^= 16
    work.write_bytes(data)
    found = seealso.exact_neighbours(store_of(points), Euclidean(), points[:2], 3, work=work)
    assert np.array_equal(found.ids, true.ids)


# Intervals


def test_intervals_hold_what_they_promise():
    rng = np.random.default_rng(0)
    for true in (0.5, 0.9, 0.99):
        inside = 0
        for _ in range(400):
            # The neighbours of a query hang together.
            shares = np.clip(rng.beta(true * 8, (1 - true) * 8, 200), 0, 1)
            low, high = recall_interval(rng.binomial(10, shares) / 10, 10)
            inside += low <= true <= high
        assert inside >= 360, true


def test_a_sample_without_a_miss_proves_little():
    low, high = recall_interval(np.ones(100), 10)
    assert 0.95 < low < 0.97
    assert high == 1
    assert recall_interval(np.zeros(100), 10)[0] == 0
    assert recall_interval(np.array([0.5]), 10)[0] < 0.2


# Evaluating


MISSING_SOME = {
    "index": {"plugin": "ppp-codes", "pivot_spaces": 1, "pivots": 8, "prefix_length": 2},
    "store": {"plugin": "flat-file", "codec": "raw"},
}


@pytest.fixture(scope="module")
def indexed_pictures(tmp_path_factory):
    """The folder of a collection of 150 pictures, in two folders, with an index that misses some."""
    folder = tmp_path_factory.mktemp("pictures")
    write_pictures(folder / "a", 80)
    write_pictures(folder / "b", 70, seed=1000)
    with deployment_of(folder, **MISSING_SOME) as deployment:
        deployment.collection().index([folder / "a", folder / "b"])
    return folder / "photos.seealso"


@pytest.fixture
def many(make_collection, indexed_pictures, tmp_path):
    """A copy of this collection."""
    shutil.copytree(indexed_pictures, tmp_path / "photos.seealso")
    return make_collection(**MISSING_SOME)


def test_what_is_said_is_true(many):
    found = seealso.evaluate(many, count=40, k=5, sizes=[10, 40, 150], labels=True)
    assert (found.objects, found.queries, found.k, found.source) == (150, 40, 5, "collection")
    assert [result.candidates for result in found.results] == [10, 40, 150]
    small, middle, whole = found.results
    assert small.recall < middle.recall <= whole.recall == 1
    assert small.recall_p5 <= small.recall
    assert small.recall_interval[0] < small.recall < small.recall_interval[1]
    assert small.distance_error > middle.distance_error >= whole.distance_error == 0
    assert whole.considered == 149  # without the query itself
    assert whole.bytes_read > small.bytes_read > 0
    assert 0 < small.ms["total"].median <= small.ms["total"].p95 <= small.ms["total"].p99
    assert 0 < found.memory < 1 << 36
    # By hand, of one size.
    ids = many.ids()
    chosen = np.sort(np.random.default_rng(0).choice(ids, 40, replace=False))
    descriptors = dict(zip(ids.tolist(), many.descriptors(ids), strict=True))
    recalls, same = [], []
    for id_ in chosen.tolist():
        true = sorted(
            (float(np.linalg.norm(descriptors[id_] - descriptors[other])), other)
            for other in ids.tolist()
            if other != id_
        )
        hits = [hit.id for hit in many.similar(id_, 5, candidates=10, others=True).hits]
        recalls.append(len(set(hits) & {other for _, other in true[:5]}) / 5)
        same += [(other <= 80) == (id_ <= 80) for _, other in true[:5]]
    assert small.recall == pytest.approx(np.mean(recalls))
    assert found.same_class[5] == pytest.approx(np.mean(same))


def test_the_same_seed_gives_the_same_recalls(many):
    def recalls(seed: int) -> list[float]:
        return [result.recall for result in seealso.evaluate(many, count=30, sizes=[5, 20], k=5, seed=seed).results]

    assert recalls(1) == recalls(1)
    assert recalls(1) != recalls(2)


def test_sizes_that_make_sense_are_chosen(many):
    assert [result.candidates for result in seealso.evaluate(many, count=3, k=1).results] == [100, 150]


def test_with_duplicates(make_collection, tmp_path):
    for number in range(12):
        # Other bytes, the same pixels.
        (tmp_path / "same").mkdir(exist_ok=True)
        picture((40, 40), 1).save(tmp_path / "same" / f"{number}.png", compress_level=number % 9, dpi=(number + 1, 1))
    collection = make_collection(index="exact")
    assert collection.index([tmp_path / "same"]).added == 12
    found = seealso.evaluate(collection, k=3)
    assert [(result.recall, result.distance_error) for result in found.results] == [(1, 0)]


def test_queries_from_elsewhere(many, tmp_path):
    write_pictures(tmp_path / "others", 6, seed=5000)
    write_pictures(tmp_path / "others" / "known", 3)  # the collection holds these
    (tmp_path / "others" / "broken.png").write_bytes(b"no image")
    queries, unusable = seealso.queries_from(many, tmp_path / "others", 50, 0)
    assert sorted(queries.ids.tolist()) == [-1] * 6 + [1, 2, 3]
    assert len(unusable) == 1
    assert "broken.png" in unusable[0]
    found = seealso.evaluate(many, queries=queries, k=3, sizes=[150])
    assert (found.queries, found.results[0].recall) == (9, 1)
    np.save(tmp_path / "vectors.npy", many.descriptors([5, 9]) + np.float32(0.25))
    queries, unusable = seealso.queries_from(many, tmp_path / "vectors.npy", 50, 0)
    found = seealso.evaluate(many, queries=queries, k=1, sizes=[150])
    assert (found.queries, found.results[0].recall, unusable) == (2, 1, [])


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.zeros((3, 5), np.float32), r"row 0: .*192"),
        (np.zeros((3, 192), np.float64), r"row 0: .*float64"),
        (np.array([[0.0] * 192, [np.nan] * 192], np.float32), "row 1: .*finite"),
        (np.zeros(192, np.float32), r"of shape \(n, dim\)"),
        (np.zeros((0, 192), np.float32), "there is no descriptor in it"),
        (np.array([{}], dtype=object), "no array that can be read"),
    ],
)
def test_vectors_that_do_not_fit(many, tmp_path, array, expected):
    np.save(tmp_path / "vectors.npy", array, allow_pickle=True)
    with pytest.raises(seealso.FileError, match=expected):
        seealso.queries_from(many, tmp_path / "vectors.npy", 5, 0)


def test_what_cannot_be_evaluated(many, make_collection, photos, tmp_path):
    empty = make_collection("empty")
    empty.index([photos])
    for file in photos.iterdir():
        file.unlink()
    empty.index([photos], prune=True)
    with pytest.raises(seealso.QueryError, match="the collection empty is empty; there is nothing to evaluate"):
        seealso.evaluate(empty)
    with pytest.raises(seealso.QueryError, match="k is 150, and a query has 149 possible neighbours here"):
        seealso.evaluate(many, k=150)
    with pytest.raises(seealso.QueryError, match="a candidate-set size has to be 1 or more"):
        seealso.evaluate(many, sizes=[0])
    (tmp_path / "nothing").mkdir()
    with pytest.raises(seealso.FileError, match="there is no image below it"):
        seealso.queries_from(many, tmp_path / "nothing", 5, 0)


# Drawing


@pytest.mark.slow
def test_it_is_drawn(many, tmp_path):
    found = seealso.evaluate(many, count=10, sizes=[10, 100])
    for suffix, magic in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        file = tmp_path / f"plot{suffix}"
        seealso.plot_evaluation(found, file)
        assert file.read_bytes().startswith(magic)
    with pytest.raises(seealso.FileError, match=r"a plot is written as one of \.png, \.svg, \.pdf"):
        seealso.plot_evaluation(found, tmp_path / "plot.txt")
    with pytest.raises(seealso.FileError, match="cannot be written: No such file or directory"):
        seealso.plot_evaluation(found, tmp_path / "none" / "plot.png")


def test_without_matplotlib(many, tmp_path, monkeypatch):
    found = seealso.evaluate(many, count=5, sizes=[10])
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(seealso.MissingExtra, match=r"a plot needs matplotlib: pip install 'seealso\[plot\]'"):
        seealso.plot_evaluation(found, tmp_path / "plot.png")


# Tuning


@pytest.mark.slow
def test_the_smallest_that_reaches_it(many):
    found = seealso.tune(many, 0.9, k=5, count=60)
    assert found.reached
    assert found.recall_interval[0] >= 0.9
    (result,) = seealso.evaluate(many, count=60, k=5, sizes=[found.candidates]).results
    assert result.recall == found.recall
    (smaller,) = seealso.evaluate(many, count=60, k=5, sizes=[round(found.candidates / 1.2)]).results
    assert smaller.recall_interval[0] < 0.9


def test_what_cannot_be_reached(many):
    # Only when all are candidates is it sure.
    found = seealso.tune(many, 0.9999, k=5, count=20)
    assert (found.reached, found.candidates, found.recall) == (True, 150, 1)
    for recall in (0, 1, -1, 5):
        with pytest.raises(seealso.QueryError, match="above 0 and below 1"):
            seealso.tune(many, recall)


@pytest.mark.slow
def test_options_of_the_index(many):
    before = many.choices()["index"]
    tried = []
    for trial in seealso.with_index_options(many, {"pivot_spaces": [1, 4], "prefix_length": [3]}):
        with trial:
            tried.append(seealso.tune(trial, 0.9, k=5, count=60))
    assert [each.index["pivot_spaces"] for each in tried] == [1, 4]
    assert all(each.index["prefix_length"] == 3 for each in tried)
    assert tried[1].candidates < tried[0].candidates
    assert many.choices()["index"] == before
    with pytest.raises(seealso.ConfigError, match=r"the index ppp-codes: .*pivot_space: unknown key"):
        next(seealso.with_index_options(many, {"pivot_space": [1]}))


def test_an_index_keeps_its_secrets_while_it_is_tuned(tmp_path):
    """They are in no record, so only the configuration knows them."""
    (tmp_path / "secretive.py").write_text(
        "from pydantic import SecretStr\nimport seealso\nfrom seealso_exact.index import ExactIndex\n"
        "class Secretive(ExactIndex):\n    name = 'secretive'\n    preference = 0\n"
        "    class Options(seealso.PluginOptions):\n        token: SecretStr\n        size: int = 1\n"
        "    def __init__(self, options, context):\n        assert options.token.get_secret_value() == 'open sesame'\n"
        "        super().__init__(options, context)\n"
        "@seealso.hookimpl\ndef register_metric_indexes():\n    return [Secretive]\n"
    )
    np.save(tmp_path / "vectors.npy", np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32))
    with seealso.open(
        tmp_path / "c",
        plugins=[tmp_path / "secretive.py"],
        extractor={"plugin": "imported", "dim": 4},
        index={"plugin": "secretive", "token": "open sesame"},
    ) as collection:
        collection.import_descriptors(tmp_path / "vectors.npy")
        for size, trial in zip((2, 3), seealso.with_index_options(collection, {"size": [2, 3]}), strict=True):
            with trial:
                found = seealso.tune(trial, 0.9, k=2, count=10)
                assert (found.recall, found.index) == (1, {"plugin": "secretive", "size": size})
        with pytest.raises(
            seealso.ConfigError, match="the index secretive: token is secret; it stays as the configuration gives it"
        ):
            next(seealso.with_index_options(collection, {"token": ["guess"]}))

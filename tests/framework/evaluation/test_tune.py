"""Tuning where there is a sketch: the fewest reads, and the candidates that they are the best of."""

import numpy as np
import pytest

import seealso
from seealso.evaluation import tune as module
from seealso.evaluation.measuring import SizeResult, Spread

OBJECTS = 3000


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """A file of descriptors in heaps."""
    file = tmp_path_factory.mktemp("tuned") / "rows.npy"
    rng = np.random.default_rng(0)
    heaps = rng.normal(size=(40, 48)) * 1.5
    np.save(file, (heaps[rng.integers(0, 40, OBJECTS)] + rng.normal(size=(OBJECTS, 48))).astype(np.float32))
    return file


@pytest.fixture(scope="module")
def sketched(rows):
    """A collection of them, with a sketch that says little, so that the number of reads matters."""
    sketch = {"plugin": "rabitq", "bytes": 16}
    with seealso.open(rows.parent / "sketched", text=False, sketch=sketch, distance="euclidean") as collection:
        collection.import_descriptors(rows)
        yield collection


@pytest.mark.slow
def test_the_fewest_reads_that_reach_it(sketched):
    found = seealso.tune(sketched, 0.9, k=5, count=60)
    assert found.reached
    assert found.recall_interval[0] >= 0.9
    assert found.reads < found.candidates / 2
    assert found.sketch["plugin"] == "rabitq"
    assert (found.as_json()["candidates"], found.as_json()["reads"]) == (found.candidates, found.reads)
    # By searches of its own: so many reach it, and fewer do not.
    sample = seealso.sample_of(sketched, 60, 0)
    truth = seealso.true_neighbours(sketched, sample, 5)

    def recall(reads: int) -> SizeResult:
        return module.measure(sketched, sample, truth, 5, found.candidates, lambda asked: None, reads)

    assert recall(found.reads).recall == found.recall
    assert recall(round(found.reads / 1.15)).recall_interval[0] < 0.9


def test_an_index_that_knows_the_distances_reads_nothing(rows, tmp_path):
    with seealso.open(tmp_path / "c", text=False, sketch="rabitq", index="exact") as collection:
        collection.import_descriptors(rows, limit=200)
        found = seealso.tune(collection, 0.9, k=5, count=30)
        assert (found.reached, found.reads) == (True, None)


def test_without_a_sketch_nothing_is_said_of_reads(rows, tmp_path):
    with seealso.open(tmp_path / "c", text=False, sketch="none") as collection:
        collection.import_descriptors(rows, limit=200)
        found = seealso.tune(collection, 0.9, k=5, count=30)
        assert (found.reads, found.sketch) == (None, None)


# The search itself, on curves that are made up


def result(size: int, reads: int | None, recall: float, considered: int) -> SizeResult:
    ms = {"total": Spread(1.0, 1.0, 1.0)}
    return SizeResult(
        size, considered, recall, (recall, 1.0), recall, 0.0, ms, 1.0, 1.0, min(reads or size, size), reads
    )


@pytest.fixture
def tuned(sketched, monkeypatch):
    """Tunes where a function says what recall so many reads of so many candidates have; gives what is found, and what was asked."""

    def tuned(recall_of, *, considered=lambda size: size, objects=100_000, configured=5000):
        asked = []

        def measure(collection, sample, truth, k, size, progress, reads=None):
            asked.append((size, reads))
            return result(size, reads, recall_of(size, reads), considered(size))

        def by_reads(collection, sample, truth, k, size, reads, progress):
            asked.append((size, max(reads)))
            return [result(size, each, recall_of(size, each), considered(size)) for each in reads]

        monkeypatch.setattr(module, "measure", measure)
        monkeypatch.setattr(module, "measure_by_reads", by_reads)
        search = sketched.settings.search.model_copy(update={"candidates": configured})
        with sketched.variant(search=search) as collection:
            found = module._Tuning(collection, None, None, 10, 0.9, objects, lambda *told: None).by_reads()
        return found, asked

    return tuned


def test_candidates_are_doubled_as_long_as_that_spares_reads(tuned):
    needed = {500: 400, 1000: 200, 2000: 100}
    found, asked = tuned(lambda size, reads: min(1.0, 0.9 * reads / needed.get(size, 95)))
    assert found.candidates == 2000
    assert 100 <= found.asked_reads <= 105
    # With more candidates no more is read than fewer need.
    assert max(reads for size, reads in asked if size > 2000) == found.asked_reads


def test_where_all_are_looked_at_candidates_stay_as_they_are_configured(tuned):
    found, asked = tuned(lambda size, reads: min(1.0, reads / 100), considered=lambda size: 100_000)
    assert (found.candidates, len({size for size, _ in asked})) == (5000, 2)
    assert 90 <= found.asked_reads <= 95
    found, _ = tuned(lambda size, reads: min(1.0, reads / 400), considered=lambda size: 100_000, configured=50)
    assert found.candidates == found.asked_reads


def test_what_no_number_of_reads_reaches(tuned):
    found, asked = tuned(lambda size, reads: 0.5, objects=4000)
    assert (found.candidates, found.asked_reads, found.recall) == (4000, 4000, 0.5)
    assert [size for size, _ in asked] == [500, 1000, 2000, 4000]

"""What is measured of queries: by candidate-set size, and by the number of reads."""

import numpy as np
import pytest

import seealso
from seealso.evaluation.measuring import measure, measure_by_reads

OBJECTS, K = 1200, 5


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """A file of random descriptors, whose sketches of 16 bytes say little."""
    file = tmp_path_factory.mktemp("measured") / "rows.npy"
    np.save(file, np.random.default_rng(0).normal(size=(OBJECTS, 48)).astype(np.float32))
    return file


@pytest.fixture(scope="module")
def sketched(rows):
    """A collection of them with sketches."""
    settings = {"sketch": {"plugin": "rabitq", "bytes": 16}, "search": {"candidates": 700, "reads": 70}}
    with seealso.open(rows.parent / "c", text=False, **settings) as collection:
        collection.import_descriptors(rows)
        yield collection


def by_hand(collection, sample, reads: int) -> tuple[float, list[seealso.Cost]]:
    """The recall, and what each query cost, by a search for each; the truth by brute force."""
    ids = collection.ids()
    descriptors = collection.descriptors(ids)
    shares, costs = [], []
    with collection.reading() as (_, distance):
        for own in sample.ids.tolist():
            others = ids[ids != own]
            true = distance.one_to_many(collection.descriptors([own])[0], descriptors[ids != own])
            nearest = set(others[np.argsort(true)[:K]].tolist())
            answer = collection.similar(own, K, others=True, candidates=700, reads=reads)
            shares.append(len(nearest & {hit.id for hit in answer.hits}) / K)
            costs.append(answer.cost)
    return float(np.mean(shares)), costs


@pytest.mark.slow
def test_one_search_tells_the_recall_of_every_number_of_reads(sketched):
    found = seealso.evaluate(sketched, count=30, k=K, sizes=[700])
    assert [result.asked_reads for result in found.by_reads] == [20, 50, 70, 100, 200, 500, 700]
    assert found.sketch["bytes"] == 16
    sample = seealso.sample_of(sketched, 30, 0)
    for result in found.by_reads:
        recall, costs = by_hand(sketched, sample, result.asked_reads)
        assert result.recall == pytest.approx(recall)
        assert result.candidates == 700
        assert result.refined == np.mean([cost.refined for cost in costs]) == result.asked_reads
        assert result.considered == np.mean([cost.candidates for cost in costs])
        # What it took is that of searches of their own, too.
        assert result.bytes_read == pytest.approx(np.mean([cost.bytes_read for cost in costs]))
        assert result.reads == pytest.approx(np.mean([cost.reads for cost in costs]))
        assert result.ms["total"].median > result.ms["sketch"].median > 0
        assert result.recall_interval[0] < result.recall or result.recall == 0
    recalls = [result.recall for result in found.by_reads]
    assert recalls[0] < recalls[3] < recalls[-1]
    assert found.by_reads[0].bytes_read < found.by_reads[-1].bytes_read
    # As it is configured, by a search of its own.
    assert found.results[0].refined == 70
    assert found.results[0].recall == found.by_reads[2].recall
    assert len(found.as_json()["by_reads"]) == 7


def test_which_numbers_are_tried(sketched):
    def tried(**settings) -> list[tuple[int, int]]:
        found = seealso.evaluate(sketched, count=2, **settings)
        return [(result.candidates, result.asked_reads) for result in found.by_reads]

    assert tried(k=60) == [(700, 70), (700, 100), (700, 200), (700, 500), (700, 700)]
    assert tried(k=1, sizes=[30, 10]) == [(30, 20), (30, 30)]
    assert tried(k=1, sizes=[5000])[-1] == (5000, OBJECTS)


@pytest.mark.parametrize("settings", [{"sketch": "none"}, {"sketch": "rabitq", "index": "exact"}], ids=str)
def test_where_reads_make_no_difference_nothing_is_said_of_them(rows, tmp_path, settings):
    with seealso.open(tmp_path / "c", text=False, **settings) as collection:
        collection.import_descriptors(rows, limit=100)
        assert seealso.evaluate(collection, count=5, k=3).by_reads == ()


def test_a_sketch_that_is_not_made_yet(rows, tmp_path):
    with seealso.open(tmp_path / "c", text=False, sketch="none") as collection:
        collection.import_descriptors(rows, limit=100)
    with seealso.open(tmp_path / "c", text=False, sketch="rabitq") as collection:
        assert seealso.evaluate(collection, count=5, k=3).by_reads == ()
        collection.rebuild()
        assert [result.asked_reads for result in seealso.evaluate(collection, count=5, k=3).by_reads] == [20, 50, 100]


def test_queries_that_are_no_objects(sketched):
    sample = seealso.Sample(np.random.default_rng(5).normal(size=(4, 48)).astype(np.float32), np.full(4, -1))
    truth = seealso.true_neighbours(sketched, sample, K)
    told = []
    (few, many) = measure_by_reads(sketched, sample, truth, K, 700, [30, 700], told.append)
    assert told == [1, 2, 3, 4]
    assert measure(sketched, sample, truth, K, 700, lambda asked: None, 30).recall == few.recall
    assert many.recall > few.recall

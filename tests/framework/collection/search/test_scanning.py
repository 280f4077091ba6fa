"""The index that goes through all sketches: its answers are those of the index exact, where all are read; and what is read."""

import numpy as np
import pytest

import seealso
from seealso import Example, IdSet, Query
from seealso.collection.search import refinement
from seealso.collection.search.measures import FromDescriptor, FromWords, Measure
from seealso.collection.search.refinement import Refinement, Wanted
from seealso.collection.search.stopwatch import Stopwatch
from seealso.collection.sketches.table import Sketches
from seealso.testing.processes import looking
from vector_collections import opened_of

DIM, OBJECTS = 32, 1200


def heaps(count: int, seed: int) -> np.ndarray:
    """Descriptors in thirty heaps."""
    rng = np.random.default_rng(seed)
    middles = np.random.default_rng(99).normal(size=(30, DIM)) * 1.5
    return (middles[rng.integers(0, 30, count)] + rng.normal(size=(count, DIM))).astype(np.float32)


def grown(collection: seealso.Collection, folder, count: int, seed: int = 0) -> None:
    """Import so many more."""
    file = folder / f"{collection.name}-{seed}.npy"
    np.save(file, heaps(count, seed))
    collection.import_descriptors(file)


@pytest.fixture(scope="module", params=["euclidean", "cosine"])
def both(request, tmp_path_factory):
    """The same descriptors twice: with the index scan, and with the index exact."""
    folder = tmp_path_factory.mktemp("scanned")
    common = {"text": False, "distance": request.param}
    with (
        seealso.open(folder / "scan", index="scan", sketch="rabitq", **common) as scan,
        seealso.open(folder / "exact", index="exact", **common) as exact,
    ):
        for collection in (scan, exact):
            grown(collection, folder, OBJECTS)
            collection.remove(range(100, 160))
        yield scan, exact


@pytest.fixture
def collection(both):
    return both[0]


def nearest(answer: seealso.Answer) -> list[int]:
    return [hit.id for hit in answer.hits]


def like(query: np.ndarray, **settings) -> Query:
    return Query.like(np.asarray(query), **settings)


def share(collection: seealso.Collection, exact: seealso.Collection, **settings) -> tuple[float, list[seealso.Cost]]:
    """The share of the ten nearest that are found, and what each query cost."""
    shares, costs = [], []
    for query in heaps(25, 1):
        answer, true = collection.search(like(query, **settings)), exact.search(like(query, **settings))
        assert [hit.distance for hit in answer.hits] == sorted(hit.distance for hit in answer.hits)
        shares.append(len(set(nearest(answer)) & set(nearest(true))) / 10)
        costs.append(answer.cost)
    return float(np.mean(shares)), costs


def test_few_are_read_and_the_nearest_are_among_them(both):
    found, costs = share(*both, reads=100)
    assert found >= 0.97
    for cost in costs:
        assert (cost.candidates, cost.refined) == (OBJECTS - 60, 100)
        assert cost.ms.sketch > 0


def test_how_many_candidates_are_wanted_does_not_matter(both):
    found, costs = share(*both, candidates=20, reads=100)
    assert found >= 0.97
    assert {(cost.candidates, cost.refined) for cost in costs} == {(OBJECTS - 60, 100)}


@pytest.mark.parametrize("k", [10, 700])
def test_where_all_are_read_the_answers_are_those_of_the_index_exact(both, k):
    scan, exact = both
    ids = exact.ids()
    for number, query in enumerate(heaps(4, 2)):
        for allowed in (None, IdSet(ids[::2]), IdSet(ids[number::100]), IdSet(np.array([1, 5, 120, 5000]))):
            asked = like(query, k=k, allowed=allowed, reads=OBJECTS)
            answer, true = scan.search(asked), exact.search(asked)
            assert nearest(answer) == nearest(true)
            assert answer.unsearched == 0
    for id_ in (1, 99, 160, OBJECTS):
        asked = Query.like(id_, k=k, others=True, reads=OBJECTS)
        assert nearest(scan.search(asked)) == nearest(exact.search(asked))


def test_among_those_that_are_allowed_as_many_are_read(both):
    allowed = IdSet(both[1].ids()[::2])
    found, costs = share(*both, allowed=allowed, reads=100)
    assert found >= 0.97
    assert {(cost.candidates, cost.refined) for cost in costs} == {(len(allowed), 100)}


def test_what_the_index_has_estimated_is_not_estimated_again(collection, monkeypatch):
    def refuse(*_):
        raise AssertionError("estimated again")

    monkeypatch.setattr(Sketches, "scores", refuse)
    assert collection.similar(3, 10, reads=50).cost.refined == 50


@pytest.mark.parametrize("whole", [refinement.WHOLE, 100])
def test_several_examples_are_put_together(collection, monkeypatch, whole):
    monkeypatch.setattr(refinement, "WHOLE", whole)
    liked, unliked = [Example(id=5), Example(id=9, weight=2.0)], [Example(id=3, weight=-0.5)]
    for examples in (liked, liked[:1] + unliked, liked + unliked):
        exact = collection.search(Query.like(*examples, reads=OBJECTS))
        few = collection.search(Query.like(*examples, reads=200, candidates=600))
        assert few.cost.refined == 200
        assert len(set(nearest(few)) & set(nearest(exact))) >= 9
        assert few.cost.candidates == (OBJECTS - 60 if whole > 100 else 600)


def test_reading_stops_when_nothing_changes(collection):
    opened = opened_of(collection)
    measure = FromDescriptor(opened.distance, collection.descriptors([4])[0])
    best, cost = refined(opened, measure, reads=1000)
    patient, less = refined(opened, measure, reads=1000, patience=3)
    assert cost.refined == 1000
    assert less.refined < 1000
    assert less.refined % refinement.READS == 0
    assert len(set(patient) & set(best)) >= 9


def test_words_are_ranked_among_those_nearest_to_their_direction(collection):
    opened = opened_of(collection)
    direction, other = heaps(2, 6)

    class Reader:
        def words_distances(self, phrase, descriptors):
            near, far = (opened.distance.one_to_many(each, descriptors) for each in (direction, other))
            return near + np.float32(0.1) * far

        def words_roughly(self, phrase, descriptors):
            return None

    measure = FromWords(Reader(), "words", FromDescriptor(opened.distance, direction))
    exact, _ = refined(opened, measure, reads=OBJECTS)
    found, cost = refined(opened, measure, reads=20)
    assert (cost.candidates, cost.refined) == (OBJECTS - 60, refinement.CLOSELY)
    assert len(set(found) & set(exact)) >= 9


def test_where_sketches_say_nothing_the_candidates_are_read(collection):
    opened = opened_of(collection)
    # As of another distance than the collection's.
    measure = FromDescriptor(opened.distance, heaps(1, 3)[0], plain=False)
    best, cost = refined(opened, measure, candidates=400)
    assert (cost.candidates, cost.refined) == (400, 400)
    assert set(best) == set(refined(opened, measure, candidates=OBJECTS)[0])


def refined(opened, measure: Measure, **wanted) -> tuple[list[int], seealso.Cost]:
    """The ten best by a measure, and the cost."""
    cost = seealso.Cost()
    settings = Wanted(**{"hits": 10, "candidates": OBJECTS, **wanted})
    view, table = opened.index.view(opened.catalog), opened.sketch.view(opened.catalog).part
    best = Refinement(opened.store, view, measure, settings, cost, Stopwatch(), table.now()).run()
    return best.ids[:10].tolist(), cost


def test_objects_come_and_go_while_queries_run(tmp_path):
    settings = {"index": "scan", "sketch": "rabitq", "text": False}
    with (
        seealso.open(tmp_path / "c", **settings) as writer,
        seealso.open(tmp_path / "c", **settings) as reader,
        seealso.open(tmp_path / "fresh", index="exact", text=False) as fresh,
    ):
        grown(writer, tmp_path, 300)
        staying = np.arange(1, 201)
        query = heaps(1, 7)[0]
        # That of the nearest that stays cannot be lost; nor may one come twice.
        kept = IdSet(staying)
        first = nearest(writer.search(like(query, k=5, allowed=kept, reads=300)))

        def look():
            for asked in (writer, reader):
                answer = asked.search(like(query, k=400, reads=400))
                found = nearest(answer)
                if len(found) != len(set(found)) or set(staying.tolist()) - set(found) or answer.unsearched:
                    yield f"{len(found)} found, {answer.unsearched} not searched"
                if nearest(asked.search(like(query, k=5, allowed=kept, reads=300))) != first:
                    yield "others are nearest"

        with looking(look) as wrong:
            for seed in range(10, 16):
                grown(writer, tmp_path, 40, seed)
                writer.remove(writer.ids()[200:][::2])
                if seed == 13:
                    writer.rebuild()
        assert wrong == []
        ids = writer.ids()
        assert writer.verify().problems == []
        np.save(tmp_path / "left.npy", writer.descriptors(ids))
        fresh.import_descriptors(tmp_path / "left.npy")
        for asked in heaps(5, 8):
            expected = [hit.distance for hit in fresh.search(like(asked)).hits]
            for collection in (writer, reader):
                found = [hit.distance for hit in collection.search(like(asked, reads=400)).hits]
                assert found == pytest.approx(expected)

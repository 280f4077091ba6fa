"""Candidates that sketches put in order before any descriptor is read."""

import json

import numpy as np
import pytest

import seealso
from conftest import SAMPLES
from seealso import Example, IdSet, Query
from seealso.collection.search import refinement
from seealso.collection.search.measures import FromDescriptor, FromWords, Measure
from seealso.collection.search.refinement import Refinement, Wanted
from seealso.collection.search.stopwatch import Stopwatch
from vector_collections import opened_of

DIM, OBJECTS = 64, 1500


def heaps(count: int, seed: int) -> np.ndarray:
    """Descriptors in thirty heaps."""
    rng = np.random.default_rng(seed)
    middles = np.random.default_rng(99).normal(size=(30, DIM)) * 1.5
    return (middles[rng.integers(0, 30, count)] + rng.normal(size=(count, DIM))).astype(np.float32)


def made(folder, **settings) -> seealso.Collection:
    np.save(folder / "rows.npy", heaps(OBJECTS, 0))
    plugins = [SAMPLES / "plain.py"]
    collection = seealso.open(folder / "c", plugins=plugins, text=False, **settings)
    collection.import_descriptors(folder / "rows.npy")
    return collection


INDEXES = {
    "ppp-codes": "ppp-codes",
    "cells": {"plugin": "ppp-codes", "ranking": "none"},
    "pivot": "pivot",
}


@pytest.fixture(
    scope="module",
    params=["ppp-codes, euclidean", "cells, euclidean", "pivot, euclidean", "ppp-codes, cosine"],
    ids=lambda param: param,
)
def collection(request, tmp_path_factory):
    index, distance = request.param.split(", ")
    folder = tmp_path_factory.mktemp("sketched")
    with made(folder, index=INDEXES[index], distance=distance, sketch="rabitq") as collection:
        yield collection


def nearest(collection, query, k=10, among=None) -> list[int]:
    """The true neighbours of a descriptor."""
    ids = collection.ids() if among is None else np.asarray(among)
    with collection.reading() as (_, distance):
        order = np.argsort(distance.one_to_many(query, collection.descriptors(ids)), kind="stable")
    return ids[order[:k]].tolist()


def recall(collection, among=None, **settings) -> tuple[float, list[seealso.Cost]]:
    """The share of the ten nearest that are found, and what each query cost."""
    shares, costs = [], []
    for query in heaps(25, 1):
        answer = collection.similar_to_descriptor(query, 10, **settings)
        assert [hit.distance for hit in answer.hits] == sorted(hit.distance for hit in answer.hits)
        shares.append(len({hit.id for hit in answer.hits} & set(nearest(collection, query, among=among))) / 10)
        costs.append(answer.cost)
    return float(np.mean(shares)), costs


def test_few_are_read_and_the_nearest_are_among_them(collection):
    share, costs = recall(collection, reads=100)
    assert share >= 0.97
    for cost in costs:
        assert cost.refined == 100
        assert cost.candidates == OBJECTS
        assert 0 < cost.reads <= 100
        assert cost.ms.sketch > 0


def test_distances_are_the_true_ones(collection):
    query = heaps(1, 2)[0]
    with collection.reading() as (_, distance):
        for hit in collection.similar_to_descriptor(query, 10).hits:
            assert hit.distance == pytest.approx(
                float(distance.one_to_many(query, collection.descriptors([hit.id]))[0])
            )


def test_where_all_are_read_the_answer_is_exact(collection):
    share, costs = recall(collection, reads=OBJECTS)
    assert share == 1
    assert {cost.refined for cost in costs} == {OBJECTS}
    # As many reads as candidates are as if there were no sketch.
    some = recall(collection, candidates=300, reads=300)[1]
    assert {cost.refined for cost in some} == {cost.candidates for cost in some} == {300}
    assert {cost.refined for cost in recall(collection, candidates=40, reads=300)[1]} == {40}


@pytest.mark.parametrize(
    ("settings", "read"),
    [
        ({"k": 10}, 200),
        ({"k": 100}, 400),
        ({"k": 60, "offset": 20}, 320),
        ({"k": 10, "reads": 1}, 10),
        ({"k": 10, "reads": 33}, 33),
        ({"k": 50, "reads": 33}, 50),
    ],
)
def test_how_many_are_read(collection, settings, read):
    answer = collection.similar(1, **settings)
    assert answer.cost.refined == read
    assert len(answer.hits) == settings["k"]


def test_the_configuration_says_how_many(tmp_path):
    with made(tmp_path, index="pivot", sketch="rabitq", search={"reads": 70, "candidates": 400}) as collection:
        cost = collection.similar(1).cost
        assert (cost.candidates, cost.refined) == (400, 70)
        assert collection.similar(1, reads=90).cost.refined == 90
    with pytest.raises(seealso.ConfigError, match="reads: input should be greater than 0"):
        seealso.open(tmp_path / "c", search={"reads": 0})
    with pytest.raises(seealso.QueryError, match="reads is 0; read at least 1"):
        Query.like(1, reads=0)


def test_the_cost_says_both(collection):
    answer = collection.similar(1, reads=50)
    told = json.loads(json.dumps(answer.as_json()))["cost"]
    assert (told["candidates"], told["refined"]) == (OBJECTS, 50)
    assert list(told) == ["candidates", "refined", "reads", "bytes_read", "ms"]
    assert told["ms"]["sketch"] >= 0
    stages = sum(value for stage, value in told["ms"].items() if stage != "total")
    assert stages == pytest.approx(told["ms"]["total"], abs=0.1)


def test_of_what_is_allowed_all_sketches_are_looked_at(collection):
    allowed = collection.ids()[::2]
    share, costs = recall(collection, among=allowed, allowed=IdSet(allowed), candidates=20, reads=100)
    assert share >= 0.97
    assert {(cost.candidates, cost.refined) for cost in costs} == {(allowed.size, 100)}
    few = collection.ids()[:60]
    answer = collection.similar(1, 20, allowed=IdSet(few))
    assert [hit.id for hit in answer.hits] == nearest(collection, collection.descriptors([1])[0], 20, few)


def test_beyond_that_the_index_is_asked(collection, monkeypatch):
    monkeypatch.setattr(refinement, "WHOLE", 100)
    allowed = collection.ids()[::2]
    answer = collection.similar(2, 10, allowed=IdSet(allowed), candidates=300, reads=60)
    assert (answer.cost.candidates, answer.cost.refined) == (300, 60)
    assert {hit.id for hit in answer.hits} <= set(allowed.tolist())


def test_several_examples_are_put_together(collection):
    liked, unliked = [Example(id=5), Example(id=9, weight=2.0)], [Example(id=3, weight=-0.5)]
    for examples in (liked, liked + unliked):
        exact = collection.search(Query.like(*examples, reads=OBJECTS))
        few = collection.search(Query.like(*examples, reads=150))
        assert few.cost.refined == 150
        assert len({hit.id for hit in few.hits} & {hit.id for hit in exact.hits}) >= 9


def test_an_object_itself_is_left_out(collection):
    answer = collection.similar(7, 10, others=True, reads=50)
    assert 7 not in {hit.id for hit in answer.hits}
    assert (answer.cost.candidates, answer.cost.refined) == (OBJECTS - 1, 50)


class Unsketched(FromDescriptor):
    """A measure that sketches say nothing of."""

    def estimates(self, sketches):
        return None


@pytest.fixture
def refined(collection):
    """Refines by a measure and some of the sketches; returns the best, and the cost."""
    opened = opened_of(collection)
    now = opened.sketch.view(opened.catalog).part.now()

    def refined(measure: Measure, known=None, **wanted):
        sketches = now
        if known is not None:
            rows = now.rows.removed(np.setdiff1d(collection.ids(), known))
            sketches = type(now)(now.sketch, rows)
        cost = seealso.Cost()
        settings = Wanted(**{"hits": 10, "candidates": OBJECTS, **wanted})
        view = opened.index.view(opened.catalog)
        best = Refinement(opened.store, view, measure, settings, cost, Stopwatch(), sketches).run()
        return best.ids[:10].tolist(), cost

    return refined


def test_where_sketches_say_nothing_all_are_read(collection, refined):
    query = heaps(1, 3)[0]
    with collection.reading() as (_, distance):
        found, cost = refined(Unsketched(distance, query), reads=50)
    assert found == nearest(collection, query)
    assert cost.candidates == cost.refined == OBJECTS


def test_words_are_ranked_among_those_nearest_to_their_direction(collection, refined):
    direction, other = heaps(2, 6)
    with collection.reading() as (_, distance):

        class Reader:
            def words_distances(self, words, descriptors):
                near, far = (distance.one_to_many(each, descriptors) for each in (direction, other))
                return near + np.float32(0.1) * far

            def words_roughly(self, words, descriptors):
                return None

        measure = FromWords(Reader(), "words", FromDescriptor(distance, direction))
        exact, _ = refined(measure, reads=OBJECTS)
        found, cost = refined(measure, reads=20)
    assert (cost.candidates, cost.refined) == (OBJECTS, refinement.CLOSELY)
    assert len(set(found) & set(exact)) >= 9


def test_what_has_no_sketch_is_read(collection, refined):
    query = heaps(1, 3)[0]
    ids = collection.ids()
    with collection.reading() as (_, distance):
        measure = FromDescriptor(distance, query)
        found, cost = refined(measure, ids[: OBJECTS - 300], reads=100)
        assert len(set(found) & set(nearest(collection, query))) >= 9
        assert (cost.candidates, cost.refined) == (OBJECTS, 400)
        found, cost = refined(measure, ids[:0], reads=100)
        assert found == nearest(collection, query)
        assert cost.refined == OBJECTS
        # Of allowed ones no more than would be read without sketches.
        found, cost = refined(measure, ids[:0], reads=100, candidates=200, allowed=IdSet(ids[::3]))
        assert cost.refined == 200


def test_reading_stops_when_nothing_changes(collection, refined):
    query = collection.descriptors([4])[0]
    with collection.reading() as (_, distance):
        measure = FromDescriptor(distance, query)
        found, cost = refined(measure, reads=1000)
        assert cost.refined == 1000
        patient, less = refined(measure, reads=1000, patience=3)
        assert less.refined < 1000
        assert less.refined % refinement.READS == 0
        assert less.candidates == OBJECTS
        assert len(set(patient) & set(found)) >= 9


def test_an_index_that_knows_the_distances_needs_no_sketch(tmp_path):
    with made(tmp_path, index="exact", sketch="rabitq") as collection:
        share, costs = recall(collection)
        assert share == 1
        assert {cost.refined for cost in costs} == {0}


def test_where_all_are_read_the_best_are_read_first(collection, refined):
    """So patience ends it, and each number of reads on the way is as if it had been asked for."""
    query = collection.descriptors([4])[0]
    with collection.reading() as (_, distance):
        measure = FromDescriptor(distance, query)
        found, cost = refined(measure, reads=OBJECTS, patience=3)
        assert cost.refined < 500
        assert len(set(found) & set(nearest(collection, query))) >= 9

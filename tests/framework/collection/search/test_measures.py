"""How far objects are from several examples together, liked and unliked; whatever the metric, and whatever the index."""

import numpy as np
import pytest

import seealso
from conftest import SAMPLES
from seealso import Example, Query, QueryError

DIM = 6
OBJECTS = 300


@pytest.fixture(scope="module", params=["exact", "ppp-codes", "pivot"])
def collection(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("measures")
    np.save(folder / "rows.npy", np.random.default_rng(4).random((OBJECTS, DIM), np.float32))
    plugins = [SAMPLES / "plain.py"]
    with seealso.open(folder / "c", plugins=plugins, index=request.param, distance="manhattan") as opened:
        opened.import_descriptors(folder / "rows.npy")
        yield opened


def expected(collection, liked, unliked=()):
    """ID → distance, by the formula of the documentation."""
    ids = collection.ids()
    rows = collection.descriptors(ids).astype(np.float64)

    def distance(id_):
        return np.abs(rows - rows[ids.tolist().index(id_)]).sum(axis=1)

    total = sum(weight for _, weight in liked)
    mean = sum(weight * distance(id_) for id_, weight in liked) / total
    pushed = mean + sum(weight * len(liked) / total * np.maximum(0, mean - distance(id_)) for id_, weight in unliked)
    return dict(zip(ids.tolist(), pushed.tolist(), strict=True))


def asked(liked, unliked=()):
    return [Example(id=id_, weight=weight) for id_, weight in liked] + [
        Example(id=id_, weight=-weight) for id_, weight in unliked
    ]


@pytest.mark.parametrize(
    ("liked", "unliked"),
    [
        ([(1, 1.0), (2, 1.0)], []),
        ([(1, 3.0), (2, 1.0), (9, 0.5)], []),
        ([(1, 1.0)], [(2, 1.0)]),
        ([(1, 2.0), (7, 1.0)], [(2, 0.5), (3, 4.0)]),
    ],
)
def test_several_examples(collection, liked, unliked):
    all_of_them = expected(collection, liked, unliked)
    answer = collection.search(Query.like(*asked(liked, unliked), k=OBJECTS))
    assert {hit.id for hit in answer.hits} == set(all_of_them)
    for hit in answer.hits:
        assert hit.distance == pytest.approx(all_of_them[hit.id], abs=1e-4)
    assert [hit.distance for hit in answer.hits] == sorted(hit.distance for hit in answer.hits)
    assert [each.id for each in answer.asked] == [id_ for id_, _ in (*liked, *unliked)]


def test_weights_count_beside_one_another_alone(collection):
    one = collection.search(Query.like(*asked([(1, 1.0), (2, 2.0)]), k=20))
    other = collection.search(Query.like(*asked([(1, 10.0), (2, 20.0)]), k=20))
    assert [hit.id for hit in one.hits] == [hit.id for hit in other.hits]


def test_the_same_example_twice_is_the_example(collection):
    once = collection.search(Query.like(5, k=20)).hits
    twice = collection.search(Query.like(5, 5, k=20)).hits
    assert [hit.id for hit in twice] == [hit.id for hit in once]


def test_the_others_leave_all_examples_out(collection):
    answer = collection.search(Query.like(*asked([(1, 1.0), (2, 1.0)], [(3, 1.0)]), k=OBJECTS, others=True))
    assert {hit.id for hit in answer.hits} == set(collection.ids().tolist()) - {1, 2, 3}


def test_restricted(collection):
    allowed = seealso.IdSet(np.arange(10, 40))
    answer = collection.search(Query.like(1, 2, k=50, allowed=allowed))
    assert {hit.id for hit in answer.hits} == set(range(10, 40))


def test_only_unlike(collection):
    with pytest.raises(QueryError, match="all examples say what the hits shall be unlike; say what they shall be like"):
        collection.search(Query.like(*asked([], [(1, 1.0), (2, 1.0)])))


def test_liked_and_unliked_at_once_is_nothing_special(collection):
    """Whoever contradicts himself gets an answer: nothing is nearer to what is unliked than to what is liked."""
    answer = collection.search(Query.like(*asked([(1, 1.0)], [(1, 1.0)]), k=10))
    assert [hit.id for hit in answer.hits] == [hit.id for hit in collection.similar(1, 10).hits]

"""Queries asked together, and with several numbers of reads at once: the answers are those of single searches."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import seealso
from conftest import SAMPLES
from seealso import Example, IdSet, Query, QueryError
from seealso.collection.search import searching
from seealso.configuration.models import SearchConfig
from vector_collections import opened_of

DIM, OBJECTS = 32, 600


@pytest.fixture(scope="module", params=["rabitq", "none"])
def collection(request, tmp_path_factory):
    """A collection of descriptors, with and without a sketch."""
    folder = tmp_path_factory.mktemp("searched")
    np.save(folder / "rows.npy", np.random.default_rng(0).normal(size=(OBJECTS, DIM)).astype(np.float32))
    settings = {"plugins": [SAMPLES / "plain.py"], "text": False, "index": "pivot", "sketch": request.param}
    with seealso.open(folder / "c", **settings) as collection:
        collection.import_descriptors(folder / "rows.npy")
        yield collection


@pytest.fixture
def told(collection, monkeypatch):
    """What the hook `searched` was told of: the queries."""
    queries = []
    monkeypatch.setattr(collection.plugins, "observe", lambda hook, **said: queries.append((hook, said["query"])))
    return queries


def questions() -> list[Query]:
    rng = np.random.default_rng(1)
    return [
        Query.like(3),
        Query.like(3, k=4, offset=7, others=True),
        Query.like(rng.normal(size=DIM).astype(np.float32), k=5, reads=40),
        Query.like(Example(id=5), Example(id=9, weight=2.0), Example(id=4, weight=-0.5), reads=80),
        Query.like(8, allowed=IdSet(np.arange(1, 300)), candidates=100),
        Query.like(8, max_distance=6.0),
        Query.like(8, k=20, fold=seealso.Within(5.0)),
    ]


def counted(cost: seealso.Cost) -> dict:
    return {name: value for name, value in cost.as_json().items() if name != "ms"}


@pytest.mark.parametrize("size", [100, 2])
def test_together_the_answers_are_those_of_single_searches(collection, monkeypatch, told, size):
    monkeypatch.setattr(searching, "TOGETHER", size)
    queries = questions()
    single = [collection.search(query) for query in queries]
    told.clear()
    together = collection.search_many(queries)
    assert [(answer.query, answer.hits, answer.asked) for answer in together] == [
        (answer.query, answer.hits, answer.asked) for answer in single
    ]
    assert [counted(answer.cost) for answer in together] == [counted(answer.cost) for answer in single]
    assert told == [("searched", query) for query in queries]
    assert collection.search_many([]) == []


def test_an_empty_collection_says_so_to_each(tmp_path):
    np.save(tmp_path / "rows.npy", np.eye(3, DIM, dtype=np.float32))
    with seealso.open(tmp_path / "c", text=False) as collection:
        collection.import_descriptors(tmp_path / "rows.npy")
        collection.remove([1, 2, 3])
        queries = [Query.like(np.eye(1, DIM, dtype=np.float32)[0]), Query.like(np.ones(DIM, np.float32), k=2)]
        assert [answer.empty for answer in collection.search_many(queries)] == [True, True]
        assert [answer.hits for answer in collection.search_by_reads(queries[0], [5, 9])] == [(), ()]


def test_what_all_need_is_looked_up_once(collection, monkeypatch):
    opened = opened_of(collection)
    calls = []
    for owner, name in ((opened.index, "view"), (opened.store, "get_many"), (opened.catalog, "records")):
        real = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *given, name=name, real=real: (calls.append(name), real(*given))[1])
    collection.search_many([Query.like(id_, k=3) for id_ in range(1, 21)])
    # The examples' rows, and those of all hits.
    assert sorted(calls) == ["get_many", "records", "records", "view"]


def test_each_tells_what_it_cost(collection):
    answers = collection.search_many([Query.like(id_) for id_ in range(1, 6)])
    for answer in answers:
        ms = dict(answer.cost.as_json()["ms"])
        total = ms.pop("total")
        assert sum(ms.values()) == pytest.approx(total, abs=0.01)
        assert ms["refine"] > 0
    # In equal shares, so all say the same of it.
    assert len({answer.cost.ms.rows for answer in answers}) == 1


def test_the_first_that_fails_is_what_is_raised(collection, told):
    unlike, missing = Query.like(Example(id=1, weight=-1.0)), Query.like(10**6)
    for queries, error in (
        ([Query.like(1), missing, unlike], "there is no object 1000000"),
        ([Query.like(1), unlike, missing], "all examples say what the hits shall be unlike"),
    ):
        with pytest.raises(QueryError, match=error):
            collection.search_many(queries)
    assert told == []


def test_an_example_whose_descriptor_is_lost_fails_alone(tmp_path):
    np.save(tmp_path / "rows.npy", np.random.default_rng(0).normal(size=(30, DIM)).astype(np.float32))
    with seealso.open(tmp_path / "c", plugins=[SAMPLES / "plain.py"], text=False, store="plain") as collection:
        collection.import_descriptors(tmp_path / "rows.npy")
        opened_of(collection).store.remove_many(np.array([7]))
        with pytest.raises(seealso.MissingObject):
            collection.search_many([Query.like(2), Query.like(7)])
        together = collection.search_many([Query.like(2), Query.like(3)])
        assert [answer.hits for answer in together] == [collection.similar(id_).hits for id_ in (2, 3)]


READS = [5, 20, 64, 100, 333, 10_000]


@pytest.mark.parametrize("patience", [None, 2])
def test_one_search_tells_of_several_numbers_of_reads(collection, patience):
    with collection.variant(search=SearchConfig(patience=patience)) as varied:
        for query in (Query.like(3, k=10), Query.like(Example(id=5), Example(id=9), others=True, candidates=300)):
            answers = varied.search_by_reads(query, READS)
            for reads, answer in zip(READS, answers, strict=True):
                single = varied.search(replace(query, reads=reads))
                assert answer.query == single.query
                assert answer.hits == single.hits
                assert (answer.cost.candidates, answer.cost.refined) == (single.cost.candidates, single.cost.refined)
                stages = dict(answer.cost.as_json()["ms"])
                assert stages.pop("total") == pytest.approx(sum(stages.values()), abs=0.01)
            for less, more in pairwise(answers):
                assert less.cost.refined <= more.cost.refined
                assert less.cost.bytes_read <= more.cost.bytes_read
    # In any order, and more than once.
    assert [len(answer.hits) for answer in collection.search_by_reads(Query.like(1, k=3), [50, 1, 50])] == [3, 3, 3]


@pytest.mark.parametrize(
    ("query", "reads", "said"),
    [
        (Query.like(1), [], "give one or more numbers of reads, each 1 or more"),
        (Query.like(1), [5, 0], "give one or more numbers of reads"),
        (Query.like(1, fold=seealso.Within(1.0)), [5], "leave out words and fold"),
        (Query(keywords="red"), [5], "leave out words"),
        (Query.like(Example(words="red")), [5], "leave out words"),
        (Query.like(Example(id=1, weight=-1.0)), [5], "all examples say what the hits shall be unlike"),
    ],
)
def test_what_cannot_be_asked_with_several_numbers_of_reads(collection, query, reads, said):
    with pytest.raises(seealso.SeealsoError, match=said):
        collection.search_by_reads(query, reads)

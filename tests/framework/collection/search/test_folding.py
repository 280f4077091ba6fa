"""Neighbours that are nearly the same, folded into the nearest of them."""

from dataclasses import replace

import numpy as np
import pytest

import seealso
from seealso import Query, QueryError, Within

NEAR = Within(0.1)


@pytest.fixture(scope="module", params=["exact", "ppp-codes"])
def collection(request, tmp_path_factory):
    """Forty pictures, of which every fourth is there three times."""
    folder = tmp_path_factory.mktemp("folding")
    random = np.random.default_rng(3)
    rows = random.normal(size=(40, 12)).astype(np.float32)
    again = np.concatenate([rows[::4] + 1e-3 * number for number in (1, 2)])
    np.save(folder / "rows.npy", np.concatenate([rows, again]).astype(np.float32))
    with seealso.open(folder / "c", index=request.param, distance="euclidean", text=False) as opened:
        opened.import_descriptors(folder / "rows.npy")
        yield opened


def of(id_: int) -> int:
    """The number of the picture that an object shows, from 0."""
    return id_ - 1 if id_ <= 40 else 4 * ((id_ - 41) % 10)


def test_each_picture_is_there_once_with_the_others_folded_into_it(collection):
    answer = collection.search(Query.like(1, k=40, fold=NEAR))
    assert sorted(of(hit.id) for hit in answer.hits) == list(range(40))
    for hit in answer.hits:
        assert len(hit.folded) == (2 if of(hit.id) % 4 == 0 else 0)
        assert {of(id_) for id_ in hit.folded} <= {of(hit.id)}
    assert [hit.distance for hit in answer.hits] == sorted(hit.distance for hit in answer.hits)
    assert (answer.hits[0].id, answer.hits[0].folded) == (1, (41, 51))
    shown = answer.as_json()["hits"]
    assert shown[0]["folded"] == [41, 51]
    assert all("folded" in hit for hit in shown)


def test_there_are_as_many_hits_as_without_and_pages_go_on(collection):
    whole = [hit.id for hit in collection.search(Query.like(1, k=30, fold=NEAR)).hits]
    assert len(whole) == 30
    pages = [
        hit.id
        for offset in range(0, 30, 10)
        for hit in collection.search(Query.like(1, k=10, offset=offset, fold=NEAR)).hits
    ]
    assert pages == whole
    plain = collection.search(Query.like(1, k=30))
    assert all(hit.folded == () for hit in plain.hits)
    assert "folded" not in plain.as_json()["hits"][0]


def test_it_goes_with_the_other_limits(collection):
    others = collection.search(Query.like(1, k=3, others=True, fold=NEAR)).hits
    assert (others[0].id, others[0].folded) == (41, (51,))
    near = collection.search(Query.like(1, k=40, max_distance=0.1, fold=NEAR)).hits
    assert [(hit.id, hit.folded) for hit in near] == [(1, (41, 51))]
    allowed = collection.search(
        Query.like(1, k=40, allowed=seealso.IdSet(np.array([1, 2, 51])), fold=Within(likeness=95))
    ).hits
    assert [(hit.id, hit.folded) for hit in allowed] == [(1, (51,)), (2, ())]


@pytest.mark.parametrize("index", ["exact", "ppp-codes"])
def test_groups_that_were_found_before_are_folded_too(tmp_path, index):
    """Their pictures were compared, which says more than descriptors do."""
    rows = np.random.default_rng(4).normal(size=(20, 12)).astype(np.float32)
    np.save(tmp_path / "rows.npy", np.concatenate([rows, rows[:6] + 0.01, rows[:3] - 0.01]).astype(np.float32))
    with seealso.open(tmp_path / "c", index=index, distance="euclidean", text=False) as opened:
        opened.import_descriptors(tmp_path / "rows.npy")
        query = Query.like(1, k=29, fold=Within(0.001))
        assert len(opened.search(query).hits) == 29
        found = opened.duplicates(NEAR)
        groups = {frozenset(group.ids.tolist()) for group in found}
        assert groups == {frozenset({n, n + 20, n + 26}) for n in (1, 2, 3)} | {
            frozenset({n, n + 20}) for n in (4, 5, 6)
        }
        hits = opened.search(query).hits
        assert len(hits) == 20
        assert {frozenset({hit.id, *hit.folded}) for hit in hits if hit.folded} == groups
        # One that is folded by its descriptor into a member of a group goes with that.
        assert opened.search(replace(query, fold=Within(0.05))).hits == hits


def test_what_makes_no_sense_is_refused():
    with pytest.raises(QueryError, match="only the neighbours of examples can be folded"):
        Query(keywords="cat", fold=NEAR)
    with pytest.raises(QueryError, match="only the neighbours of examples can be folded"):
        Query.like(1, keywords="cat", fold=NEAR)
    with pytest.raises(QueryError, match="a query reaches 10,000 at most"):
        Query.like(1, k=10_000, offset=1, fold=NEAR)

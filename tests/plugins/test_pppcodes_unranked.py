"""The index ppp-codes without codes: it keeps the cells alone, and proposes what is near in two spaces for a sketch to rank."""

import json
import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seealso
from lengths import campaign
from seealso.distances.vectors import Manhattan
from seealso.testing import MetricIndexTests
from seealso_pppcodes import index as index_module
from seealso_pppcodes import segment
from seealso_pppcodes.index import PPPCodesIndex
from seealso_pppcodes.options import PPPCodesOptions

MANHATTAN = Manhattan()


class TestUnranked(MetricIndexTests):
    index_class = PPPCodesIndex
    options = {"ranking": "none"}  # noqa: RUF012 - as in every suite


@pytest.fixture(autouse=True)
def _everything_happens_when_it_is_small(monkeypatch):
    """Segments are sealed and merged among a few hundred objects."""
    monkeypatch.setattr(index_module, "TAIL", 40)
    monkeypatch.setattr(index_module, "SEGMENTS", 3)


@pytest.fixture
def make():
    """Makes indexes, and closes them."""
    made = []

    def make(**options):
        made.append(empty(**options))
        return made[-1]

    yield make
    for index in made:
        index.close()


def empty(**options) -> PPPCodesIndex:
    options = {"pivot_spaces": 3, "pivots": 16, "ranking": "none", **options}
    context = seealso.IndexContext(MANHATTAN, None, 4, np.dtype(np.float32), 2)
    return PPPCodesIndex(PPPCodesOptions.model_validate(options), context)


def points(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 4)).astype(np.float32)


def filled(index: PPPCodesIndex, count: int, seed: int = 0) -> PPPCodesIndex:
    descriptors = points(count, seed)
    index.train(descriptors)
    for part in np.array_split(np.arange(count), 5):
        index.add(2 * part, descriptors[part])
    return index


def blocks(index: PPPCodesIndex, query: np.ndarray, **options) -> list[list[int]]:
    found, scores = [], []
    for block in index.candidates(query, **options):
        found.append(block.ids.tolist())
        scores += block.scores.tolist()
        assert block.ids.size
        assert not block.exact
    assert scores == list(range(sum(map(len, found))))
    return found


def everything(index: PPPCodesIndex, query: np.ndarray, **options) -> list[int]:
    return [id_ for block in blocks(index, query, **options) for id_ in block]


# What is kept


def test_fifteen_bytes_are_kept_of_an_object(make):
    kept = filled(make(pivot_spaces=5), 3000)
    kept._settle()
    told = kept.statistics()
    assert told["bytes_per_object_codes"] == 0
    (part,) = kept._state.segments
    assert part.low.nbytes + part.high.nbytes == 15 * 3000
    with_codes = filled(make(pivot_spaces=5, ranking="distance-sum"), 3000)
    with_codes._settle()
    assert with_codes.statistics()["bytes_per_object"] - told["bytes_per_object"] == pytest.approx(35, abs=0.1)


def test_no_ranking_means_no_codes_unless_their_length_is_named():
    assert PPPCodesOptions(ranking="none").prefix_length == 0
    assert PPPCodesOptions(ranking="none", prefix_length=3).prefix_length == 3
    assert PPPCodesOptions().prefix_length == 7
    assert [PPPCodesOptions(**options).ranks for options in ({}, {"ranking": "none"}, {"prefix_length": 0})] == [
        True,
        False,
        False,
    ]


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 90),
    pivots=st.sampled_from([1, 2, 5, 300]),
    share=st.sampled_from([0.0, 0.1, 1.0]),
)
def test_codes_are_found_in_the_cells(seed, count, pivots, share):
    random = np.random.default_rng(seed)
    shape = segment.CodeShape.of(3, pivots, 0)
    assert (shape.kept, shape.prefix, shape.length) == (False, 0, min(2, pivots))
    rows = [[random.permutation(pivots)[: shape.length] for _ in range(3)] for _ in range(count)]
    codes = np.array(rows).reshape(count, -1).astype(shape.dtype)
    built = segment.Segment.build(shape, np.arange(count) * 7, codes)
    assert built.codes.shape == (count, 0)
    places = random.permutation(count)[: int(share * count)]
    assert np.array_equal(built.codes_at(places), codes[places])


# What is proposed


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), spaces=st.sampled_from([1, 2, 5]), wanted=st.sampled_from([1, 20, 200]))
def test_what_is_proposed_is_near_in_two_spaces(seed, spaces, wanted):
    """In one, where there is but one; and everything that is so near comes before anything else."""
    index = filled(empty(pivot_spaces=spaces), 500, seed % 1000)
    index.remove(np.arange(0, 1000, 18))
    search = index._search(points(1, seed=seed)[0])
    block = next(search.blocks(wanted))
    ids, codes = index._state.live()
    seen = np.zeros(ids.size, int)
    tables, limits = search._visits._tables, search._visits.order.limits
    for space in range(spaces):
        first, second = codes[:, 2 * space], codes[:, 2 * space + 1]
        seen += tables[space, 0, first].astype(int) + tables[space, 1, second] < limits[space]
    assert sorted(block.ids.tolist()) == sorted(ids[seen >= min(2, spaces)].tolist())
    assert block.ids.size >= min(wanted, index._state.objects)
    index.close()


def test_hardly_more_is_found_than_is_wanted(make):
    index = filled(make(pivots=64), 6000)
    for wanted in (50, 400, 1500):
        sizes = [len(blocks(index, query, wanted=wanted)[0]) for query in points(10, seed=1)]
        assert min(sizes) >= wanted
        assert np.mean(sizes) < 1.5 * wanted


def test_what_is_near_comes_first(make):
    descriptors = points(3000)
    index = filled(make(pivots=64, pivot_spaces=5), 3000)
    shares = []
    for query in points(20, seed=2):
        nearest = 2 * np.argsort(MANHATTAN.one_to_many(query, descriptors))[:10]
        order = everything(index, query, wanted=3000)
        assert sorted(order) == list(range(0, 6000, 2))
        shares.append(np.isin(nearest, order[:300]).mean())
    assert np.mean(shares) > 0.9


@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 2**32 - 1), wanted=st.sampled_from([1, 5, 50, 5000]), share=st.sampled_from([0.0, 0.02, 1.0])
)
def test_in_the_end_all_that_is_allowed_comes_once(seed, wanted, share):
    random = np.random.default_rng(seed)
    index = filled(empty(), 400)
    index.remove(np.arange(0, 800, 14))
    there = np.setdiff1d(np.arange(0, 800, 2), np.arange(0, 800, 14))
    chosen = there[random.random(there.size) < share]
    query = points(1, seed=seed)[0]
    assert sorted(everything(index, query, wanted=wanted)) == there.tolist()
    allowed = seealso.IdSet(np.concatenate([chosen, [1 << 40, 1, -5]]))
    assert sorted(everything(index, query, wanted=wanted, allowed=allowed)) == chosen.tolist()
    index.close()


@settings(deadline=None, max_examples=campaign(8, 40))
@given(seed=st.integers(0, 2**32 - 1), steps=st.integers(1, 25))
def test_grown_in_many_steps_or_built_at_once(seed, steps):
    """The proposals are the same, in the same order."""
    random = np.random.default_rng(seed)
    grown, at_once = empty(), empty()
    known: dict[int, np.ndarray] = {}
    for index in (grown, at_once):
        index.train(points(40, seed=seed % 1000))
    for _ in range(steps):
        ids = np.unique(random.integers(0, 900, random.integers(1, 70)))
        if random.random() < 0.3:
            grown.remove(ids)
            for id_ in ids.tolist():
                known.pop(id_, None)
        else:
            descriptors = random.normal(size=(ids.size, 4)).astype(np.float32)
            grown.add(ids, descriptors)
            known |= dict(zip(ids.tolist(), descriptors, strict=True))
        assert grown._state.objects == len(known)
        assert grown._state.counts.sum(axis=1).tolist() == [len(known)] * 3
    if known:
        at_once.add(np.array(sorted(known)), np.stack([known[id_] for id_ in sorted(known)]))
    for query in points(2, seed=seed):
        for wanted in (3, 50):
            assert blocks(grown, query, wanted=wanted) == blocks(at_once, query, wanted=wanted)
    assert sorted(grown.storage_order()) == sorted(known)
    grown.close()
    at_once.close()


def test_codes_that_are_there_all_the_same_rank_nothing(make):
    """An index that was made with codes is asked so until it is built anew; only bounds are rounded in another way."""
    cells, codes = filled(make(), 700), filled(make(prefix_length=5), 700)
    assert codes._state.shape.kept
    for query in points(4, seed=3):
        (first, *_), (other, *_) = (blocks(index, query, wanted=60) for index in (cells, codes))
        assert len(set(first) ^ set(other)) < 5
        assert sorted(everything(codes, query)) == sorted(everything(cells, query))


def test_without_codes_nothing_is_ranked_whatever_is_configured(make):
    cells, other = filled(make(), 700), filled(make(ranking="kendall-tau", prefix_length=0), 700)
    query = points(1, seed=3)[0]
    assert blocks(other, query, wanted=60) == blocks(cells, query, wanted=60)


# On disk


def test_a_snapshot_gives_the_same_again(make, tmp_path):
    index = filled(make(), 600)
    index._settle()
    index.remove(np.arange(10, 80, 6))
    index.save(tmp_path)
    assert "0_codes.npy" not in {file.name for file in tmp_path.iterdir()}
    again = make()
    again.load(tmp_path)
    assert again.verify() == []
    assert not again._state.shape.kept
    for query in points(3, seed=8):
        assert blocks(again, query, wanted=10) == blocks(index, query, wanted=10)
    for one in (index, again):
        one.remove(np.arange(200, 900, 2))
        one.add(np.arange(2000, 2100), points(100, seed=4))
        one._settle()
    assert blocks(again, query, wanted=10) == blocks(index, query, wanted=10)


def test_an_earlier_release_refuses_it(make, tmp_path):
    """It would look for codes; one that has them it can read."""
    for number, options in enumerate(({}, {"ranking": "distance-sum"})):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        filled(make(**options), 100).save(folder)
        header = json.loads((folder / "ppp-codes.json").read_text().partition(" ")[2])
        assert (header["version"], header["length"]) == [(2, 0), (1, 7)][number]


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), name=st.sampled_from(["low", "high", "starts"]), share=st.floats(0, 1))
def test_arbitrary_bytes_lead_nowhere(seed, name, share, tmp_path_factory):
    """What is mapped is not checked when it is opened: whatever it holds, nothing outside of it is read."""
    random = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("damaged")
    index, again = filled(empty(), 300), empty()
    index.save(folder)
    array = np.load(folder / f"0_{name}.npy")
    raw = array.reshape(-1).view(np.uint8)
    changed = random.random(raw.size) < share
    changed[random.integers(raw.size)] = True
    raw[changed] ^= random.integers(1, 256, int(changed.sum())).astype(np.uint8)
    np.save(folder / f"0_{name}.npy", array)
    try:
        again.load(folder)
    except seealso.FormatError:
        assert name == "starts"
    else:
        assert len(again.verify()) == 1
        for query in points(2, seed=seed):
            found = everything(again, query, wanted=5)
            assert len(found) == len(set(found))
            assert set(found) <= set(range(0, 600, 2))
        again.remove(np.arange(0, 600, 4))
        again.add(np.arange(1000, 1100), points(100))
        assert set(again._settle().ids().tolist()) == {*range(2, 600, 4), *range(1000, 1100)}
        assert len(everything(again, query)) <= 250
    index.close()
    again.close()


# Beside a sketch, or not


def test_without_a_sketch_one_line_warns(make, caplog):
    index_module._warn_of_no_ranking.cache_clear()
    with caplog.at_level(logging.WARNING, "seealso"):
        make(ranking="distance-sum")
        assert caplog.messages == []
        make()
        make()
    (message,) = caplog.messages
    assert message.startswith("the index ppp-codes has `ranking: none`, and there is no sketch")


def test_with_a_sketch_nothing_warns(caplog):
    index_module._warn_of_no_ranking.cache_clear()
    context = seealso.IndexContext(MANHATTAN, None, 4, np.dtype(np.float32), 2, lambda: None)
    with caplog.at_level(logging.WARNING, "seealso"):
        PPPCodesIndex(PPPCodesOptions(ranking="none"), context).close()
    assert caplog.messages == []


def test_a_collection_with_codes_is_asked_so_until_it_is_built_anew(tmp_path):
    np.save(tmp_path / "rows.npy", points(400))
    settings = {"sketch": "rabitq", "distance": "euclidean", "text": False}
    with seealso.open(tmp_path / "c", index="ppp-codes", **settings) as collection:
        collection.import_descriptors(tmp_path / "rows.npy")
        before = [hit.id for hit in collection.similar(1, reads=400).hits]
    with seealso.open(tmp_path / "c", index={"plugin": "ppp-codes", "ranking": "none"}, **settings) as collection:
        assert [hit.id for hit in collection.similar(1, reads=400).hits] == before
        assert collection.status()["index"]["bytes_per_object_codes"] > 0
        collection.rebuild()
        assert collection.status()["index"]["bytes_per_object_codes"] == 0
        assert [hit.id for hit in collection.similar(1, reads=400).hits] == before

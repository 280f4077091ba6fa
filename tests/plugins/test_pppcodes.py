"""The index ppp-codes: its answers are the reference's, whatever the order in which things come and go."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seealso
from conftest import SAMPLES
from lengths import campaign
from plugins.pppcodes_reference import Reference
from seealso.distances.vectors import Cosine, Euclidean, Manhattan
from seealso.testing import MetricIndexTests
from seealso_pppcodes import index as index_module
from seealso_pppcodes import merging, ranking, segment
from seealso_pppcodes.cells import CellOrder, FilledCells
from seealso_pppcodes.ids import AscendingIds
from seealso_pppcodes.index import PPPCodesIndex
from seealso_pppcodes.options import PPPCodesOptions
from seealso_pppcodes.ranking import best_first
from seealso_pppcodes.state import State, bits_at

RANKINGS = ("distance-sum", "spearman-footrule", "kendall-tau")
AGGREGATIONS = ("score-sum", "percentile")


class Jaccard(seealso.Distance):
    """The share of the bits set in either that are not set in both."""

    name = "jaccard"
    dtypes = ("uint8",)

    def many_to_many(self, a, b, out=None):
        a, b = (np.unpackbits(bits, axis=1).astype(np.int64) for bits in (a, b))
        both = a @ b.T
        either = a.sum(axis=1)[:, np.newaxis] + b.sum(axis=1) - both
        distances = (1 - both / np.maximum(either, 1) * (either > 0) - (either == 0)).astype(np.float32)
        if out is None:
            return distances
        out[...] = distances
        return out


METRICS = {metric.name: metric() for metric in (Euclidean, Manhattan, Cosine, Jaccard)}
MANHATTAN = METRICS["manhattan"]
"""Its results do not depend on how many distances are computed at once."""


class TestPPPCodes(MetricIndexTests):
    index_class = PPPCodesIndex


@pytest.fixture(autouse=True)
def _everything_happens_when_it_is_small(monkeypatch):
    """Segments are sealed and merged, cells passed over and threads used among a few hundred objects."""
    monkeypatch.setattr(index_module, "TAIL", 40)
    monkeypatch.setattr(index_module, "SEGMENTS", 3)
    monkeypatch.setattr(index_module, "WORTH_A_THREAD", 200)
    monkeypatch.setattr(ranking, "LEAST_SCORED", 1)


@pytest.fixture
def make():
    """Makes indexes, and closes them."""
    made = []

    def make(*arguments, **options):
        made.append(empty(*arguments, **options))
        return made[-1]

    yield make
    for index in made:
        index.close()


def empty(dim: int = 4, distance: seealso.Distance = MANHATTAN, dtype: str = "float32", **options) -> PPPCodesIndex:
    options = {"pivot_spaces": 3, "pivots": 8, "prefix_length": 4, **options}
    context = seealso.IndexContext(distance, None, dim, np.dtype(dtype), 2)
    return PPPCodesIndex(PPPCodesOptions(**options), context)


def points(count: int, dim: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)


def numbers(count: int) -> np.ndarray:
    """IDs with gaps."""
    return np.arange(1, count + 1, dtype=np.int64) * 3 - (np.arange(count) % 2)


def filled(index: PPPCodesIndex, descriptors: np.ndarray) -> PPPCodesIndex:
    index.train(descriptors)
    index.add(numbers(len(descriptors)), descriptors)
    return index


def blocks(index: PPPCodesIndex, query: np.ndarray, **options) -> list[tuple[list[int], list[float]]]:
    found = []
    for block in index.candidates(query, **options):
        assert block.ids.dtype == np.int64
        assert block.scores.dtype == np.float32
        assert block.ids.size
        assert not block.exact
        found.append((block.ids.tolist(), block.scores.tolist()))
    return found


def everything(index: PPPCodesIndex, query: np.ndarray, **options) -> list[int]:
    found = blocks(index, query, **options)
    scores = [score for block in found for score in block[1]]
    assert scores == sorted(scores)
    return [id_ for block in found for id_ in block[0]]


def draw_descriptors(random: np.random.Generator, metric: str, count: int, coarse: bool) -> np.ndarray:
    if metric == "jaccard":
        return np.packbits(random.random((count, 24)) < 0.3, axis=1)
    drawn = random.normal(size=(count, 3)).astype(np.float32)
    return np.round(drawn) if coarse else drawn  # rounded, there are ties everywhere


# Its answers


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("aggregation", AGGREGATIONS)
@pytest.mark.parametrize("ranked", RANKINGS)
@settings(deadline=None, max_examples=12)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 70),
    spaces=st.integers(1, 5),
    pivots=st.integers(1, 20),
    length=st.integers(1, 8),
    percentile=st.sampled_from([0.2, 0.5, 0.6, 1.0]),
    wanted=st.sampled_from([1, 7, 100]),
    coarse=st.booleans(),
    restricted=st.booleans(),
)
def test_candidates_are_those_of_the_reference(
    metric, aggregation, ranked, seed, count, spaces, pivots, length, percentile, wanted, coarse, restricted
):
    """With every object visited: the same candidates in the same order, ties by ID."""
    random = np.random.default_rng(seed)
    descriptors = draw_descriptors(random, metric, count, coarse)
    query = draw_descriptors(random, metric, 1, coarse)[0]
    index = empty(
        descriptors.shape[1],
        METRICS[metric],
        str(descriptors.dtype),
        pivot_spaces=spaces,
        pivots=pivots,
        prefix_length=length,
        ranking=ranked,
        aggregation=aggregation,
        percentile=percentile,
        scored_per_candidate=1e9,
    )
    filled(index, descriptors)
    reference = Reference(METRICS[metric], index._spaces.pivots, index.options)
    keys = reference.aggregate(reference.scores(query, reference.encode(descriptors)))
    ids = numbers(count)
    assert everything(index, query, wanted=wanted) == reference.candidates(query, ids, descriptors)
    if ranked != "distance-sum":
        scores = [score for block in blocks(index, query, wanted=wanted) for score in block[1]]
        assert scores == sorted(keys)
    if restricted:
        some = random.random(count) < 0.3
        allowed = seealso.IdSet(ids[some])
        expected = reference.candidates(query, ids[some], descriptors[some])
        assert everything(index, query, wanted=wanted, allowed=allowed) == expected
    index.close()


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    ranked=st.sampled_from(RANKINGS),
    percentile=st.sampled_from([0.2, 0.5, 0.8, 1.0]),
    wanted=st.sampled_from([1, 5, 50, 5000]),
    share=st.sampled_from([0.02, 0.3, 1.0]),
)
def test_visiting_less_changes_no_percentile(seed, ranked, percentile, wanted, share):
    """An object whose rank is not sure yet waits for its turn."""
    random = np.random.default_rng(seed)
    descriptors = draw_descriptors(random, "manhattan", 400, coarse=False)
    query = draw_descriptors(random, "manhattan", 1, coarse=False)[0]
    allowed = seealso.IdSet(numbers(400)[random.random(400) < share])
    found = []
    for visited in (1, 1e9):
        index = empty(
            3, ranking=ranked, aggregation="percentile", percentile=percentile, scored_per_candidate=visited, pivots=16
        )
        filled(index, descriptors)
        found.append(everything(index, query, wanted=wanted, allowed=allowed))
        index.close()
    assert found[0] == found[1]
    assert sorted(found[0]) == allowed.ids.tolist()


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    ranked=st.sampled_from(RANKINGS),
    wanted=st.sampled_from([1, 5, 50, 5000]),
    share=st.sampled_from([0.0, 0.02, 0.3, 1.0]),
)
def test_visiting_less_loses_nothing_in_the_end(seed, ranked, wanted, share):
    """Every object that is allowed comes once, and scores ascend within the blocks and across them."""
    random = np.random.default_rng(seed)
    descriptors = draw_descriptors(random, "manhattan", 400, coarse=False)
    index = filled(empty(3, ranking=ranked, scored_per_candidate=1, pivots=16), descriptors)
    ids = numbers(400)
    index.remove(ids[::7])
    chosen = ids[random.random(400) < share]
    # And IDs that are nobody's.
    allowed = seealso.IdSet(np.concatenate([chosen, [1 << 40, 0, -5]]))
    query = draw_descriptors(random, "manhattan", 1, coarse=False)[0]
    assert sorted(everything(index, query, wanted=wanted)) == np.setdiff1d(ids, ids[::7]).tolist()
    assert sorted(everything(index, query, wanted=wanted, allowed=allowed)) == np.setdiff1d(chosen, ids[::7]).tolist()
    index.close()


def test_the_first_block_holds_what_is_wanted(make):
    for aggregation in AGGREGATIONS:
        index = filled(make(aggregation=aggregation), points(300))
        assert len(blocks(index, points(1)[0], wanted=25)[0][0]) == 25
        assert len(blocks(index, points(1)[0], wanted=5000)[0][0]) == 300
    assert blocks(index, points(1)[0], allowed=seealso.IdSet(np.empty(0))) == []
    assert blocks(index, points(1)[0], allowed=seealso.IdSet(np.array([7777]))) == []


def test_few_cells_are_visited_where_few_candidates_are_wanted(make):
    index = filled(make(pivots=64), points(3000))
    search = index._search(points(1, seed=1)[0])
    next(search.blocks(10))
    assert 10 <= search.scored < 1500


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    span=st.sampled_from([1, 3, 4096, 5000, 49 * 4096, 3 * 49 * 4096 + 1, 1 << 29]),
    pairs=st.booleans(),
)
def test_cells_in_their_order(seed, span, pairs):
    """Each once, those with lower bounds first, as many as hold what is asked for; also with bounds on a border of buckets."""
    random = np.random.default_rng(seed)
    first = random.integers(0, span, (2, 16)).astype(np.int32)
    first[:, :2] = 0, span - 1
    second = np.zeros((2, 16), np.int32)
    if pairs and span > 4096:
        first[:, 2:] = first[:, 2:] // (span // 4096) * (span // 4096)
    counts = random.integers(0, 3, (2, 256 if pairs else 16)).astype(np.uint32)
    bounds = (first[:, :, np.newaxis] + second[:, np.newaxis]).reshape(2, -1) if pairs else first
    tables = np.stack([first, second, second + 7], axis=1) if pairs else first[:, np.newaxis].copy()
    order = CellOrder(FilledCells.of(counts, 16), tables)
    visited = np.zeros(counts.shape, bool)
    for depth in sorted(random.integers(1, 2 + counts.sum(axis=1).min(), 9)):
        found, starts, held = order.advance(int(depth))
        for space in range(2):
            cells = found[starts[space] : starts[space + 1]]
            assert not visited[space, cells].any()
            visited[space, cells] = True
            held -= int(counts[space, cells].sum())
            assert counts[space, visited[space]].sum() >= min(depth, counts[space].sum())
            assert visited[space].tolist() == ((bounds[space] < order.limits[space]) & (counts[space] > 0)).tolist()
        assert held == 0
        assert order.least_scores.tolist() == (order.limits + (7 if pairs else 0)).tolist()
    order.advance(int(counts.sum()))
    for space in range(2):
        assert order.limits[space] > bounds[space, counts[space] > 0].max(initial=-1)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), spaces=st.sampled_from([1, 2, 5]), aggregation=st.sampled_from(AGGREGATIONS))
def test_what_is_scored_is_in_the_nearest_cells_of_two_spaces(seed, spaces, aggregation):
    """In those of one, where there is but one space, or where ranks count everything in it."""
    index = empty(pivot_spaces=spaces, aggregation=aggregation, scored_per_candidate=1, pivots=16)
    filled(index, points(500, seed=seed))
    index.remove(numbers(500)[::9])
    search = index._search(points(1, seed=seed + 1)[0])
    next(search.blocks(20))
    ids, codes = index._state.live()
    length = index._state.shape.length
    seen = np.zeros(ids.size, int)
    for space, limit in enumerate(search._visits.order.limits):
        values = search._tables.values[space]
        seen += values[0, codes[:, space * length]] + values[1, codes[:, space * length + 1]] < limit
    least = 2 if spaces > 1 and aggregation == "score-sum" else 1
    assert sorted(search._visits.ids(search._places).tolist()) == sorted(ids[seen >= least].tolist())
    index.close()


# Coming and going


def step(random: np.random.Generator, index: PPPCodesIndex, known: dict[int, np.ndarray]) -> PPPCodesIndex:
    """Change an index somehow, and what it should know likewise; perhaps it is another one afterwards."""
    what = random.choice(["add", "add", "replace", "remove", "save"])
    if what == "remove":
        ids = random.integers(0, 1500, random.integers(1, 60))  # most are there, some are not, some come twice
        index.remove(ids)
        for id_ in ids.tolist():
            known.pop(id_, None)
    elif what == "save":
        with tempfile.TemporaryDirectory() as folder:
            index.save(Path(folder))
            again = PPPCodesIndex(index.options, index.context)
            again.load(Path(folder))
            index.close()
        return again
    else:
        largest = 1500 if what == "replace" else 3000
        ids = np.unique(random.integers(max([0, *known]) if what == "add" else 0, largest, random.integers(1, 70)))
        descriptors = random.normal(size=(ids.size, 4)).astype(np.float32)
        index.add(ids, descriptors)
        known |= dict(zip(ids.tolist(), descriptors, strict=True))
    return index


@pytest.mark.torture
@settings(deadline=None, max_examples=campaign(8, 25))
@given(seed=st.integers(0, 2**32 - 1), steps=st.integers(1, 40), aggregation=st.sampled_from(AGGREGATIONS))
def test_grown_in_many_steps_or_built_at_once(seed, steps, aggregation):
    random = np.random.default_rng(seed)
    sample = points(40, seed=seed)
    grown = empty(aggregation=aggregation, scored_per_candidate=1)
    grown.train(sample)
    known: dict[int, np.ndarray] = {}
    for _ in range(steps):
        grown = step(random, grown, known)
        assert grown.ids().tolist() == sorted(known)
        assert grown.statistics()["objects"] == len(known)
    at_once = empty(aggregation=aggregation, scored_per_candidate=1)
    at_once.train(sample)
    if known:
        at_once.add(np.array(sorted(known)), np.stack([known[id_] for id_ in sorted(known)]))
    for query in points(3, seed=seed + 1):
        for wanted in (3, 50):
            assert blocks(grown, query, wanted=wanted) == blocks(at_once, query, wanted=wanted)
    assert sorted(everything(grown, sample[0])) == sorted(known)
    assert sorted(grown.storage_order()) == sorted(known)
    grown.close()
    at_once.close()


def test_storage_order_puts_what_is_alike_side_by_side(make):
    index = filled(make(pivots=16, prefix_length=2), points(500))
    codes = dict(zip(*(array.tolist() for array in index._state.live()), strict=True))
    first = [codes[id_][0] for id_ in index.storage_order().tolist()]
    assert first == sorted(first)


def test_removed_objects_give_their_room_back(make):
    index = filled(make(), points(1000))
    before = index._settle().segments[0].size
    index.remove(numbers(1000)[100:])
    state = index._settle()
    assert (before, [part.size for part in state.segments]) == (1000, [100])
    index.remove(numbers(1000))
    assert index._settle().segments == ()
    assert everything(index, points(1)[0]) == []


def test_segments_are_few(make):
    index = make()
    index.train(points(50))
    for number in range(60):
        index.add(np.arange(50) + 50 * number, points(50, seed=number))
    assert len(index._state.segments) <= 5
    assert len(index._settle().segments) == 1


def test_no_segment_is_larger_than_its_places_can_be_written(make, monkeypatch):
    monkeypatch.setattr("seealso_pppcodes.merging.CAPACITY", 200)
    index = make()
    index.train(points(50))
    for number in range(20):
        index.add(np.arange(50) + 50 * number, points(50, seed=number))
    sizes = [part.size for part in index._settle().segments]
    assert max(sizes) <= 200
    assert sum(sizes) == 1000
    assert index.ids().tolist() == list(range(1000))


def test_queries_while_it_changes(make):
    """Every answer is of things as they stood at some moment: what stays is in it, and nothing is in it twice."""
    index = make(scored_per_candidate=1)
    index.train(points(50))
    stays, comes = np.arange(0, 600, 2), np.arange(1, 600, 2)
    index.add(stays, points(300))
    wrong, answers, done = [], [], threading.Event()

    def ask(seed):
        query = points(1, seed=seed)[0]
        try:
            while not done.is_set():
                found = everything(index, query, wanted=20)
                answers.append(len(found))
                if len(found) != len(set(found)) or not set(stays.tolist()) <= set(found) <= set(range(600)):
                    wrong.append(found)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for number in range(16):
        for part in np.array_split(comes, 4):
            index.add(part, points(part.size, seed=number))
        if number % 4 == 0:
            index._settle()
        index.remove(comes)
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(answers) > 3


# What is unusual


@pytest.mark.parametrize("choice", ["random", "farthest-first", "balanced"])
@pytest.mark.parametrize(
    ("count", "options"),
    [
        (1, {}),
        (5, {}),  # fewer than pivots
        (60, {"prefix_length": 1}),
        (60, {"prefix_length": 32}),  # more than pivots
        (60, {"pivots": 1}),
        (400, {"pivots": 300, "pivot_spaces": 1}),  # a symbol takes two bytes
        (400, {"pivots": 300, "prefix_length": 1}),
    ],
)
@pytest.mark.parametrize("equal", [False, True])
def test_small_and_strange(make, choice, count, options, equal):
    descriptors = np.ones((count, 4), np.float32) if equal else points(count)
    first, second = (filled(make(pivot_choice=choice, seed=5, **options), descriptors) for _ in range(2))
    assert np.array_equal(first._spaces.pivots, second._spaces.pivots)
    assert first._state.shape.dtype == (np.uint16 if min(count, options.get("pivots", 8)) > 256 else np.uint8)
    reference = Reference(MANHATTAN, first._spaces.pivots, first.options)
    for query in (descriptors[0], points(1, seed=9)[0]):
        expected = reference.candidates(query, numbers(count), descriptors)
        assert everything(first, query, wanted=10 * count) == everything(second, query, wanted=10 * count) == expected
        if equal:
            assert expected == numbers(count).tolist()


@pytest.mark.parametrize("choice", ["random", "farthest-first", "balanced"])
def test_pivots_are_different_objects(choice, make):
    """Of every space; and no object is the pivot of two, where there are enough."""
    index = make(pivot_choice=choice)
    index.train(points(100))
    assert len(np.unique(index._spaces.pivots.reshape(-1, 4), axis=0)) == 24
    index.train(points(10))
    assert all(len(np.unique(pivots, axis=0)) == 8 for pivots in index._spaces.pivots)


def test_another_seed_gives_other_pivots(make):
    one, other = (filled(make(seed=seed), points(100)) for seed in (1, 2))
    assert not np.array_equal(one._spaces.pivots, other._spaces.pivots)


def test_nothing_at_all(make, tmp_path):
    index = make()
    assert index.ids().tolist() == []
    assert index.storage_order() is None
    assert index.statistics() == {"objects": 0, "bytes": 0}
    assert not index.outgrown()
    assert blocks(index, np.zeros(4, np.float32)) == []
    index.remove(np.array([3]))
    with pytest.raises(ValueError, match="not been trained"):
        index.add(numbers(1), points(1))
    with pytest.raises(ValueError, match="nothing to choose pivots from"):
        index.train(points(0))
    index.train(points(9))
    index.add(numbers(0), points(0))
    assert blocks(index, np.zeros(4, np.float32)) == []
    index.save(tmp_path)
    again = make()
    again.load(tmp_path)
    assert again.ids().tolist() == []
    again.add(numbers(3), points(3))
    assert len(everything(again, np.zeros(4, np.float32))) == 3


WRONG = {
    "not a number": np.array([[0, 0, np.nan, 0]], np.float32),
    "infinite": np.array([[0, np.inf, 0, 0]], np.float32),
    "of another dimension": np.zeros((1, 5), np.float32),
    "of another type": np.zeros((1, 4), np.float64),
    "not in rows": np.zeros((1, 2, 2), np.float32),
}


@pytest.mark.parametrize("descriptors", WRONG.values(), ids=WRONG)
def test_wrong_descriptors_change_nothing(make, descriptors):
    index = filled(make(), points(60))
    query = points(1, seed=3)[0]
    before = blocks(index, query)
    for refused in (
        lambda: index.train(descriptors),
        lambda: index.add(np.array([999]), descriptors),
        lambda: index.add(np.array([3]), descriptors),  # in the place of one that is there
        lambda: list(index.candidates(descriptors[0])),
    ):
        with pytest.raises(ValueError, match="descriptors"):
            refused()
    for missing in (None, points(2)):
        with pytest.raises(ValueError, match="needs a descriptor"):
            index.add(np.array([999]), missing)
    assert blocks(index, query) == before
    assert index.ids().tolist() == numbers(60).tolist()


def test_a_query_that_equals_every_pivot(make):
    index = filled(make(), np.ones((5, 4), np.float32))
    assert blocks(index, np.ones(4, np.float32)) == [(numbers(5).tolist(), [0.0] * 5)]


def test_distances_that_overflow(make):
    """Between descriptors that are all finite; an object that is infinitely far from every pivot has a code too."""
    huge = np.float32(3e38) * np.sign(points(60))
    index = filled(make(distance=Euclidean()), np.concatenate([points(60), huge]))
    for query in (huge[0], points(1)[0]):
        assert sorted(everything(index, query)) == numbers(120).tolist()


def test_it_is_outgrown_when_there_are_four_times_as_many(make):
    index = make()
    index.sample_size = 100
    index.train(points(20))
    index.add(np.arange(79), points(79))
    assert not index.outgrown()
    index.add(np.array([79]), points(1))
    assert index.outgrown()
    index.train(points(100))
    index.add(np.arange(1000), points(1000))
    assert not index.outgrown()


def test_statistics_tell_where_the_memory_goes(make):
    index = filled(make(), points(300))
    told = index.statistics()
    assert told["objects"] == 300
    assert told["bytes"] > told["bytes_pivots"] == index._spaces.pivots.nbytes
    by_part = [value for name, value in told.items() if name.startswith("bytes_per_object_")]
    assert sum(by_part) == pytest.approx(told["bytes_per_object"], abs=0.05)
    assert "64 in a space are in use" in told["cells"]


# On disk


@pytest.fixture
def saved(make, tmp_path):
    """An index of two segments with removed objects, and the folder it was saved in."""
    index = filled(make(), points(300))
    index._settle()
    index.remove(numbers(300)[5:40:3])
    (tmp_path / "saved").mkdir()
    index.save(tmp_path / "saved")
    return index, tmp_path / "saved"


def test_a_snapshot_gives_the_same_again(saved, make):
    index, folder = saved
    files = {file: file.read_bytes() for file in folder.iterdir()}
    again = make(ranking="distance-sum")
    again.load(folder)
    assert again.verify() == []
    for query in points(3, seed=8):
        assert blocks(again, query, wanted=10) == blocks(index, query, wanted=10)
    for one in (index, again):
        one.remove(numbers(300)[100:250])
        one.add(np.arange(2000, 2100), points(100, seed=4))
    assert blocks(again, query, wanted=10) == blocks(index, query, wanted=10)
    again._settle()
    assert files == {file: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def grown(make, tmp_path, monkeypatch):
    """An index of 3,000 objects that was saved twice, with 100 more the second time, and the folders of both snapshots."""
    monkeypatch.setattr(index_module, "TAIL", 1000)
    index = filled(make(), points(3000))
    first, second = tmp_path / "1", tmp_path / "2.new"
    for folder in (first, second):
        folder.mkdir()
        index.save(folder)
        index.add(np.arange(10_000, 10_100), points(100, seed=2))
    # As the framework does once it is whole.
    return index, first, second.rename(tmp_path / "2")


def fresh(folder: Path) -> set[str]:
    """The files of a snapshot that are in no other."""
    return {file.name for file in folder.iterdir() if file.stat().st_nlink == 1}


def test_a_save_writes_only_what_changed(grown, make):
    index, first, second = grown
    changing = {"tail_ids.npy", "tail_codes.npy", "counts.npy", "ppp-codes.json"}
    assert fresh(second) == changing
    assert all(
        (first / name).samefile(second / name) for name in ("0_codes.npy", "0_low.npy", "0_hidden.npy", "pivots.npy")
    )
    third = second.with_name("3")
    third.mkdir()
    index.remove(index._state.segments[0].ids.all()[:3])
    index.save(third)
    assert fresh(third) == changing | {"0_hidden.npy"}
    again = make()
    again.load(third)
    assert again.verify() == []
    assert blocks(again, points(1)[0]) == blocks(index, points(1)[0])
    # Whoever has loaded one goes on from there.
    fourth = second.with_name("4")
    fourth.mkdir()
    again.add(np.array([20_000]), points(1))
    again.save(fourth)
    assert fresh(fourth) == changing


def test_a_snapshot_stands_without_the_one_before(grown, make):
    index, first, second = grown
    shutil.rmtree(first)
    again = make()
    again.load(second)
    assert again.verify() == []
    assert again.ids().tolist() == [*numbers(3000), *range(10_000, 10_100)]
    # Nothing is left to link to.
    shutil.rmtree(second)
    for number, each in enumerate((index, again)):
        folder = second.with_name(f"after-{number}")
        folder.mkdir()
        each.save(folder)
        assert fresh(folder) == {file.name for file in folder.iterdir()}
        loaded = make()
        loaded.load(folder)
        assert loaded.verify() == []
        assert blocks(loaded, points(1)[0]) == blocks(each, points(1)[0])


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EMLINK, errno.EPERM, errno.ENOENT])
def test_where_no_link_can_be_made_the_file_is_written(grown, make, monkeypatch, code):
    index, _, second = grown
    real, made = os.link, []

    def link(old, new):
        made.append(new)
        if len(made) > 3:
            raise OSError(code, os.strerror(code))
        real(old, new)

    monkeypatch.setattr("seealso_pppcodes.snapshot.os.link", link)
    third = second.with_name("3")
    third.mkdir()
    index.save(third)
    assert len({file.name for file in third.iterdir()} - fresh(third)) == 3
    again = make()
    again.load(third)
    assert again.verify() == []
    assert blocks(again, points(1)[0]) == blocks(index, points(1)[0])


def test_an_index_that_was_built_anew_takes_no_file_of_another(grown, make):
    """A rebuild has to mend a damaged file, however alike the two are."""
    *_, second = grown
    index = filled(make(), points(3000))
    third = second.with_name("3")
    third.mkdir()
    index.save(third)
    assert fresh(third) == {file.name for file in third.iterdir()}


def test_a_damaged_file_that_is_linked_is_still_told(grown, make):
    index, _, second = grown
    file = second / "0_codes.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    index = make()
    index.load(second)
    third = second.with_name("3")
    third.mkdir()
    index.save(third)
    again = make()
    again.load(third)
    assert again.verify() == [f"{third / '0_codes.npy'}: 0_codes fails its checksum"]


def test_many_saves_while_it_grows_write_little(make, tmp_path, monkeypatch):
    """Each object is written a few times over all, and there are few segments at any time."""
    monkeypatch.setattr(index_module, "TAIL", 100)
    index = make()
    index.train(points(100))
    written = 0
    for number in range(100):
        index.add(np.arange(50) + 50 * number, points(50, seed=number))
        folder = tmp_path / f"{number}"
        folder.mkdir()
        index.save(folder)
        written += sum(
            np.load(folder / name, allow_pickle=False).shape[0] for name in fresh(folder) if name.endswith("codes.npy")
        )
        assert len(index._state.segments) <= 8
    assert written < 12 * 5000
    again = make()
    again.load(folder)
    assert again.verify() == []
    assert again.ids().tolist() == list(range(5000))


def test_a_snapshot_is_mapped(saved, make):
    again = make()
    again.load(saved[1])
    part = again._state.segments[0]
    for array in (part.codes, part.low, part.high):
        assert isinstance(array.base, np.memmap)


def rewrite(folder: Path, old: str, new: str) -> None:
    """Change the header, and make its checksum fit."""
    file = folder / "ppp-codes.json"
    text = file.read_text().partition(" ")[2]
    assert old in text
    text = text.replace(old, new)
    file.write_text(f"{zlib.crc32(text.encode()):08x} {text}")


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: (d / "ppp-codes.json").unlink(),
        lambda d: (d / "ppp-codes.json").write_text(""),
        lambda d: (d / "ppp-codes.json").write_text("{}"),
        lambda d: rewrite(d, '"version": 1', '"version": 3'),
        lambda d: rewrite(d, '"version": 1', '"version": 2'),
        lambda d: rewrite(d, "seealso-ppp-codes", "something-else"),
        lambda d: rewrite(d, '"length": 4', '"length": 3'),
        lambda d: rewrite(d, '"length": 4', '"length": 0'),
        lambda d: rewrite(d, '"length": 4', '"length": 1e999'),
        lambda d: rewrite(d, '"segments": 1', '"segments": 2'),
        lambda d: rewrite(d, '"objects": ', '"objects": -'),
        lambda d: rewrite(d, '"trained_on": 300', '"trained_on": 0'),
        lambda d: (d / "pivots.npy").unlink(),
        lambda d: (d / "counts.npy").write_bytes(b""),
        lambda d: (d / "0_codes.npy").write_bytes((d / "0_codes.npy").read_bytes()[:-1]),
        lambda d: np.save(d / "0_codes.npy", np.zeros((300, 12), np.uint16)),
        lambda d: np.save(d / "0_starts.npy", np.zeros((3, 65), np.uint32)),
        lambda d: np.save(d / "0_firsts.npy", np.array([{}], dtype=object), allow_pickle=True),
    ],
)
def test_a_damaged_snapshot_is_refused(saved, make, damage):
    damage(saved[1])
    with pytest.raises(seealso.FormatError):
        make().load(saved[1])


def test_a_snapshot_of_other_descriptors_is_refused(saved, make):
    for index in (make(5), make(dtype="float64")):
        with pytest.raises(seealso.FormatError):
            index.load(saved[1])


# NumPy's own words about a head that it still understands.
@pytest.mark.torture
@pytest.mark.filterwarnings("ignore:Data type alias", "ignore:Reading `.npy`")
def test_flipped_bytes_are_noticed(saved, make):
    """When it is opened or by `verify`, in every file; where none does, nothing that counts has changed."""
    index, folder = saved
    query = points(1, seed=8)[0]
    expected = blocks(index, query)
    random = np.random.default_rng(0)
    noticed = 0
    for file in sorted(folder.iterdir()):
        sound = file.read_bytes()
        places = {*range(min(128, len(sound))), *random.integers(0, len(sound), 20).tolist(), len(sound) - 1}
        for place in sorted(places)[:: campaign(4, 1)]:
            changed = bytearray(sound)
            changed[place] ^= 1 << int(random.integers(8))
            file.write_bytes(changed)
            again = empty()
            try:
                again.load(folder)
            except seealso.FormatError:
                noticed += 1
            else:
                found = blocks(again, query)
                if again.verify():
                    noticed += 1
                else:
                    # One of the blanks that fill up the head of an array's file, and the like.
                    assert place < 128
                    assert found == expected
            again.close()
        file.write_bytes(sound)
    assert noticed > campaign(175, 700)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), name=st.sampled_from(["codes", "low", "high", "starts"]), share=st.floats(0, 1))
def test_arbitrary_bytes_lead_nowhere(seed, name, share):
    """What is mapped is not checked when it is opened: whatever it holds, nothing outside of it is read."""
    random = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        index = filled(empty(aggregation=str(random.choice(AGGREGATIONS))), points(300))
        index.save(Path(folder))
        array = np.load(Path(folder) / f"0_{name}.npy")
        raw = array.reshape(-1).view(np.uint8)
        changed = random.random(raw.size) < share
        changed[random.integers(raw.size)] = True
        raw[changed] ^= random.integers(1, 256, int(changed.sum())).astype(np.uint8)
        np.save(Path(folder) / f"0_{name}.npy", array)
        again = PPPCodesIndex(index.options, index.context)
        try:
            again.load(Path(folder))
        except seealso.FormatError:
            assert name == "starts"
        else:
            assert len(again.verify()) == 1
            for query in points(2, seed=seed):
                found = everything(again, query, wanted=5)
                assert len(found) == len(set(found))
                assert set(found) <= set(numbers(300).tolist())
            again.remove(numbers(300)[::2])
            again.add(np.arange(1000, 1100), points(100))
            assert set(again._settle().ids().tolist()) == {*numbers(300)[1::2].tolist(), *range(1000, 1100)}
            assert len(everything(again, query)) <= 250
        index.close()
        again.close()


def test_a_snapshot_of_format_1_opens(make):
    """Written by the first release; its answers are still the reference's."""
    descriptors = sample_descriptors()
    index = make(2)
    index.load(SAMPLES / "ppp-codes-1")
    assert index.verify() == []
    ids = np.setdiff1d(numbers(30), numbers(30)[3:6])
    assert index.ids().tolist() == ids.tolist()
    options = PPPCodesOptions(prefix_length=3)
    reference = Reference(MANHATTAN, index._spaces.pivots, options)
    kept = np.isin(numbers(30), ids)
    for query in descriptors[::7]:
        assert everything(index, query) == reference.candidates(query, ids, descriptors[kept])


def sample_descriptors() -> np.ndarray:
    """What is in the snapshot among the samples: the corners of a lattice, bent."""
    number = np.arange(30)
    return np.stack([number * 7 % 30, number * number % 23], axis=1).astype(np.float32)


# Its parts


@given(st.sets(st.integers(0, 60) | st.integers(0, 1 << 62)), st.lists(st.integers(-5, 70) | st.integers()))
def test_ascending_ids_are_what_they_were_made_of(ids, others):
    expected = np.array(sorted(ids), np.int64)
    kept = AscendingIds.of(expected)
    assert kept.size == len(ids)
    assert kept.all().tolist() == expected.tolist()
    assert kept.at(np.arange(len(ids))).tolist() == expected.tolist()
    asked = np.array([id_ for id_ in others if abs(id_) < 1 << 62] + sorted(ids)[::2], np.int64)
    places = kept.places(asked)
    assert expected[places].tolist() == [id_ for id_ in asked.tolist() if id_ in ids]
    assert kept.nbytes == 16 * sum(id_ - 1 not in ids for id_ in ids)


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 80),
    pivots=st.sampled_from([1, 2, 5, 8, 300]),
    length=st.integers(1, 3),
)
def test_a_segment_finds_the_objects_of_each_cell(seed, count, pivots, length):
    random = np.random.default_rng(seed)
    shape = segment.CodeShape.of(2, pivots, length)
    rows = [[random.permutation(pivots)[: shape.length] for _ in range(2)] for _ in range(count)]
    codes = np.array(rows).reshape(count, -1).astype(shape.dtype)
    built = segment.Segment.build(shape, numbers(count), codes)
    first, second = codes[:, :: shape.length].astype(int), codes[:, shape.length > 1 :: shape.length].astype(int)
    for space in range(2):
        cells = first[:, space] << shape.bits | second[:, space] if shape.length > 1 else first[:, space]
        places = built.low[space] | built.high[space].astype(int) << 16
        for cell in np.unique(cells):
            inside = places[built.starts[space, cell] : built.starts[space, cell + 1]]
            assert inside.tolist() == np.flatnonzero(cells == cell).tolist()
        assert np.array_equal(shape.count(codes)[space], np.bincount(cells, minlength=shape.cells))


def test_places_beyond_two_bytes():
    """Two bytes are not enough for the places of this segment."""
    count = (1 << 16) + 5
    shape = segment.CodeShape.of(1, 2, 1)
    built = segment.Segment.build(shape, np.arange(count), (np.arange(count) % 2).astype(np.uint8)[:, np.newaxis])
    places = built.low[0] | built.high[0].astype(int) << 16
    assert places.tolist() == [*range(0, count, 2), *range(1, count, 2)]


@given(st.integers(1, 70).flatmap(lambda size: st.tuples(st.just(size), st.sets(st.integers(0, size - 1)))))
def test_a_bit_set_is_what_it_was_packed_of(drawn):
    size, places = drawn
    bits = segment.packed(np.array(sorted(places), np.int64), size)
    assert np.flatnonzero(segment.unpacked(bits, size)).tolist() == sorted(places)
    assert np.flatnonzero(bits_at(bits, np.arange(size))).tolist() == sorted(places)


def test_an_earlier_state_is_not_changed():
    """What a query holds stays as it is, whatever happens meanwhile."""
    shape = segment.CodeShape.of(1, 4, 1)
    codes = np.zeros((50, 1), np.uint8)
    states = [State.empty(shape)]
    states.append(states[-1].added(np.arange(50), codes))
    states.append(states[-1].removed(np.arange(10)))
    states.append(states[-1].sealed())
    states.append(states[-1].added(np.arange(20), codes[:20]))
    states.append(states[-1].removed(np.arange(15, 40)))
    expected = [[], [*range(50)], [*range(10, 50)], [*range(10, 50)], [*range(50)], [*range(15), *range(40, 50)]]
    assert [state.ids().tolist() for state in states] == expected
    assert (
        [state.objects for state in states] == [int(state.counts.sum()) for state in states] == list(map(len, expected))
    )


def put(array: np.ndarray, place: object, value: object) -> np.ndarray:
    changed = array.copy()
    changed[place] = value
    return changed


DAMAGES = {
    "an ID twice": ("firsts", lambda firsts: put(firsts, 1, firsts[0])),
    "a run that reaches into the next": ("firsts", lambda firsts: put(firsts, 2, firsts[1] + 1)),
    "a negative ID": ("firsts", lambda firsts: put(firsts, 0, -3)),
    "runs that do not begin at 0": ("run_starts", lambda starts: put(starts, 0, 1)),
    "an empty run": ("run_starts", lambda starts: put(starts, 1, starts[0])),
    "a run behind the end": ("run_starts", lambda starts: put(starts, -1, 1000)),
    "a first cell that does not start at 0": ("starts", lambda starts: put(starts, (0, 0), 1)),
    "a last cell that does not reach the end": ("starts", lambda starts: put(starts, (0, -1), 99)),
    "cells that go back": ("starts", lambda starts: put(starts, (0, 1), 80)),
    "places of another number": ("low", lambda low: low[:, :-1]),
    "symbols of another type": ("codes", lambda codes: codes.astype(np.uint16)),
    "nothing": ("codes", lambda codes: codes[:0]),
}


@pytest.mark.parametrize(("name", "damage"), DAMAGES.values(), ids=DAMAGES)
def test_arrays_that_do_not_fit_together_are_refused(name, damage):
    shape = segment.CodeShape.of(1, 4, 1)
    ids = np.concatenate([np.arange(3 * number, 3 * number + 2) for number in range(50)])
    arrays = segment.Segment.build(shape, ids, (np.arange(100, dtype=np.uint8) % 4)[:, np.newaxis]).arrays()
    assert segment.Segment.of_arrays(shape, dict(arrays)).ids.all().tolist() == ids.tolist()
    arrays[name] = damage(arrays[name])
    with pytest.raises(ValueError):
        segment.Segment.of_arrays(shape, arrays)


def test_changes_during_a_merge():
    """What is removed, or replaced, while segments are made one stays so."""
    shape = segment.CodeShape.of(1, 4, 1)
    codes = np.arange(120, dtype=np.uint8)[:, np.newaxis] % 4
    state = State.empty(shape)
    for part in (np.arange(30), np.arange(30, 60), np.arange(60, 90)):
        state = state.added(part, codes[part]).sealed()
    before = state.removed(np.array([1, 31]))
    first, *others = before.segments
    merged = merging.merge(before, tuple(others))
    assert merged.size == 59
    after = before.removed(np.array([3, 40])).added(np.array([5, 50, 100]), codes[:3])
    after = after.merged(before, tuple(others), merged)
    assert after.segments == (first, merged)
    expected = sorted({*range(90), 100} - {1, 3, 31, 40})
    assert after.ids().tolist() == expected
    assert sorted(after.live()[0].tolist()) == expected
    assert after.objects == int(after.counts.sum()) == len(expected)
    assert after.removed(np.arange(100)).ids().tolist() == [100]


def test_a_merge_of_which_nothing_is_left():
    shape = segment.CodeShape.of(1, 4, 1)
    codes = np.zeros((30, 1), np.uint8)
    state = State.empty(shape).added(np.arange(10), codes[:10]).sealed().added(np.arange(10, 30), codes[10:]).sealed()
    before = state.removed(np.arange(10))
    merged = merging.merge(before, before.segments[:1])
    assert merged is None
    after = before.removed(np.array([29])).merged(before, before.segments[:1], merged)
    assert after.segments == before.segments[1:]
    assert after.ids().tolist() == [*range(10, 29)]


def test_numba_waits_until_it_is_needed():
    """Every command lists the plugins; few need the kernels."""
    program = "import sys, seealso; seealso.load_plugins().list_all(); sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_a_merge_that_fails_is_told_once(make, monkeypatch):
    """And nothing is lost: the next change tries again."""
    index = make()
    index.train(points(50))

    def fail(*_):
        raise MemoryError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(merging, "merge", fail)
        for number in range(2):
            index.add(np.arange(30) + 30 * number, points(30, seed=number))
            index._state = index._state.sealed()
        index._merge_in_background()
        while not index._merging.done():
            pass
        with pytest.raises(MemoryError, match="no room"):
            index._merge_in_background()
    index.remove(np.array([3]))
    assert index._settle().ids().tolist() == [i for i in range(60) if i != 3]
    assert len(index._state.segments) == 1


@given(
    st.lists(
        st.tuples(st.integers(-3, 3) | st.integers(-(1 << 31), (1 << 31) - 1), st.integers(0, 1 << 62)),
        unique_by=lambda row: row[1],
    ),
    st.sampled_from([np.int32, np.int64]),
)
def test_best_first(rows, dtype):
    keys = np.array([key for key, _ in rows], dtype)
    ids = np.array([id_ for _, id_ in rows], np.int64)
    assert best_first(keys, ids).tolist() == np.lexsort((ids, keys)).tolist()
    assert best_first(keys, np.sort(ids)).tolist() == np.argsort(keys, kind="stable").tolist()

"""The index scan: it goes through all sketches, whatever lacks one, and whatever is gone."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import seealso
from seealso.collection.sketches.table import SketchTable
from seealso.distances.vectors import Euclidean
from seealso.testing import MemoryStore, MetricIndexTests
from seealso.testing.effort import examples
from seealso.testing.lent_sketches import WholeSketch
from seealso_scan import index as scan_module
from seealso_scan.best import Best
from seealso_scan.index import ScanIndex

DIM = 3


class TestScan(MetricIndexTests):
    index_class = ScanIndex


def points(count: int, seed: int = 0) -> np.ndarray:
    """Small integers, so that many are as far from the query as others."""
    return np.random.default_rng(seed).integers(-3, 4, (count, DIM)).astype(np.float32)


class Home:
    """An index, and the sketches that it is lent; both can be told different things."""

    def __init__(self, threads: int = 2) -> None:
        context = seealso.SketchContext(Euclidean(), DIM, np.dtype(np.float32), 1)
        self.table: SketchTable | None = SketchTable(WholeSketch(seealso.PluginOptions(), context))
        lent = seealso.IndexContext(
            Euclidean(),
            MemoryStore(DIM),
            DIM,
            np.dtype(np.float32),
            threads,
            lambda: None if self.table is None else self.table.now(),
        )
        self.index = ScanIndex(seealso.PluginOptions(), lent)

    def add(self, ids: np.ndarray, descriptors: np.ndarray) -> None:
        self.table.add(ids, descriptors)
        self.index.add(ids, None)

    def asked(self, query: np.ndarray, **options) -> list[seealso.CandidateBlock]:
        return list(self.index.candidates(query, **options))


@pytest.fixture
def home():
    made = Home()
    yield made
    made.index.close()


def expected(ids: np.ndarray, descriptors: np.ndarray, query: np.ndarray) -> list[tuple[float, int]]:
    """What is nearest, ties by ID."""
    distances = Euclidean().one_to_many(query, descriptors)
    return sorted(zip(distances.tolist(), ids.tolist(), strict=True))


def pairs(blocks: list[seealso.CandidateBlock]) -> list[tuple[float, int]]:
    return [pair for block in blocks for pair in zip(block.scores.tolist(), block.ids.tolist(), strict=True)]


# The best of many


@examples(60)
@given(
    estimates=st.lists(st.one_of(st.integers(0, 5), st.just(np.inf)), max_size=60),
    size=st.integers(1, 12),
    step=st.integers(1, 20),
    parts=st.integers(1, 3),
)
def test_the_best_of_what_is_offered(estimates, size, step, parts):
    offered = np.array(estimates, np.float32)
    ranked = sorted((value, number) for number, value in enumerate(offered.tolist()) if value < np.inf)
    last, found = None, []
    while True:
        bests = []
        for part in range(parts):
            bests.append(Best(size, last))
            end = offered.size * (part + 1) // parts
            for start in range(offered.size * part // parts, end, step):
                bests[-1].offer(offered[start : min(end, start + step)], start)
                assert bests[-1].numbers.size <= 2 * size + step
        for other in bests[1:]:
            bests[0].merge(other)
        scores, numbers = bests[0].ordered()
        found += zip(scores.tolist(), numbers.tolist(), strict=True)
        if numbers.size < size:
            break
        last = found[-1]
    assert found == ranked


# In slices and in threads


@pytest.mark.parametrize("slice_size", [7, 64, 1 << 16])
@pytest.mark.parametrize("worth", [10, 1 << 16])
def test_the_order_is_that_of_the_estimates(home, monkeypatch, slice_size, worth):
    monkeypatch.setattr(scan_module, "SLICE", slice_size)
    monkeypatch.setattr(scan_module, "WORTH_A_THREAD", worth)
    ids, descriptors = np.arange(3, 603, 2), points(300)
    home.add(ids, descriptors)
    query = points(1, 9)[0]
    for wanted in (1, 10, 299, 300, 5000):
        blocks = home.asked(query, wanted=wanted)
        assert pairs(blocks) == expected(ids, descriptors, query)
        assert blocks[0].ids.size == min(300, wanted)
        assert all(block.estimated and not block.exact for block in blocks)
        assert [block.looked_at for block in blocks] == [300] + [0] * (len(blocks) - 1)
    some = np.array([1, 3, 5, 101, 103, 401, 999])
    blocks = home.asked(query, allowed=seealso.IdSet(some), wanted=2)
    there = np.isin(ids, some)
    assert pairs(blocks) == expected(ids[there], descriptors[there], query)
    assert blocks[0].looked_at == there.sum()


def test_threads_are_used_where_there_is_enough_for_each(home, monkeypatch):
    names = set()
    monkeypatch.setattr(scan_module, "WORTH_A_THREAD", 100)
    estimates = scan_module.Scan._estimates

    def noted(self, start, end):
        names.add(threading.current_thread().name)
        return estimates(self, start, end)

    monkeypatch.setattr(scan_module.Scan, "_estimates", noted)
    home.add(np.arange(199), points(199))
    home.asked(points(1)[0])
    assert len(names) == 1
    home.add(np.arange(199, 200), points(1))
    home.asked(points(1)[0], wanted=1000)
    assert len(names) == 2


# Where the sketches are not those of the same objects


def test_what_has_no_sketch_comes_last(home):
    ids, descriptors = np.arange(60), points(60)
    home.add(ids[:40], descriptors[:40])
    home.index.add(ids[40:], None)
    query = points(1, 9)[0]
    blocks = home.asked(query)
    assert pairs(blocks[:-1]) == expected(ids[:40], descriptors[:40], query)
    assert blocks[-1].ids.tolist() == list(range(40, 60))
    assert [block.estimated for block in blocks] == [True, False]
    blocks = home.asked(query, allowed=seealso.IdSet(np.array([3, 41, 70])))
    assert [block.ids.tolist() for block in blocks] == [[3], [41]]


@pytest.mark.parametrize("table", ["none", "empty"])
def test_without_sketches_all_come_as_they_are(home, table):
    home.index.add(np.arange(50), None)
    if table == "none":
        home.table = None
    (block,) = home.asked(points(1)[0])
    assert block.ids.tolist() == list(range(50))
    assert not block.estimated


def test_in_a_collection_without_a_sketch_all_come_as_they_are():
    context = seealso.IndexContext(Euclidean(), MemoryStore(DIM), DIM, np.dtype(np.float32), 1)
    index = ScanIndex(seealso.PluginOptions(), context)
    index.add(np.arange(5), None)
    assert [block.ids.tolist() for block in index.candidates(points(1)[0])] == [[0, 1, 2, 3, 4]]
    index.close()


def test_sketches_of_others_are_passed_over(home):
    ids, descriptors = np.arange(90), points(90)
    home.add(ids, descriptors)
    query = points(1, 9)[0]
    home.index.remove(ids[::2])
    left = ids[1::2]
    for wanted in (1, 5, 1000):
        assert pairs(home.asked(query, wanted=wanted)) == expected(left, descriptors[left], query)
    # As soon as the sketches are gone too, their places are passed over.
    home.table.remove(ids[::2][:15])
    assert home.table.now().size == 90
    assert pairs(home.asked(query, wanted=5)) == expected(left, descriptors[left], query)


def test_a_snapshot_is_of_the_ids_alone(home, tmp_path):
    home.add(np.arange(40), points(40))
    home.index.save(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ids.npy", "scan.json"]
    assert home.index.statistics() == {"objects": 40, "bytes": 320}
    again = ScanIndex(seealso.PluginOptions(), home.index.context)
    again.load(tmp_path)
    assert pairs(list(again.candidates(points(1)[0]))) == pairs(home.asked(points(1)[0]))
    again.close()

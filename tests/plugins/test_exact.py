"""The index exact: nothing is missed, whatever the order in which things come and go."""

import json
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seealso
from seealso.codecs.raw import Raw
from seealso.distances.vectors import Euclidean
from seealso.interfaces.codec import CodecContext
from seealso.testing import MetricIndexTests
from seealso_exact import index as exact_module
from seealso_exact.index import ExactIndex


class Memory(seealso.ObjectStore):
    """The least that a store can be: descriptors in a dictionary."""

    name = "memory"

    def __init__(self, dim: int) -> None:
        self.rows: dict[int, np.ndarray] = {}
        self.codec = Raw(seealso.PluginOptions(), CodecContext(dim, np.dtype(np.float32)))

    def put_many(self, ids, descriptors):
        self.rows |= dict(zip(ids.tolist(), descriptors, strict=True))

    def read_blocks(self, ids):
        known = [id_ for id_ in ids.tolist() if id_ in self.rows]
        for start in range(0, len(known), 7):
            part = known[start : start + 7]
            records = self.codec.encode(np.stack([self.rows[id_] for id_ in part]))
            yield seealso.EncodedBlock(np.array(part), records, self.codec, 1, sum(map(len, records)))

    def get_many(self, ids):
        return np.stack([self.rows[id_] for id_ in ids.tolist()])

    def remove_many(self, ids):
        for id_ in ids.tolist():
            self.rows.pop(id_, None)

    def ids(self):
        return np.array(sorted(self.rows), dtype=np.int64)

    def flush(self): ...

    def verify(self):
        return seealso.StoreReport(len(self.rows))

    def statistics(self):
        return {}


def make(points: np.ndarray, ids: np.ndarray | None = None) -> ExactIndex:
    store = Memory(points.shape[1])
    ids = np.arange(1, len(points) + 1) * 3 if ids is None else ids
    store.put_many(ids, points)
    context = seealso.IndexContext(Euclidean(), store, points.shape[1], np.dtype(np.float32), 1)
    index = ExactIndex(seealso.PluginOptions(), context)
    index.add(ids, None)
    return index


def everything(index: ExactIndex, query: np.ndarray, **options) -> list[tuple[float, int]]:
    found = []
    for block in index.candidates(query, **options):
        assert block.exact
        assert block.reads > 0
        assert block.bytes_read > 0
        found += zip(block.scores.tolist(), block.ids.tolist(), strict=True)
    return found


def brute_force(index: ExactIndex, query: np.ndarray, ids=None) -> list[tuple[float, int]]:
    ids = index.ids() if ids is None else ids
    if not len(ids):
        return []
    distances = Euclidean().one_to_many(query, index.context.store.get_many(ids))
    return sorted(zip(distances.tolist(), ids.tolist(), strict=True))


class TestExact(MetricIndexTests):
    index_class = ExactIndex


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 60), st.integers(1, 4), st.integers(0, 2**32 - 1), st.booleans())
def test_the_order_is_that_of_brute_force(count, dim, seed, coarse):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(count, dim)).astype(np.float32)
    if coarse:  # ties everywhere
        points = np.round(points)
    index = make(points)
    query = rng.normal(size=dim).astype(np.float32)
    assert everything(index, query) == brute_force(index, query)


def test_paging_through_everything(monkeypatch):
    monkeypatch.setattr(exact_module, "FIRST_BLOCK", 3)
    points = np.round(np.random.default_rng(0).normal(size=(300, 2))).astype(np.float32)
    index = make(points)
    query = np.zeros(2, np.float32)
    assert everything(index, query) == brute_force(index, query)
    sizes = [block.ids.size for block in index.candidates(query)]
    assert sizes == [3, 24, 192, 81]


def test_all_equal_one_and_none():
    query = np.ones(3, np.float32)
    equal = make(np.zeros((50, 3), np.float32))
    assert [id_ for _, id_ in everything(equal, query)] == (np.arange(1, 51) * 3).tolist()
    assert len(everything(make(np.zeros((1, 3), np.float32)), query)) == 1
    assert everything(make(np.zeros((0, 3), np.float32)), query) == []


def test_only_what_is_allowed():
    points = np.random.default_rng(1).normal(size=(90, 3)).astype(np.float32)
    index = make(points)
    allowed = np.array([3, 4, 30, 270, 999], dtype=np.int64)
    query = points[5]
    expected = brute_force(index, query, np.array([3, 30, 270]))
    assert everything(index, query, allowed=seealso.IdSet(allowed)) == expected
    assert everything(index, query, allowed=seealso.IdSet(np.empty(0, np.int64))) == []


def test_a_distance_that_is_no_number_is_nobodys():
    points = np.random.default_rng(1).normal(size=(20, 3)).astype(np.float32)
    points[4] = np.nan
    index = make(points)
    found = everything(index, np.zeros(3, np.float32))
    assert len(found) == 19
    assert 15 not in [id_ for _, id_ in found]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.sets(st.integers(0, 30), max_size=8)), max_size=12))
def test_ids_come_and_go_in_any_order(steps):
    index = make(np.zeros((0, 2), np.float32))
    expected: set[int] = set()
    for adding, ids in steps:
        array = np.array(sorted(ids), dtype=np.int64)
        if adding:
            index.add(array, None)
            expected |= ids
        else:
            index.remove(array)
            expected -= ids
        assert index.ids().tolist() == sorted(expected)
        assert index.ids().dtype == np.int64


def test_a_snapshot_gives_the_same_again(tmp_path):
    index = make(np.random.default_rng(2).normal(size=(40, 3)).astype(np.float32))
    index.save(tmp_path)
    again = ExactIndex(seealso.PluginOptions(), index.context)
    again.load(tmp_path)
    assert again.ids().tolist() == index.ids().tolist()
    again.remove(np.array([3]))
    again.add(np.array([500]), None)
    assert 500 in again.ids()
    fresh = ExactIndex(seealso.PluginOptions(), index.context)
    fresh.load(tmp_path)
    assert fresh.ids().tolist() == index.ids().tolist()


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: (d / "exact.json").unlink(),
        lambda d: (d / "exact.json").write_text("{}"),
        lambda d: (d / "exact.json").write_text("[]"),
        lambda d: (d / "exact.json").write_text(json.dumps({"magic": "seealso-exact", "version": 2, "crc32": 0})),
        lambda d: (d / "ids.npy").write_bytes((d / "ids.npy").read_bytes()[:-9]),
        lambda d: (d / "ids.npy").write_bytes(b""),
        lambda d: (d / "ids.npy").write_bytes((d / "ids.npy").read_bytes()[:-1] + b"\x7f"),
        lambda d: np.save(d / "ids.npy", np.zeros(40, np.float64)),
        lambda d: np.save(d / "ids.npy", np.array([{}], dtype=object), allow_pickle=True),
    ],
)
def test_a_damaged_snapshot_is_refused(tmp_path, damage):
    index = make(np.zeros((40, 3), np.float32))
    index.save(tmp_path)
    damage(tmp_path)
    with pytest.raises(seealso.FormatError):
        ExactIndex(seealso.PluginOptions(), index.context).load(tmp_path)


def test_queries_while_it_changes():
    index = make(np.random.default_rng(3).normal(size=(200, 3)).astype(np.float32))
    wrong = []
    done = threading.Event()

    def ask():
        while not done.is_set():
            found = [id_ for _, id_ in everything(index, np.zeros(3, np.float32))]
            if len(found) != len(set(found)) or not set(range(300, 600, 3)) <= set(found):
                wrong.append(found)

    thread = threading.Thread(target=ask)
    thread.start()
    for _ in range(50):
        index.remove(np.arange(3, 300, 3))
        index.add(np.arange(3, 300, 3), None)
    done.set()
    thread.join()
    assert wrong == []

"""What an object store has to do while several use it, and when it is compacted."""

import os
from collections.abc import Callable
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

from seealso.interfaces.store import ObjectStore
from seealso.testing.opening import open_store, put, rows
from seealso.testing.processes import elsewhere, killed
from seealso.testing.store_fixtures import Open, StoreFixtures, array, found, reading


class SharedStoreTests(StoreFixtures):
    """Threads, processes, and compaction meanwhile."""

    def test_what_one_writes_the_other_reads(self, store: ObjectStore, opened: Open) -> None:
        put(store, [1])
        reader = opened(read_only=True)
        for number in range(2, 30):
            put(store, [number])
            assert np.array_equal(reader.get_many(array(number, 1)), rows([number, 1]))
        store.remove_many(array(1))
        store.put_many(array(2), rows([50]))
        assert reader.ids().tolist() == list(range(2, 30))
        assert np.array_equal(reader.get_many(array(2)), rows([50]))
        store.close()
        assert reader.ids().tolist() == list(range(2, 30))

    def test_two_write_in_turn(self, store: ObjectStore, opened: Open) -> None:
        other = opened()
        for number in range(0, 40, 2):
            put(store, [number])
            put(other, [number + 1])
        assert store.ids().tolist() == other.ids().tolist() == list(range(40))
        other.close()
        put(store, [100])
        assert np.array_equal(opened().get_many(array(39, 100)), rows([39, 100]))

    def test_another_process_writes(self, store: ObjectStore, folder: Path) -> None:
        for ids in ([1], [2, 3]):
            with elsewhere(_put, self.store_class, folder, ids):
                pass
        assert store.ids().tolist() == [1, 2, 3]
        put(store, [4])
        with elsewhere(_tell_ids, self.store_class, folder) as told:
            assert told.recv() == [1, 2, 3, 4]

    def test_another_process_reads_while_this_one_writes(self, store: ObjectStore, folder: Path) -> None:
        put(store, range(50))
        with elsewhere(_read, self.store_class, folder, 3050) as told:
            assert told.recv() == "open"
            for first in range(50, 3050, 20):
                put(store, range(first, first + 20))
            assert told.recv() == []

    def test_threads_read_while_one_writes(self, store: ObjectStore) -> None:
        put(store, range(50))
        with reading(store, np.arange(50)) as wrong:
            for first in range(50, 3050, 150):
                put(store, range(first, first + 150))
                store.put_many(np.arange(50), rows(range(50)))
        assert wrong == []
        assert store.ids().tolist() == list(range(3050))

    @pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
    def test_it_can_be_used_after_a_fork(self, store: ObjectStore) -> None:
        put(store, range(5000))
        assert found(list(store.read_blocks(np.arange(5000)))) == list(range(5000))
        child = os.fork()
        if child == 0:
            try:
                fine = found(list(store.read_blocks(np.arange(5000)))) == list(range(5000))
                store.close()
                os._exit(0 if fine else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        put(store, [5000])
        assert store.ids().size == 5001

    @pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
    def test_killed_while_it_writes(self, folder: Path) -> None:
        """What a flush has returned for is there, and nothing is there in part."""
        random = np.random.default_rng(1)
        done = 0
        for _ in range(12):
            told = killed(lambda tell: _write_for_ever(self.store_class, folder, tell), random.uniform(0, 0.1))
            done = max([done, *map(int, told.split())])
            store = open_store(self.store_class, folder)
            ids = store.ids()
            assert np.array_equal(ids[: 5 * done], np.arange(5 * done))
            assert np.array_equal(store.get_many(ids), rows(ids))
            assert store.verify().damaged == []
            # The next one begins behind what was told, as the framework would.
            store.compact(None, ids[: 5 * done])
            store.close()

    # Compaction

    def test_compaction_keeps_what_lives(self, store: ObjectStore) -> None:
        put(store, range(1000))
        store.compact(None, np.array([700, 3, 5000]))
        assert store.ids().tolist() == [3, 700]
        put(store, [4])
        store.compact(None, array())
        assert store.ids().tolist() == []
        put(store, [7])
        assert np.array_equal(store.get_many(array(7)), rows([7]))

    def test_compaction_takes_an_order(self, store: ObjectStore, opened: Open) -> None:
        ids = np.arange(3000)
        put(store, ids)
        order = np.random.default_rng(1).permutation(ids)
        # Not all have a place in it, some are named twice, and some are not there.
        store.compact(np.concatenate([order[:2000], order[:5], array(99_999)]), ids[5:])
        assert store.ids().tolist() == ids[5:].tolist()
        assert np.array_equal(store.get_many(order[order >= 5]), rows(order[order >= 5]))
        assert found(list(store.read_blocks(ids))) == ids[5:].tolist()
        assert store.verify().damaged == []
        store.close()
        assert opened().ids().tolist() == ids[5:].tolist()

    def test_compaction_gives_space_back(self, store: ObjectStore, opened: Open) -> None:
        put(store, range(60_000))
        before = float(store.statistics()["bytes"])
        live = np.arange(0, 60_000, 40)
        reader = opened(read_only=True)
        blocks = reader.read_blocks(live)
        first = next(blocks)
        store.compact(None, live)
        assert np.array_equal(first.decode(), rows(first.ids))
        assert found([first, *blocks]) == live.tolist()
        assert float(store.statistics()["bytes"]) < before / 4
        assert store.ids().tolist() == reader.ids().tolist() == live.tolist()
        put(store, [10**6])
        assert 10**6 in reader.ids()

    def test_another_process_compacts(self, store: ObjectStore, folder: Path) -> None:
        put(store, range(60_000))
        with elsewhere(_compact_and_put, self.store_class, folder, np.arange(0, 60_000, 40), [10**6]):
            pass
        assert store.ids().size == 1501
        put(store, [10**7])
        assert store.ids().size == 1502

    def test_threads_read_while_one_compacts(self, store: ObjectStore) -> None:
        ids = np.arange(6000)
        put(store, ids)
        with reading(store, ids[::20]) as wrong:
            for seed in range(3):
                store.compact(np.random.default_rng(seed).permutation(ids), ids[::10])
                put(store, ids)
        assert wrong == []


def _put(_: Connection, cls: type[ObjectStore], folder: Path, ids: list[int]) -> None:
    """Store these IDs, and end without closing the store."""
    put(open_store(cls, folder), ids)


def _tell_ids(tell: Connection, cls: type[ObjectStore], folder: Path) -> None:
    """Tell what is there."""
    tell.send(open_store(cls, folder, read_only=True).ids().tolist())


def _read(tell: Connection, cls: type[ObjectStore], folder: Path, end: int) -> None:
    """Read all, again and again, until there are so many; tell when it begins, and at the end what is damaged."""
    opened, seen = open_store(cls, folder, read_only=True), 0
    tell.send("open")
    while seen < end:
        ids = opened.ids()
        assert ids.size >= seen
        assert np.array_equal(ids, np.arange(ids.size))
        assert np.array_equal(opened.get_many(ids[::7]), rows(ids[::7]))
        for block in opened.read_blocks(ids):
            assert np.array_equal(block.decode(), rows(block.ids))
        seen = ids.size
    tell.send(opened.verify().damaged)


def _compact_and_put(_: Connection, cls: type[ObjectStore], folder: Path, live: np.ndarray, ids: list[int]) -> None:
    store = open_store(cls, folder)
    store.compact(None, live)
    put(store, ids)


def _write_for_ever(cls: type[ObjectStore], folder: Path, tell: Callable[[object], object]) -> None:
    """Five descriptors a turn; after each turn's flush its number is told."""
    store = open_store(cls, folder)
    for turn in count(store.ids().size // 5):
        put(store, range(5 * turn, 5 * turn + 5))
        tell(turn + 1)

"""What a metric index has to do."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seealso.errors import FormatError
from seealso.interfaces.index import IdSet
from seealso.testing.damage import halved_files
from seealso.testing.effort import examples
from seealso.testing.index_fixtures import DISTANCES, IndexFixtures, Made, candidates
from seealso.testing.memory_store import MemoryStore
from seealso.testing.processes import looking

Fill = Callable[..., Made]

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "remove", "replace", "reopen", "crash"]),
        st.sets(st.integers(0, 40), max_size=12),
    ),
    max_size=10,
)
EVERY_STEP: list[tuple[str, set[int]]] = [
    *[("add", {1, 2, 3}), ("remove", {2}), ("reopen", set()), ("add", {4}), ("replace", {1})],
    *[("crash", set()), ("remove", {3}), ("add", {2, 3})],
]
"""In every run, whatever else is drawn."""


class MetricIndexTests(IndexFixtures):
    """Subclass it in a test module as ``Test…``, and name the class of your index."""

    # Candidates

    def test_a_new_one_is_empty(self, make: Fill) -> None:
        made = make()
        made.train(self.points(20))
        assert made.index.ids().tolist() == []
        assert made.index.ids().dtype == np.int64
        assert candidates(made.index, self.points(1)[0]) == []
        assert made.index.statistics()["objects"] == 0

    def test_one_that_was_not_trained_yet_is_empty(self, make: Fill) -> None:
        # A collection opens its index before there is anything to train it with.
        index = make().index
        assert index.ids().size == 0
        assert candidates(index, self.points(1)[0]) == []
        assert index.statistics()["objects"] == 0
        assert not index.outgrown()

    def test_every_object_is_a_candidate_once(self, filled: Fill, metric: str) -> None:
        made = filled(metric=metric)
        assert made.index.ids().tolist() == made.store.ids().tolist()
        for query in self.points(5, 1, metric):
            found = candidates(made.index, query)
            assert set(found) <= set(made.store.held)
            if self.reaches_all:
                assert len(found) == 300

    def test_the_nearest_come_early(self, filled: Fill, metric: str) -> None:
        # Of ten heaps the query's own; an order by chance would have three tenths of them.
        made = filled(metric=metric)
        shares = []
        for query in self.points(20, 2, metric):
            early = candidates(made.index, query)[:90]
            shares.append(np.isin(made.nearest(query)[:10], early).mean())
        assert np.mean(shares) >= 0.7

    def test_an_object_is_among_its_own_first_candidates(self, filled: Fill, metric: str) -> None:
        made = filled(metric=metric)
        ids = made.store.ids()[::29]
        early = [id_ in candidates(made.index, made.store.held[id_])[:60] for id_ in ids.tolist()]
        assert np.mean(early) >= 0.9

    def test_exact_scores_are_distances(self, filled: Fill, metric: str) -> None:
        made = filled(metric=metric)
        query = self.points(1, 3, metric)[0]
        taken: list[int] = []
        for block in made.index.candidates(query):
            if not block.exact:
                pytest.skip("its scores are not distances (CandidateBlock.exact)")
            true = made.distance.one_to_many(query, made.store.get_many(block.ids))
            assert np.allclose(block.scores, true, rtol=1e-3, atol=1e-3)
            taken += block.ids.tolist()
            outside = np.setdiff1d(made.store.ids(), taken)
            if outside.size:
                nearest = made.distance.one_to_many(query, made.store.get_many(outside)).min()
                assert nearest >= block.scores[-1] - 1e-3

    def test_only_what_is_allowed(self, filled: Fill, metric: str) -> None:
        made = filled(metric=metric)
        query = self.points(1, 4, metric)[0]
        for allowed in (np.array([3, 4, 30, 300, 900, 9999]), made.store.ids()[::2], made.store.ids()):
            found = candidates(made.index, query, allowed=IdSet(allowed))
            there = set(allowed.tolist()) & set(made.store.held)
            assert set(found) <= there
            if self.reaches_all:
                assert set(found) == there
        assert candidates(made.index, query, allowed=IdSet(np.array([], np.int64))) == []
        assert candidates(made.index, query, allowed=IdSet(np.array([1, 4]))) == []

    @pytest.mark.parametrize("wanted", [1, 7, 5000])
    def test_how_many_are_wanted_is_a_hint(self, filled: Fill, wanted: int) -> None:
        made = filled()
        query = self.points(1, 5)[0]
        found = candidates(made.index, query, wanted=wanted)
        assert len(found) >= min(wanted, 300)
        if self.reaches_all:
            assert len(found) == 300

    def test_blocks_need_not_be_taken_to_the_end(self, filled: Fill) -> None:
        made = filled()
        query = self.points(1, 6)[0]
        for _ in range(5):
            next(iter(made.index.candidates(query, wanted=10)))
        one, other = made.index.candidates(query, wanted=10), made.index.candidates(query, wanted=10)
        assert next(one).ids.tolist() == next(other).ids.tolist()
        assert len(candidates(made.index, query)) >= 10

    def test_equal_descriptors(self, make: Fill) -> None:
        made = make()
        descriptors = np.repeat(self.points(1), 50, axis=0)
        made.train(descriptors)
        made.add(np.arange(50), descriptors)
        found = candidates(made.index, descriptors[0])
        assert set(found) <= set(range(50))
        if self.reaches_all:
            assert len(found) == 50

    @pytest.mark.parametrize("count", [1, 2, 3])
    def test_a_few_objects(self, make: Fill, count: int) -> None:
        made = make()
        descriptors = self.points(count)
        made.train(descriptors)
        made.add(np.arange(count) * 5, descriptors)
        assert set(candidates(made.index, descriptors[0])) == set(range(0, 5 * count, 5))

    # Adding and removing

    def test_any_id_of_63_bits(self, make: Fill) -> None:
        made = make()
        ids = np.array([0, 1, 1 << 31, 1 << 32, (1 << 53) + 1, (1 << 63) - 1], np.int64)
        descriptors = self.points(ids.size)
        made.train(descriptors)
        made.add(ids, descriptors)
        assert made.index.ids().tolist() == ids.tolist()
        assert set(candidates(made.index, descriptors[0])) == set(ids.tolist())

    def test_what_is_removed_is_no_candidate(self, filled: Fill, metric: str) -> None:
        made = filled(metric=metric)
        gone = made.store.ids()[::2]
        query = made.store.held[int(gone[0])]
        made.remove(np.concatenate([gone[:100], np.array([1, 2, 10_000])]))
        made.remove(gone[90:])
        assert made.index.ids().tolist() == made.store.ids().tolist()
        assert set(candidates(made.index, query)) <= set(made.store.held)
        assert made.index.statistics()["objects"] == len(made.store.held)

    def test_removed_and_added_again(self, filled: Fill) -> None:
        made = filled()
        descriptors = self.points(300)
        made.remove(np.arange(3, 303, 3))
        made.add(np.arange(3, 153, 3), descriptors[:50])
        assert made.index.ids().tolist() == made.store.ids().tolist()
        found = candidates(made.index, descriptors[7])
        assert set(found) <= set(made.store.held)
        assert 24 in found[:60]

    def test_all_are_removed(self, filled: Fill) -> None:
        made = filled()
        made.remove(made.store.ids())
        assert made.index.ids().size == 0
        assert candidates(made.index, self.points(1)[0]) == []

    def test_an_id_added_again_is_replaced(self, filled: Fill) -> None:
        made = filled()
        far = self.points(300, 8)
        ids = made.store.ids()[:20]
        made.add(ids, far[:20])
        assert made.index.ids().tolist() == made.store.ids().tolist()
        assert made.index.statistics()["objects"] == 300
        early = [id_ in candidates(made.index, far[place])[:60] for place, id_ in enumerate(ids.tolist())]
        assert np.mean(early) >= 0.9

    def test_nothing_is_added_and_nothing_removed(self, filled: Fill) -> None:
        made = filled(20)
        empty = np.array([], np.int64)
        made.add(empty, self.points(0))
        made.remove(empty)
        assert made.index.ids().size == 20

    def test_queries_while_it_changes(self, filled: Fill) -> None:
        made = filled()
        coming, staying = made.store.ids()[::2], set(made.store.ids()[1::2].tolist())
        descriptors = made.store.get_many(coming)
        everything = set(made.store.ids().tolist())
        query = self.points(1, 9)[0]

        def look() -> Iterator[str]:
            found = set(candidates(made.index, query))
            if found - everything:
                yield "candidates that never were"
            if self.reaches_all and staying - found:
                yield "a candidate that stayed was lost"

        with looking(look) as wrong:
            for _ in range(10):
                made.index.remove(coming)
                made.index.add(coming, descriptors if made.index.needs_content else None)
        assert wrong == []

    # Snapshots

    def test_a_snapshot_gives_the_same_again(self, filled: Fill, metric: str, tmp_path: Path) -> None:
        made = filled(metric=metric)
        made.remove(np.arange(3, 60, 3))
        made.index.save(tmp_path)
        again = made.again()
        again.load(tmp_path)
        assert again.verify() == []
        assert again.ids().tolist() == made.store.ids().tolist()
        for query in self.points(4, 10, metric):
            assert candidates(again, query) == candidates(made.index, query)
        again.close()

    def test_a_snapshot_does_not_change(self, filled: Fill, tmp_path: Path) -> None:
        made = filled()
        made.index.save(tmp_path)
        before = {file.name: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
        ids = made.index.ids().tolist()
        again = made.again()
        again.load(tmp_path)
        descriptors = self.points(50, 11)
        for index in (made.index, again):
            index.remove(np.arange(3, 300, 3))
            index.add(np.arange(5000, 5050), descriptors if index.needs_content else None)
        made.store.put_many(np.arange(5000, 5050), descriptors)
        assert again.ids().tolist() == made.index.ids().tolist()
        assert candidates(again, descriptors[0])
        again.close()
        assert {file.name: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
        third = made.again()
        third.load(tmp_path)
        assert third.ids().tolist() == ids
        third.close()

    def test_a_snapshot_is_loaded_from_where_nothing_can_be_written(self, filled: Fill, tmp_path: Path) -> None:
        made = filled()
        folder = tmp_path / "snapshot"
        folder.mkdir()
        made.index.save(folder)
        for file in folder.rglob("*"):
            file.chmod(0o555 if file.is_dir() else 0o444)
        folder.chmod(0o555)
        try:
            again = made.again()
            again.load(folder)
            assert again.ids().tolist() == made.index.ids().tolist()
            again.close()
        finally:
            folder.chmod(0o755)

    def test_an_empty_one_is_saved(self, make: Fill, tmp_path: Path) -> None:
        made = make()
        made.train(self.points(20))
        made.index.save(tmp_path)
        again = made.again()
        again.load(tmp_path)
        assert again.ids().size == 0
        made.store.put_many(np.array([4]), self.points(1))
        again.add(np.array([4]), self.points(1) if again.needs_content else None)
        assert candidates(again, self.points(1)[0]) == [4]
        again.close()

    def test_what_is_no_snapshot_is_refused(self, make: Fill, tmp_path: Path) -> None:
        with pytest.raises(FormatError):
            make().index.load(tmp_path)

    def test_a_damaged_snapshot_is_noticed(self, filled: Fill, tmp_path: Path) -> None:
        made = filled()
        saved = tmp_path / "saved"
        saved.mkdir()
        made.index.save(saved)
        for name, damaged in halved_files(saved, tmp_path):
            index = made.again()
            try:
                index.load(damaged)
            except FormatError:
                continue
            assert index.verify() != [], f"half of {name} is missing, and nobody noticed"
            index.close()

    # What else it says of itself

    def test_the_storage_order_holds_every_id(self, filled: Fill) -> None:
        made = filled()
        made.remove(np.arange(3, 60, 3))
        order = made.index.storage_order()
        if order is None:
            pytest.skip("it knows no order that the disk should have")
        assert order.dtype == np.int64
        assert np.array_equal(np.sort(order), made.store.ids())

    def test_what_it_says_of_itself(self, filled: Fill) -> None:
        statistics = filled().index.statistics()
        assert statistics["objects"] == 300
        assert all(isinstance(value, int | float | str) for value in statistics.values())

    def test_whether_it_is_outgrown_is_a_cheap_yes_or_no(self, filled: Fill) -> None:
        assert filled().index.outgrown() in (True, False)

    def test_closing_leaves_no_thread(self, filled: Fill, tmp_path: Path) -> None:
        before = set(threading.enumerate())
        made = filled()
        candidates(made.index, self.points(1)[0])
        made.index.save(tmp_path)
        made.index.close()
        left = [thread for thread in set(threading.enumerate()) - before if not thread.daemon]
        for thread in left:
            thread.join(5)
        assert not any(thread.is_alive() for thread in left)

    # All of it

    @examples(25)
    @given(steps=STEPS)
    @example(steps=EVERY_STEP)
    def test_it_behaves_like_a_dictionary(
        self, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, set[int]]]
    ) -> None:
        distance = DISTANCES[self.metrics[0]]()
        descriptors = self.points(100)
        made = Made(self.index_class, MemoryStore(16, descriptors.dtype.name), distance, **self.options)
        made.train(descriptors)
        saved = made.save(tmp_path_factory.mktemp("snapshot"))
        for number, (what, some) in enumerate(steps):
            ids = np.array(sorted(some), np.int64)
            if what == "remove":
                made.remove(ids)
            elif what == "reopen":
                saved = made.save(tmp_path_factory.mktemp("snapshot"))
            elif what == "crash":
                # What came after the last snapshot is lost to the index; the framework applies it again.
                made.restore(saved)
            else:
                made.add(ids, descriptors[ids + (number if what == "replace" else 0)])
            assert made.index.ids().tolist() == made.store.ids().tolist()
            found = candidates(made.index, descriptors[number])
            assert set(found) <= set(made.store.held)
            if self.reaches_all:
                assert set(found) == set(made.store.held)
        made.index.close()

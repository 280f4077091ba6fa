"""What an object store has to do."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seealso.errors import ConfigError, FormatError, MissingObject, StoreError
from seealso.interfaces.store import ObjectStore
from seealso.testing.coded_stores import CodedStoreTests
from seealso.testing.effort import examples
from seealso.testing.opening import DIM, open_store, put, rows
from seealso.testing.shared_stores import SharedStoreTests
from seealso.testing.store_fixtures import Open, array, found

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "remove", "flush", "reopen", "crash", "compact"]),
        st.sets(st.integers(0, 40), max_size=12),
    ),
    max_size=12,
)
IDENTITY = "0123456789abcdef0123456789abcdef01234567"
EVERY_STEP: list[tuple[str, set[int]]] = [
    *[("put", {1, 2, 3}), ("remove", {2}), ("reopen", set()), ("put", {2, 4}), ("flush", set())],
    *[("remove", {1}), ("crash", set()), ("put", {1, 3}), ("compact", {1, 2})],
]
"""In every run, whatever else is drawn."""


class ObjectStoreTests(SharedStoreTests, CodedStoreTests):
    """Subclass it in a test module as ``Test…``, and name the class of your store.

    In most of these tests descriptors are `rows` of their IDs, which the codec raw suits best.
    """

    # Putting, getting, removing

    def test_a_new_one_is_empty(self, store: ObjectStore) -> None:
        assert store.ids().tolist() == []
        assert store.ids().dtype == np.int64
        assert store.verify().checked == 0
        assert store.statistics()["objects"] == 0
        assert list(store.read_blocks(array(1, 2))) == []
        store.remove_many(array(1))
        store.flush()
        store.compact(None, array())
        with pytest.raises(MissingObject):
            store.get_many(array(1))

    def test_what_is_put_is_got_in_the_order_asked(self, store: ObjectStore) -> None:
        put(store, [5, 1, 70_000])
        assert store.ids().tolist() == [1, 5, 70_000]
        asked = array(5, 70_000, 5, 1)
        assert np.array_equal(store.get_many(asked), rows(asked))

    def test_empty_requests(self, store: ObjectStore) -> None:
        for _ in range(2):
            store.put_many(array(), rows([]))
            store.remove_many(array())
            assert store.get_many(array()).shape == (0, DIM)
            assert store.get_many(array()).dtype == np.float32
            assert list(store.read_blocks(array())) == []
            put(store, [1])
        assert store.ids().tolist() == [1]

    def test_any_id_of_63_bits(self, store: ObjectStore) -> None:
        ids = array(0, 1, 511, 512, 1 << 32, (1 << 53) + 1, (1 << 63) - 1)
        store.put_many(ids, rows(range(ids.size)))
        assert store.ids().tolist() == ids.tolist()
        assert np.array_equal(store.get_many(ids[::-1]), rows(range(ids.size))[::-1])
        store.remove_many(ids[1::2])
        assert store.ids().tolist() == ids[::2].tolist()

    def test_put_again_replaces(self, store: ObjectStore) -> None:
        put(store, [1, 2, 3])
        for value in (7, 8, 9):
            store.put_many(array(2), rows([value]))
            assert np.array_equal(store.get_many(array(2, 1)), rows([value, 1]))
        assert store.ids().tolist() == [1, 2, 3]
        assert store.statistics()["objects"] == 3

    def test_removed_and_put_again(self, store: ObjectStore) -> None:
        put(store, range(10))
        store.remove_many(array(3, 4, 77, 3))
        assert store.ids().tolist() == [0, 1, 2, 5, 6, 7, 8, 9]
        with pytest.raises(MissingObject):
            store.get_many(array(4))
        put(store, [4])
        assert np.array_equal(store.get_many(array(4)), rows([4]))

    def test_what_is_missing_is_named(self, store: ObjectStore) -> None:
        put(store, [1])
        with pytest.raises(MissingObject) as caught:
            store.get_many(array(1, 9, 8, 9))
        assert caught.value.ids == [8, 9]

    @pytest.mark.parametrize(
        ("ids", "descriptors", "expected"),
        [
            ([1, 1], rows([1, 2]), "IDs have to be"),
            ([-1], rows([1]), "IDs have to be"),
            ([1], rows([1, 2]), r"float32 of shape \(1, 16\)"),
            ([1], rows([1]).astype(np.float64), "not float64"),
            ([1], rows([1], dim=15), "descriptors have to be"),
            ([1], rows([1])[0], "descriptors have to be"),
            ([1], rows([np.nan]), "finite"),
            ([1, 2], rows([1, np.inf]), "finite"),
        ],
    )
    def test_what_does_not_fit_is_refused_and_changes_nothing(
        self, store: ObjectStore, ids: list[int], descriptors: np.ndarray, expected: str
    ) -> None:
        put(store, [5])
        with pytest.raises(ValueError, match=expected):
            store.put_many(np.array(ids, np.int64), descriptors)
        assert store.ids().tolist() == [5]

    @pytest.mark.parametrize("ids", [np.array([1.0]), np.array([1], np.int32), np.array([[1]]), np.array(1)])
    def test_ids_that_are_none(self, store: ObjectStore, ids: np.ndarray) -> None:
        put(store, [1])
        with pytest.raises(ValueError, match="IDs have to be"):
            store.put_many(ids, rows([1]))
        with pytest.raises(ValueError, match="IDs have to be"):
            store.get_many(ids)
        with pytest.raises(ValueError, match="IDs have to be"):
            store.remove_many(ids)
        with pytest.raises(ValueError, match="IDs have to be"):
            list(store.read_blocks(ids))

    @pytest.mark.parametrize("dtype", ["uint8", "float16", "float64"])
    def test_other_types(self, opened: Open, dtype: str) -> None:
        store = opened(dtype=dtype, dim=3)
        descriptors = np.arange(15).reshape(5, 3).astype(dtype)
        store.put_many(np.arange(5), descriptors)
        assert np.array_equal(store.get_many(np.arange(5)), descriptors)
        assert store.get_many(np.arange(5)).dtype == dtype

    @pytest.mark.parametrize("dim", [1, 100_000])
    def test_small_and_large_descriptors(self, opened: Open, dim: int) -> None:
        store = opened(dim=dim)
        store.put_many(np.arange(40), rows(range(40), dim))
        assert np.array_equal(store.get_many(np.arange(40)), rows(range(40), dim))
        assert sum(block.ids.size for block in store.read_blocks(np.arange(40))) == 40

    # Blocks

    def test_blocks_hold_everything_once(self, store: ObjectStore) -> None:
        ids = np.arange(1, 60_000, 2)
        put(store, ids)
        blocks = list(store.read_blocks(np.concatenate([ids[::-1], array(2, 4, 10**9, -1), ids[:5]])))
        assert len(blocks) > 1
        assert found(blocks) == ids.tolist()
        for block in blocks:
            assert 1 <= block.reads <= block.ids.size
            assert block.bytes_read >= sum(map(len, block.records))

    def test_blocks_are_bounded(self, opened: Open) -> None:
        store = opened(dim=10_000)
        store.put_many(np.arange(400), rows(range(400), 10_000))
        for block in store.read_blocks(np.arange(400)):
            assert sum(map(len, block.records)) <= 4 << 20

    def test_blocks_stay_valid_after_the_store_went_on(self, store: ObjectStore) -> None:
        put(store, range(10))
        blocks = list(store.read_blocks(np.arange(10)))
        store.remove_many(np.arange(10))
        put(store, range(100, 400))
        store.compact(None, np.arange(200, 400))
        store.close()
        assert found(blocks) == list(range(10))

    def test_blocks_need_not_be_taken_to_the_end(self, store: ObjectStore) -> None:
        put(store, range(20_000))
        for _ in range(5):
            next(iter(store.read_blocks(np.arange(20_000))))
        assert found(list(store.read_blocks(np.arange(20_000)))) == list(range(20_000))

    def test_what_is_removed_between_blocks_is_left_out(self, store: ObjectStore) -> None:
        put(store, range(20_000))
        blocks = store.read_blocks(np.arange(20_000))
        first = next(blocks)
        store.remove_many(np.arange(20_000))
        rest = list(blocks)
        assert set(found([first, *rest])) <= set(range(20_000))

    # Its identity

    def test_it_hands_back_its_identity(self, store: ObjectStore, opened: Open) -> None:
        assert store.identity() == ""
        put(store, [1])
        assert store.identity() == ""
        for identity in (IDENTITY, IDENTITY[::-1]):
            store.keep_identity(identity)
            assert [each.identity() for each in (store, opened(), opened(read_only=True))] == [identity] * 3
        put(store, range(2, 500))
        store.compact(None, array(1))
        store.close()
        assert opened(read_only=True).identity() == IDENTITY[::-1]

    def test_a_new_one_can_be_given_an_identity_before_anything_is_put(self, store: ObjectStore, opened: Open) -> None:
        store.keep_identity(IDENTITY)
        store.close()
        again = opened()
        assert again.identity() == IDENTITY
        assert again.ids().tolist() == []
        put(again, [1])
        assert again.identity() == IDENTITY

    def test_the_identity_is_the_places_and_no_option(self, store: ObjectStore, tmp_path: Path) -> None:
        store.keep_identity(IDENTITY)
        other = open_store(self.store_class, tmp_path / "another place", identity=IDENTITY)
        assert other.identity() == ""
        other.close()

    def test_it_can_be_destroyed_more_than_once(self, store: ObjectStore, opened: Open, folder: Path) -> None:
        put(store, [1, 2])
        store.destroy()
        store.destroy()
        store.close()
        shutil.rmtree(folder)
        again = opened()
        assert again.ids().tolist() == []
        assert again.identity() == ""

    # Opening again

    def test_it_is_there_when_opened_again(self, opened: Open) -> None:
        store = opened()
        put(store, range(20))
        store.remove_many(array(3))
        store.put_many(array(4), rows([99]))
        store.close()
        again = opened()
        ids = np.delete(np.arange(20), 3)
        assert again.ids().tolist() == ids.tolist()
        assert np.array_equal(again.get_many(ids), rows(np.where(ids == 4, 99, ids)))

    def test_it_is_there_when_the_other_was_not_closed(self, opened: Open) -> None:
        store = opened()
        for first in range(0, 3000, 100):
            put(store, range(first, first + 100))
        store.remove_many(np.arange(50))
        assert opened().ids().tolist() == list(range(50, 3000))

    def test_a_closed_one_is_not_used(self, store: ObjectStore) -> None:
        put(store, [1])
        store.close()
        store.close()
        uses: list[Callable[[], object]] = [
            store.ids,
            store.verify,
            lambda: store.get_many(array(1)),
            lambda: put(store, [2]),
        ]
        for use in uses:
            with pytest.raises(StoreError, match="closed"):
                use()

    def test_what_is_opened_has_to_fit(self, opened: Open) -> None:
        put(opened(), [1])
        with pytest.raises(FormatError, match="float32 descriptors of dimension 16, not float32 of 17"):
            opened(dim=17)
        with pytest.raises(FormatError, match="not uint8 of 16"):
            opened(dtype="uint8")
        with pytest.raises(ConfigError, match=r"written with the codec raw, not .*zstd"):
            opened(codec="zstd")
        assert opened(codec="raw").ids().tolist() == [1]

    def test_opened_for_reading_only(self, store: ObjectStore, opened: Open) -> None:
        put(store, [1])
        reader = opened(read_only=True)
        assert reader.ids().tolist() == [1]
        writes: list[Callable[[], None]] = [
            lambda: put(reader, [2]),
            lambda: reader.remove_many(array(1)),
            lambda: reader.keep_identity(IDENTITY),
            lambda: reader.compact(None, array()),
        ]
        for write in writes:
            with pytest.raises(StoreError, match="for reading only"):
                write()
        assert store.ids().tolist() == [1]

    def test_verify_and_statistics(self, store: ObjectStore) -> None:
        put(store, range(1000))
        report = store.verify()
        assert (report.checked, report.damaged) == (1000, [])
        statistics = store.statistics()
        assert statistics["objects"] == 1000
        assert 1000 * 4 * DIM < float(statistics["bytes"]) < 1 << 20
        assert float(statistics["bytes_free"]) >= 0
        assert statistics["codec"] == "raw"

    @examples(40)
    @given(steps=STEPS)
    @example(steps=EVERY_STEP)
    def test_it_behaves_like_a_dictionary(
        self, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, set[int]]]
    ) -> None:
        folder = tmp_path_factory.mktemp("model") / "store"
        store = open_store(self.store_class, folder)
        left: list[ObjectStore] = []
        expected: dict[int, int] = {}
        for number, (what, some) in enumerate(steps):
            ids = np.array(sorted(some), dtype=np.int64)
            if what == "put":
                store.put_many(ids, rows(ids + number))
                expected |= {id_: id_ + number for id_ in some}
            elif what == "remove":
                store.remove_many(ids)
                expected = {id_: value for id_, value in expected.items() if id_ not in some}
            elif what == "flush":
                store.flush()
            elif what == "reopen":
                store.close()
                store = open_store(self.store_class, folder)
            elif what == "crash":
                # What was flushed is there for the next one, though nobody closed this one.
                store.flush()
                left.append(store)
                store = open_store(self.store_class, folder)
            else:
                store.compact(ids[::-1] if number % 2 else None, ids)
                expected = {id_: value for id_, value in expected.items() if id_ in some}
            keys = sorted(expected)
            assert store.ids().tolist() == keys
            assert store.statistics()["objects"] == len(keys)
            assert np.array_equal(store.get_many(np.array(keys, np.int64)), rows([expected[key] for key in keys]))
        report = store.verify()
        assert (report.checked, report.damaged, report.problems) == (len(expected), [], [])
        for each in (store, *left):
            each.close()

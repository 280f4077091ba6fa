"""What a text index has to do when it is opened again, and while several use it."""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from seealso.errors import SeealsoError
from seealso.interfaces.text import TextIndex, Words
from seealso.interfaces.text_query import TextQuery
from seealso.testing.processes import killed, looking
from seealso.testing.text_fixtures import Open, TextFixtures, found, open_text_index, put, run, start


class SharedTextIndexTests(TextFixtures):
    """Position, threads, processes, and their ends."""

    def test_it_is_there_when_opened_again(self, index: TextIndex, opened: Open) -> None:
        put(index, {1: "bird", 2: "bird"}, 5)
        index.remove(np.array([1]))
        index.commit(6)
        index.close()
        again = opened()
        assert (found(again, "bird"), again.applied()) == ([2], 6)
        put(again, {1: "bird"}, 7)
        assert found(again, "bird") == [1, 2]

    def test_the_position_may_be_set_back(self, index: TextIndex, opened: Open) -> None:
        put(index, {1: "bird"}, 5)
        index.commit(3)
        assert index.applied() == 3
        index.close()
        assert opened().applied() == 3

    def test_a_closed_one_is_not_used(self, index: TextIndex) -> None:
        put(index, {1: "bird"})
        index.close()
        index.close()
        with pytest.raises(SeealsoError, match="closed"):
            found(index, "bird")
        with pytest.raises(SeealsoError, match="closed"):
            put(index, {2: "bird"})

    def test_opened_for_reading_only(self, index: TextIndex, opened: Open) -> None:
        put(index, {1: "bird"})
        reader = opened(read_only=True)
        assert found(reader, "bird") == [1]
        writes: list[Callable[[], None]] = [
            lambda: put(reader, {2: "bird"}),
            lambda: reader.remove(np.array([1])),
            lambda: reader.commit(9),
        ]
        for write in writes:
            with pytest.raises(SeealsoError, match="for reading only"):
                write()
        assert (found(index, "bird"), reader.applied()) == ([1], 1)

    def test_a_reader_writes_nothing(self, index: TextIndex, opened: Open, folder: Path) -> None:
        put(index, {1: "bird"})
        index.close()
        before = {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}
        reader = opened(read_only=True)
        assert (found(reader, "bird"), reader.suggest("b", 1), reader.applied()) == ([1], ["bird"], 1)
        reader.close()
        assert {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]} == before

    def test_a_reader_may_come_first(self, opened: Open) -> None:
        reader = opened(read_only=True)
        assert (found(reader, "bird"), reader.applied(), reader.suggest("b", 3)) == ([], 0, [])
        assert reader.statistics()["objects"] == 0
        put(opened(), {1: "bird"}, 4)
        assert (found(reader, "bird"), reader.applied()) == ([1], 4)

    def test_what_one_writes_the_other_reads(self, index: TextIndex, opened: Open) -> None:
        reader = opened(read_only=True)
        for number in range(1, 40):
            put(index, {number: "bird"}, number)
            assert found(index, "bird") == found(reader, "bird") == list(range(1, number + 1))
            assert reader.applied() == number
        index.close()
        assert found(reader, "bird") == list(range(1, 40))

    def test_another_process_writes(self, opened: Open, folder: Path) -> None:
        reader = opened(read_only=True)
        for number in (1, 2, 3):
            run(self.text_index_class, folder, f"i = index(); put(i, {{{number}: 'bird'}}, {number}); i.close()")
            assert (found(reader, "bird"), reader.applied()) == (list(range(1, number + 1)), number)

    def test_another_process_sees_it_within_a_second(self, index: TextIndex, folder: Path) -> None:
        put(index, {0: "bird"}, 1)
        code = """
        import time
        reader = index(read_only=True)
        applied = reader.applied()
        print("open", flush=True)
        while applied < 40:
            before = applied
            applied = reader.applied()
            birds = reader.matching(seealso.TextQuery.parse("bird")).tolist()
            assert birds == list(range(len(birds))) and len(birds) >= applied >= before, (applied, birds)
            if applied > before:
                print(applied, time.time(), flush=True)
        reader.close()
        """
        committed = {}
        with start(self.text_index_class, folder, code) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "open\n"
            for number in range(2, 41):
                put(index, {number - 1: "bird"}, number)
                committed[number] = time.time()
            printed, errors = child.communicate(timeout=60)
        assert child.returncode == 0, errors
        seen = [line.split() for line in printed.splitlines()]
        # One commit may be passed over for a later one; what was seen was there a second after it was committed.
        assert all(float(when) < committed[int(number)] + 1 for number, when in seen)
        assert int(seen[-1][0]) == 40

    def test_threads_read_while_one_writes(self, index: TextIndex) -> None:
        put(index, dict.fromkeys(range(50), "bird"))

        def look() -> Iterator[object]:
            ids = index.matching(TextQuery.parse("bird")).tolist()
            if ids != list(range(len(ids))) or len(ids) < 50 or index.suggest("b", 1) != ["bird"]:
                yield ids

        with looking(look) as wrong:
            for first in range(50, 1550, 50):
                put(index, dict.fromkeys(range(first, first + 50), "bird"), first)
        assert wrong == []
        assert found(index, "bird") == list(range(1550))

    def test_it_leaves_no_threads(self, index: TextIndex, opened: Open) -> None:
        for number in range(20):
            put(index, {number: "bird"})
        reader = opened(read_only=True)
        assert len(found(reader, "bird")) == 20
        reader.close()
        index.close()
        tasks = Path("/proc/self/task")
        if not tasks.is_dir():
            pytest.skip("the system does not tell which threads there are")
        deadline = time.monotonic() + 10
        while (left := len(list(tasks.iterdir())) - threading.active_count()) > self.threads_before:
            assert time.monotonic() < deadline, f"{left} threads are left"
            time.sleep(0.02)

    @pytest.fixture(autouse=True)
    def _count_threads(self) -> None:
        tasks = Path("/proc/self/task")
        self.threads_before = len(list(tasks.iterdir())) - threading.active_count() if tasks.is_dir() else 0

    @pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
    def test_killed_while_it_writes(self, folder: Path) -> None:
        """What a commit has returned for is there; the number never runs ahead of what is there."""
        random = np.random.default_rng(1)
        done = 0
        for _ in range(30):
            told = killed(lambda tell: _write_for_ever(self.text_index_class, folder, tell), random.uniform(0, 0.1))
            done = max([done, *map(int, told.split())])
            reader = open_text_index(self.text_index_class, folder, read_only=True)
            applied = reader.applied()
            ids = np.array(found(reader, "bird"), np.int64)
            reader.close()
            turns = ids.size // 4
            assert done <= applied <= turns <= applied + 1
            expected = 5 * np.repeat(np.arange(1, turns + 1), 4) + np.tile(np.arange(1, 5), turns)
            assert np.array_equal(ids, expected)
        index = open_text_index(self.text_index_class, folder)
        put(index, {1: "bird"}, 10**6)
        assert found(index, "bird")[0] == 1
        index.close()


def _write_for_ever(cls: type[TextIndex], folder: Path, tell: Callable[[object], object]) -> None:
    """Five objects a turn, of which one is removed; after each turn's commit its number is told."""
    index = open_text_index(cls, folder)
    for turn in count(index.applied() + 1):
        ids = np.arange(5 * turn, 5 * turn + 5)
        index.put(ids, [[Words("caption", f"bird turn{turn}")]] * 5)
        index.remove(ids[:1])
        index.commit(turn)
        tell(turn)

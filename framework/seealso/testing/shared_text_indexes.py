"""What a text index has to do when it is saved and loaded, and while several use it."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

from seealso.errors import FormatError, SeealsoError
from seealso.interfaces.text import TextIndex, Words
from seealso.interfaces.text_query import TextQuery
from seealso.testing.damage import halved_files
from seealso.testing.processes import elsewhere, killed, looking
from seealso.testing.text_fixtures import Make, TextFixtures, add, files_of, found, make_text_index, save


class SharedTextIndexTests(TextFixtures):
    """Snapshots, threads, processes, and their ends."""

    # Snapshots

    def test_a_snapshot_gives_the_same_again(self, index: TextIndex, make: Make, tmp_path: Path) -> None:
        add(index, {1: "bird", 2: "a bird", 3: "fish"})
        index.remove(np.array([1]))
        again = make(save(index, tmp_path / "1"))
        assert (found(again, "bird"), found(again, "fish"), again.suggest("b", 3)) == ([2], [3], ["bird"])
        assert again.statistics()["objects"] == 2
        assert again.verify() == []
        assert again.loaded_change() is None
        asked = TextQuery.parse("bird")
        assert np.array_equal(again.search(asked, 5).scores, index.search(asked, 5).scores)

    def test_one_that_was_loaded_goes_on(self, index: TextIndex, make: Make, tmp_path: Path) -> None:
        add(index, {1: "bird", 2: "bird", 3: "bird"})
        for number in range(1, 6):
            again = make(save(index, tmp_path / str(number)))
            again.remove(np.array([number]))
            add(again, {number + 3: "bird", 100: f"turn{number}"})
            index.close()
            index = again
        last = make(save(index, tmp_path / "last"))
        assert (found(last, "bird"), found(last, "turn*"), found(last, "turn5")) == ([6, 7, 8], [100], [100])

    def test_a_snapshot_does_not_change(self, index: TextIndex, make: Make, tmp_path: Path) -> None:
        add(index, {1: "bird", 2: "bird"})
        snapshot = save(index, tmp_path / "1")
        before = files_of(snapshot)
        again = make(snapshot)
        for each in (index, again):
            each.remove(np.array([1]))
            add(each, {2: "fish", 3: "bird"})
            assert (found(each, "bird"), found(each, "fish")) == ([3], [2])
        save(again, tmp_path / "2")
        again.close()
        assert files_of(snapshot) == before
        assert found(make(snapshot), "bird") == [1, 2]

    def test_snapshots_stand_alone(self, index: TextIndex, make: Make, tmp_path: Path) -> None:
        """One that was saved needs neither those before it nor the index that saved it."""
        add(index, {1: "bird"})
        first = save(index, tmp_path / "1")
        add(index, {2: "bird"})
        second = save(index, tmp_path / "2")
        add(index, {3: "bird"})
        shutil.rmtree(first)
        assert found(index, "bird") == [1, 2, 3]
        index.close()
        shutil.rmtree(tmp_path / "scratch", ignore_errors=True)
        again = make(second)
        assert (again.verify(), found(again, "bird")) == ([], [1, 2])

    def test_it_is_saved_again_without_a_change(self, index: TextIndex, make: Make, tmp_path: Path) -> None:
        add(index, {1: "bird"})
        again = make(save(index, tmp_path / "1"))
        third = make(save(again, tmp_path / "2"))
        assert (found(third, "bird"), found(again, "bird"), third.verify()) == ([1], [1], [])

    def test_an_empty_one_is_saved(self, index: TextIndex, make: Make, tmp_path: Path) -> None:
        again = make(save(index, tmp_path / "1"))
        assert (found(again, "bird"), again.suggest("b", 3), again.statistics()["objects"]) == ([], [], 0)
        add(again, {1: "bird"})
        assert found(make(save(again, tmp_path / "2")), "bird") == [1]

    def test_what_lies_where_nothing_can_be_written_is_loaded_and_changed(
        self, index: TextIndex, make: Make, tmp_path: Path
    ) -> None:
        add(index, {1: "bird", 2: "bird"})
        snapshot = save(index, tmp_path / "1")
        folders = [snapshot, *(path for path in snapshot.rglob("*") if path.is_dir())]
        for folder in folders:
            folder.chmod(0o555)
        try:
            before = files_of(snapshot)
            reader = make(snapshot)
            assert (found(reader, "bird"), reader.suggest("b", 1), reader.verify()) == ([1, 2], ["bird"], [])
            reader.remove(np.array([1]))
            assert found(reader, "bird") == [2]
            reader.close()
            assert files_of(snapshot) == before
        finally:
            for folder in folders:
                folder.chmod(0o755)

    def test_what_is_no_snapshot_is_refused(self, index: TextIndex, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        for folder in (tmp_path / "empty", tmp_path / "none"):
            with pytest.raises(FormatError):
                index.load(folder)

    def test_a_damaged_snapshot_is_noticed(self, index: TextIndex, make: Make, tmp_path: Path) -> None:
        add(index, {1: "bird", 2: "bird"})
        index.remove(np.array([2]))
        saved = save(index, tmp_path / "saved")
        for name, damaged in halved_files(saved, tmp_path):
            try:
                index = make(damaged)
            except FormatError:
                continue
            assert index.verify() != [], f"half of {name} is missing, and nobody noticed"

    def test_another_process_loads_it(self, index: TextIndex, make: Make, tmp_path: Path) -> None:
        add(index, {1: "bird"})
        first, second = save(index, tmp_path / "1"), tmp_path / "2"
        with elsewhere(_add_one, self.text_index_class, tmp_path / "elsewhere", first, second):
            pass
        assert found(make(second), "bird") == [1, 2]
        assert found(index, "bird") == [1]

    # Its end

    def test_a_closed_one_is_not_used(self, index: TextIndex, make: Make, tmp_path: Path) -> None:
        add(index, {1: "bird"})
        loaded = make(save(index, tmp_path / "1"))
        for each in (index, loaded):
            each.close()
            each.close()
            uses: list[Callable[[], object]] = [
                lambda each=each: found(each, "bird"),  # type: ignore[misc]
                lambda each=each: add(each, {2: "bird"}),  # type: ignore[misc]
                lambda each=each: each.remove(np.array([1])),  # type: ignore[misc]
                lambda each=each: save(each, tmp_path / "none"),  # type: ignore[misc]
            ]
            for use in uses:
                with pytest.raises(SeealsoError, match="closed"):
                    use()
            shutil.rmtree(tmp_path / "none")

    def test_it_leaves_no_threads(self, index: TextIndex, make: Make, tmp_path: Path) -> None:
        for number in range(20):
            add(index, {number: "bird"})
            assert len(found(index, "bird")) == number + 1
        loaded = make(save(index, tmp_path / "1"))
        add(index, {77: "bird"})
        add(loaded, {78: "bird"})
        assert len(found(loaded, "bird")) == 21
        loaded.close()
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

    # Several at once

    def test_threads_read_while_one_writes(self, index: TextIndex, tmp_path: Path) -> None:
        add(index, dict.fromkeys(range(50), "bird"))

        def look() -> Iterator[object]:
            ids = index.matching(TextQuery.parse("bird")).tolist()
            if ids != list(range(len(ids))) or len(ids) < 50 or index.suggest("b", 1) != ["bird"]:
                yield ids

        with looking(look) as wrong:
            for first in range(50, 650, 50):
                add(index, dict.fromkeys(range(first, first + 50), "bird"))
                assert len(found(index, "bird")) == first + 50
                if first % 200 == 0:
                    save(index, tmp_path / str(first))
        assert wrong == []
        assert found(index, "bird") == list(range(650))

    @pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
    def test_killed_while_it_writes(self, make: Make, tmp_path: Path) -> None:
        """Snapshots that were saved stay as they are, whatever becomes of the process that goes on from them."""
        random = np.random.default_rng(1)
        done = 0
        for _ in range(10):
            work = partial(_save_for_ever, self.text_index_class, tmp_path, done)
            told = killed(work, random.uniform(0, 0.1))
            done = max([done, *map(int, told.split())])
            expected = [5 * turn + place for turn in range(1, done + 1) for place in range(1, 5)]
            snapshot = make(tmp_path / f"snapshot {done}")
            assert (found(snapshot, "bird"), snapshot.verify()) == (expected, [])
            snapshot.close()


def _add_one(_: Connection, cls: type[TextIndex], scratch: Path, loaded: Path, saved: Path) -> None:
    """A second bird, to the snapshot of one."""
    index = make_text_index(cls, scratch, loaded)
    assert found(index, "bird") == [1]
    add(index, {2: "bird"})
    assert found(index, "bird") == [1, 2]
    save(index, saved)
    index.close()


def _save_for_ever(cls: type[TextIndex], folder: Path, done: int, tell: Callable[[object], object]) -> None:
    """Five objects a turn, of which one is removed; after each turn's snapshot its number is told."""
    index = make_text_index(cls, folder / "scratch", folder / f"snapshot {done}" if done else None)
    for turn in count(done + 1):
        ids = np.arange(5 * turn, 5 * turn + 5)
        index.add(ids, [[Words("caption", f"bird turn{turn}")]] * 5)
        index.remove(ids[:1])
        shutil.rmtree(folder / f"snapshot {turn}", ignore_errors=True)
        save(index, folder / f"snapshot {turn}")
        tell(turn)

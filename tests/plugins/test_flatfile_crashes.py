"""The store flat-file when a process is killed, the power fails, or the disk is full: nothing that was flushed is lost."""

import os
import random
import shutil
import signal

import numpy as np
import pytest

import seealso
from conftest import small_disk
from durability.power_cut import PowerCut, compile_layer
from lengths import campaign
from plugins.flatfile_files import open_store, script, segment, segments
from seealso.testing.opening import put, rows
from seealso.testing.processes import killed
from seealso_flatfile import manifest
from seealso_flatfile.writer import Writer
from warm_python import WarmPython


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def store(folder):
    store = open_store(folder)
    yield store
    store.close()


forks = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


@forks
@pytest.mark.slow
def test_killed_while_it_writes(folder, monkeypatch):
    """What a put_many has returned for is there; one that was cut off is there or not, each record whole."""
    monkeypatch.setattr(Writer, "segment_bytes", 60_000)
    monkeypatch.setattr(Writer, "checkpoint_bytes", 20_000)
    rng = random.Random(1)
    number = 0

    def write(tell):
        opened = open_store(folder)
        for turn in range(number, 10**6):
            put(opened, range(100 * turn, 100 * turn + 100))
            opened.remove_many(np.array([100 * turn]))
            tell(turn)

    for _ in range(40):
        told = killed(write, rng.uniform(0, 0.03)).split()
        number = int(told[-1]) + 1 if told else number
        reader = open_store(folder, read_only=True)
        ids = reader.ids()
        written = np.arange(100 * number)
        assert np.isin(written[written % 100 != 0], ids).all()
        assert not np.isin(written[::100], ids).any()
        assert np.array_equal(reader.get_many(ids), rows(ids))
        assert reader.statistics()["objects"] == ids.size
        reader.close()
    assert number > 40
    store = open_store(folder)
    put(store, [10**8])
    assert store.verify() == seealso.StoreReport(ids.size + 1)
    store.close()


@pytest.mark.torture
@forks
def test_killed_while_it_compacts(store, folder, monkeypatch):
    monkeypatch.setattr(Writer, "segment_bytes", 100_000)
    monkeypatch.setattr("seealso_flatfile.compaction.BATCH_BYTES", 20_000)
    ids = np.arange(8000)
    put(store, ids)
    store.close()
    rng = random.Random(1)
    done = kills = 0
    longest = 0.05

    def compact(tell):
        opened = open_store(folder)
        tell("begins")
        for turn in range(10**6):
            opened.compact(np.random.default_rng(turn).permutation(ids), ids)
            tell(turn)

    while kills < campaign(6, 40) or done < campaign(2, 10):
        kills += 1
        ended = killed(compact, rng.uniform(0, longest)).count("\n") - 1
        done += ended
        # Whatever the machine, some kills come in the first compaction and some after it.
        longest *= 0.8 if ended else 1.5
        reader = open_store(folder, read_only=True)
        assert np.array_equal(reader.get_many(ids), rows(ids))
        assert reader.ids().size == reader.statistics()["objects"] == ids.size
        reader.close()
    # The next writer removes what does not count.
    opened = open_store(folder)
    put(opened, [1])
    counting = manifest.read_manifest(folder).segments
    assert segments(folder) == [f"{number:08d}.seg" for number in counting]
    assert len(list(folder.glob("table-*"))) == len(list(folder.glob("pages-*"))) == 1
    assert opened.verify().damaged == []
    opened.close()


@pytest.fixture(scope="module")
def layer(tmp_path_factory):
    return compile_layer(tmp_path_factory.mktemp("layer"))


@pytest.fixture(scope="module")
def forgetful(layer, tmp_path_factory):
    """Processes that start in a moment under the layer."""
    with WarmPython(tmp_path_factory.mktemp("p"), {"LD_PRELOAD": str(layer)}) as python:
        yield python


STORY = """
import itertools, os, sys
from seealso_flatfile.writer import Writer
Writer.segment_bytes, Writer.checkpoint_bytes = 20_000, 6_000
calls, last = itertools.count(1), int(sys.argv[1])
def counted(real):
    def wrapped(*arguments):
        if next(calls) == last:
            os.kill(os.getpid(), 9)
        return real(*arguments)
    return wrapped
os.fsync, os.rename, os.pwrite = counted(os.fsync), counted(os.rename), counted(os.pwrite)
opened = store()
for turn in range(4):
    for first in range(0, 240, 40):
        put(opened, range(1000 * turn + first, 1000 * turn + first + 40))
        print("put", 1000 * turn + first, flush=True)
    opened.put_many(np.arange(900, 903), rows([turn] * 3))
    kept = opened.ids()[turn::2]
    print("compacting", turn, flush=True)
    opened.compact(kept[::-1].copy(), kept)
    print("compacted", " ".join(map(str, kept.tolist())), flush=True)
opened.close()
"""


@pytest.mark.slow
@pytest.mark.torture
@pytest.mark.parametrize("step", range(0, 8, campaign(8, 1)))
def test_power_fails(layer, forgetful, tmp_path, step):
    """At each fifth of the calls of this remainder by eight that change a file or sync it: what was flushed is there, what was not is whole or gone."""
    (tmp_path / "disk").mkdir()
    for last in range(1 + step, 400, 8 * 5):
        disk = PowerCut(layer, tmp_path / "disk", tmp_path / "scratch")
        folder = disk.watched / "store"
        folder.mkdir()
        disk.adopt()
        code = STORY.replace("sys.argv[1]", str(last))
        done = forgetful.run("-c", script(folder, code), env=os.environ | disk.environment(), timeout=60)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        disk.cut()
        expected, doubtful = set(), set()
        for line in done.stdout.splitlines():
            what, *numbers = line.split()
            if what == "put":
                expected |= set(range(int(numbers[0]), int(numbers[0]) + 40))
            elif what == "compacting":
                doubtful = set(expected)
            else:
                expected, doubtful = set(map(int, numbers)) - {900, 901, 902}, set()
        opened = open_store(folder)
        there = set(opened.ids().tolist())
        assert expected - doubtful <= there
        ids = np.array(sorted(there - {900, 901, 902}), np.int64)
        assert np.array_equal(opened.get_many(ids), rows(ids))
        assert opened.verify() == seealso.StoreReport(len(there))
        put(opened, [5000])
        assert opened.statistics()["objects"] == len(there | {5000})
        assert set(opened.ids().tolist()) == there | {5000}
        opened.close()
        shutil.rmtree(folder)


def test_a_flush_syncs_what_a_writer_that_was_killed_has_put(layer, forgetful, tmp_path):
    """A conversion goes on with what it finds of an earlier one, and counts on it."""
    (tmp_path / "disk" / "store").mkdir(parents=True)
    disk = PowerCut(layer, tmp_path / "disk", tmp_path / "scratch")
    for code in ("store().put_many(np.arange(40), rows(range(40)))", "store().flush()"):
        killed = f"import os\n{code}\nos.kill(os.getpid(), 9)"
        done = forgetful.run("-c", script(disk.watched / "store", killed), env=os.environ | disk.environment())
        assert done.returncode == -signal.SIGKILL, done.stderr
    disk.cut()
    opened = open_store(disk.watched / "store")
    assert np.array_equal(opened.get_many(np.arange(40)), rows(range(40)))
    opened.close()


AFTERWARDS = """
import os
opened = store()
put(opened, range(9000, 9003))
opened.flush()
print(*opened.ids().tolist(), flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.slow
@pytest.mark.torture
@pytest.mark.parametrize("step", range(0, 8, campaign(4, 1)))
def test_power_fails_after_another_writer(layer, forgetful, tmp_path, step):
    """A writer is killed at a step, another one goes on, and the power fails: what that one has seen and flushed is there."""
    (tmp_path / "disk").mkdir()
    for last in range(1 + step, 400, 8 * campaign(4, 1)):
        disk = PowerCut(layer, tmp_path / "disk", tmp_path / "scratch")
        folder = disk.watched / "store"
        folder.mkdir()
        disk.adopt()
        for code in (STORY.replace("sys.argv[1]", str(last)), AFTERWARDS):
            done = forgetful.run("-c", script(folder, code), env=os.environ | disk.environment(), timeout=60)
        assert done.returncode == -signal.SIGKILL, done.stderr
        disk.cut()
        ids = np.array(done.stdout.split(), np.int64)
        opened = open_store(folder)
        assert np.isin(ids, opened.ids()).all(), last
        opened.get_many(ids)
        opened.close()
        shutil.rmtree(folder)


def fill(store) -> None:
    for first in range(1000, 10**6, 1000):
        put(store, range(first, first + 1000))


def test_a_full_disk_ends_with_a_clear_error_and_an_intact_store(tmp_path):
    with small_disk(tmp_path / "disk", megabytes=2) as disk:
        store = open_store(disk / "store")
        reader = open_store(disk / "store", read_only=True)
        put(store, range(100))
        (disk / "filler").write_bytes(bytes(300_000))
        with pytest.raises(seealso.DiskFull, match="the disk is full; make room and run the command again, nothing is"):
            fill(store)
        kept = store.ids()
        assert kept.size % 1000 == 100
        assert kept.tolist() == reader.ids().tolist() == [*range(100), *range(1000, 900 + kept.size)]
        with pytest.raises(seealso.DiskFull):
            store.compact(kept[::-1].copy(), kept[: kept.size * 2 // 3])
        assert store.verify().damaged == []
        assert np.array_equal(store.get_many(kept), rows(kept))
        store.close()
        again = open_store(disk / "store")
        assert again.ids().tolist() == reader.ids().tolist() == kept.tolist()
        (disk / "filler").unlink()
        again.compact(None, kept[:1000])
        put(again, [10**7])
        assert reader.ids().tolist() == [*kept[:1000].tolist(), 10**7]
        again.close()
        reader.close()


@pytest.mark.parametrize("reader_is_behind", [False, True])
def test_a_reader_follows_when_what_it_read_was_taken_back(store, folder, reader_is_behind):
    """A reader may see the records of a write that then fails, and others in their place."""
    put(store, range(10))
    size = segment(folder).stat().st_size
    put(store, range(10, 20))
    reader = open_store(folder, read_only=True)
    assert reader.ids().size == 20
    os.truncate(segment(folder), size)
    if not reader_is_behind:
        assert reader.ids().size == 10
    other = open_store(folder)
    put(other, range(100, 130))
    assert reader.ids().tolist() == other.ids().tolist() == [*range(10), *range(100, 130)]
    assert np.array_equal(reader.get_many(other.ids()), rows(other.ids()))
    for opened in (reader, other):
        opened.close()

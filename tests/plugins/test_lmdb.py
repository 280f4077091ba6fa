"""The store lmdb."""

import functools
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import zlib

import lmdb
import numpy as np
import pytest

import seealso
from conftest import SAMPLES, read_only, small_disk, without_privileges
from durability.power_cut import PowerCut, compile_layer
from plugins import store_scripts
from plugins.store_scripts import fork
from seealso.testing import ObjectStoreTests, opening
from seealso.testing.coded_stores import half_zero
from seealso.testing.opening import put, rows
from seealso_lmdb import environment
from seealso_lmdb.generations import CURRENT
from seealso_lmdb.store import LmdbStore

open_store = functools.partial(opening.open_store, LmdbStore)
script = functools.partial(store_scripts.script, LmdbStore)


class TestLmdb(ObjectStoreTests):
    store_class = LmdbStore


@pytest.fixture
def store(tmp_path):
    store = open_store(tmp_path / "store")
    yield store
    store.close()


def test_two_that_choose_at_the_same_time_agree(tmp_path, monkeypatch):
    store = open_store(tmp_path / "store", dim=256)
    first = open_store(tmp_path / "store", dim=256, codec="zstd")
    monkeypatch.setattr(store, "_find_codec", lambda: monkeypatch.undo())  # as if it had looked before the first put
    first.put_many(np.array([1]), half_zero([1]))
    store.put_many(np.array([2]), half_zero([2]))
    assert store.statistics()["codec"] == first.statistics()["codec"] == "zstd"
    assert np.array_equal(first.get_many(np.array([1, 2])), half_zero([1, 2]))
    store.close()
    first.close()


@pytest.mark.parametrize("options", [{}, {"codec": "raw"}])
def test_format_1_opens(tmp_path, options):
    shutil.copytree(SAMPLES / "lmdb-1", tmp_path / "store")
    store = open_store(tmp_path / "store", **options)
    assert store.statistics()["codec"] == "raw"
    assert np.array_equal(store.get_many(np.array([5, 1, 1 << 40])), rows([5, 1, 1 << 40]))
    put(store, [7])
    assert store.verify() == seealso.StoreReport(4)
    store.close()
    with pytest.raises(seealso.ConfigError, match="written with the codec raw, not sparse"):
        open_store(tmp_path / "store", codec="sparse")


@pytest.mark.parametrize("record", [b"{", b"[]", b'{"codec": 7}', b'{"codec": "raw", "lossy_error": "x"}'])
def test_a_damaged_record_of_the_codec(store, tmp_path, record):
    put(store, [1])
    store.close()
    environment = lmdb.open(str(tmp_path / "store" / "data-000001"), max_dbs=2)
    with environment.begin(write=True) as transaction:
        transaction.put(b"codec", record, db=environment.open_db(b"meta", txn=transaction))
    environment.close()
    with pytest.raises(seealso.FormatError, match="is not a store lmdb"):
        open_store(tmp_path / "store")


@pytest.mark.parametrize(
    ("header", "expected"),
    [(b"{}", "is not a store lmdb"), (b"\xff", "is not a store lmdb"), (None, "is not a store lmdb"),
     (b'{"magic": "seealso-lmdb", "version": 9, "dim": 16, "dtype": "float32", "codec": "raw"}', "newer seealso .format 9"),
     (b'{"magic": "other", "version": 1, "dim": 16, "dtype": "float32", "codec": "raw"}', "is not a store lmdb")],
)  # fmt: skip
def test_a_record_of_the_store_that_is_none_of_ours(tmp_path, header, expected):
    open_store(tmp_path / "store").close()
    environment = lmdb.open(str(tmp_path / "store" / "data-000001"), max_dbs=2)
    database = environment.open_db(b"meta")
    with environment.begin(write=True) as transaction:
        transaction.delete(b"format", db=database)
        if header is not None:
            transaction.put(b"format", header, db=database)
    environment.close()
    with pytest.raises(seealso.FormatError, match=expected):
        open_store(tmp_path / "store")


@pytest.mark.parametrize("content", [b"", b"rubbish" * 1000])
def test_a_file_that_is_no_lmdb(tmp_path, content):
    open_store(tmp_path / "store").close()
    (tmp_path / "store" / "data-000001" / "data.mdb").write_bytes(content)
    for only_read in (True, False):
        with pytest.raises(seealso.StoreError, match=r"(cannot be opened|cut short): .*; restore it from a backup, or"):
            open_store(tmp_path / "store", read_only=only_read)


def test_the_file_is_gone(store, tmp_path):
    put(store, [1])
    store.close()
    file = tmp_path / "store" / "data-000001" / "data.mdb"
    file.unlink()
    with pytest.raises(seealso.StoreError, match=f"^{file} is missing, and with it the descriptors; restore it from a"):
        open_store(tmp_path / "store")
    file.parent.joinpath("lock.mdb").unlink()
    file.parent.rmdir()
    with pytest.raises(seealso.StoreError, match=f"^{file} is missing"):
        open_store(tmp_path / "store")


@pytest.mark.parametrize("kept", [0, 100, 4096, 8192, 8193, 100_000, -4096, -1])
@pytest.mark.parametrize("read_only", [True, False])
def test_a_file_that_is_cut_short(store, tmp_path, python, kept, read_only):
    """In another process: LMDB's map reaches beyond the file, and reading there ends a process with SIGBUS."""
    put(store, range(3000))
    store.close()
    (file,) = (tmp_path / "store").glob("data-*/data.mdb")
    size = file.stat().st_size
    os.truncate(file, size + kept if kept < 0 else kept)
    code = f"""
    import seealso
    try:
        store(read_only={read_only}).get_many(np.arange(3000))
    except seealso.StoreError as error:
        print(error)
    """
    done = python.run("-c", script(tmp_path / "store", code))
    assert (done.returncode, done.stderr) == (0, "")
    printed = done.stdout
    assert ("is cut short: " if not 0 < kept < 8192 else "cannot be opened: ") in printed
    assert "; restore it from a backup, or move the collection away" in printed
    assert printed.count("\n") == 1


DAMAGED = [b"", b"data-1", b"../../data-000001", b"\xff" * 1000]


@pytest.mark.parametrize("content", [None, *DAMAGED])
def test_whoever_may_write_mends_what_names_the_only_folder(store, tmp_path, content, caplog):
    put(store, [1])
    store.close()
    current = tmp_path / "store" / CURRENT
    name = current.read_text()
    current.unlink() if content is None else current.write_bytes(content)
    with pytest.raises(
        seealso.SeealsoError, match="there is no store lmdb" if content is None else "write the name of"
    ):
        open_store(tmp_path / "store", read_only=True)
    assert caplog.records == []
    opened = open_store(tmp_path / "store")
    assert opened.ids().tolist() == [1]
    opened.close()
    assert current.read_text() == name
    assert f"is written anew: it names {name}, the only folder" in caplog.text


@pytest.mark.parametrize("content", [None, *DAMAGED])
def test_of_several_folders_none_is_chosen(store, tmp_path, content):
    put(store, [1])
    store.close()
    current = tmp_path / "store" / CURRENT
    name = current.read_text()
    shutil.copytree(tmp_path / "store" / name, tmp_path / "store" / "data-000009")
    current.unlink() if content is None else current.write_bytes(content)
    expected = (
        f"{CURRENT} is missing, but {name} holds" if content is None else "does not name a folder of the store lmdb"
    )
    with pytest.raises(seealso.SeealsoError, match=expected):
        open_store(tmp_path / "store")
    current.write_text(name)
    opened = open_store(tmp_path / "store")
    assert opened.ids().tolist() == [1]
    opened.close()


def test_a_folder_that_is_gone_is_not_replaced_by_an_older_one(store, tmp_path):
    store.close()
    (tmp_path / "store" / CURRENT).write_text("data-000002")
    with pytest.raises(seealso.StoreError, match=r"data-000002/data\.mdb is missing"):
        open_store(tmp_path / "store")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_names_no_folder(store, tmp_path, make):
    store.close()
    (tmp_path / "store" / CURRENT).unlink()
    make(tmp_path / "store" / CURRENT)
    with pytest.raises(seealso.FormatError, match="does not name a folder of the store lmdb"):
        open_store(tmp_path / "store")


@pytest.mark.parametrize("map_size", [1, 3, 4097, 1 << 62, 1 << 80])
def test_a_map_of_any_size_will_do(tmp_path, map_size):
    store = open_store(tmp_path / "store", map_size=map_size)
    put(store, range(2000))
    assert np.array_equal(store.get_many(np.arange(2000)), rows(range(2000)))
    store.close()


def test_a_store_whose_making_was_interrupted_is_made_anew(store, tmp_path):
    store.close()
    (tmp_path / "store" / CURRENT).unlink()
    opened = open_store(tmp_path / "store")
    put(opened, [3])
    assert opened.ids().tolist() == [3]
    opened.close()


def test_there_is_none_to_read(tmp_path):
    with pytest.raises(seealso.StoreError, match="there is no store lmdb here"):
        open_store(tmp_path / "nothing", read_only=True)


def test_it_grows_by_itself_while_it_is_read(tmp_path):
    store = open_store(tmp_path / "store", map_size=1 << 17)
    put(store, range(50))
    wrong = []
    done = threading.Event()

    def read():
        while not done.is_set():
            if not np.array_equal(store.get_many(np.arange(50)), rows(range(50))):
                wrong.append(1)
            for block in store.read_blocks(np.arange(0, 20000, 7)):
                if not np.array_equal(block.decode(), rows(block.ids)):
                    wrong.append(2)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for start in range(50, 20000, 500):
        put(store, range(start, start + 500))
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert store.ids().size == 50 + 20000 - 50 + (500 - (20000 - 50) % 500) % 500
    store.close()


def test_a_small_address_space_is_enough(tmp_path, python):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))"
    done = python.run("-c", script(tmp_path / "store", f"{limit}\nput(store(), range(50))"))
    assert (done.returncode, done.stderr) == (0, "")
    store = open_store(tmp_path / "store")
    assert store.ids().size == 50
    store.close()


forks_with_threads = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


@forks_with_threads
def test_a_child_that_closes_it_does_not_disturb_its_parent(store):
    """Closing frees the places in LMDB's table of readers; what a reader still sees could then be overwritten."""
    put(store, range(30))
    with store._environment.transaction() as (transaction, database):
        before = store._environment._environment.readers()
        assert fork(lambda: store.close() is None) == 0
        assert store._environment._environment.readers() == before
        assert transaction.stat(database)["entries"] == 30


def test_it_closes_with_its_last_user(store, tmp_path):
    put(store, [1])
    other = open_store(tmp_path / "store", read_only=True)
    store.close()
    store.close()
    with pytest.raises(seealso.StoreError, match="is closed"):
        store.ids()
    assert other.ids().tolist() == [1]
    other.close()
    assert environment._environments == {}


def test_readers_go_on_where_writing_is_not_possible(store, tmp_path):
    put(store, [1])
    store.close()
    with read_only(tmp_path / "store"):
        reader = open_store(tmp_path / "store", read_only=True)
        with pytest.raises(seealso.StoreError, match="cannot be opened"):
            open_store(tmp_path / "store")
        assert reader.ids().tolist() == [1]
        reader.close()


def test_killed_at_random_moments(tmp_path, python):
    """What a put_many has returned for is there; one that was cut off is there wholly or not at all."""
    code = """
    import itertools
    opened = store()
    for number in itertools.count():
        put(opened, range(100 * number, 100 * number + 100))
        print(number, flush=True)
    """
    rng = random.Random(1)
    for _ in range(5):
        shutil.rmtree(tmp_path / "store", ignore_errors=True)
        with python.start("-c", script(tmp_path / "store", code)) as child:
            wanted = rng.randrange(1, 30)
            written = [int(child.stdout.readline()) for _ in range(wanted)]
            child.kill()
            written += [int(line) for line in child.stdout.read().split()]
        store = open_store(tmp_path / "store")
        ids = store.ids()
        assert ids.size % 100 == 0
        assert ids.size >= 100 * len(written)
        assert store.verify().damaged == []
        assert np.array_equal(store.get_many(ids), rows(ids))
        put(store, [10**6])
        store.close()


def flip(store_folder, key: int) -> None:
    """Flip one bit of a stored descriptor, past the checksum."""
    environment = lmdb.open(str(store_folder / (store_folder / CURRENT).read_text()), max_dbs=2)
    database = environment.open_db(b"descriptors")
    with environment.begin(write=True) as transaction:
        value = bytearray(transaction.get(key.to_bytes(8, "big"), db=database))
        value[random.Random(key).randrange(len(value))] ^= 16
        transaction.put(key.to_bytes(8, "big"), bytes(value), db=database)
    environment.close()


def test_damage_is_named_and_the_rest_is_served(store, tmp_path):
    put(store, range(5000))
    store.close()
    for key in (7, 4321):
        flip(tmp_path / "store", key)
    damaged = open_store(tmp_path / "store")
    report = damaged.verify()
    assert (report.checked, report.damaged) == (5000, [7, 4321])
    with pytest.raises(seealso.CorruptRecord, match="ID 7 fails its checksum") as caught:
        damaged.get_many(np.array([6, 7, 8]))
    assert caught.value.ids == [7]
    assert np.array_equal(damaged.get_many(np.array([6, 8])), rows([6, 8]))
    damaged.close()


@forks_with_threads
@pytest.mark.parametrize("junk", [bytes(4096), b"\xff" * 4096])
def test_a_damaged_page_is_named_and_ends_no_process(store, tmp_path, junk):
    """LMDB ends a process that comes across some of these, or has it read beyond the file."""
    put(store, range(3000))
    store.close()
    file = tmp_path / "store" / "data-000001" / "data.mdb"
    data = file.read_bytes()
    for page in range(2, len(data) // 4096, 7):
        file.write_bytes(data[: 4096 * page] + junk + data[4096 * (page + 1) :])

        def is_named(page=page):
            try:
                damaged = open_store(tmp_path / "store")
                report = damaged.verify()
            except seealso.StoreError as error:
                (tmp_path / f"{page}.told").write_text(str(error))
                return "\n" not in str(error) and "restore it from a backup" in str(error)
            # It was a free page.
            return (report.checked, report.damaged) == (3000, [])

        assert fork(is_named) == 0, page
    told = [path.read_text() for path in tmp_path.glob("*.told")]
    assert len(told) > 5
    assert all(" is damaged: " in line for line in told)


def test_a_record_under_the_wrong_id_is_damage(store, tmp_path):
    put(store, [1, 2])
    store.close()
    environment = lmdb.open(str(tmp_path / "store" / "data-000001"), max_dbs=2)
    database = environment.open_db(b"descriptors")
    with environment.begin(write=True) as transaction:
        transaction.put((2).to_bytes(8, "big"), transaction.get((1).to_bytes(8, "big"), db=database), db=database)
        record = b"short"
        transaction.put(
            (3).to_bytes(8, "big"),
            zlib.crc32(record, zlib.crc32((3).to_bytes(8, "big"))).to_bytes(4, "little") + record,
            db=database,
        )
        transaction.put((4).to_bytes(8, "big"), b"x", db=database)
    environment.close()
    again = open_store(tmp_path / "store")
    assert sorted(again.verify().damaged) == [2, 3, 4]
    again.close()


def test_compaction_leaves_one_generation(store, tmp_path):
    put(store, range(60_000))
    store.compact(None, np.arange(0, 60_000, 40))
    assert sorted(path.name for path in (tmp_path / "store").iterdir()) == [CURRENT, "data-000002"]


def fill(store) -> None:
    for start in range(1000, 10**6, 1000):
        put(store, range(start, start + 1000))


def test_a_full_disk_ends_with_a_clear_error_and_an_intact_store(tmp_path):
    with small_disk(tmp_path / "disk", megabytes=2) as disk:
        store = open_store(disk / "store")
        put(store, range(100))
        with pytest.raises(seealso.DiskFull, match="the disk is full; make room"):
            fill(store)
        assert store.verify().damaged == []
        kept = store.ids()
        assert set(range(100)) <= set(kept.tolist())
        assert np.array_equal(store.get_many(kept), rows(kept))
        store.close()
        again = open_store(disk / "store")
        assert again.ids().tolist() == kept.tolist()
        again.close()


def test_on_a_read_only_disk(store, tmp_path):
    put(store, range(10))
    store.close()
    with read_only(tmp_path / "store"):
        reader = open_store(tmp_path / "store", read_only=True)
        assert np.array_equal(reader.get_many(np.arange(10)), rows(range(10)))
        assert len(list(reader.read_blocks(np.arange(10)))) == 1
        reader.close()


def test_without_the_permission_to_write(store, tmp_path):
    put(store, range(10))
    store.close()
    for path in [*(tmp_path / "store").rglob("*"), tmp_path / "store"]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        code = script(tmp_path / "store", "print(store(read_only=True).ids().size)")
        command = [*without_privileges(), sys.executable, "-W", "error", "-c", code]
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "10\n", "")
    finally:
        for path in [tmp_path / "store", *(tmp_path / "store").rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.mark.slow
@pytest.mark.parametrize("made_before", [False, True])
def test_power_fails_after_a_writer_that_did_not_get_to_name_its_generation_durably(tmp_path, made_before):
    """The next one has seen the name, so what it writes has to stay."""
    folder = tmp_path / "disk" / "store"
    folder.mkdir(parents=True)
    if made_before:
        opened = open_store(folder)
        put(opened, range(2000))
        opened.close()
    disk = PowerCut(compile_layer(tmp_path), tmp_path / "disk", tmp_path / "mirror")
    killed = """
        import os, seealso.durability, seealso_lmdb.store
        seealso_lmdb.store.LEAST_GAINED = 0
        seealso.durability.sync_directory = lambda path: os.kill(os.getpid(), 9)
        store().compact(None, np.arange(5))
    """
    for code in (killed, "import os\nput(store(), [7])\nos.kill(os.getpid(), 9)"):
        done = subprocess.run(
            [sys.executable, "-c", script(folder, code)],
            env=os.environ | disk.environment(),
            capture_output=True,
            text=True,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
    disk.cut()
    opened = open_store(folder)
    assert opened.ids().tolist() == ([*range(5), 7] if made_before else [7])
    assert np.array_equal(opened.get_many(opened.ids()), rows(opened.ids()))
    opened.close()

"""The store lmdb."""

import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import zlib

import lmdb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import seealso
from conftest import SAMPLES, read_only, small_disk, without_privileges
from seealso.codecs import register_codecs
from seealso.codecs.choice import choose_codec
from seealso.distances.vectors import Euclidean
from seealso_lmdb import environment
from seealso_lmdb.generations import CURRENT
from seealso_lmdb.store import LmdbStore

DIM = 16
CODECS = {cls.name: cls for cls in register_codecs()}


def open_store(directory, *, dim=DIM, read_only=False, **options) -> LmdbStore:
    directory.mkdir(exist_ok=True)
    dtype = np.dtype(np.float32)

    encoded = seealso.CodecContext(dim, dtype)

    def make(choice):
        cls = CODECS[choice.plugin]
        return cls(cls.Options(**choice.options), encoded)

    def choose(descriptors):
        return choose_codec(CODECS, encoded, descriptors)

    context = seealso.StoreContext(directory, dim, dtype, read_only, make, choose)
    return LmdbStore(LmdbStore.Options(**options), context)


def rows(ids, dim=DIM) -> np.ndarray:
    """A descriptor for each ID that tells its ID."""
    return (np.asarray(ids, np.float32)[:, np.newaxis] + np.arange(dim, dtype=np.float32)).astype(np.float32)


def put(store, ids) -> None:
    ids = np.asarray(ids, np.int64)
    store.put_many(ids, rows(ids))
    store.flush()


@pytest.fixture
def store(tmp_path):
    store = open_store(tmp_path / "store")
    yield store
    store.close()


def test_put_and_get(store):
    put(store, [5, 1, 1 << 40])
    assert store.ids().tolist() == [1, 5, 1 << 40]
    asked = np.array([5, 1 << 40, 5, 1])
    assert np.array_equal(store.get_many(asked), rows(asked))
    assert store.get_many(np.empty(0, np.int64)).shape == (0, DIM)


def test_put_again_replaces(store):
    put(store, [1, 2])
    store.put_many(np.array([2]), rows([7]))
    assert np.array_equal(store.get_many(np.array([2, 1])), rows([7, 1]))


def test_what_is_missing_is_named(store):
    put(store, [1])
    with pytest.raises(seealso.MissingObject) as caught:
        store.get_many(np.array([1, 9, 8]))
    assert caught.value.ids == [8, 9]


def test_blocks_hold_everything_once(store):
    ids = np.arange(1, 5000, 2)
    put(store, ids)
    found = list(store.read_blocks(np.concatenate([ids[::-1], [2, 4, 10**9], ids[:5]])))
    assert len(found) > 1
    assert np.concatenate([block.ids for block in found]).tolist() == ids.tolist()
    for block in found:
        assert np.array_equal(block.decode(), rows(block.ids))
        assert block.reads == len(block.records)
        assert block.bytes_read == 4 * DIM * len(block.records)
    assert list(store.read_blocks(np.empty(0, np.int64))) == []


def test_blocks_stay_valid_after_the_store_went_on(store):
    put(store, range(10))
    blocks = list(store.read_blocks(np.arange(10)))
    store.remove_many(np.arange(10))
    put(store, range(100, 400))
    store.close()
    assert np.array_equal(blocks[0].decode(), rows(range(10)))


def test_remove(store):
    put(store, range(10))
    store.remove_many(np.array([3, 4, 77]))
    assert store.ids().tolist() == [0, 1, 2, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("ids", "descriptors", "expected"),
    [
        ([1, 1], rows([1, 2]), "IDs have to be"),
        ([-1], rows([1]), "IDs have to be"),
        ([1], rows([1, 2]), r"float32 of shape \(1, 16\)"),
        ([1], rows([1]).astype(np.float64), "not float64"),
        ([1], rows([1], dim=15), "descriptors have to be"),
        ([1], rows([np.nan]), "finite"),
        ([1], rows([np.inf]), "finite"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(store, ids, descriptors, expected):
    put(store, [5])
    with pytest.raises(ValueError, match=expected):
        store.put_many(np.array(ids, np.int64), descriptors)
    with pytest.raises(ValueError, match="IDs have to be"):
        store.put_many(np.array([1.0]), rows([1]))
    assert store.ids().tolist() == [5]


def test_it_is_there_when_opened_again(store, tmp_path):
    put(store, range(20))
    store.close()
    with pytest.raises(seealso.StoreError, match="closed"):
        store.ids()
    again = open_store(tmp_path / "store")
    assert np.array_equal(again.get_many(np.arange(20)), rows(range(20)))
    again.close()


def test_what_is_opened_has_to_fit(store, tmp_path):
    put(store, [1])
    with pytest.raises(seealso.FormatError, match="descriptors of dimension 16, not float32 of 17"):
        open_store(tmp_path / "store", dim=17)
    with pytest.raises(
        seealso.ConfigError, match=r"written with the codec raw, not {'plugin': 'zstd', 'level': 3}; take"
    ):
        open_store(tmp_path / "store", codec="zstd")
    open_store(tmp_path / "store", codec="raw").close()
    open_store(tmp_path / "store", codec="auto").close()


def half_zero(ids) -> np.ndarray:
    """A descriptor for each ID, of 256 values that float16 holds, every other one zero."""
    descriptors = rows(ids, 256)
    descriptors[:, ::2] = 0
    return descriptors


@pytest.mark.parametrize("name", CODECS)
def test_every_codec(tmp_path, name):
    ids = np.arange(1, 301)
    store = open_store(tmp_path / "store", dim=256, codec=name)
    store.put_many(ids, half_zero(ids))
    store.close()
    # what was settled stands, whatever is configured later
    for options in ({}, {"codec": name}, {"codec": {"plugin": name}}, {"codec": "auto"}):
        again = open_store(tmp_path / "store", dim=256, **options)
        assert again.statistics()["codec"] == name
        again.close()
    store = open_store(tmp_path / "store", dim=256, read_only=True)
    assert np.array_equal(store.get_many(ids[::-1]), half_zero(ids[::-1]))
    distances = {}
    for block in store.read_blocks(ids):
        assert np.array_equal(block.decode(), half_zero(block.ids))
        distances |= dict(
            zip(block.ids.tolist(), block.distances(Euclidean(), half_zero([7])[0]).tolist(), strict=True)
        )
    assert distances[7] == 0
    assert np.allclose([distances[i] for i in ids.tolist()], np.abs(ids - 7) * np.sqrt(128), rtol=1e-6)
    statistics = store.statistics()
    assert statistics["ratio"] == 1 if name == "raw" else statistics["ratio"] > 1.5
    assert statistics.get("lossy_error") == (0 if name in ("f16", "sparse-f16") else None)
    assert store.verify() == seealso.StoreReport(300)
    store.close()


def test_the_codec_is_chosen_by_what_comes_first(tmp_path):
    store, reader = (open_store(tmp_path / "store", dim=256, read_only=only) for only in (False, True))
    for each in (store, reader):
        each.put_many(np.empty(0, np.int64), rows([], 256)) if each is store else None
        assert each.statistics()["codec"] == "auto"
        assert list(each.read_blocks(np.array([1]))) == []
        assert each.get_many(np.empty(0, np.int64)).shape == (0, 256)
        assert each.verify().checked == 0
    # as long as nothing was put, another codec may be configured
    other = open_store(tmp_path / "store", dim=256, codec="f16")
    assert other.statistics()["codec"] == "f16"
    other.close()
    descriptors = np.concatenate([half_zero([1, 2]), rows([3], 256)]) / np.float32(7)
    store.put_many(np.array([1, 2]), descriptors[:2])
    store.put_many(np.array([3]), descriptors[2:])
    for each in (store, reader):
        assert each.statistics()["codec"] == "sparse"
        assert np.array_equal(each.get_many(np.array([2, 3])), descriptors[1:])
    store.remove_many(np.array([1, 2, 3]))
    with pytest.raises(seealso.ConfigError, match="written with the codec sparse, not raw"):
        open_store(tmp_path / "store", dim=256, codec="raw")
    store.close()
    reader.close()


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


def test_what_the_codec_cannot_hold_settles_nothing(tmp_path):
    store = open_store(tmp_path / "store", codec="f16")
    with pytest.raises(
        seealso.StoreError, match=r"store: the codec f16 holds values up to 65504, and there is one of 1\.00"
    ):
        put(store, [10**6])
    store.close()
    store = open_store(tmp_path / "store", codec="sparse")
    put(store, [10**6])
    assert store.ids().tolist() == [10**6]
    store.close()


def test_how_far_a_lossy_codec_was_off_is_kept(tmp_path):
    ids = np.arange(50)
    store = open_store(tmp_path / "store", codec="sparse-f16")
    store.put_many(ids, rows(ids) / 7)
    error = store.statistics()["lossy_error"]
    assert 2**-14 < error < 2**-11
    store.close()
    store = open_store(tmp_path / "store", read_only=True)
    assert store.statistics()["lossy_error"] == error
    store.close()


def test_a_codec_that_cannot_be_had_leaves_nothing_behind(tmp_path):
    with pytest.raises(KeyError):
        open_store(tmp_path / "store", codec="nothing")
    assert list((tmp_path / "store").iterdir()) == []


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
def test_a_file_that_is_cut_short(store, tmp_path, kept, read_only):
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
    done = run(tmp_path, code)
    assert done.returncode == 0, done.stderr
    assert ("is cut short: " if not 0 < kept < 8192 else "cannot be opened: ") in done.stdout
    assert "; restore it from a backup, or move the collection away" in done.stdout
    assert done.stdout.count("\n") == 1


def test_current_is_missing(store, tmp_path):
    put(store, [1])
    store.close()
    current = tmp_path / "store" / CURRENT
    name = current.read_text()
    current.unlink()
    with pytest.raises(seealso.StoreError, match=f"{CURRENT} is missing, but {name} holds descriptors"):
        open_store(tmp_path / "store")
    with pytest.raises(seealso.StoreError, match="there is no store"):
        open_store(tmp_path / "store", read_only=True)
    current.write_text(name)
    opened = open_store(tmp_path / "store")
    assert opened.ids().tolist() == [1]
    opened.close()


@pytest.mark.parametrize("content", [b"", b"data-1", b"../../data-000001", b"\xff" * 1000])
def test_current_is_damaged(store, tmp_path, content):
    store.close()
    (tmp_path / "store" / CURRENT).write_bytes(content)
    with pytest.raises(seealso.FormatError, match="does not name a folder of the store lmdb; write the name of"):
        open_store(tmp_path / "store")


def test_a_store_whose_making_was_interrupted_is_made_anew(store, tmp_path):
    store.close()
    (tmp_path / "store" / CURRENT).unlink()
    opened = open_store(tmp_path / "store")
    put(opened, [3])
    assert opened.ids().tolist() == [3]
    opened.close()


def test_a_read_only_store(store, tmp_path):
    put(store, [1])
    reader = open_store(tmp_path / "store", read_only=True)
    assert reader.ids().tolist() == [1]
    with pytest.raises(seealso.StoreError, match="for reading only"):
        put(reader, [2])
    put(store, [3])
    assert reader.ids().tolist() == [1, 3]
    reader.close()
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


def test_a_small_address_space_is_enough(tmp_path):
    run(
        tmp_path, "import resource; resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))\nput(store(), range(50))"
    )
    store = open_store(tmp_path / "store")
    assert store.ids().size == 50
    store.close()


def test_several_in_one_process(store, tmp_path):
    other = open_store(tmp_path / "store")
    put(store, [1])
    put(other, [2])
    assert store.ids().tolist() == other.ids().tolist() == [1, 2]
    other.close()
    assert store.ids().tolist() == [1, 2]


def run(folder, code: str, **options) -> subprocess.CompletedProcess:
    """Some code in a process of its own; ``store()`` opens the store in the folder."""
    head = f"""
    import sys, pathlib; sys.path[:0] = {sys.path!r}
    from test_lmdb import open_store, put, rows
    import numpy as np
    def store(**options): return open_store(pathlib.Path({str(folder)!r}) / "store", **options)
    """
    script = textwrap.dedent(head) + textwrap.dedent(code)
    command = [*options.pop("prefix", ()), sys.executable, "-W", "error", "-c", script]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path])}
    return subprocess.run(command, capture_output=True, text=True, env=environment, **options)


def test_another_process_sees_what_is_written(store, tmp_path):
    for ids in ([1], [2, 3]):
        done = run(tmp_path, f"put(store(), {ids})")
        assert done.returncode == 0, done.stderr
    assert store.ids().tolist() == [1, 2, 3]
    put(store, [4])
    assert run(tmp_path, "print(store(read_only=True).ids().tolist())").stdout == "[1, 2, 3, 4]\n"


def fork(check) -> int:
    """A child process that ends with 0 if ``check`` is true there."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if check() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


forks_with_threads = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


@forks_with_threads
def test_it_can_be_used_after_a_fork(store):
    put(store, range(30))
    assert fork(lambda: np.array_equal(store.get_many(np.arange(30)), rows(range(30)))) == 0
    assert store.ids().size == 30


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


def test_killed_at_random_moments(tmp_path):
    """What a put_many has returned for is there; one that was cut off is there wholly or not at all."""
    code = """
    import itertools
    opened = store()
    for number in itertools.count():
        put(opened, range(100 * number, 100 * number + 100))
        print(number, flush=True)
    """
    head = f"""
    import sys, pathlib; sys.path[:0] = {sys.path!r}
    from test_lmdb import open_store, put, rows
    def store(**options): return open_store(pathlib.Path({str(tmp_path)!r}) / "store", **options)
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path])}
    rng = random.Random(1)
    for _ in range(5):
        shutil.rmtree(tmp_path / "store", ignore_errors=True)
        script = textwrap.dedent(head) + textwrap.dedent(code)
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment) as child:
            wanted = rng.randrange(1, 30)
            written = [int(child.stdout.readline()) for _ in range(wanted)]
            child.send_signal(signal.SIGKILL)
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


def test_compaction_gives_space_back(store, tmp_path):
    put(store, range(60_000))
    before = store.statistics()
    live = np.arange(0, 60_000, 40)
    reader = open_store(tmp_path / "store", read_only=True)
    blocks = reader.read_blocks(live)
    first = next(blocks)
    store.compact(None, live)
    assert np.array_equal(first.decode(), rows(first.ids))
    assert np.concatenate([block.ids for block in blocks]).size == live.size - first.ids.size
    after = store.statistics()
    assert store.ids().tolist() == live.tolist()
    assert np.array_equal(reader.get_many(live), rows(live))
    assert after["bytes"] < before["bytes"] / 4
    assert sorted(path.name for path in (tmp_path / "store").iterdir()) == [CURRENT, "data-000002"]
    put(store, [10**6])
    assert 10**6 in reader.ids()
    reader.close()


def test_compaction_is_noticed_by_another_process(store, tmp_path):
    put(store, range(60_000))
    done = run(tmp_path, "s = store(); s.compact(None, np.arange(0, 60_000, 40)); put(s, [10**6])")
    assert done.returncode == 0, done.stderr
    assert store.ids().size == 1501
    put(store, [10**7])
    assert store.ids().size == 1502


def test_statistics(store):
    put(store, range(1000))
    statistics = store.statistics()
    assert statistics["objects"] == 1000
    assert statistics["bytes"] > 1000 * 4 * DIM
    assert statistics["codec"] == "raw"
    assert statistics["ratio"] == 1
    assert "lossy_error" not in statistics
    assert statistics["bytes_free"] >= 0


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(["put", "remove", "reopen", "compact"]), st.sets(st.integers(0, 40), max_size=12)),
        max_size=10,
    )
)
def test_it_behaves_like_a_dictionary(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("model") / "store"
    store = open_store(folder)
    expected: dict[int, int] = {}
    for number, (what, ids) in enumerate(steps):
        array = np.array(sorted(ids), dtype=np.int64)
        if what == "put":
            store.put_many(array, rows(array + number))
            expected |= {id_: id_ + number for id_ in ids}
        elif what == "remove":
            store.remove_many(array)
            expected = {id_: value for id_, value in expected.items() if id_ not in ids}
        elif what == "reopen":
            store.close()
            store = open_store(folder)
        else:
            store.compact(None, array)
            expected = {id_: value for id_, value in expected.items() if id_ in ids}
        assert store.ids().tolist() == sorted(expected)
        keys = sorted(expected)
        assert np.array_equal(store.get_many(np.array(keys, np.int64)), rows([expected[key] for key in keys]))
    assert store.verify().damaged == []
    store.close()


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
        done = run(tmp_path, "print(store(read_only=True).ids().size)", prefix=without_privileges())
        assert done.stdout == "10\n", done.stderr
    finally:
        for path in [tmp_path / "store", *(tmp_path / "store").rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)

"""The layer that drops unsynced writes does drop them: or the crash tests would prove nothing."""

import os
import subprocess
import sys
import textwrap
from random import Random

import pytest

from durability.power_cut import PowerCut, compile_layer
from durability.remains import PAGE, kept_bytes


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return compile_layer(tmp_path_factory.mktemp("layer"))


@pytest.fixture
def disk(library, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "old").write_text("old")
    return PowerCut(library, tmp_path / "disk", tmp_path / "mirror")


def run(disk: PowerCut, code: str) -> None:
    """Run some code in the watched folder, kill it where it ends, and cut the power."""
    run_without_cut(disk, code)
    disk.cut()


def run_without_cut(disk: PowerCut, code: str) -> None:
    head = """
        import os
        def sync(path):
            fd = os.open(path, os.O_RDONLY); os.fsync(fd); os.close(fd)
        def write(path, text):
            with open(path, "w") as file: file.write(text)
    """
    script = textwrap.dedent(head) + textwrap.dedent(code) + "\nos.kill(os.getpid(), 9)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=disk.watched,
        env=os.environ | disk.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == -9, done.stderr


def content(disk: PowerCut) -> dict[str, str]:
    return {str(path.relative_to(disk.watched)): path.read_text() for path in disk.watched.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("write('new', 'x')", {"old": "old"}),
        ("write('new', 'x'); sync('new')", {"old": "old"}),
        ("write('new', 'x'); sync('.')", {"old": "old", "new": ""}),
        ("write('new', 'x'); sync('new'); sync('.')", {"old": "old", "new": "x"}),
        ("write('old', 'y')", {"old": "old"}),
        ("write('old', 'y'); sync('old'); write('old', 'z')", {"old": "y"}),
        ("os.rename('old', 'new')", {"old": "old"}),
        ("os.rename('old', 'new'); sync('.')", {"new": "old"}),
        ("os.unlink('old')", {"old": "old"}),
        ("os.unlink('old'); sync('.')", {}),
        ("os.mkdir('d'); write('d/a', '1'); sync('d/a'); sync('d')", {"old": "old"}),
        ("os.mkdir('d'); write('d/a', '1'); sync('d/a'); sync('d'); sync('.')", {"old": "old", "d/a": "1"}),
        ("write('n', 'x'); sync('n'); os.replace('n', 'old')", {"old": "old"}),
        ("write('n', 'x'); sync('n'); os.replace('n', 'old'); sync('.')", {"old": "x"}),
        (
            "fd = os.open('old', os.O_WRONLY); os.pwrite(fd, b'AAA', 0)\n"
            "fd = os.open('old', os.O_WRONLY | os.O_DSYNC); os.pwrite(fd, b'B', 1)",
            {"old": "oBd"},
        ),
    ],
)
def test_only_what_was_synced_stays(disk, code, expected):
    run(disk, code)
    assert content(disk) == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("os.write(fd, b'B')", "oBd"),
        ("os.writev(fd, [b'B', b'C'])", "oBC"),
        ("os.pwrite(fd, b'B', 1)", "oBd"),
        ("os.pwritev(fd, [b'B', b'CD'], 1)", "oBCD"),
        ("os.pwritev(os.open('old', os.O_WRONLY), [b'B'], 1, os.RWF_DSYNC)", "oBd"),
        ("os.sendfile(fd, os.open('from', os.O_RDONLY), 0, 2)", "oXY"),
        ("os.copy_file_range(os.open('from', os.O_RDONLY), fd, 2)", "oXY"),
        ("os.copy_file_range(os.open('from', os.O_RDONLY), fd, 2, 0, 2)", "olXY"),
        ("ends = os.pipe(); os.write(ends[1], b'XY'); os.splice(ends[0], fd, 2, offset_dst=1)", "oXY"),
        ("os.ftruncate(fd, 1)", "old"),
    ],
)
def test_what_is_written_through_a_synchronous_descriptor_stays(disk, call, expected):
    """Only that: what else was written to the file is lost, and its length is synced with the next write."""
    setting = "write('from', 'XYZ'); other = os.open('old', os.O_WRONLY); os.pwrite(other, b'-', 0)\n"
    run(disk, f"{setting}fd = os.open('old', os.O_WRONLY | os.O_DSYNC); os.lseek(fd, 1, 0)\n{call}")
    assert content(disk) == {"old": expected}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("file = open('old', 'r+b'); mmap.mmap(file.fileno(), 3)[:] = b'map'", "map"),
        ("os.copy_file_range(os.open('from', os.O_RDONLY), os.open('old', os.O_WRONLY), 2)", "XYd"),
        ("os.sendfile(os.open('old', os.O_WRONLY), os.open('from', os.O_RDONLY), 0, 2)", "XYd"),
        ("os.truncate('old', 2)", "ol"),
        ("os.posix_fallocate(os.open('old', os.O_WRONLY), 0, 5)", "old\0\0"),
    ],
)
@pytest.mark.parametrize("sync", ["sync('old')", "os.fdatasync(os.open('old', os.O_RDONLY))", ""])
def test_whatever_was_written_is_synced_with_the_file(disk, code, expected, sync):
    run(disk, f"import mmap; write('from', 'XYZ')\n{code}\n{sync}")
    assert content(disk) == {"old": expected if sync else "old"}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        # Names that come and go in other ways than by a path.
        ("os.link('old', 'other'); sync('.')", {"old": "old", "other": "old"}),
        ("at = os.open('.', 0); os.rename('old', 'new', src_dir_fd=at, dst_dir_fd=at); os.fsync(at)", {"new": "old"}),
        ("at = os.open('.', 0); os.unlink('old', dir_fd=at); os.fsync(at)", {}),
        # A removed file that is still open, and still on the disk.
        ("fd = os.open('old', os.O_RDWR); os.unlink('old'); os.pwrite(fd, b'X', 0); os.fsync(fd)", {"old": "Xld"}),
        # What gets the number of a removed folder or file is not taken for that.
        ("os.mkdir('d'); write('d/a', '1'); sync('d/a'); sync('d'); os.unlink('d/a'); os.rmdir('d'); os.mkdir('e'); sync('.')", {"old": "old"}),
        ("write('a', '1'); sync('.'); os.unlink('a'); write('b', '2'); sync('b')", {"old": "old", "a": ""}),
    ],
)  # fmt: skip
def test_names_and_numbers(disk, code, expected):
    run(disk, code)
    assert content(disk) == expected


def test_a_folder_that_is_removed(disk):
    """It is gone for programs, and refused where it is not empty, as ever."""
    run(
        disk,
        """
        import shutil
        os.makedirs('d/e'); write('d/e/a', '1'); sync('.')
        try: os.rmdir('d')
        except OSError as error: assert error.errno == 39
        else: raise AssertionError
        try: os.rmdir('old')
        except NotADirectoryError: pass
        shutil.rmtree('d')
        assert os.listdir() == ['old']
        """,
    )
    assert (disk.watched / "d").is_dir()
    assert content(disk) == {"old": "old"}


def test_several_cuts_in_a_row(disk):
    run(disk, "write('a', '1'); sync('a'); sync('.'); write('a', '2')")
    run(disk, "write('b', '1'); sync('b'); sync('.'); write('a', '3')")
    assert content(disk) == {"old": "old", "a": "1", "b": "1"}


def test_from_several_threads(disk):
    run(
        disk,
        """
        import threading
        def work(n):
            for turn in range(20):
                write(f"f{n}", str(turn)); sync(f"f{n}"); sync(".")
        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        [t.start() for t in threads]; [t.join() for t in threads]
        """,
    )
    assert content(disk) == {"old": "old"} | {f"f{n}": "19" for n in range(4)}


@pytest.mark.parametrize(("synchronous", "survives"), [("FULL", True), ("OFF", False)])
def test_sqlite(disk, synchronous, survives):
    run(
        disk,
        f"""
        import sqlite3
        db = sqlite3.connect("db", isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE t(x)")
        sync("."); sync("db")
        db.execute("PRAGMA synchronous = {synchronous}")
        for x in range(10):
            db.execute("INSERT INTO t VALUES (?)", (x,))
        db.execute("BEGIN"); db.execute("INSERT INTO t VALUES (99)")
        """,
    )
    import sqlite3

    database = sqlite3.connect(disk.watched / "db")
    rows = [row[0] for row in database.execute("SELECT x FROM t")]
    database.close()
    assert rows == (list(range(10)) if survives else [])


@pytest.mark.parametrize(
    ("sync", "folder", "survives"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_lmdb(disk, sync, folder, survives):
    run(
        disk,
        f"""
        import lmdb
        environment = lmdb.open(".", sync={sync})
        {"sync('.')" if folder else ""}
        with environment.begin(write=True) as transaction:
            transaction.put(b"key", b"value" * 2000)
        """,
    )
    import lmdb

    found = None
    if (disk.watched / "data.mdb").exists():
        with lmdb.open(str(disk.watched)) as environment, environment.begin() as transaction:
            found = transaction.get(b"key")
    assert (found == b"value" * 2000) is survives


# Some of what was never synced is kept


def outcomes(disk: PowerCut, code: str, turns: int = 80) -> set[frozenset[tuple[str, str]]]:
    """Every state that a cut after some code may leave: files with their content, and folders with none."""
    run_without_cut(disk, code)
    found = set()
    for seed in range(turns):
        into = disk.mirror / "left" / str(seed)
        into.parent.mkdir(exist_ok=True)
        disk.leave(into, Random(seed))
        paths = sorted(into.rglob("*"))
        found.add(frozenset((str(p.relative_to(into)), "/" if p.is_dir() else p.read_text()) for p in paths))
    return found


def states(*each: dict[str, str]) -> set[frozenset[tuple[str, str]]]:
    return {frozenset(state.items()) for state in each}


OLD = {"old": "old"}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("write('old', 'new'); sync('old')", [{"old": "new"}]),
        ("write('old', 'new')", [OLD, {"old": "new"}]),
        ("write('n', 'x')", [OLD, OLD | {"n": ""}, OLD | {"n": "x"}, OLD | {"n": "\0"}]),
        ("write('n', 'x'); sync('n')", [OLD, OLD | {"n": "x"}]),
        ("write('n', 'x'); sync('.')", [OLD | {"n": ""}, OLD | {"n": "x"}, OLD | {"n": "\0"}]),
        ("os.unlink('old')", [OLD, {}]),
        ("os.truncate('old', 2)", [OLD, {"old": "ol"}, {"old": "ol\0"}]),
        # A file that moves never vanishes, nor is it in two places.
        ("os.rename('old', 'n')", [OLD, {"n": "old"}]),
        ("os.mkdir('d'); os.rename('old', 'd/n')", [OLD, OLD | {"d": "/"}, {"d": "/", "d/n": "old"}]),
        # A name that is replaced never vanishes.
        ("write('n', 'x'); sync('n'); os.replace('n', 'old')", [OLD, {"old": "x"}]),
        ("write('n', 'x'); sync('n'); sync('.'); os.replace('n', 'old')", [OLD | {"n": "x"}, {"old": "x"}]),
        (
            "os.rename('old', 'old.1'); write('old', 'y'); sync('old')",
            [OLD, {"old.1": "old"}, {"old.1": "old", "old": "y"}],
        ),
        # Two that change places do so together.
        (
            "write('n', 'x'); sync('n'); sync('.'); os.rename('n', 't'); os.rename('old', 'n'); os.rename('t', 'old')",
            [OLD | {"n": "x"}, {"old": "x", "n": "old"}],
        ),
        # Nothing is in a folder that is not there, and none goes that holds something.
        ("os.mkdir('d'); write('d/a', '1'); sync('d/a'); sync('d')", [OLD, OLD | {"d": "/", "d/a": "1"}]),
        (
            "os.mkdir('d'); write('d/a', '1'); sync('d/a')",
            [OLD, OLD | {"d": "/"}, OLD | {"d": "/", "d/a": "1"}],
        ),
        (
            "os.mkdir('d'); write('d/a', '1'); sync('d/a'); sync('d'); sync('.'); os.unlink('d/a'); os.rmdir('d')",
            [OLD | {"d": "/", "d/a": "1"}, OLD | {"d": "/"}, OLD],
        ),
        (
            "os.mkdir('d'); os.mkdir('d/e'); sync('d'); os.rename('old', 'd/e/n')",
            [OLD, OLD | {"d": "/", "d/e": "/"}, {"d": "/", "d/e": "/", "d/e/n": "old"}],
        ),
        ("os.mkdir('d'); sync('.'); os.rename('d', 'e')", [OLD | {"d": "/"}, OLD | {"e": "/"}]),
        ("os.link('old', 'n')", [OLD, OLD | {"n": "old"}]),
    ],
)  # fmt: skip
def test_any_part_of_what_was_not_synced_may_stay(disk, code, expected):
    """All of these states come, and no other."""
    assert outcomes(disk, code) == states(*expected)


def test_every_page_is_the_old_or_the_new_one(disk):
    run_without_cut(
        disk,
        f"""
        write('f', 'a' * 4 * {PAGE}); sync('f'); sync('.')
        file = open('f', 'r+b'); file.seek({PAGE}); file.write(b'b' * 5 * {PAGE}); file.flush()
        """,
    )
    seen = set()
    for seed in range(150):
        disk.leave(disk.mirror / str(seed), Random(seed))
        data = (disk.mirror / str(seed) / "f").read_text()
        assert 4 * PAGE <= len(data) <= 6 * PAGE
        pages = [data[start : start + PAGE] for start in range(0, len(data), PAGE)]
        assert all(len(set(page)) == 1 for page in pages)
        letters = "".join(page[0] for page in pages)
        assert letters[0] == "a"
        assert set(letters[1:4]) <= set("ab")
        assert set(letters[4:]) <= set("b\0")
        seen.add(letters)
    assert {"aaaa", "abbbbb", "aaaa\0\0"} < seen
    # Later pages without earlier ones, and the other way round.
    assert any("ab" in letters[1:] for letters in seen)
    assert any("ba" in letters for letters in seen)


def test_a_file_grows_by_any_number_of_bytes():
    lengths = {len(kept_bytes(b"", b"x" * 10, Random(seed))) for seed in range(200)}
    assert lengths == set(range(11))


def test_links_stay_links_of_one_file(disk):
    run_without_cut(disk, "os.link('old', 'n'); sync('.')")
    for random in (None, Random(1)):
        disk.cut(random)
        assert os.path.samefile(disk.watched / "old", disk.watched / "n")


def test_a_seed_says_what_is_kept(library, tmp_path):
    """On two disks, with other numbers of their files."""
    left: list[list[dict[str, str]]] = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        disk = PowerCut(library, tmp_path / name, tmp_path / f"mirror-{name}")
        left.append([])
        for seed in range(3):
            run_without_cut(disk, f"for n in range(20): write(f'{seed}-{{n}}', str(n) * 9000)")
            disk.cut(Random(seed))
            left[-1].append(content(disk))
    assert left[0] == left[1]
    assert 0 < len(left[0][-1]) < 60


def test_several_random_cuts_in_a_row(disk):
    """What a cut has left is durable."""
    run_without_cut(disk, "write('n', 'x')")
    disk.cut(Random(3))
    before = content(disk)
    run_without_cut(disk, "")
    disk.cut(Random(4))
    assert content(disk) == before


@pytest.mark.parametrize("seed", range(5))
def test_databases_bear_it(disk, seed):
    """SQLite and LMDB, which are made for that: all that was committed is there, whatever else the disk has kept."""
    code = """
        import lmdb, sqlite3
        db = sqlite3.connect("db", isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL"); db.execute("PRAGMA synchronous = FULL"); db.execute("PRAGMA wal_autocheckpoint = 5")
        db.execute("CREATE TABLE IF NOT EXISTS t(x, y)")
        environment = lmdb.open("lmdb", map_size=1 << 24)
        sync("lmdb"); sync(".")
        for turn in range(30):
            db.execute("INSERT INTO t VALUES (?, zeroblob(3000))", (turn,))
            with environment.begin(write=True) as transaction:
                transaction.put(f"{turn}".encode(), bytes(5000))
        db.execute("BEGIN"); db.execute("INSERT INTO t VALUES (99, 1)")
    """  # fmt: skip
    run_without_cut(disk, code)
    disk.cut(Random(seed))
    import sqlite3

    import lmdb

    database = sqlite3.connect(disk.watched / "db")
    assert [row[0] for row in database.execute("SELECT x FROM t")] == list(range(30))
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()
    with lmdb.open(str(disk.watched / "lmdb")) as environment, environment.begin() as transaction:
        assert transaction.stat()["entries"] == 30

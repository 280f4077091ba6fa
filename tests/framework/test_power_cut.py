"""The layer that drops unsynced writes does drop them: or the crash tests would prove nothing."""

import os
import subprocess
import sys
import textwrap

import pytest

from durability.power_cut import PowerCut, compile_layer


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
    disk.cut()


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

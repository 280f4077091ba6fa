"""How the catalogue's file is opened where the disk is full, or cannot lock files."""

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import pytest

import seealso
from conftest import small_disk
from durability.full_disk import SOURCE, FullDisk
from durability.power_cut import PowerCut, compile_layer
from seealso.catalogue.reader import Catalog
from seealso.catalogue.rows import ObjectRow
from seealso.catalogue.writer import CatalogWriter, create_catalog
from seealso.layout import CATALOGUE, LOCK


def fill(disk):
    """Leave no byte free on a disk."""
    with contextlib.suppress(OSError), (disk / "filling").open("wb", buffering=0) as filling:
        while True:
            filling.write(bytes(4096))


@pytest.mark.parametrize("killed", [False, True])
def test_it_is_read_where_no_byte_is_free(tmp_path, killed):
    """Also what stands only in the log, since nobody closed the catalogue."""
    with small_disk(tmp_path / "disk", 1) as disk:
        create_catalog(disk, {"provenance": "{}"})
        writer = CatalogWriter(disk)
        writer.commit([ObjectRow(3, b"c" * 32, 4, 3, 100)], [], [])
        if killed:
            for name in (CATALOGUE, f"{CATALOGUE}-wal"):
                shutil.copyfile(disk / name, tmp_path / name)
        writer.close()
        if killed:
            for name in (CATALOGUE, f"{CATALOGUE}-wal"):
                shutil.copyfile(tmp_path / name, disk / name)
        fill(disk)
        reader = Catalog(disk)
        assert reader.ids().tolist() == [3]
        reader.close()
        with pytest.raises(seealso.DiskFull, match="the disk is full"):
            CatalogWriter(disk)
        (disk / "filling").unlink()
        reader = Catalog(disk)
        assert reader._frozen is None
        reader.close()


@pytest.mark.parametrize("names", [False, True])
def test_it_is_read_where_a_quota_is_spent(tmp_path, names):
    """The disk has room, and not for this user; on some, not even for an empty file."""
    disk = tmp_path / "disk"
    disk.mkdir()
    create_catalog(disk, {"provenance": "{}"})
    full = FullDisk(compile_layer(tmp_path, SOURCE), disk, tmp_path / "left")
    full.leave(0)
    code = f"""
        from pathlib import Path
        from seealso.catalogue.reader import Catalog
        from seealso.catalogue.writer import CatalogWriter
        print(Catalog(Path({str(disk)!r})).counts().objects)
        CatalogWriter(Path({str(disk)!r}))
    """
    environment = os.environ | full.environment(names=names)
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert f"DiskFull: {disk}: the disk is full; make room" in done.stderr.splitlines()[-1]
    assert done.stdout == "0\n"


def test_a_writer_syncs_what_one_that_was_killed_has_committed(tmp_path):
    """It was killed between writing its commit and syncing it; whoever sees the commit counts on it."""
    (tmp_path / "disk").mkdir()
    create_catalog(tmp_path / "disk", {"provenance": "{}"})
    disk = PowerCut(compile_layer(tmp_path), tmp_path / "disk", tmp_path / "mirror")
    code = f"""
        import os
        from seealso.catalogue.rows import ObjectRow
        from seealso.catalogue.writer import CatalogWriter
        writer = CatalogWriter(__import__("pathlib").Path({str(disk.watched)!r}))
        {{}}
        os.kill(os.getpid(), 9)
    """
    unsynced = (
        "writer._connection.execute('PRAGMA synchronous = OFF'); "
        "writer.commit([ObjectRow(3, b'c' * 32, 4, 3, 100)], [], [])"
    )
    for what in (unsynced, "assert writer.ids().tolist() == [3]"):
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code.format(what))],
            env=os.environ | disk.environment(),
            capture_output=True,
            text=True,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
    disk.cut()
    reader = Catalog(disk.watched)
    assert reader.ids().tolist() == [3]
    reader.close()


def test_where_no_disk_has_room_for_a_copy(tmp_path, monkeypatch):
    with small_disk(tmp_path / "disk", 1) as disk:
        create_catalog(disk, {"provenance": "{}"})
        (disk / f"{CATALOGUE}-wal").write_bytes(b"a log that was left")
        fill(disk)
        monkeypatch.setattr("tempfile.tempdir", str(disk))
        reader = Catalog(disk)
        assert reader.ids().tolist() == []
        reader.close()
        monkeypatch.setattr("seealso.catalogue.connection.MEMORY", str(disk))
        with pytest.raises(seealso.DiskFull, match=r"no disk has room .* set TMPDIR"):
            Catalog(disk)


WITHOUT_LOCKS = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>

static int without(int (*real)(int, int, ...), int file, int command, void *argument) {
    if (command == F_SETLK || command == F_SETLKW) { errno = ENOLCK; return -1; }
    return real(file, command, argument);
}

#define WRAP(name) \\
    int name(int file, int command, ...) { \\
        va_list rest; va_start(rest, command); void *argument = va_arg(rest, void *); va_end(rest); \\
        return without((int (*)(int, int, ...)) dlsym(RTLD_NEXT, #name), file, command, argument); \\
    }
WRAP(fcntl)
WRAP(fcntl64)
"""


def test_a_file_system_without_locks_is_refused_at_once(tmp_path):
    if shutil.which("cc") is None:
        pytest.skip("this needs a C compiler")
    (tmp_path / "layer.c").write_text(WITHOUT_LOCKS)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", "layer.so", "layer.c", "-ldl"], cwd=tmp_path, check=True)
    create_catalog(tmp_path, {"provenance": "{}"})
    (tmp_path / LOCK).touch()
    code = f"""
        from pathlib import Path
        from seealso.catalogue.reader import Catalog
        Catalog(Path({str(tmp_path)!r}))
    """
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "LD_PRELOAD": str(tmp_path / "layer.so")},
        capture_output=True,
        text=True,
    )
    told = f"CollectionError: {tmp_path}: its file system cannot lock files ({os.strerror(errno.ENOLCK)})"
    assert told in done.stderr.splitlines()[-1]
    assert time.monotonic() - began < 30


def test_another_process_that_holds_it_is_waited_for(tmp_path, python):
    create_catalog(tmp_path, {"provenance": "{}"})
    (tmp_path / LOCK).touch()
    code = f"""
        import sqlite3, time
        held = sqlite3.connect({str(tmp_path / CATALOGUE)!r}, isolation_level=None)
        held.execute("PRAGMA locking_mode = EXCLUSIVE")
        held.execute("BEGIN EXCLUSIVE")
        held.execute("UPDATE meta SET value = value")
        held.execute("COMMIT")
        open({str(tmp_path / "held")!r}, "w").close()
        time.sleep(0.5)
    """
    with python.start("-c", textwrap.dedent(code)) as holder:
        while not (tmp_path / "held").exists():
            assert holder.poll() is None
            time.sleep(0.01)
        reader = Catalog(tmp_path)
        assert reader.meta("change") == "0"
        reader.close()
        assert holder.wait() == 0


def test_ctrl_c_within_a_checksum_ends_the_commit(tmp_path, monkeypatch):
    """SQLite forgets what a function of ours raised; it must not pass for damage."""

    def interrupted(*_):
        raise KeyboardInterrupt

    create_catalog(tmp_path, {})
    with contextlib.closing(CatalogWriter(tmp_path)) as writer:
        monkeypatch.setattr("seealso.catalogue.checksums.crc32", interrupted)
        with pytest.raises(KeyboardInterrupt):
            writer.commit([ObjectRow(1, bytes(32), 1, 1, 1)], [], [])
        monkeypatch.undo()
        assert writer.counts().objects == 0
        assert writer.commit([ObjectRow(1, bytes(32), 1, 1, 1)], [], []) == 1

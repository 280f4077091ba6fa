"""One writer at a time."""

import errno
import json
import os
import re
import socket
import threading
import time

import pytest

import seealso
from seealso.collection.parts.lock import write_lock
from seealso.layout import LOCK
from seealso.testing.collections import deployment_of


def test_a_process_that_writes_already_is_not_told_to_wait_for_itself(tmp_path):
    with (
        write_lock(tmp_path),
        pytest.raises(seealso.CollectionBusy, match=r"by this very process; .* a hook that is called meanwhile"),
        write_lock(tmp_path),
    ):
        pass
    with write_lock(tmp_path):
        pass


def test_another_writer_is_told_who_has_it(tmp_path, python):
    code = f"import pathlib; from seealso.collection.parts.lock import write_lock\nwith write_lock(pathlib.Path({str(tmp_path)!r})): pass"
    with write_lock(tmp_path):
        busy = python.run("-c", code)
    assert re.search(f"is being written to by process {os.getpid()} on .*since.*wait until it is done", busy.stderr)
    assert python.run("-c", code).returncode == 0


def test_a_killed_holder_holds_nothing(tmp_path, python):
    code = (
        f"import os, pathlib; from seealso.collection.parts.lock import write_lock\n"
        f"with write_lock(pathlib.Path({str(tmp_path)!r})): os.kill(os.getpid(), 9)"
    )
    assert python.run("-c", code).returncode == -9
    with write_lock(tmp_path):
        pass


def test_a_child_holds_nothing_of_its_parents(tmp_path):
    with write_lock(tmp_path):
        child = os.fork()
        if not child:
            try:
                with write_lock(tmp_path):
                    os._exit(1)
            except seealso.CollectionBusy as error:
                os._exit(0 if f"by process {os.getppid()} on" in str(error) else 2)
            os._exit(3)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_hook_that_writes_is_told_why_it_cannot(tmp_path, photos, caplog):
    file = tmp_path / "writing.py"
    file.write_text("import seealso\nat = []\n@seealso.hookimpl\ndef ingested(batch):\n    at[0].remove([1])\n")
    with deployment_of(tmp_path, plugins=[file]) as deployment:
        collection = deployment.collection()
        (plugin,) = (each for each in deployment.plugins.loaded.values() if each.name == "writing")
        plugin.module.at.append(collection)
        assert collection.index([photos]).added == 12
    assert "ingested raised CollectionBusy" in caplog.text
    assert "by this very process" in caplog.text


@pytest.fixture
def as_another(monkeypatch):
    """Each writer is taken for one of another process, and asks who has the lock without pause."""

    class Forgetful(dict):
        def get(self, key, default=None):
            return default

    monkeypatch.setattr("seealso.collection.parts.lock._held_here", Forgetful())
    monkeypatch.setattr("seealso.collection.parts.lock.PAUSE", 0)


@pytest.mark.usefixtures("as_another")
@pytest.mark.parametrize(
    "record",
    [
        *(
            "[]",
            "{",
            "[" * 100_000,
            "",
            '{"pid": 1e400, "host": "h", "since": 1}',
            '{"pid": 1, "host": "h", "since": 1e308}',
        ),
        '{"pid": 0, "host": "HOST", "since": 1}',
    ],
)
def test_an_unreadable_record_of_the_holder_is_no_matter(tmp_path, record):
    with write_lock(tmp_path):
        (tmp_path / LOCK).write_text(record.replace("HOST", socket.gethostname()))
        with pytest.raises(seealso.CollectionBusy, match="by another process"), write_lock(tmp_path):
            pass


@pytest.mark.usefixtures("as_another")
def test_a_holder_that_has_not_yet_said_who_it_is_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr("seealso.collection.parts.lock.PAUSE", 0.02)
    with write_lock(tmp_path):
        said = (tmp_path / LOCK).read_text()
        (tmp_path / LOCK).write_text("")
        late = threading.Timer(0.1, (tmp_path / LOCK).write_text, (said,))
        late.start()
        with pytest.raises(seealso.CollectionBusy, match=f"process {os.getpid()} "), write_lock(tmp_path):
            pass
        late.join()


@pytest.mark.usefixtures("as_another")
def test_nobody_is_told_of_one_that_has_ended(tmp_path, python):
    ended = python.run("-c", "import os; print(os.getpid())").stdout.strip()
    with write_lock(tmp_path):
        left = {"pid": int(ended), "host": socket.gethostname(), "since": time.time()}
        (tmp_path / LOCK).write_text(json.dumps(left))
        with pytest.raises(seealso.CollectionBusy, match="by another process"), write_lock(tmp_path):
            pass
    assert (tmp_path / LOCK).read_text() == ""


@pytest.mark.parametrize("name", ["lockf", "flock"])
def test_a_file_system_without_locks_is_refused(tmp_path, monkeypatch, name):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(f"fcntl.{name}", refuse)
    with (
        pytest.raises(seealso.CollectionError, match=f"^{tmp_path}: its file system cannot lock files"),
        write_lock(tmp_path),
    ):
        pass

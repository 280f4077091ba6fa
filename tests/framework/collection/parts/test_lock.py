"""One writer at a time."""

import os

import pytest

import seealso
from seealso.collection.parts.lock import write_lock
from seealso.layout import LOCK


def test_a_second_writer_is_told_who_has_it(tmp_path):
    with (
        write_lock(tmp_path),
        pytest.raises(seealso.CollectionBusy, match=f"process {os.getpid()} on .*since"),
        write_lock(tmp_path),
    ):
        pass
    with write_lock(tmp_path):
        pass


def test_another_process_is_told_too(tmp_path, python):
    code = f"import pathlib; from seealso.collection.parts.lock import write_lock\nwith write_lock(pathlib.Path({str(tmp_path)!r})): pass"
    with write_lock(tmp_path):
        busy = python.run("-c", code)
    assert f"is being written to by process {os.getpid()}" in busy.stderr
    assert python.run("-c", code).returncode == 0


def test_a_killed_holder_holds_nothing(tmp_path, python):
    code = (
        f"import os, pathlib; from seealso.collection.parts.lock import write_lock\n"
        f"with write_lock(pathlib.Path({str(tmp_path)!r})): os.kill(os.getpid(), 9)"
    )
    assert python.run("-c", code).returncode == -9
    with write_lock(tmp_path):
        pass


def test_an_unreadable_record_of_the_holder_is_no_matter(tmp_path):
    with write_lock(tmp_path):
        (tmp_path / LOCK).write_text("[]")
        with pytest.raises(seealso.CollectionBusy, match="by another process"), write_lock(tmp_path):
            pass

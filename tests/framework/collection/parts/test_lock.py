"""One writer at a time."""

import os
import re

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


def test_an_unreadable_record_of_the_holder_is_no_matter(tmp_path, python):
    code = f"import pathlib; from seealso.collection.parts.lock import write_lock\nwith write_lock(pathlib.Path({str(tmp_path)!r})): pass"
    with write_lock(tmp_path):
        (tmp_path / LOCK).write_text("[]")
        assert "is being written to by another process; wait until it is done" in python.run("-c", code).stderr


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

"""Snapshots: current, held, removed; and what an interrupted writer leaves."""

import contextlib
import json
import os
import subprocess
import sys
import textwrap
import zlib

import pytest

import seealso
from durability.full_disk import SOURCE, FullDisk
from durability.power_cut import compile_layer
from seealso.collection.derived.snapshots import CURRENT, DESCRIPTION, Snapshots

MADE_BY = {"index": "test"}


def save(snapshots: Snapshots, change: int, text: str) -> None:
    snapshots.save(change, MADE_BY, lambda folder: (folder / "data").write_text(text) and None)


@pytest.fixture
def snapshots(tmp_path):
    return Snapshots(tmp_path / "index")


def current(snapshots):
    """The newest that can be held; None where there is none."""
    for name in snapshots.whole():
        with contextlib.suppress(OSError, ValueError):
            return snapshots.hold(name)
    return None


def folders(snapshots):
    return sorted(folder.name for folder in snapshots.directory.iterdir() if folder.is_dir())


def test_none_at_first(snapshots):
    assert current(snapshots) is None


def test_the_newest_is_current_and_the_older_goes(snapshots):
    save(snapshots, 3, "three")
    save(snapshots, 7, "seven")
    held = current(snapshots)
    assert (held.change, held.made_by) == (7, MADE_BY)
    assert (held.directory / "data").read_text() == "seven"
    held.release()
    assert len(folders(snapshots)) == 1


def test_one_that_is_held_stays_until_it_is_released(snapshots):
    save(snapshots, 3, "three")
    held = current(snapshots)
    save(snapshots, 7, "seven")
    assert (held.directory / "data").read_text() == "three"
    assert len(folders(snapshots)) == 2
    held.release()
    held.release()  # letting go twice is no harm
    snapshots.remove_unheld()
    assert len(folders(snapshots)) == 1


def test_the_same_change_again_is_another_snapshot(snapshots):
    save(snapshots, 3, "one")
    held = current(snapshots)
    save(snapshots, 3, "two")
    assert (held.directory / "data").read_text() == "one"
    held.release()
    assert (current(snapshots).directory / "data").read_text() == "two"


def test_a_failed_writer_changes_nothing(snapshots):
    save(snapshots, 3, "three")

    def fail(folder):
        (folder / "data").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        snapshots.save(7, MADE_BY, fail)
    assert current(snapshots).change == 3
    assert len(folders(snapshots)) == 1


def test_what_a_killed_writer_left_is_removed(snapshots):
    save(snapshots, 3, "three")
    (snapshots.directory / "000000000007-1.new").mkdir()
    (snapshots.directory / "000000000009-1").mkdir()
    save(snapshots, 11, "eleven")
    assert folders(snapshots) == ["000000000011-1"]


@pytest.mark.parametrize("content", [b"../../etc", b".", b"\xff\xfe", b"000000000099-1", b""])
def test_the_newest_that_is_whole_is_found_without_its_name(snapshots, content):
    save(snapshots, 3, "three")
    (snapshots.directory / CURRENT).write_bytes(content)
    assert current(snapshots).change == 3
    (snapshots.directory / CURRENT).unlink()
    assert current(snapshots).change == 3


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        ("{", "Expecting property name"),
        ("[1]", "is damaged"),
        (json.dumps({"magic": "other", "version": 1, "change": 1, "made_by": {}}), "something else"),
        (json.dumps({"magic": "seealso-snapshot", "version": 1, "change": 1, "made_by": 7}), "is damaged"),
        (json.dumps({"magic": "seealso-snapshot", "version": 99, "change": 1, "made_by": {}}), "of format 99"),
        (json.dumps({"magic": "seealso-snapshot", "version": 1, "change": -1, "made_by": {}}), "is damaged"),
        (json.dumps({"magic": "seealso-snapshot", "version": 1, "change": 1 << 63, "made_by": {}}), "is damaged"),
        (json.dumps({"magic": "seealso-snapshot", "version": 1, "change": float("inf"), "made_by": {}}), "is damaged"),
        ("[" * 100_000, "is damaged"),
    ],
)
def test_damage_is_told(snapshots, description, reason):
    save(snapshots, 3, "three")
    (snapshots.directory / folders(snapshots)[0] / DESCRIPTION).write_text(description)
    with pytest.raises(ValueError, match=reason):
        snapshots.hold(folders(snapshots)[0])


def damaged(snapshot):
    """What is found wrong with a snapshot that is opened; empty where nothing is."""
    try:
        snapshot.check()
    except ValueError as error:
        return str(error)
    finally:
        snapshot.release()
    return ""


def test_a_file_that_is_not_as_it_was_saved_is_noticed(snapshots):
    save(snapshots, 3, "three")
    assert damaged(current(snapshots)) == ""
    assert snapshots.verify() == ([], current(snapshots).directory)
    path = current(snapshots).directory / "data"
    for content in ("thrfe", "thre", "threee"):
        path.write_text(content)
        assert damaged(current(snapshots)) == f"{path} is damaged: it is not as it was saved"
        assert snapshots.verify().problems == [f"{path} is damaged: it is not as it was saved"]
    path.unlink()
    assert damaged(current(snapshots)) == f"{path} is damaged: No such file or directory"


def test_no_flipped_bit_of_its_own_file_is_believed(snapshots):
    save(snapshots, 3, "three")
    file = current(snapshots).directory / DESCRIPTION
    said, data = current(snapshots), file.read_bytes()
    for place in range(len(data)):
        for bit in range(8):
            file.write_bytes(data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :])
            try:
                found = snapshots.hold(file.parent.name)
            except ValueError:
                continue
            assert (found.change, found.made_by, found.files) == (said.change, said.made_by, said.files)
            found.release()


def test_a_snapshot_names_no_file_outside_of_it(snapshots):
    save(snapshots, 3, "three")
    file = current(snapshots).directory / DESCRIPTION
    description = json.loads(file.read_text())
    del description["crc32"]
    for name in ("../other", "/etc/passwd"):
        description["files"] = {name: [1, 2, 3]}
        crc32 = zlib.crc32(json.dumps(description, sort_keys=True).encode())
        file.write_text(json.dumps(description | {"crc32": crc32}))
        with pytest.raises(ValueError, match="is damaged"):
            snapshots.hold(file.parent.name)


def test_one_of_an_earlier_release_has_nothing_to_compare(snapshots):
    save(snapshots, 3, "three")
    file = current(snapshots).directory / DESCRIPTION
    description = json.loads(file.read_text())
    del description["files"], description["crc32"]
    file.write_text(json.dumps(description))
    (file.parent / "data").write_text("other")
    held = current(snapshots)
    assert (held.change, dict(held.files), damaged(held), snapshots.verify()) == (3, {}, "", ([], None))

    # The next one knows all of its files, also what is linked from here.
    snapshots.save(4, MADE_BY, lambda folder: os.link(file.parent / "data", folder / "data"))
    assert list(current(snapshots).files) == ["data"]
    assert damaged(current(snapshots)) == ""


def test_a_linked_file_that_was_damaged_since_is_still_known(snapshots):
    save(snapshots, 3, "three")
    before = current(snapshots)
    (before.directory / "data").write_text("thrfe")
    snapshots.save(4, MADE_BY, lambda folder: os.link(before.directory / "data", folder / "data"))
    assert damaged(current(snapshots)) != ""


def test_what_is_linked_from_an_earlier_snapshot_is_not_synced_again(snapshots, monkeypatch):
    save(snapshots, 3, "three")
    held, synced = current(snapshots), []
    (snapshots.directory.parent / "elsewhere").write_text("never synced")
    monkeypatch.setattr("seealso.collection.derived.snapshots.sync_file", lambda path: synced.append(path.name))

    def write(folder):
        os.link(held.directory / "data", folder / "data")
        os.link(snapshots.directory.parent / "elsewhere", folder / "linked")
        (folder / "more").write_text("four")

    snapshots.save(4, MADE_BY, write)
    assert sorted(synced) == ["linked", "more", DESCRIPTION]
    assert (current(snapshots).directory / "data").read_text() == "three"


def test_removing_all(snapshots):
    save(snapshots, 3, "three")
    snapshots.remove_all()
    assert current(snapshots) is None
    assert folders(snapshots) == []


@pytest.mark.parametrize("name", [DESCRIPTION, "data", "more", "below/more"])
def test_a_pipe_in_a_snapshot_is_told_and_nobody_waits_for_it(snapshots, name):
    save(snapshots, 3, "three")
    file = snapshots.directory / folders(snapshots)[0] / name
    file.parent.mkdir(exist_ok=True)
    file.unlink(missing_ok=True)
    os.mkfifo(file)
    with pytest.raises(ValueError, match=f"{name} in it is no file"):
        snapshots.hold(folders(snapshots)[0])
    save(snapshots, 4, "four")
    assert current(snapshots).change == 4


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_names_no_snapshot(snapshots, make):
    save(snapshots, 3, "three")
    (snapshots.directory / CURRENT).unlink()
    make(snapshots.directory / CURRENT)
    assert current(snapshots).change == 3
    for write in (lambda: save(snapshots, 4, "four"), snapshots.remove_all):
        with pytest.raises(
            seealso.CorruptCollection, match="index/CURRENT should be a file, and is none; move it away"
        ):
            write()
    assert current(snapshots).change == 3


def test_a_file_in_the_place_of_the_folder(snapshots):
    snapshots.directory.write_text("")
    assert current(snapshots) is None
    for write in (lambda: save(snapshots, 4, "four"), snapshots.remove_all):
        with pytest.raises(seealso.CorruptCollection, match="index should be a folder, and is none; move it away"):
            write()


def test_a_disk_that_is_full_before_numpy_has_written_its_array(tmp_path):
    """NumPy's own error does not say that it is."""
    (tmp_path / "disk").mkdir()
    full = FullDisk(compile_layer(tmp_path, SOURCE), tmp_path / "disk", tmp_path / "left")
    full.leave(10_000)
    code = """
        import errno, numpy
        from pathlib import Path
        from seealso.collection.derived.snapshots import Snapshots
        try:
            Snapshots(Path.cwd()).save(1, {}, lambda folder: numpy.save(folder / "a.npy", numpy.zeros(10_000)))
        except OSError as error:
            print(error.errno == errno.ENOSPC)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    environment = os.environ | full.environment()
    done = subprocess.run(command, cwd=full.watched, env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("True\n", "")
    assert list(full.watched.iterdir()) == []

"""Snapshots: current, held, removed; and what an interrupted writer leaves."""

import contextlib
import json
import os

import pytest

import seealso
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
    ],
)
def test_damage_is_told(snapshots, description, reason):
    save(snapshots, 3, "three")
    (snapshots.directory / folders(snapshots)[0] / DESCRIPTION).write_text(description)
    with pytest.raises(ValueError, match=reason):
        snapshots.hold(folders(snapshots)[0])


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

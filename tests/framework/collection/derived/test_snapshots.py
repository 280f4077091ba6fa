"""Snapshots: current, held, removed; and what an interrupted writer leaves."""

import json
import os

import pytest

from seealso.collection.derived.snapshots import CURRENT, DESCRIPTION, Snapshots

MADE_BY = {"index": "test"}


def save(snapshots: Snapshots, change: int, text: str) -> None:
    snapshots.save(change, MADE_BY, lambda folder: (folder / "data").write_text(text) and None)


@pytest.fixture
def snapshots(tmp_path):
    return Snapshots(tmp_path / "index")


def folders(snapshots):
    return sorted(folder.name for folder in snapshots.directory.iterdir() if folder.is_dir())


def test_none_at_first(snapshots):
    assert snapshots.current() is None


def test_the_newest_is_current_and_the_older_goes(snapshots):
    save(snapshots, 3, "three")
    save(snapshots, 7, "seven")
    held = snapshots.current()
    assert (held.change, held.made_by) == (7, MADE_BY)
    assert (held.directory / "data").read_text() == "seven"
    held.release()
    assert len(folders(snapshots)) == 1


def test_one_that_is_held_stays_until_it_is_released(snapshots):
    save(snapshots, 3, "three")
    held = snapshots.current()
    save(snapshots, 7, "seven")
    assert (held.directory / "data").read_text() == "three"
    assert len(folders(snapshots)) == 2
    held.release()
    held.release()  # letting go twice is no harm
    snapshots.remove_unheld()
    assert len(folders(snapshots)) == 1


def test_the_same_change_again_is_another_snapshot(snapshots):
    save(snapshots, 3, "one")
    held = snapshots.current()
    save(snapshots, 3, "two")
    assert (held.directory / "data").read_text() == "one"
    held.release()
    assert (snapshots.current().directory / "data").read_text() == "two"


def test_a_failed_writer_changes_nothing(snapshots):
    save(snapshots, 3, "three")

    def fail(folder):
        (folder / "data").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        snapshots.save(7, MADE_BY, fail)
    assert snapshots.current().change == 3
    assert len(folders(snapshots)) == 1


def test_what_a_killed_writer_left_is_removed(snapshots):
    save(snapshots, 3, "three")
    (snapshots.directory / "000000000007-1.new").mkdir()
    (snapshots.directory / "000000000009-1").mkdir()
    save(snapshots, 11, "eleven")
    assert folders(snapshots) == ["000000000011-1"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda s: (s.directory / CURRENT).write_text("../../etc"),
        lambda s: (s.directory / CURRENT).write_text("."),
        lambda s: (s.directory / CURRENT).write_bytes(b"\xff\xfe"),
        lambda s: (s.directory / CURRENT).write_text("000000000099-1"),
        lambda s: (s.directory / folders(s)[0] / DESCRIPTION).write_text("{"),
        lambda s: (s.directory / folders(s)[0] / DESCRIPTION).write_text("[1]"),
        lambda s: (s.directory / folders(s)[0] / DESCRIPTION).write_text(json.dumps({"magic": "other", "version": 1})),
        lambda s: (s.directory / folders(s)[0] / DESCRIPTION).write_text(
            json.dumps({"magic": "seealso-snapshot", "version": 99, "change": 1, "made_by": {}})
        ),
    ],
)
def test_damage_means_no_snapshot(snapshots, damage):
    save(snapshots, 3, "three")
    damage(snapshots)
    assert snapshots.current() is None


def test_removing_all(snapshots):
    save(snapshots, 3, "three")
    snapshots.remove_all()
    assert snapshots.current() is None
    assert folders(snapshots) == []


def test_what_is_linked_from_an_earlier_snapshot_is_not_synced_again(snapshots, monkeypatch):
    save(snapshots, 3, "three")
    held, synced = snapshots.current(), []
    monkeypatch.setattr("seealso.collection.derived.snapshots.sync_file", lambda path: synced.append(path.name))

    def write(folder):
        os.link(held.directory / "data", folder / "data")
        (folder / "more").write_text("four")

    snapshots.save(4, MADE_BY, write)
    assert sorted(synced) == ["more", DESCRIPTION]
    assert (snapshots.current().directory / "data").read_text() == "three"

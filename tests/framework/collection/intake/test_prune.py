"""Dropping what is gone, and only what is surely gone."""

import os
import shutil

import pytest

import seealso
from seealso.collection.intake import prune as prune_module


@pytest.fixture(autouse=True)
def _settled_at_once(monkeypatch):
    monkeypatch.setattr("seealso.collection.intake.reading.SETTLED_NS", -1)


@pytest.fixture
def photos(tmp_path, make_photos):
    for name, count, seed in (("one", 8, 1), ("two", 8, 2)):
        make_photos(tmp_path / "photos" / name, count, seed)
    return tmp_path / "photos"


@pytest.fixture
def collection(photos, open_collection):
    collection = open_collection()
    collection.index([photos])
    assert collection.counts().objects == 16
    return collection


def objects(collection):
    return collection.counts().objects


def test_a_missing_path_drops_nothing(collection, photos):
    photos.rename(photos.with_name("away"))
    report = collection.index([photos])
    assert objects(collection) == 16
    assert len(report.unusable) == 1
    assert any("it is not there; nothing below it was dropped (`--prune` drops it)" in line for line in report.warnings)
    collection.index([photos], prune=True)
    assert objects(collection) == 0


def test_an_empty_path_drops_nothing(collection, photos):
    shutil.rmtree(photos)
    photos.mkdir()
    report = collection.index([photos])
    assert objects(collection) == 16
    assert any("it is empty" in line for line in report.warnings)


def test_more_than_half_is_too_much(collection, photos):
    files = sorted(photos.rglob("*.jpg"))
    for path in files[:9]:
        path.unlink()
    report = collection.index([photos])
    assert objects(collection) == 16
    assert any("more than half" in line for line in report.warnings)
    # It stays so until it is asked for, or enough came back.
    report = collection.index([photos], prune=True)
    assert (objects(collection), report.removed) == (7, 9)


def test_half_is_not_too_much(collection, photos):
    shutil.rmtree(photos / "one")
    report = collection.index([photos])
    assert (objects(collection), report.removed, report.warnings) == (8, 8, [])


def test_each_path_is_judged_by_itself(collection, photos):
    shutil.rmtree(photos / "one")
    (photos / "one").mkdir()
    sorted((photos / "two").iterdir())[0].unlink()
    report = collection.index([photos / "one", photos / "two"])
    assert (objects(collection), report.removed) == (15, 1)
    assert len(report.warnings) == 1


def test_nothing_is_dropped_outside_the_paths(collection, photos):
    shutil.rmtree(photos / "one")
    report = collection.index([photos / "two"])
    assert (objects(collection), report.removed, report.warnings) == (16, 0, [])


def test_not_when_told_so(collection, photos):
    sorted(photos.rglob("*.jpg"))[0].unlink()
    assert collection.index([photos], prune=False).removed == 0
    assert objects(collection) == 16
    assert collection.index([photos]).removed == 1


def test_renaming_everything_is_not_losing_it(collection, photos):
    for path in photos.rglob("*.jpg"):
        path.rename(path.with_name("new-" + path.name))
    report = collection.index([photos])
    assert (report.located, report.locations_removed, report.removed, report.warnings) == (16, 16, 0, [])


# What the rules leave out


def test_what_is_excluded_now_is_dropped(collection, photos):
    report = collection.index([photos], exclude=["one"])
    assert (report.excluded, report.removed, report.locations_removed, report.warnings) == (8, 8, 0, [])
    assert objects(collection) == 8
    # The rule holds, and there is nothing left to be dropped.
    report = collection.index([photos])
    assert (report.unchanged, report.excluded, report.changed) == (8, 0, False)
    # It is given back where the rule is taken back.
    assert collection.index([photos], rules="default").added == 8


def test_a_rule_that_leaves_out_more_than_half_is_refused(collection, photos):
    before = collection.rules
    for path in sorted((photos / "two").iterdir())[:1]:
        path.rename(photos / "one" / "another.jpg")
    collection.index([photos])
    for exclude in (["one"], ["*"]):
        with pytest.raises(seealso.CollectionError, match=r"leave out (9|16) of the 16 images.*nothing was changed "):
            collection.index([photos], exclude=exclude)
    assert (objects(collection), collection.rules) == (16, before)
    assert not collection.index([photos]).changed
    report = collection.index([photos], exclude=["one"], prune=True)
    assert (report.excluded, report.removed) == (9, 9)
    assert collection.rules.exclude == (*before.exclude, "one")


def test_only_what_matches_is_taken_is_a_rule_too(collection, photos):
    with pytest.raises(seealso.CollectionError, match="leave out 16 of the 16 images"):
        collection.index([photos], include=["*.png"])
    report = collection.index([photos], include=["one"])
    assert (report.excluded, report.removed, objects(collection)) == (8, 8, 8)


def test_a_rule_that_holds_already_drops_no_more_than_half(photos, open_collection):
    with open_collection() as before:
        before.index([photos])
    collection = open_collection(scan={"exclude": ["*"]})
    for _ in range(2):
        report = collection.index([photos])
        assert (report.files, report.excluded, report.removed) == (0, 0, 0)
        (warning,) = report.warnings
        assert "the rules of the scan leave out more than half of what was found there; nothing below it" in warning
    assert objects(collection) == 16
    assert collection.index([photos], prune=True).excluded == 16


def test_left_out_and_gone_are_judged_one_by_one(collection, photos):
    """Neither is more than half, though both are."""
    files = sorted((photos / "one").iterdir())
    for path in files[:7]:
        path.unlink()
    report = collection.index([photos], exclude=["two"])
    assert (report.excluded, report.locations_removed, report.removed, report.warnings) == (8, 7, 15, [])


def test_what_is_left_out_and_gone_counts_as_left_out(collection, photos):
    shutil.rmtree(photos / "one")
    report = collection.index([photos], exclude=["one"])
    assert (report.excluded, report.locations_removed, report.removed) == (8, 0, 8)


def test_a_copy_elsewhere_keeps_the_image(collection, photos):
    for path in sorted((photos / "one").iterdir()):
        shutil.copy(path, photos / path.name)
    collection.index([photos])
    report = collection.index([photos], exclude=["one"])
    assert (report.excluded, report.removed, objects(collection)) == (8, 0, 16)


def test_nothing_is_left_out_when_told_to_drop_nothing(collection, photos):
    report = collection.index([photos], exclude=["*"], prune=False)
    assert (report.excluded, objects(collection)) == (0, 16)


def test_what_is_named_itself_is_kept(collection, photos):
    report = collection.index([photos, photos / "one"], exclude=["one"])
    assert (report.unchanged, report.excluded) == (16, 0)
    # A folder above it is looked through by the rules.
    assert collection.index([photos]).excluded == 8
    assert collection.index([photos / "one"]).added == 8


def test_hidden_files_that_are_wanted_no_more(collection, photos, make_photos):
    make_photos(photos / ".more", 3, seed=5)
    assert collection.index([photos], hidden=True).added == 3
    assert collection.index([photos]).unchanged == 19
    report = collection.index([photos], hidden=False)
    assert (report.excluded, report.removed) == (3, 3)


def test_failures_of_what_is_left_out_are_forgotten(collection, photos):
    (photos / "one" / "text.jpg").write_text("text")
    collection.index([photos])
    assert collection.counts().failures == 1
    collection.index([photos], exclude=["text*"])
    assert collection.counts().failures == 0


def test_a_path_that_is_away_loses_nothing_by_rules(collection, photos):
    photos.rename(photos.with_name("away"))
    report = collection.index([photos], exclude=["0000*"])
    assert (report.excluded, objects(collection)) == (0, 16)


# What is gone


def test_a_folder_that_cannot_be_listed_is_not_gone(collection, photos, monkeypatch):
    real = os.stat

    def refuse(path, *args, **kwargs):
        if b"/two/" in os.fsencode(path):
            raise PermissionError(13, "Permission denied", path)
        return real(path, *args, **kwargs)

    monkeypatch.setattr(prune_module.os, "stat", refuse)
    assert not prune_module.is_gone(os.fsencode(next((photos / "two").iterdir())))


def test_an_empty_mount_point_inside_a_path_is_a_drive_that_is_away(collection, photos, monkeypatch):
    # The drive was mounted at photos/two: its files were on another device than the empty folder is.
    shutil.rmtree(photos / "two")
    (photos / "two").mkdir()
    with seealso.catalogue.writer.CatalogWriter(collection.path).transaction() as connection:
        connection.execute("UPDATE locations SET device = device + 1 WHERE instr(path, ?)", (b"/two/",))
    report = collection.index([photos])
    assert objects(collection) == 16
    assert any("two: another disk used to be there" in line for line in report.warnings)
    assert collection.index([photos], prune=True).removed == 8


def test_a_link_to_a_drive_that_is_away(photos, open_collection, tmp_path):
    (photos / "one").rename(tmp_path / "drive")
    (photos / "one").symlink_to(tmp_path / "drive")
    collection = open_collection()
    collection.index([photos])
    (tmp_path / "drive").rename(tmp_path / "unplugged")
    report = collection.index([photos])
    assert objects(collection) == 16
    assert any("one: it is a link to what is not there; nothing below it was" in line for line in report.warnings)


def test_failures_of_what_is_gone_are_forgotten(collection, photos):
    (photos / "one" / "text.jpg").write_text("text")
    collection.index([photos])
    assert collection.counts().failures == 1
    (photos / "one" / "text.jpg").unlink()
    collection.index([photos / "two"])
    assert collection.counts().failures == 1
    collection.index([photos])
    assert collection.counts().failures == 0


def test_a_folder_replaced_by_a_file(collection, photos):
    shutil.rmtree(photos / "one")
    (photos / "one").write_text("a file now")
    assert collection.index([photos]).removed == 8

"""What indexing would do is what it then does; and nothing is written."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import seealso


@pytest.fixture(autouse=True)
def _settled_at_once(monkeypatch):
    monkeypatch.setattr("seealso.collection.intake.reading.SETTLED_NS", -1)


@pytest.fixture
def photos(tmp_path, make_photos):
    make_photos(tmp_path / "photos" / "a", 6, seed=1)
    make_photos(tmp_path / "photos" / "b", 6, seed=2)
    return tmp_path / "photos"


@pytest.fixture
def collection(photos, open_collection):
    collection = open_collection()
    collection.index([photos])
    return collection


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def counts(run: seealso.DryRun) -> dict[str, int]:
    """What there is any of."""
    names = ("new", "changed", "moved", "unchanged", "gone", "excluded", "forgotten", "failed", "left_out")
    return {name: getattr(run, name) for name in names if getattr(run, name)}


def test_before_there_is_a_collection(photos, open_collection, tmp_path):
    collection = open_collection()
    shutil.copy(next((photos / "a").iterdir()), photos / "copy.jpg")
    (photos / "@eaDir").mkdir()
    run = collection.dry_run([photos, tmp_path / "none"])
    assert counts(run) == {"new": 12, "moved": 1, "left_out": 1}
    assert run.unusable == [f"{tmp_path / 'none'}: there is no such file or folder"]
    assert not collection.path.exists()
    # And it is what then comes.
    report = collection.index([photos])
    assert (report.added, report.located, report.left_out) == (12, 1, 1)


def test_everything_at_once(collection, photos, make_photos, tmp_path):
    a, b = (sorted((photos / name).iterdir()) for name in ("a", "b"))
    collection.forget(b[5])
    make_photos(photos / "new", 3, seed=5)
    a[0].unlink()
    a[1].rename(photos / "moved.jpg")
    (changed,) = make_photos(tmp_path / "other", 1, seed=6)
    shutil.copy(changed, a[2])
    os.utime(a[3])
    shutil.copy(a[4], photos / "copy.jpg")
    shutil.copy(b[5], photos / "forgotten.jpg")
    (photos / "loop.jpg").symlink_to("loop.jpg")
    collection.close()
    before = content(collection.path)
    run = collection.dry_run([photos], exclude=["0001*"])
    collection.close()
    assert content(collection.path) == before
    # The second of each folder is left out: that of a, which has moved, that of b, and a new one.
    expected = {
        "new": 2, "changed": 1, "moved": 2, "unchanged": 7, "gone": 1, "excluded": 2, "forgotten": 2, "failed": 1, "left_out": 2,
    }  # fmt: skip
    assert counts(run) == expected
    report = collection.index([photos], exclude=["0001*"])
    done = {
        "new": report.added - 1, "changed": 1, "moved": report.located, "unchanged": report.unchanged,
        "gone": report.locations_removed, "excluded": report.excluded, "forgotten": report.forgotten,
        "failed": report.failed, "left_out": report.left_out,
    }  # fmt: skip
    assert done == expected
    again = collection.dry_run([photos])
    assert counts(again) == {"unchanged": 12, "forgotten": 2, "failed": 1, "left_out": 2}


def test_what_would_be_refused_is(collection, photos):
    with pytest.raises(seealso.CollectionError, match="leave out 12 of the 12 images"):
        collection.dry_run([photos], exclude=["*"])
    run = collection.dry_run([photos], exclude=["*"], prune=True)
    assert counts(run) == {"excluded": 12, "left_out": 2}
    assert len(collection.rules.exclude) == 6
    with pytest.raises(seealso.ConfigError, match="expected a list of patterns"):
        collection.dry_run([photos], exclude="a")


def test_what_would_not_be_dropped_is_told(collection, photos):
    shutil.rmtree(photos / "a")
    sorted((photos / "b").iterdir())[0].unlink()
    run = collection.dry_run([photos])
    assert counts(run) == {"unchanged": 5}
    assert run.warnings == collection.index([photos]).warnings
    assert collection.dry_run([photos], prune=True).gone == 7
    assert collection.dry_run([photos], prune=False).warnings == []


def test_a_path_that_is_away(collection, photos):
    photos.rename(photos.with_name("away"))
    run = collection.dry_run([photos])
    assert (run.gone, len(run.unusable), len(run.warnings)) == (0, 1, 1)
    run = collection.dry_run([photos], prune=True)
    assert (run.gone, run.unusable) == (12, [])
    assert run.warnings == [f"{photos}: it is not there; what was found there before would be dropped"]
    assert collection.counts().objects == 12


def test_what_was_forgotten_and_is_asked_for_again(collection, photos):
    collection.forget(1, 2)
    assert counts(collection.dry_run([photos])) == {"unchanged": 10, "forgotten": 2}
    assert counts(collection.dry_run([photos], again=True)) == {"unchanged": 10, "new": 2}
    assert collection.status()["forgotten"] == 2


def test_files_that_fail(collection, photos):
    (photos / "text.jpg").write_text("text")
    # Only indexing finds out that it is no image.
    assert counts(collection.dry_run([photos])) == {"unchanged": 12, "new": 1}
    collection.index([photos])
    run = collection.dry_run([photos / "text.jpg"])
    assert counts(run) == {"failed": 1}
    assert run.unusable == [f"{photos / 'text.jpg'}: not an image of a format that is known here"]


def test_the_limits_hold(collection, photos, open_collection):
    other = open_collection(photos.parent / "other.seealso", images={"max_bytes": 10})
    run = other.dry_run([photos / "a"])
    assert counts(run) == {"failed": 6}


def test_how_far_it_is_told(collection, photos):
    told = []
    collection.dry_run([photos], progress=told.append)
    assert [progress.done for progress in told] == list(range(1, 13))


def test_a_collection_of_imported_descriptors(tmp_path, photos):
    np.save(tmp_path / "v.npy", np.eye(4, dtype=np.float32))
    with seealso.open(tmp_path / "v", extractor={"plugin": "imported", "dim": 4}) as collection:
        collection.import_descriptors(tmp_path / "v.npy")
        with pytest.raises(seealso.CollectionError, match="were imported, so images cannot be taken in"):
            collection.dry_run([photos])

"""What is forgotten on purpose stays out, by its content, until it is called back."""

import os
import shutil
import signal
import textwrap

import numpy as np
import pytest

import seealso
from conftest import THUMBNAIL
from seealso.collection.intake import reading


@pytest.fixture(autouse=True)
def _settled_at_once(monkeypatch):
    monkeypatch.setattr("seealso.collection.intake.reading.SETTLED_NS", -1)


@pytest.fixture
def photos(tmp_path, make_photos):
    make_photos(tmp_path / "photos" / "a", 4, seed=1)
    make_photos(tmp_path / "photos" / "b", 4, seed=2)
    return tmp_path / "photos"


@pytest.fixture
def collection(photos, open_collection):
    collection = open_collection()
    assert collection.index([photos]).added == 8
    return collection


def first(folder):
    return sorted(folder.iterdir())[0]


def paths(collection) -> set[str]:
    return {os.fsdecode(path) for each in collection.records(collection.ids()).values() for path in each.paths}


def test_a_file_is_forgotten_and_stays_out(collection, photos):
    path = first(photos / "a")
    assert collection.forget(path) == seealso.ForgetReport(1, 1, 0)
    assert collection.counts().objects == 7
    assert str(path) not in paths(collection)
    assert path.exists()
    for _ in range(2):
        report = collection.index([photos])
        assert (report.files, report.unchanged, report.forgotten, report.changed) == (8, 7, 1, False)
    assert collection.verify().problems == []
    assert collection.status()["forgotten"] == 1
    (image,) = collection.forgotten()
    assert (image.id, image.paths) == (1, (os.fsencode(path),))


def test_by_ids_and_paths_at_once(collection, photos):
    report = collection.forget(3, np.int64(5), first(photos / "b"), os.fsencode(first(photos / "a")))
    assert (report.objects, report.locations) == (3, 3)
    assert collection.ids().tolist() == [2, 4, 6, 7, 8]


def test_wherever_it_is_found(collection, photos):
    path = first(photos / "a")
    collection.forget(path)
    path.rename(photos / "renamed.jpg")
    shutil.copy(photos / "renamed.jpg", photos / "b" / "copy.jpg")
    report = collection.index([photos])
    assert (report.forgotten, report.added, report.located) == (2, 0, 0)
    (image,) = collection.forgotten()
    assert {os.fsdecode(each) for each in image.paths} == {
        str(path), str(photos / "renamed.jpg"), str(photos / "b" / "copy.jpg"),
    }  # fmt: skip


def test_an_unchanged_file_is_not_read_again(collection, photos, monkeypatch):
    collection.forget(1)
    shutil.copy(first(photos / "a"), photos / "copy.jpg")
    collection.index([photos])

    def refuse(path, limits):
        raise AssertionError(f"{path} is read")

    monkeypatch.setattr(reading, "read_file", refuse)
    report = collection.index([photos])
    assert (report.forgotten, report.unchanged, report.failed) == (2, 7, 0)


def test_a_file_that_holds_something_else_by_now(collection, photos, make_photos):
    path = first(photos / "a")
    collection.forget(path)
    (new,) = make_photos(photos.parent / "new", 1, seed=7)
    shutil.copy(new, path)
    assert collection.index([photos]).added == 1
    # And a file that was taken in before holds what was forgotten.
    shutil.copy(photos.parent / "new" / new.name, photos / "keep.jpg")
    other = first(photos / "b")
    collection.forget(5)
    shutil.copy(other, sorted((photos / "b").iterdir())[1])
    report = collection.index([photos])
    assert (report.forgotten, report.removed, report.located) == (2, 1, 1)
    assert collection.verify().problems == []


def test_a_copy_goes_with_a_file_that_is_named(collection, photos):
    path = first(photos / "a")
    shutil.copy(path, photos / "b" / "copy.jpg")
    collection.index([photos])
    assert collection.forget(path) == seealso.ForgetReport(1, 2, 0)
    assert collection.counts().locations == 7


def test_a_folder_is_what_is_found_nowhere_else(collection, photos):
    shutil.copy(first(photos / "a"), photos / "b" / "copy.jpg")
    collection.index([photos])
    assert collection.forget(photos / "a") == seealso.ForgetReport(3, 3, 1)
    assert str(first(photos / "a")) in paths(collection)
    # Below two folders together it is found nowhere else.
    assert collection.forget(photos / "a", photos / "b") == seealso.ForgetReport(5, 6, 0)
    assert collection.counts().objects == 0


def test_what_means_nothing_forgets_nothing(collection, photos):
    with pytest.raises(seealso.NoObject, match="there is no object 99"):
        collection.forget(1, 99)
    for path in (photos / "none", "relative.jpg"):
        with pytest.raises(seealso.FileError, match="nothing of the collection photos was found there"):
            collection.forget(1, path)
    with pytest.raises(seealso.FileError, match="a path is empty"):
        collection.forget(1, "")
    assert collection.counts().objects == 8
    assert list(collection.forgotten()) == []
    assert collection.forget() == seealso.ForgetReport(0, 0, 0)


def test_undone(collection, photos):
    collection.forget(1, 2, 3)
    assert collection.unforget(1) == 1
    assert collection.unforget(sorted((photos / "a").iterdir())[1]) == 1
    report = collection.index([photos])
    assert (report.added, report.forgotten) == (2, 1)
    # IDs are never given again.
    assert 1 not in collection.ids()
    assert collection.unforget() == 1
    assert collection.index([photos]).added == 1
    assert collection.status()["forgotten"] == 0


def test_undone_by_a_folder_and_by_a_file_that_was_never_looked_at(collection, photos):
    path = first(photos / "a")
    collection.forget(photos / "a")
    path.rename(photos.parent / "elsewhere.jpg")
    assert collection.unforget(photos.parent / "elsewhere.jpg") == 1
    assert collection.unforget(photos) == 3


def test_what_was_not_forgotten_cannot_be_undone(collection, photos):
    collection.forget(1)
    for what in (2, photos / "b", first(photos / "b"), photos / "none"):
        with pytest.raises(seealso.QueryError, match="no image was forgotten by that name; `seealso forget --list`"):
            collection.unforget(1, what)
    assert collection.status()["forgotten"] == 1


def test_taken_in_again(collection, photos):
    collection.forget(1, 5)
    report = collection.index([photos / "a"], again=True)
    assert (report.added, report.forgotten) == (1, 0)
    assert [image.id for image in collection.forgotten()] == [5]
    report = collection.index([photos], again=True)
    assert (report.added, report.unchanged) == (1, 7)
    assert collection.status()["forgotten"] == 0
    assert collection.index([photos], again=True).changed is False


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(lambda collection: collection.maintain(), id="maintain"),
        pytest.param(lambda collection: collection.rebuild(), id="rebuild"),
        pytest.param(lambda collection: collection.convert(seealso.PluginChoice("lmdb")), id="convert"),
        pytest.param(lambda collection: collection.remove([5]), id="remove"),
        pytest.param(lambda collection: collection.retry_failures(), id="retry"),
    ],
)
def test_everything_else_leaves_it_alone(collection, photos, work):
    collection.forget(photos / "a")
    before = list(collection.forgotten())
    work(collection)
    assert list(collection.forgotten()) == before
    assert len(before) == 4
    report = collection.index([photos])
    assert (report.forgotten, collection.counts().objects) == (4, 4)
    assert collection.verify().problems == []


def test_the_indexes_and_observers_hear_of_it(collection, photos, monkeypatch):
    told = []
    monkeypatch.setattr(
        collection.plugins, "observe", lambda hook, **said: told.append((hook, said.get("ids", np.zeros(0)).tolist()))
    )
    collection.forget(2, 3)
    assert ("removed", [2, 3]) in told
    assert 2 not in [hit.id for hit in collection.similar(1, 8).hits]


def test_descriptors_that_were_imported(tmp_path):
    np.save(tmp_path / "v.npy", np.eye(6, dtype=np.float32))
    with seealso.open(tmp_path / "v") as collection:
        collection.import_descriptors(tmp_path / "v.npy")
        collection.forget(2, f"{tmp_path}/v.npy#4")
        assert collection.import_descriptors(tmp_path / "v.npy").added == 0
        assert collection.counts().objects == 4
        assert collection.unforget(2) == 1
        assert collection.import_descriptors(tmp_path / "v.npy").added == 1


STORY = """
    import os, signal, sys
    import seealso
    from seealso.catalogue.writer import CatalogWriter

    def die(*arguments, **named):
        os.kill(os.getpid(), signal.SIGKILL)

    step, command = sys.argv[1:]
    if step == "commit":
        # What is written, and not committed.
        CatalogWriter.leave_in = die
    elif step == "drop":
        CatalogWriter.remove_unplaced = die
    elif step == "store":
        import seealso_flatfile.store as store
        store.FlatFileStore.remove_many = die
    elif step == "taken":
        CatalogWriter.commit = die
    with seealso.open({path!r}, plugins=[{plugin!r}], extractor="thumbnail") as collection:
        if command == "forget":
            collection.forget({folder!r})
        else:
            collection.index([{folder!r}], again=True)
"""


@pytest.mark.parametrize(("step", "forgotten"), [("commit", 0), ("drop", 4), ("store", 4)])
def test_killed_while_it_is_forgotten(collection, photos, python, step, forgotten):
    """It is forgotten, or it is not; the next command that writes finishes it."""
    collection.close()
    story = STORY.format(path=str(collection.path), plugin=str(THUMBNAIL), folder=str(photos / "a"))
    assert python.run("-c", textwrap.dedent(story), step, "forget").returncode == -signal.SIGKILL
    assert collection.status()["forgotten"] == forgotten
    assert collection.verify().problems == []
    report = collection.index([photos])
    assert (report.forgotten, collection.counts().objects) == (forgotten, 8 - forgotten)
    assert collection.verify().problems == []
    collection.maintain()
    assert collection.verify().unused == 0
    assert collection.status()["forgotten"] == forgotten


def test_killed_while_it_is_taken_in_again(collection, photos, python):
    """Between being forgotten no more and being there: the next indexing takes it in."""
    collection.forget(photos / "a")
    collection.close()
    story = STORY.format(path=str(collection.path), plugin=str(THUMBNAIL), folder=str(photos / "a"))
    assert python.run("-c", textwrap.dedent(story), "taken", "again").returncode == -signal.SIGKILL
    assert (collection.status()["forgotten"], collection.counts().objects) == (0, 4)
    assert collection.index([photos]).added == 4
    assert collection.verify().problems == []

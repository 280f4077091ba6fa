"""The way in: what is extracted, what is known, what fails, what goes."""

import os
import shutil
from collections import Counter

import numpy as np
import pytest
from PIL import Image

import seealso
from vector_collections import opened_of


@pytest.fixture
def folder(tmp_path, make_photos):
    make_photos(tmp_path / "photos", 24)
    return tmp_path / "photos"


@pytest.fixture(autouse=True)
def _settled_at_once(monkeypatch):
    """Files made by a test count as settled, but where a test is about that."""
    monkeypatch.setattr("seealso.collection.intake.reading.SETTLED_NS", -1)


@pytest.fixture
def extracted(monkeypatch):
    """Counts the images that go through the extractor."""
    from seealso.collection.intake.ingest import Ingest

    counted = []
    original = Ingest._extract_arrays

    def counting(self, images):
        counted.extend(image.digest for image in images)
        return original(self, images)

    monkeypatch.setattr(Ingest, "_extract_arrays", counting)
    return counted


def truth(collection) -> dict[str, list[float]]:
    """Path → descriptor, of all that the collection finds."""
    found = {}
    for id_ in collection.ids():
        for path in collection.show(int(id_)).paths:
            found[os.fsdecode(path)] = collection.descriptors([id_])[0].tolist()
    return found


def reference(folder) -> dict[str, list[float]]:
    """The same, computed plainly from the files."""
    found = {}
    for path in sorted(folder.rglob("*.jpg")):
        image = seealso.decode_image(path.read_bytes(), min_side=8).image
        small = np.asarray(image.resize((8, 8), Image.Resampling.BOX))
        found[str(path)] = small.reshape(-1).astype(np.float32).tolist()
    return found


def test_everything_is_taken_in(folder, open_collection):
    collection = open_collection()
    report = collection.index([folder])
    assert (report.files, report.added, report.failed) == (24, 24, 0)
    assert truth(collection) == reference(folder)
    assert collection.verify().problems == []
    assert list(collection.ids()) == sorted(collection.ids())


def test_indexing_again_does_nothing(folder, open_collection, extracted):
    collection = open_collection()
    collection.index([folder])
    before = opened_of(collection).catalog.change()
    extracted.clear()
    report = collection.index([folder])
    assert report.unchanged == 24
    assert not report.changed
    assert extracted == []
    assert opened_of(collection).catalog.change() == before


def test_an_unchanged_folder_is_listed_once_and_each_file_looked_at_once(folder, open_collection, monkeypatch):
    collection = open_collection()
    collection.index([folder])
    looked, listed = Counter(), Counter()
    stat, lstat, scandir = os.stat, os.lstat, os.scandir

    def counting(counter, call):
        def counted(path=".", *args, **kwargs):
            if not isinstance(path, int):
                counter[os.fsencode(path)] += 1
            return call(path, *args, **kwargs)

        return counted

    monkeypatch.setattr(os, "stat", counting(looked, stat))
    monkeypatch.setattr(os, "lstat", counting(looked, lstat))
    monkeypatch.setattr(os, "scandir", counting(listed, scandir))
    report = collection.index([folder])
    assert (report.unchanged, report.removed) == (24, 0)
    files = {os.fsencode(path) for path in folder.iterdir()}
    assert {path: looked[path] for path in files} == dict.fromkeys(files, 1)
    # Once more for what lies beside the images, and once, a single name of it, to see whether it is empty.
    assert listed[os.fsencode(folder)] == 3
    assert looked[os.fsencode(folder)] < 10


def test_a_moved_file_is_not_extracted_again(folder, open_collection, extracted):
    collection = open_collection()
    collection.index([folder])
    before = truth(collection)
    ids = collection.ids().tolist()
    extracted.clear()
    first = sorted(folder.iterdir())[0]
    first.rename(folder / "renamed.jpg")
    (folder / "sub").mkdir()
    second = sorted(folder.iterdir())[1]
    second.rename(folder / "sub" / "moved.jpg")
    report = collection.index([folder])
    assert extracted == []
    assert (report.added, report.located, report.locations_removed, report.removed) == (0, 2, 2, 0)
    assert collection.ids().tolist() == ids
    assert truth(collection) == reference(folder)
    assert truth(collection)[str(folder / "renamed.jpg")] == before[str(first)]


def test_a_whole_folder_moved(folder, open_collection, extracted):
    collection = open_collection()
    collection.index([folder.parent / "photos"])
    (folder / "all").mkdir()
    for path in list(folder.glob("*.jpg")):
        path.rename(folder / "all" / path.name)
    extracted.clear()
    report = collection.index([folder])
    assert extracted == []
    assert (report.located, report.locations_removed, report.removed) == (24, 24, 0)


def test_two_files_swapped(folder, open_collection, extracted):
    collection = open_collection()
    collection.index([folder])
    one, two = sorted(folder.iterdir())[:2]
    one.rename(folder / "x")
    two.rename(one)
    (folder / "x").rename(two)
    extracted.clear()
    collection.index([folder])
    assert extracted == []
    assert truth(collection) == reference(folder)


def test_a_copy_is_a_second_location(folder, open_collection, extracted):
    collection = open_collection()
    collection.index([folder])
    first = sorted(folder.iterdir())[0]
    shutil.copy(first, folder / "zz-copy.jpg")
    extracted.clear()
    report = collection.index([folder])
    assert extracted == []
    assert (report.added, report.located) == (0, 1)
    id_ = collection.similar(first, 1).example.id
    assert [os.fsdecode(path) for path in collection.show(id_).paths] == [str(first), str(folder / "zz-copy.jpg")]
    # One of the two goes: the object stays.
    first.unlink()
    report = collection.index([folder])
    assert (report.removed, report.locations_removed) == (0, 1)
    assert [os.fsdecode(path) for path in collection.show(id_).paths] == [str(folder / "zz-copy.jpg")]


def test_copies_within_one_run_are_extracted_once(folder, open_collection, extracted):
    for number, path in enumerate(sorted(folder.iterdir())):
        shutil.copy(path, folder / f"copy-{number}.jpg")
        shutil.copy(path, path.with_name(path.name.replace(".jpg", "-2.jpg")))
    collection = open_collection()
    report = collection.index([folder])
    assert (report.files, report.added) == (72, 24)
    assert len(extracted) == len(set(extracted)) == 24
    assert truth(collection) == reference(folder)


def test_an_overwritten_file_is_extracted_anew(folder, open_collection):
    collection = open_collection()
    collection.index([folder])
    one, two = sorted(folder.iterdir())[:2]
    changed = one.read_bytes() + b"\0"
    one.write_bytes(two.read_bytes())
    two.write_bytes(changed)
    old = collection.similar(f"{sorted(folder.iterdir())[2]}", 1).hits[0].id
    report = collection.index([folder])
    assert report.added == 1  # the changed bytes; the other content was known
    assert truth(collection) == reference(folder)
    assert old in collection.ids()


def test_an_overwritten_file_with_its_size_and_mtime_kept(folder, open_collection):
    collection = open_collection()
    collection.index([folder])
    one, two = sorted(folder.iterdir())[:2]
    stat = one.stat()
    content = two.read_bytes()
    content = content[: stat.st_size].ljust(stat.st_size, b"\0")
    image = Image.new("RGB", (96, 72), (10, 200, 30))
    image.save(one.with_suffix(".new"), "JPEG", quality=20)
    content = one.with_suffix(".new").read_bytes()
    one.with_suffix(".new").unlink()
    assert len(content) <= stat.st_size
    one.write_bytes(content.ljust(stat.st_size, b"\0"))
    os.utime(one, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (one.stat().st_size, one.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    report = collection.index([folder])
    assert (report.added, report.removed) == (1, 1)
    assert truth(collection) == reference(folder)


def test_a_file_replaced_by_another_with_the_same_times(folder, open_collection):
    collection = open_collection()
    collection.index([folder])
    one = sorted(folder.iterdir())[0]
    Image.new("RGB", (96, 72), (200, 0, 0)).save(folder / "new", "JPEG")
    os.replace(folder / "new", one)
    collection.index([folder])
    assert truth(collection) == reference(folder)


def test_a_file_that_has_just_changed_is_read_again(folder, open_collection, monkeypatch):
    monkeypatch.setattr("seealso.collection.intake.reading.SETTLED_NS", 3_600_000_000_000)
    collection = open_collection()
    collection.index([folder])
    report = collection.index([folder])
    # Not trusted, so read again; but nothing is new, and it says so.
    assert report.unchanged == 24
    assert not report.changed
    assert truth(collection) == reference(folder)


def test_a_deleted_file_disappears(folder, open_collection):
    collection = open_collection()
    collection.index([folder])
    gone = sorted(folder.iterdir())[3]
    id_ = collection.similar(gone, 1).example.id
    gone.unlink()
    report = collection.index([folder])
    assert (report.removed, report.locations_removed) == (1, 1)
    assert id_ not in collection.ids()
    assert all(hit.path != str(gone) for hit in collection.similar(int(collection.ids()[0]), 50).hits)
    with pytest.raises(seealso.QueryError, match=f"no object {id_}"):
        collection.similar(id_)
    assert collection.verify().problems == []
    assert collection.verify().unused == 0


def test_ids_are_not_used_again(folder, open_collection, make_photos):
    collection = open_collection()
    collection.index([folder])
    last = int(collection.ids()[-1])
    shutil.rmtree(folder)
    make_photos(folder, 5, seed=9)
    collection.index([folder], prune=True)
    assert len(collection.ids()) == 5
    assert collection.ids().min() > last


def test_a_photograph_overwritten_by_rubbish_leaves(folder, open_collection):
    collection = open_collection()
    collection.index([folder])
    one = sorted(folder.iterdir())[0]
    one.write_bytes(b"this is no image")
    report = collection.index([folder])
    assert (report.failed, report.removed) == (1, 1)
    assert [failure.path for failure in collection.failures()] == [os.fsencode(one)]
    assert str(one) not in truth(collection)


def test_failures_are_remembered_and_retried(folder, open_collection, extracted):
    good = sorted(folder.iterdir())[0]
    content = good.read_bytes()
    good.write_bytes(content[: len(content) // 3])
    (folder / "text.jpg").write_text("text")
    (folder / "empty.jpg").touch()
    collection = open_collection()
    report = collection.index([folder])
    assert (report.added, report.failed) == (23, 3)
    assert report.unusable == []
    reasons = {os.path.basename(failure.path): failure.reason for failure in collection.failures()}
    assert set(reasons) == {b"empty.jpg", b"text.jpg", os.fsencode(good.name)}
    assert all(reasons.values())
    report = collection.index([folder])
    assert (report.failed, report.known_failures) == (0, 3)
    # Retrying reads just those; one of them was mended.
    good.write_bytes(content)
    (folder / "text.jpg").unlink()
    extracted.clear()
    report = collection.retry_failures()
    assert (report.added, report.failed, report.known_failures) == (1, 0, 1)
    assert len(extracted) == 1
    assert [os.path.basename(failure.path) for failure in collection.failures()] == [b"empty.jpg"]


def test_a_file_deleted_in_mid_run_has_not_failed(folder, open_collection, monkeypatch):
    from seealso.collection.intake import reading

    read = reading.read_file

    def deleting(path, limits):
        if b"rocket" in path:
            os.unlink(path)
        return read(path, limits)

    monkeypatch.setattr(reading, "read_file", deleting)
    collection = open_collection()
    vanishing = len(list(folder.glob("*rocket*")))
    report = collection.index([folder])
    assert (report.added, report.files, report.failed) == (24 - vanishing, 24 - vanishing, 0)
    assert collection.counts().failures == 0


def test_a_path_too_long_for_the_system_is_a_failure(folder, open_collection, monkeypatch):
    monkeypatch.chdir(folder)
    for _ in range(30):
        os.mkdir("d" * 200)
        os.chdir("d" * 200)
    os.chdir(folder)
    collection = open_collection()
    report = collection.index([folder])
    (failure,) = collection.failures()
    assert (report.failed, "File name too long" in failure.reason) == (1, True)
    report = collection.retry_failures()
    assert (report.known_failures, collection.counts().failures) == (1, 1)
    # Nobody can look whether it is still there; but it is in nobody's way any more.
    shutil.rmtree(folder / ("d" * 200))
    report = collection.index([folder])
    assert (report.known_failures, collection.counts().failures) == (0, 0)


def test_a_named_file_that_fails_is_reported(folder, open_collection):
    (folder / "text.jpg").write_text("text")
    collection = open_collection()
    for _ in range(2):  # also when the failure is remembered
        report = collection.index([folder / "text.jpg", folder / "nothing.jpg"])
        assert len(report.unusable) == 2
        assert any("text.jpg: " in line for line in report.unusable)
        assert any("nothing.jpg: there is no such file or folder" in line for line in report.unusable)
    assert [os.path.basename(failure.path) for failure in collection.failures()] == [b"text.jpg"]


def test_one_bad_image_does_not_take_its_batch_along(folder, tmp_path):
    plugin = tmp_path / "picky.py"
    plugin.write_text(
        """
import numpy as np
import seealso

class Picky(seealso.Extractor):
    name = "picky"
    batch_size = 8
    @property
    def provenance(self):
        return seealso.Provenance("picky", "", "", dim=3)
    def prepare(self, image):
        if image.size == (33, 33):
            raise KeyError("33")
        return np.asarray(image.resize((1, 1)))
    def extract(self, batch):
        flat = batch.reshape(len(batch), 3).astype(np.float32)
        if (flat.max(axis=1) == 0).any():
            raise ZeroDivisionError("black")
        flat[flat.min(axis=1) == 255] = np.nan
        return flat

@seealso.hookimpl
def register_extractors():
    return [Picky]
"""
    )
    for name, size, colour in (("black", 40, 0), ("white", 40, 255), ("odd", 33, 90)):
        Image.new("RGB", (size, size), (colour,) * 3).save(folder / f"0005-{name}.png")
    with seealso.open(tmp_path / "c", plugins=[plugin], extractor="picky") as collection:
        report = collection.index([folder])
        assert (report.added, report.failed) == (24, 3)
        reasons = {os.path.basename(failure.path): failure.reason for failure in collection.failures()}
        assert "black" in reasons[b"0005-black.png"]
        assert "not finite" in reasons[b"0005-white.png"]
        assert "picky.prepare raised KeyError" in reasons[b"0005-odd.png"]
        assert collection.verify().problems == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "return np.zeros((len(batch), 4), np.float32)",
            r"broken.extract returned float32 of shape \(8, 4\); its provenance promises float32 of shape \(8, 3\)",
        ),
        ("return np.zeros((len(batch), 3))", "broken.extract returned float64"),
        (
            "raise RuntimeError('no device')",
            "the extractor broken failed on every image so far.*RuntimeError: no device",
        ),
    ],
)
def test_an_extractor_that_breaks_its_contract_ends_the_run(folder, tmp_path, body, expected):
    plugin = tmp_path / "broken.py"
    plugin.write_text(
        f"""
import numpy as np
import seealso

class Broken(seealso.Extractor):
    name = "broken"
    batch_size = 8
    @property
    def provenance(self):
        return seealso.Provenance("broken", "", "", dim=3)
    def prepare(self, image):
        return np.asarray(image.resize((1, 1)))
    def extract(self, batch):
        {body}

@seealso.hookimpl
def register_extractors():
    return [Broken]
"""
    )
    with seealso.open(tmp_path / "c", plugins=[plugin], extractor="broken") as collection:
        with pytest.raises(seealso.PluginError, match=expected):
            collection.index([folder])
        assert collection.counts().objects == 0
        assert collection.counts().failures == 0


def test_progress_comes_to_its_end(folder, open_collection):
    seen = []
    open_collection().index([folder], progress=seen.append)
    assert [progress.done for progress in seen] == list(range(1, 25))
    assert seen[-1].total in (24, None)


def test_observers_are_told_of_new_objects(folder, tmp_path):
    plugin = tmp_path / "observer.py"
    plugin.write_text(
        "import seealso\nseen = []\nanswers = []\n"
        "@seealso.hookimpl\ndef ingested(batch): seen.append(batch)\n"
        "@seealso.hookimpl\ndef searched(collection, query, answer): answers.append((collection, query, answer))\n"
    )
    from conftest import THUMBNAIL

    with seealso.open(tmp_path / "c", plugins=[THUMBNAIL, plugin], extractor="thumbnail") as collection:
        collection.index([folder])
        answer = collection.similar(int(collection.ids()[0]))
        module = next(each.module for each in collection.plugins.loaded.values() if each.name == "observer")
        assert np.concatenate([batch.ids for batch in module.seen]).tolist() == collection.ids().tolist()
        assert [batch.change for batch in module.seen] == list(range(1, len(module.seen) + 1))
        for batch in module.seen:
            assert np.array_equal(batch.descriptors, collection.descriptors(batch.ids))
            assert batch.paths == tuple(collection.show(int(i)).paths[0] for i in batch.ids)
        assert module.answers == [(collection.name, answer.query, answer)]


def test_an_interrupted_run_keeps_what_it_committed(folder, open_collection):
    collection = open_collection()

    def interrupt(progress):
        if progress.done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collection.index([folder], progress=interrupt)
    # The first batch of 16 was complete.
    assert collection.counts().objects in (0, 16)
    assert collection.index([folder]).failed == 0
    assert truth(collection) == reference(folder)
    assert collection.verify().problems == []

"""The text index as one of what is derived: it follows, is behind, is refused; and what an earlier release left is adopted."""

import json
import shutil
from random import Random

import numpy as np
import pytest

import seealso
from conftest import THUMBNAIL, read_only
from seealso.catalogue.writer import CatalogWriter
from seealso.collection.derived.scratch import Scratch, remove_left
from seealso.collection.derived.snapshots import Snapshots
from vector_collections import PLUGINS, opened_of, refuse


@pytest.fixture
def photos(tmp_path, make_photos):
    """A folder of twelve photographs, with words for each."""
    for number, photo in enumerate(make_photos(tmp_path / "photos", 12)):
        photo.with_suffix(".txt").write_text(f"a bird, number {number}")
    return tmp_path / "photos"


@pytest.fixture
def opening(tmp_path, limits, monkeypatch):
    monkeypatch.setattr("seealso.collection.intake.reading.SETTLED_NS", -1)
    opened = []

    def opening(**settings):
        settings = {"extractor": "thumbnail", "text": "plain-text", **settings}
        opened.append(seealso.open(tmp_path / "c", plugins=[*PLUGINS, THUMBNAIL], **settings))
        return opened[-1]

    yield opening
    for collection in opened:
        collection.close()


def birds(collection) -> int:
    return len(collection.text("bird", 100).hits)


def reword(photos, opening, count):
    """Have so many photographs described otherwise."""
    for sidecar in sorted(photos.glob("*.txt"))[:count]:
        sidecar.write_text("a cat")
    opening().index([photos])


def test_far_behind_it_answers_from_the_newest_snapshot(opening, photos, limits, monkeypatch):
    limits(tail=3)
    opening().index([photos])
    reader = opening()
    assert birds(reader) == 12
    with monkeypatch.context() as patched:
        patched.setattr("seealso.collection.derived.keeper.Keeper._save", lambda _: None)
        reword(photos, opening, 5)
    monkeypatch.setattr(type(opened_of(reader).text.part), "add", refuse)
    answer = reader.text("bird", 100)
    assert (answer.matched, answer.unsearched) == (12, 5)
    assert reader.similar(1, where="bird").unsearched == 5
    assert reader.text("cat").hits == ()
    # Opened anew it is as far behind.
    assert opening().text("cat").unsearched == 5


def test_without_a_snapshot_it_is_built_for_a_few_and_refused_for_many(opening, photos, limits):
    opening().index([photos])
    shutil.rmtree(opening().path / "text")
    assert birds(opening()) == 12
    limits(tail=3)
    with pytest.raises(seealso.CollectionError, match=r"the text index is not built, .* run `seealso rebuild`"):
        opening().text("bird")
    assert opening().status()["text"] == {"objects": 0, "bytes": 0}
    opening().rebuild()
    assert birds(opening()) == 12


def test_while_it_is_rebuilt_the_old_one_stays(opening, photos, limits, monkeypatch):
    """Also where nobody had opened it before: no checkpoint of the new one takes its place."""
    opening().index([photos])
    reword(photos, opening, 4)
    limits(objects=4)
    monkeypatch.setattr("seealso.collection.derived.state.STEP", 3)
    saved = []
    save = Snapshots.save

    def save_and_tell(self, change, made_by, write, among):
        saved.append("text" in made_by)
        save(self, change, made_by, write, among)

    monkeypatch.setattr(Snapshots, "save", save_and_tell)
    opening().rebuild()
    assert saved.count(True) == 1
    assert birds(opening()) == 8


def test_objects_without_words_are_nothing_to_catch_up_with(opening, photos, limits, make_photos, monkeypatch):
    limits(tail=3)
    opening().index([photos])
    with monkeypatch.context() as patched:
        patched.setattr("seealso.collection.derived.keeper.Keeper._save", lambda _: None)
        make_photos(photos / "more", 9, seed=5)
        opening().index([photos])
    assert opening().text("bird").unsearched == 0


def test_what_differs_from_the_catalogue_is_told_by_words(opening, photos):
    collection = opening(text="tantivy")
    collection.index([photos])
    assert collection.verify().problems == []
    index = opened_of(collection).text.part
    index.add(np.array([3, 4, 99]), [[seealso.Words("caption", "a cat")]] * 3)
    index.remove(np.array([7]))
    assert collection.verify().problems == [
        "1 objects with words are not in the text index, the first is 7; run `seealso rebuild`",
        "2 objects have other words in the text index than in the catalogue, the first is 3; run `seealso rebuild`",
        "1 objects in the text index have no words in the catalogue, the first is 99; run `seealso rebuild`",
    ]
    collection.rebuild()
    assert collection.verify().problems == []


def test_what_was_changed_since_is_no_difference(opening, photos, monkeypatch):
    opening(text="tantivy").index([photos])
    with monkeypatch.context() as patched:
        patched.setattr("seealso.collection.derived.keeper.Keeper._save", lambda _: None)
        reword(photos, lambda: opening(text="tantivy"), 4)
    behind = opening(text="tantivy")
    monkeypatch.setattr("seealso.collection.derived.keeper.Keeper._come_near", lambda *_: None)
    assert behind.text("cat").matched == 0
    assert behind.verify().problems == []


def test_without_hashes_objects_are_counted(opening, photos, caplog):
    collection = opening()
    collection.index([photos])
    assert collection.verify().problems == []
    assert caplog.text.count("was made without hashes") == 1
    opened_of(collection).text.part.remove(np.array([3]))
    assert collection.verify().problems == [
        "12 objects are described, and 11 are in the text index; run `seealso rebuild`"
    ]


def test_a_query_that_comes_across_damage_asks_one_that_is_built_anew(opening, photos, limits, monkeypatch, caplog):
    opening().index([photos])
    reader = opening()
    assert birds(reader) == 12
    torn = opened_of(reader).text.part
    sound = type(torn).search

    def search(self, *given):
        if self is torn:
            raise seealso.FormatError("a segment is torn; run `seealso rebuild`")
        return sound(self, *given)

    monkeypatch.setattr(type(torn), "search", search)
    assert birds(reader) == 12
    assert caplog.text.count("cannot be used (a segment is torn") == 1
    # Where there are too many it says what to do.
    limits(tail=3)
    late = opening()
    torn = opened_of(late).text.view(opened_of(late).catalog).part
    monkeypatch.setattr(type(torn), "search", search)
    with pytest.raises(seealso.CollectionError, match=r"the text index is not built, .* run `seealso rebuild`"):
        birds(late)
    late.maintain()
    assert birds(opening()) == 12


def test_no_damage_of_its_files_stops_a_command(opening, photos, capfd):
    """Nor is any believed, and tantivy, which might end the process, does not come across it."""
    collection = opening(text="tantivy")
    collection.index([photos])
    collection.close()
    random = Random(3)
    for kind in ("*.term", "*.idx", "*.pos", "*.fast", "*.store", "meta.json", "text-index.json", "snapshot.json"):
        path = random.choice(sorted((collection.path / "text").rglob(kind)))
        data = bytearray(path.read_bytes())
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        path.unlink()
        path.write_bytes(data)
        collection = opening(text="tantivy")
        (problem,) = collection.verify().problems
        collection.close()
        assert str(path if kind != "snapshot.json" else path.parent) in problem
        assert problem.endswith("; run `seealso rebuild`")
        collection = opening(text="tantivy")
        assert birds(collection) == 12
        collection.close()
        writer = opening(text="tantivy")
        writer.index([photos])
        assert not path.exists()
        assert writer.verify().problems == []
        writer.close()
    assert capfd.readouterr().err == ""


def as_an_earlier_release_left_it(collection):
    """Its text index in a folder with a number, changed in place, and named by a record."""
    directory = collection.path / "text"
    (snapshot,) = (path for path in directory.iterdir() if path.is_dir())
    change = json.loads((snapshot / "snapshot.json").read_text())["change"]
    (snapshot / "snapshot.json").unlink()
    (snapshot / "change.json").write_text(str(change))
    snapshot.rename(directory / "1")
    (directory / "CURRENT").write_text(json.dumps({"folder": "1", "made_by": "plain-text"}))
    return directory


@pytest.fixture
def earlier(opening, photos):
    """The folder of the text index of a collection of an earlier release."""
    opening().index([photos])
    return as_an_earlier_release_left_it(opening())


def test_what_an_earlier_release_left_is_a_first_snapshot(opening, earlier, limits, caplog):
    limits(tail=0)
    reader = opening()
    assert birds(reader) == 12
    assert caplog.text == ""
    writer = opening()
    writer.remove([1])
    assert not (earlier / "1").exists()
    assert len(list(earlier.rglob("snapshot.json"))) == 1
    assert birds(opening()) == birds(reader) == 11
    assert opening().verify().problems == []


def test_what_an_earlier_release_left_is_asked_on_a_read_only_disk(opening, earlier, limits):
    limits(tail=0)
    with read_only(earlier.parent):
        assert birds(opening()) == 12


@pytest.mark.parametrize("record", ["{", "[]", '{"folder": "../..", "made_by": "plain-text"}', '{"folder": "7"}'])
def test_a_damaged_record_of_an_earlier_release_is_no_snapshot(opening, earlier, record):
    (earlier / "CURRENT").write_text(record)
    collection = opening()
    assert birds(collection) == 12
    collection.maintain()
    assert [path.name for path in earlier.iterdir() if path.is_dir()] == [(earlier / "CURRENT").read_text()]


def test_a_damaged_text_index_of_an_earlier_release_is_passed_over(opening, earlier, caplog):
    (earlier / "1" / "documents.json").write_text("{")
    assert birds(opening()) == 12
    assert caplog.text.count("cannot be used") == 1


def test_one_of_an_earlier_release_that_has_missed_removals(opening, earlier, limits):
    catalog = CatalogWriter(opening().path)
    catalog.forget_removals(catalog.change() + 1)
    catalog.close()
    limits(tail=0)
    with pytest.raises(seealso.CollectionError, match="is not built"):
        birds(opening())
    opening().maintain()
    assert birds(opening()) == 12


def test_nothing_but_snapshots_is_left_when_a_collection_is_closed(opening, photos, tmp_path):
    collection = opening(text="tantivy")
    collection.index([photos])
    reword(photos, lambda: collection, 5)
    assert birds(collection) == 7
    asked = opened_of(collection).text.part
    collection.close()
    # Whoever still has the index in hand does not keep its folders alive.
    assert [path.name[:8] for path in (tmp_path / "c/text").iterdir() if path.is_dir()] == ["00000000"]
    with pytest.raises(seealso.CollectionError, match="closed"):
        asked.suggest("b", 3)


def test_scratch_folders_go_with_their_owner(tmp_path):
    ours, left = Scratch(lambda: tmp_path), tmp_path / "scratch-of-a-killed-process"
    left.mkdir()
    used = [ours.folder(), ours.folder()]
    (used[0] / "file").write_text("large")
    remove_left(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(used)
    ours.close()
    assert list(tmp_path.iterdir()) == []
    elsewhere = Scratch(lambda: None)
    folder = elsewhere.folder()
    assert folder.is_dir()
    assert tmp_path not in folder.parents
    elsewhere.close()
    assert not folder.exists()
    remove_left(tmp_path / "none such")

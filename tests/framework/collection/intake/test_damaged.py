"""Damaged pictures in a collection: which are taken, where they are listed, and that they are found."""

import shutil
import struct

import numpy as np
import pytest
from PIL import Image

import seealso
from conftest import SAMPLES, THUMBNAIL
from image_files import chunk, encode
from seealso.catalogue.writer import CatalogWriter
from seealso.collection.parts.recorded import DECODING


@pytest.fixture(autouse=True)
def _settled_at_once(monkeypatch):
    monkeypatch.setattr("seealso.collection.intake.reading.SETTLED_NS", -1)


@pytest.fixture(scope="module")
def whole(photographs) -> bytes:
    return encode(photographs["coffee"].resize((200, 150)), "JPEG", quality=90)


@pytest.fixture
def folder(tmp_path, make_photos, whole):
    """Photographs, a whole one more, a copy of that cut short, and one of which almost nothing is left."""
    folder = tmp_path / "photos"
    make_photos(folder, 8)
    (folder / "whole.jpg").write_bytes(whole)
    (folder / "cut.jpg").write_bytes(whole[: len(whole) * 4 // 5])
    (folder / "lost.jpg").write_bytes(whole[: len(whole) // 5])
    return folder


def made_earlier(collection) -> None:
    """Have a collection be one of a release that recorded no way of decoding."""
    collection.close()
    writer = CatalogWriter(collection.path)
    with writer.transaction() as connection:
        connection.execute("DELETE FROM meta WHERE key = ?", (DECODING,))
    writer.close()


def test_a_new_collection_takes_them(folder, open_collection):
    collection = open_collection()
    report = collection.index([folder])
    assert (report.added, report.damaged, report.failed) == (10, 1, 1)
    (found,) = collection.damaged()
    assert found.paths == (bytes(folder / "cut.jpg"),)
    assert 0.6 < found.damage.share < 0.95
    assert "truncated" in found.damage.reason
    (failure,) = collection.failures()
    assert failure.path == bytes(folder / "lost.jpg")
    assert "of the picture can be decoded, and half of it is needed" in failure.reason
    status = collection.status()
    assert status["damaged"] == 1
    assert status["decoding"] == {"way": 2, "gamma": True, "damaged": "take"}
    assert collection.verify().problems == []
    again = collection.index([folder])
    assert (again.changed, again.damaged) == (False, 0)


def test_they_are_found_beside_the_whole_ones(folder, open_collection, whole):
    collection = open_collection()
    collection.index([folder])
    (found,) = collection.damaged()
    assert [hit.id for hit in collection.similar(folder / "whole.jpg", 2).hits][1] == found.id
    assert collection.similar(folder / "cut.jpg", 1).example.id == found.id
    # One that is not in the collection, by its path and by its bytes, under limits of its own, too.
    query = whole[: len(whole) * 3 // 4]
    (folder.parent / "query.jpg").write_bytes(query)
    by_path = collection.similar(folder.parent / "query.jpg", 3)
    assert {hit.id for hit in by_path.hits[:2]} >= {found.id}
    for limits in (None, seealso.ImageLimits(max_bytes=1 << 20)):
        descriptor, id_ = collection.extract(seealso.Example(image=query, limits=limits))
        assert id_ is None
        assert collection.similar_to_descriptor(descriptor, 3).hits == by_path.hits
    refusing = seealso.ImageLimits(damaged="refuse")
    with pytest.raises(seealso.ImageError, match="truncated"):
        collection.extract(seealso.Example(image=query[:-1], limits=refusing))


def test_one_that_was_being_written_is_taken_anew(folder, open_collection, whole):
    collection = open_collection()
    growing = folder / "growing.jpg"
    other = encode(Image.open(folder / "whole.jpg").rotate(90), "JPEG", quality=90)
    growing.write_bytes(other[: len(other) * 4 // 5])
    assert collection.index([folder]).damaged == 2
    growing.write_bytes(other)
    report = collection.index([folder])
    assert (report.added, report.damaged, report.removed) == (1, 0, 1)
    assert [each.paths for each in collection.damaged()] == [(bytes(folder / "cut.jpg"),)]
    assert collection.status()["damaged"] == 1


def test_a_copy_is_one_more_place(folder, open_collection):
    collection = open_collection()
    collection.index([folder])
    shutil.copy(folder / "cut.jpg", folder / "cut-too.jpg")
    collection.index([folder])
    (found,) = collection.damaged()
    assert found.paths == (bytes(folder / "cut-too.jpg"), bytes(folder / "cut.jpg"))


def test_the_configuration_may_refuse_them(folder, open_collection):
    collection = open_collection(images={"damaged": "refuse"})
    report = collection.index([folder])
    assert (report.added, report.damaged, report.failed) == (9, 0, 2)
    assert list(collection.damaged()) == []
    with pytest.raises(seealso.ImageError, match="truncated"):
        collection.similar(folder / "cut.jpg", 1)


def test_an_earlier_collection_refuses_them_until_its_configuration_says_otherwise(folder, open_collection):
    collection = open_collection()
    cut = (folder / "cut.jpg").read_bytes()
    (folder / "cut.jpg").unlink()
    collection.index([folder])
    made_earlier(collection)
    (folder / "cut.jpg").write_bytes(cut)
    earlier = open_collection(collection.path)
    assert earlier.status()["decoding"] == {"way": 1, "gamma": False, "damaged": "refuse"}
    assert (earlier.index([folder]).failed, list(earlier.damaged())) == (1, [])
    earlier.close()
    told = open_collection(collection.path, images={"damaged": "take"})
    report = told.retry_failures()
    assert (report.added, report.damaged) == (1, 1)
    assert [each.paths for each in told.damaged()] == [(bytes(folder / "cut.jpg"),)]
    assert told.parts.way is seealso.Way.FIRST


def test_a_collection_keeps_its_way_of_decoding(tmp_path, open_collection):
    """What is extracted from an image is the same when it is taken in and when it is asked for, in each way."""
    folder = tmp_path / "photos"
    folder.mkdir()
    dark = Image.fromarray(np.random.default_rng(0).integers(0, 120, (40, 40, 3), dtype=np.uint8))
    data = encode(dark, "PNG")
    gamma = chunk(b"gAMA", struct.pack(">I", 100_000))
    (folder / "dark.png").write_bytes(data[:33] + gamma + data[33:])
    (folder / "plain.png").write_bytes(data)
    newest = open_collection(tmp_path / "new.seealso")
    newest.index([folder])
    earlier = open_collection(tmp_path / "old.seealso")
    earlier.index([])
    made_earlier(earlier)
    earlier = open_collection(tmp_path / "old.seealso")
    earlier.index([folder])
    for collection, differ in ((newest, True), (earlier, False)):
        one, other = (collection.similar(folder / name, 1).hits[0].id for name in ("dark.png", "plain.png"))
        first, second = collection.descriptors([one, other])
        assert bool(np.abs(first - second).max() > 5) == differ
        changed = (folder / "dark.png").read_bytes() + b"\0"
        descriptor, id_ = collection.extract(seealso.Example(image=changed))
        assert id_ is None
        assert np.array_equal(descriptor, first)


def test_collections_of_earlier_releases_keep_the_first_way(tmp_path):
    shutil.copytree(SAMPLES / "collection-1" / "collection", tmp_path / "old.seealso")
    with seealso.open(tmp_path / "old.seealso", plugins=[THUMBNAIL]) as collection:
        assert collection.parts.way is seealso.Way.FIRST
        assert list(collection.damaged()) == []
        collection.maintain()
        assert collection.parts.way is seealso.Way.FIRST


@pytest.mark.parametrize("number", ["99", "x", ""])
def test_a_way_that_is_not_known(folder, open_collection, number):
    collection = open_collection()
    collection.index([folder])
    collection.close()
    writer = CatalogWriter(collection.path)
    writer.set_meta({DECODING: number})
    writer.close()
    with pytest.raises(seealso.FormatError, match=rf"decodes images in the way {number}, .* 1 to 2; upgrade seealso"):
        open_collection(collection.path).status()


def test_duplicates_are_looked_at_though_no_more_of_them_are_taken(folder, open_collection):
    collection = open_collection()
    collection.index([folder])
    (damaged,) = collection.damaged()
    collection.close()
    refusing = open_collection(collection.path, images={"damaged": "refuse"})
    assert refusing.limits.damaged == "refuse"
    assert refusing.duplicates() is not None
    assert [each.id for each in refusing.damaged()] == [damaged.id]

"""Groups of near-identical images, from a folder of photographs and their copies to what is kept of them."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

import seealso
from conftest import THUMBNAIL, read_only
from seealso import Within
from seealso.collection.duplicates import finding, stars
from seealso.layout import DUPLICATES

ALIKE = Within(0.2)
"""In angles of the extractor ``thumbnail``."""


def names(collection, found) -> list[list[str]]:
    """The names of the files of each group, image by image."""
    groups = []
    for group in found:
        records = collection.records(group.ids.tolist())
        groups.append([os.path.basename(os.fsdecode(path)) for id_ in group.ids for path in records[id_].paths])
    return groups


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photographs) -> Path:
    """Six photographs; of three of them altered copies; of one a mirror image; of one a second file."""
    folder = tmp_path_factory.mktemp("duplicates") / "photos"
    folder.mkdir()
    for name in ("astronaut", "chelsea", "coffee", "motorcycle_left", "retina", "rocket"):
        image = photographs[name].resize((320, 240))
        image.save(folder / f"{name}.png")
        if name in ("chelsea", "coffee", "rocket"):
            image.resize((160, 120)).save(folder / f"{name}-half.png")
            image.save(folder / f"{name}-q40.jpg", quality=40)
            image.crop((8, 6, 312, 234)).save(folder / f"{name}-crop.png")
            ImageDraw.Draw(image).text((200, 220), "(c) somebody", (255, 255, 255))
            image.save(folder / f"{name}-text.jpg", quality=90)
    ImageOps.mirror(photographs["coffee"].resize((300, 225))).save(folder / "coffee-mirror.png")
    ImageOps.mirror(photographs["coffee"].resize((200, 150))).save(folder / "coffee-mirror-small.png")
    shutil.copy(folder / "retina.png", folder / "retina-again.png")
    return folder


@pytest.fixture(scope="module")
def made(folder) -> Path:
    path = folder.parent / "made.seealso"
    with seealso.open(path, plugins=[THUMBNAIL], extractor="thumbnail", distance="cosine") as collection:
        collection.index([folder])
    return path


@pytest.fixture
def collection(made, tmp_path):
    shutil.copytree(made, tmp_path / "c")
    with seealso.open(tmp_path / "c", plugins=[THUMBNAIL], extractor="thumbnail", distance="cosine") as opened:
        yield opened


def copies(name: str) -> set[str]:
    return {f"{name}{how}" for how in (".png", "-half.png", "-q40.jpg", "-crop.png", "-text.jpg")}


def test_altered_copies_are_in_a_group_with_the_largest_first(collection):
    found = collection.duplicates(ALIKE)
    groups = names(collection, found)
    assert sorted(sorted(group) for group in groups) == sorted(
        [
            *(sorted(copies(name)) for name in ("chelsea", "coffee", "rocket")),
            ["coffee-mirror-small.png", "coffee-mirror.png"],
            ["retina-again.png", "retina.png"],
        ]
    )
    for group in found:
        records = [collection.show(int(id_)) for id_ in group.ids]
        largest = max(records, key=lambda record: (record.width * record.height, record.file_size, -record.id))
        assert records[0] == largest
        assert group.distances[0] == 0
        assert (np.diff(group.distances) >= 0).all()
        assert (group.distances <= ALIKE.distance).all()
        assert group.files == sum(len(record.paths) for record in records)
        assert group.spare == sum(len(each.paths) * each.file_size for each in records) - largest.file_size
        assert not group.mirrored.any()
        descriptors = collection.descriptors(group.ids)
        with collection.reading() as (_, distance):
            assert group.spread == pytest.approx(distance.many_to_many(descriptors, descriptors).max(), abs=1e-6)
    assert found.spare.tolist() == sorted(found.spare.tolist(), reverse=True)
    assert (found.objects, found.within, found.asked, found.mirrored) == (20, 0.2, ALIKE, False)


def test_mirror_images_join_when_that_is_asked_for(collection):
    found = collection.duplicates(Within(2.0), mirrored=True)
    (coffee,) = [group for group in found if group.files == 7]
    mirrored = {os.path.basename(collection.show(int(id_)).paths[0]) for id_ in coffee.ids[coffee.mirrored]}
    assert mirrored == {b"coffee-mirror.png", b"coffee-mirror-small.png"}
    assert sum(int(group.mirrored.sum()) for group in found) == 2


def test_without_the_pictures_the_distance_decides(collection, folder, tmp_path):
    (tmp_path / "away").mkdir()
    with_pictures = sorted(map(sorted, names(collection, collection.duplicates(ALIKE))))
    os.rename(folder, folder.with_name("elsewhere"))
    try:
        groups = sorted(map(sorted, names(collection, collection.duplicates(ALIKE))))
    finally:
        os.rename(folder.with_name("elsewhere"), folder)
    assert copies("chelsea") in map(set, groups)
    # Nothing else becomes two groups, or less.
    assert {name for group in with_pictures for name in group} <= {name for group in groups for name in group}


def test_pictures_that_are_near_and_differ_are_not_the_same(collection):
    everything = collection.duplicates(Within(3.1))
    assert copies("chelsea") in map(set, names(collection, everything))
    assert max(group.files for group in everything) < 8


def test_pictures_of_different_colours_are_not_the_same_and_recompressed_ones_are(open_collection, tmp_path):
    """Flat shapes of one outline: by their distance, and by their shapes, they could be copies of one another."""
    (tmp_path / "shirts").mkdir()
    for name, colour in (("red", "#501414"), ("blue", "#141450")):
        image = Image.new("RGB", (320, 240), "white")
        ImageDraw.Draw(image).rectangle((90, 40, 230, 200), colour)
        image.save(tmp_path / "shirts" / f"{name}.png")
        image.save(tmp_path / "shirts" / f"{name}-q40.jpg", quality=40)
    collection = open_collection(distance="cosine")
    collection.index([tmp_path / "shirts"])
    for within in (Within(3.1), None):
        groups = sorted(map(sorted, names(collection, collection.duplicates(within))))
        assert groups == [["blue-q40.jpg", "blue.png"], ["red-q40.jpg", "red.png"]]


def test_among_few_the_default_is_a_distance(collection):
    """There are too few to say what is near, and no likeness is named that was not used."""
    found = collection.duplicates()
    assert found.within == pytest.approx(2 * collection.likeness().typical)
    assert found.asked == Within(found.within)
    assert copies("rocket") in map(set, names(collection, found))
    assert collection.duplicates(0.2).within == 0.2


@pytest.mark.parametrize("within", [-1.0, float("nan"), float("inf")])
def test_what_is_no_distance_is_refused(collection, within):
    with pytest.raises(seealso.QueryError, match="is no distance"):
        collection.duplicates(within)


def test_zero_finds_the_same_descriptors_and_files(collection):
    assert names(collection, collection.duplicates(0.0)) == [["retina-again.png", "retina.png"]]


def test_an_empty_collection_has_none(open_collection, tmp_path):
    (tmp_path / "none").mkdir()
    collection = open_collection()
    collection.index([tmp_path / "none"])
    found = collection.duplicates()
    assert (len(found), found.objects, list(found)) == (0, 0, [])
    assert collection.found_duplicates() is not None
    with pytest.raises(seealso.NoCollection):
        open_collection(tmp_path / "no.seealso").duplicates()


# Many


@pytest.fixture
def imported(tmp_path):
    """Makes a collection of descriptors."""
    opened = []

    def make(descriptors: np.ndarray, **settings: object) -> seealso.Collection:
        np.save(tmp_path / "rows.npy", descriptors)
        opened.append(seealso.open(tmp_path / "i", index="exact", text=False, keywords=[], **settings))
        opened[-1].import_descriptors(tmp_path / "rows.npy")
        return opened[-1]

    yield make
    for collection in opened:
        collection.close()


def test_many_that_are_identical_are_one_group(imported, monkeypatch):
    monkeypatch.setattr(finding, "COMPARED", 100)
    monkeypatch.setattr(stars, "BLOCK", 256)
    collection = imported(np.ones((3000, 8), np.float32), distance="euclidean")
    found = collection.duplicates()
    # Objects that do not differ at all are at no distance from one another.
    assert (len(found), found[0].files, found[0].spread, found.within) == (1, 3000, 0, 0)
    assert found[0].ids.tolist() == list(range(1, 3001))


def test_of_very_many_the_spread_is_a_bound(imported, monkeypatch):
    monkeypatch.setattr(finding, "COMPARED", 100)
    rows = np.ones((300, 8), np.float32)
    rows[1:] += 0.01 * np.random.default_rng(1).random((299, 8), np.float32)
    (group,) = imported(rows, distance="euclidean").duplicates(0.1)
    true = np.linalg.norm(rows[:, np.newaxis] - rows, axis=2).max()
    assert true <= group.spread == pytest.approx(2 * group.distances.max())


def test_those_without_a_pair_are_in_no_group(imported):
    rows = np.random.default_rng(2).normal(size=(500, 16)).astype(np.float32)
    rows[100] = rows[7]
    rows[400] = rows[7] + 1e-3
    collection = imported(rows, distance="cosine")
    found = collection.duplicates(0.05)
    assert [group.ids.tolist() for group in found] == [[8, 101, 401]]
    assert found[0].files == 3


def test_of_descriptors_that_were_imported_no_bytes_can_be_spared(imported):
    """They lie in no files of their own. Those groups come first that have most of them."""
    rows = np.random.default_rng(2).normal(size=(60, 16)).astype(np.float32)
    rows[[10, 20]] = rows[7]
    rows[[30, 40, 50]] = rows[8]
    collection = imported(rows, distance="cosine")
    for found in (collection.duplicates(0.01), collection.found_duplicates()):
        assert not found.of_images
        assert [group.ids.tolist() for group in found] == [[9, 31, 41, 51], [8, 11, 21]]
        assert found.spare.tolist() == [0, 0]
        assert found.as_json()["spare"] == 0


def test_mirror_images_are_not_found_without_pictures(imported):
    collection = imported(np.eye(8, dtype=np.float32))
    with pytest.raises(seealso.QueryError, match="imported descriptors have no pictures"):
        collection.duplicates(mirrored=True)
    assert collection.found_duplicates() is None


# Kept


@pytest.mark.slow
def test_what_was_found_is_kept_for_others(collection, made):
    assert collection.found_duplicates() is None
    found = collection.duplicates(Within(likeness=80), mirrored=True)
    with seealso.open(collection.path, plugins=[THUMBNAIL], extractor="thumbnail", distance="cosine") as other:
        kept = other.found_duplicates()
        assert kept.as_json() == found.as_json()
        assert [group.ids.tolist() for group in kept] == [group.ids.tolist() for group in found]
        assert np.array_equal(kept.flipped, found.flipped)
        assert not kept.outdated
        collection.remove([int(found[0].ids[0])])
        assert other.found_duplicates().outdated
    assert not collection.duplicates(ALIKE).outdated


@pytest.mark.parametrize("damage", [b"", b"none", "cut", "flip", "head"])
def test_a_damaged_file_is_as_none(collection, damage):
    collection.duplicates(ALIKE)
    file = collection.path / DUPLICATES
    data = bytearray(file.read_bytes())
    if damage == "flip":
        data[data.find(b"ids.npy") + 200] ^= 255
    if damage == "head":
        # The head of an array is a little shorter by this, and all values move.
        data[data.find(b"\x93NUMPY", data.find(b"ids.npy")) + 8] ^= 16
    file.write_bytes(damage if isinstance(damage, bytes) else bytes(data[:-30] if damage == "cut" else data))
    assert collection.found_duplicates() is None
    collection.duplicates(ALIKE)
    assert collection.found_duplicates() is not None


def test_of_another_distance_it_is_none(collection):
    collection.duplicates(ALIKE)
    with collection.variant(distance=seealso.PluginChoice("euclidean")) as other:
        assert other.found_duplicates() is None


def test_nothing_has_to_be_written(collection):
    with read_only(collection.path):
        assert len(collection.duplicates(ALIKE)) == 5
        assert collection.found_duplicates() is None


def test_objects_that_are_removed_meanwhile_are_no_error(collection):
    done = []

    def remove(what, number, total):
        if not done:
            done.append(what)
            with seealso.open(collection.path, plugins=[THUMBNAIL], extractor="thumbnail", distance="cosine") as other:
                other.remove([1, 2, 3])

    found = collection.duplicates(ALIKE, progress=remove)
    assert done == ["comparing"]
    assert len(found) > 0
    assert collection.found_duplicates().outdated

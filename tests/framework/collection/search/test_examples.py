"""What is asked: an image's bytes, a part of it, and what an object's file holds."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import seealso
from conftest import THUMBNAIL
from image_files import corners, encode


@pytest.fixture
def folder(tmp_path, make_photos):
    make_photos(tmp_path / "photos", 12)
    return tmp_path / "photos"


@pytest.fixture
def collection(folder, open_collection):
    collection = open_collection()
    collection.index([folder])
    return collection


def test_bytes_are_described_as_their_file_is(collection, photographs, tmp_path):
    data = encode(photographs["coffee"].crop((50, 50, 300, 250)), "PNG")
    (tmp_path / "query.png").write_bytes(data)
    descriptor, id_ = collection.extract(seealso.Example(image=data))
    assert id_ is None
    assert collection.similar_to_descriptor(descriptor, 12).hits == collection.similar(tmp_path / "query.png", 12).hits


def test_known_content_is_not_extracted(collection, folder, monkeypatch):
    data = sorted(folder.iterdir())[3].read_bytes()
    monkeypatch.setattr(type(collection.parts.extractor), "extract", None)
    descriptor, id_ = collection.extract(seealso.Example(image=data))
    assert collection.records([id_])[id_].hash == hashlib.sha256(data).digest()
    assert np.array_equal(descriptor, collection.descriptors([id_])[0])


def test_a_region_is_described_as_the_part_cut_out(collection, photographs):
    image = photographs["coffee"].crop((0, 0, 400, 200))
    region = seealso.Region(0.25, 0.5, 0.5, 0.25)
    described, _ = collection.extract(seealso.Example(image=encode(image, "PNG"), region=region))
    cut, _ = collection.extract(seealso.Example(image=encode(image.crop((100, 100, 300, 150)), "PNG")))
    assert np.array_equal(described, cut)


def test_a_region_of_a_large_photograph_is_not_cut_from_a_small_copy(collection):
    """The extractor is content with 8 pixels; a hundredth of a JPEG has to be decoded larger than that to have as many."""
    image = Image.new("RGB", (1600, 1600), (20, 20, 20))
    image.paste(corners(160, 160), (800, 800))
    described, _ = collection.extract(
        seealso.Example(image=encode(image, "JPEG", quality=95), region=seealso.Region(0.5, 0.5, 0.1, 0.1))
    )
    expected, _ = collection.extract(seealso.Example(image=encode(corners(160, 160), "PNG")))
    assert np.abs(described - expected).max() < 30


@pytest.mark.parametrize(
    "region",
    [
        (0, 0, 0, 1),
        (0, 0, 1, 0),
        (-0.1, 0, 1, 1),
        (0, -1, 1, 1),
        (0.5, 0, 0.6, 1),
        (0, 0, 1, 1.1),
        (float("nan"), 0, 1, 1),
        (0, 0, float("inf"), 1),
        (0, 0, 1, float("nan")),
    ],
)
def test_a_region_lies_in_the_image(region):
    with pytest.raises(seealso.QueryError, match="is not a part of the image"):
        seealso.Region(*region)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 500)])
def test_a_region_has_a_pixel_at_least(size):
    image = Image.new("RGB", size)
    for place in (0.0, 0.5, 0.999):
        part = seealso.Region(place, place, 0.001, 0.001).cut_from(image)
        assert min(part.size) >= 1
    assert seealso.Region(0, 0, 1, 1).cut_from(image).size == size


def test_limits_may_be_tighter_than_the_collections(collection, photographs):
    data = encode(photographs["coffee"], "PNG")
    for limits in (seealso.ImageLimits(max_bytes=1000), seealso.ImageLimits(max_pixels=1000)):
        with pytest.raises(seealso.ImageTooLarge):
            collection.extract(seealso.Example(image=data, limits=limits))
    with pytest.raises(seealso.ImageError):
        collection.extract(seealso.Example(image=b"no image"))


def test_another_extractor_describes_nothing(collection, tmp_path, photographs):
    plugin = tmp_path / "other.py"
    plugin.write_text(THUMBNAIL.read_text().replace('"thumbnail"', '"other"'))
    with seealso.open(collection.path, plugins=[plugin], extractor="other") as other:
        with pytest.raises(seealso.ProvenanceMismatch):
            other.extract(seealso.Example(image=encode(photographs["coffee"], "PNG")))
        # What is there already needs no extractor.
        id_ = int(other.ids()[0])
        assert other.extract(seealso.Example(image=other.read(id_)))[1] == id_


def test_only_what_was_taken_in_is_read(collection, folder, tmp_path):
    id_ = int(collection.ids()[0])
    record = collection.records([id_, 10**9])[id_]
    path = record.paths[0]
    data = Path(os.fsdecode(path)).read_bytes()
    assert collection.read(id_) == data
    copy = os.fsencode(tmp_path / "photos" / "zz.jpg")
    with open(copy, "wb") as file:
        file.write(data)
    collection.index([folder])
    (tmp_path / "secret").write_bytes(b"secret")
    os.unlink(path)
    os.symlink(tmp_path / "secret", path)
    assert collection.read(id_) == data  # from its other place
    os.unlink(copy)
    with pytest.raises(seealso.FileError, match="it has changed since it was taken in"):
        collection.read(id_)
    os.unlink(path)
    with pytest.raises(seealso.FileError, match="cannot be read: No such file"):
        collection.read(id_)
    with pytest.raises(seealso.QueryError, match="there is no object"):
        collection.read(10**9)


def test_observers_see_each_new_image_once(folder, tmp_path):
    plugin = tmp_path / "seeing.py"
    plugin.write_text(
        "import seealso\nseen = []\n@seealso.hookimpl\ndef decoded(collection, digest, data, decoded):\n"
        "    seen.append((collection, digest, data, decoded.image.mode, decoded.width, decoded.height))\n"
    )
    with seealso.open(tmp_path / "c", plugins=[THUMBNAIL, plugin], extractor="thumbnail") as collection:
        collection.index([folder])
        module = next(each.module for each in collection.plugins.loaded.values() if each.name == "seeing")
        records = collection.records(collection.ids().tolist())
        assert {(digest, width, height) for _, digest, _, _, width, height in module.seen} == {
            (record.hash, record.width, record.height) for record in records.values()
        }
        assert all(hashlib.sha256(data).digest() == digest for _, digest, data, *_ in module.seen)
        assert {(name, mode) for name, _, _, mode, *_ in module.seen} == {(collection.name, "RGB")}
        assert collection.index([folder]).added == 0
        assert len(module.seen) == len(records)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("WEBP", "image/webp"),
        ("TIFF", "image/tiff"),
        ("JPEG2000", "image/jp2"),
        ("PPM", "image/x-portable-anymap"),
        ("HEIC", "image/heif"),
        ("AVIF", "image/avif"),
        ("GIF", "image/gif"),
        ("BMP", "image/bmp"),
    ],
)
def test_media_types(kind, expected):
    assert seealso.media_type(encode(corners(), kind)) == expected


def test_what_is_no_image_has_no_media_type():
    with pytest.raises(seealso.ImageError):
        seealso.media_type(b"<svg/>")

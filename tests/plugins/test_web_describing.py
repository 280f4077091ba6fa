"""What was described just now is not described again."""

import numpy as np
import pytest

import seealso
from seealso_web import describing
from seealso_web.describing import Describer
from seealso_web.uploads import Upload

LIMITS = seealso.ImageLimits(max_bytes=1000)
PART = seealso.Region(0, 0, 0.5, 0.5)


class Collection:
    """Describes an image by how often it was asked to."""

    name = "photos"

    def __init__(self):
        self.asked = []

    def describe(self, data, *, region=None, limits=None):
        self.asked.append((data, region, limits))
        return np.array([len(self.asked)]), None

    def read(self, id_):
        return b"file %d" % id_


@pytest.fixture
def collection():
    return Collection()


@pytest.fixture
def describer():
    return Describer(LIMITS)


def record(id_):
    return seealso.ObjectRecord(id_, bytes([id_]) * 32, 1, 1, 1, (b"/x",))


def test_an_upload_is_described_once_by_its_content(collection, describer):
    assert [describer.upload(collection, Upload(name, b"a"))[0] for name in ("x", "y", "x")] == [1, 1, 1]
    assert describer.upload(collection, Upload("x", b"b")) == [2]
    assert describer.upload(collection, Upload("x", b"a"), PART) == [3]
    assert collection.asked == [(b"a", None, LIMITS), (b"b", None, LIMITS), (b"a", PART, LIMITS)]


def test_a_part_of_an_object_is_described_once(collection, describer):
    found = [describer.part(collection, record(id_), PART)[0] for id_ in (1, 2, 1)]
    assert found == [1, 2, 1]
    assert collection.asked == [(b"file 1", PART, None), (b"file 2", PART, None)]


def test_another_collection_has_descriptors_of_its_own(collection, describer):
    other = Collection()
    other.name = "scans"
    for each in (collection, other):
        describer.upload(each, Upload("x", b"a"))
        assert len(each.asked) == 1


def test_a_failure_is_not_remembered(collection, describer, monkeypatch):
    def fail(*_, **__):
        raise seealso.ImageError("no image")

    with monkeypatch.context() as patch:
        patch.setattr(collection, "describe", fail)
        with pytest.raises(seealso.ImageError):
            describer.upload(collection, Upload("x", b"a"))
    assert describer.upload(collection, Upload("x", b"a")) == [1]


def test_only_the_latest_are_remembered(collection, describer, monkeypatch):
    monkeypatch.setattr(describing, "REMEMBERED", 2)
    for data in (b"a", b"b", b"a", b"c", b"a", b"b"):
        describer.upload(collection, Upload("x", data))
    assert [data for data, _, _ in collection.asked] == [b"a", b"b", b"c", b"b"]

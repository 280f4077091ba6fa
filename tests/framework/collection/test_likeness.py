"""What likeness means in a collection: measured when it is asked for, on pairs of its objects, and kept as what is derived."""

import dataclasses
import errno
import tracemalloc
from functools import partial

import numpy as np
import pytest
from PIL import Image

import seealso
from conftest import THUMBNAIL
from seealso import Likeness
from seealso.collection import likeness as module
from seealso.collection.likeness import KeptLikeness
from seealso.layout import LIKENESS


@pytest.fixture
def measured(monkeypatch):
    """Counts how often pairs are measured."""
    times = []
    measure = module.random_distances

    def counting(*arguments):
        times.append(1)
        return measure(*arguments)

    monkeypatch.setattr(module, "random_distances", counting)
    return times


def test_of_a_small_collection_all_pairs_are_measured(indexed):
    collection = indexed(60)
    descriptors = collection.descriptors(collection.ids())
    with collection.reading() as (_, distance):
        pairs = distance.many_to_many(descriptors, descriptors)[np.triu_indices(60, 1)]
    likeness = collection.likeness()
    assert likeness.pairs == pairs.size == 1770
    assert likeness.typical == pytest.approx(np.median(pairs), rel=1e-5)
    assert likeness.alike == pytest.approx(np.quantile(pairs, 0.05), rel=1e-5)
    assert likeness.same is None
    assert np.allclose(collection.random_distances(), np.sort(pairs), rtol=1e-5)


def test_of_a_large_one_pairs_of_a_sample_always_the_same(indexed, monkeypatch):
    monkeypatch.setattr(module, "OBJECTS", 22)
    monkeypatch.setattr(module, "GROUP", 5)
    collection = indexed(60)
    distances = collection.random_distances()
    assert distances.size == 4 * 10 + 1
    assert np.array_equal(distances, collection.random_distances())
    assert np.array_equal(distances, np.sort(distances))
    # Too few to say how far apart unrelated objects may be.
    assert collection.likeness().alike is None


def test_nothing_is_measured_before_it_is_asked_for_and_then_once(indexed, measured):
    collection = indexed(60)
    collection.similar(3)
    assert not measured
    assert not (collection.path / LIKENESS).exists()
    likeness = collection.likeness()
    assert collection.likeness() == likeness
    with seealso.open(collection.path, plugins=[THUMBNAIL]) as other:
        assert other.likeness() == likeness
    assert len(measured) == 1


def test_damage_of_any_byte_is_found_and_mended(indexed, measured):
    collection = indexed(60)
    likeness = collection.likeness()
    file = collection.path / LIKENESS
    sound = file.read_bytes()
    for place in range(0, len(sound), 3):
        damaged = bytearray(sound)
        damaged[place] ^= 1 << place % 8
        file.write_bytes(damaged)
        assert collection._opening.asked(KeptLikeness(collection.path).get) == likeness
        assert file.read_bytes() == sound
    for content in (b"", b"{}", bytes(1000), b"00000000\n"):
        file.write_bytes(content)
        assert collection._opening.asked(KeptLikeness(collection.path).get) == likeness
    assert len(measured) == 1 + len(range(0, len(sound), 3)) + 4


def test_of_a_huge_file_no_more_is_read_than_one_has(indexed, measured):
    collection = indexed(60)
    likeness = collection.likeness()
    file = collection.path / LIKENESS
    sound = file.read_bytes()
    with file.open("ab") as damaged:
        damaged.truncate(200 << 20)
    tracemalloc.start()
    assert collection._opening.asked(KeptLikeness(collection.path).get) == likeness
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 20 << 20
    assert file.read_bytes() == sound
    assert len(measured) == 2


def test_one_of_a_later_release_is_measured_anew(indexed, monkeypatch):
    collection = indexed(60)
    likeness = collection.likeness()
    with monkeypatch.context() as later:
        later.setattr(module, "FORMAT", 2)
        collection._opening.asked(lambda opened: KeptLikeness(collection.path).keep(opened, likeness))
    kept = KeptLikeness(collection.path)
    assert collection._opening.asked(kept.known) is None
    assert collection._opening.asked(kept.get) == likeness


def test_it_is_measured_anew_when_the_collection_has_grown_or_shrunk_by_half(open_collection, tmp_path, make_photos):
    collection = open_collection()
    counted = []
    for number in (12, 16, 18, 19):
        make_photos(tmp_path / "photos", number)
        collection.index([tmp_path / "photos"])
        counted.append(collection.likeness().pairs)
    assert counted == [66, 66, 66, 171]
    collection.remove(collection.ids()[:10])
    assert collection.likeness().pairs == 36


def test_another_distance_has_another(indexed):
    collection = indexed(60)
    likeness = collection.likeness()
    with seealso.open(collection.path, plugins=[THUMBNAIL], distance="manhattan") as other:
        assert other.likeness().typical > 2 * likeness.typical
    assert collection.likeness() == likeness


def test_where_nothing_can_be_written_it_is_known_as_long_as_the_collection_is_open(indexed, measured, monkeypatch):
    def refuse(path, data):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(module, "write_atomically", refuse)
    collection = indexed(60)
    assert collection.likeness() == collection.likeness()
    assert len(measured) == 1
    assert not (collection.path / LIKENESS).exists()


def test_what_an_evaluation_adds_is_kept(indexed):
    collection = indexed(60)
    more = dataclasses.replace(collection.likeness(), same=0.25)
    collection.keep_likeness(more)
    assert collection.likeness() == more
    with seealso.open(collection.path, plugins=[THUMBNAIL]) as other:
        assert other.likeness() == more


@pytest.mark.parametrize("number", [0, 1, 2])
def test_of_hardly_any_objects(open_collection, tmp_path, make_photos, number):
    (tmp_path / "photos").mkdir()
    make_photos(tmp_path / "photos", number)
    collection = open_collection()
    collection.index([tmp_path / "photos"])
    likeness = collection.likeness()
    assert likeness.pairs == number // 2
    assert (likeness.typical > 0) == (number == 2)
    assert likeness.percent(0) == 100


def test_of_identical_images(open_collection, tmp_path):
    (tmp_path / "photos").mkdir()
    for level in range(5):  # other bytes, the same pixels
        Image.new("RGB", (64, 48), (200, 30, 30)).save(tmp_path / "photos" / f"{level}.bmp", dpi=(72 + level, 72))
    collection = open_collection()
    assert collection.index([tmp_path / "photos"]).added == 5
    assert collection.likeness() == Likeness(0.0, pairs=10)


def test_distances_that_float32_cannot_hold_do_not_count(indexed, monkeypatch):
    collection = indexed(60)
    with collection.reading() as (_, distance):
        pass
    measure = distance.many_to_many

    def overflowing(a, b):
        found = measure(a, b)
        found[:, ::2] = np.inf
        return found

    monkeypatch.setattr(distance, "many_to_many", overflowing)
    assert 0 < collection.likeness().pairs < 1770
    monkeypatch.setattr(distance, "many_to_many", lambda a, b: np.full((len(a), len(b)), np.inf, np.float32))
    assert not collection.random_distances().size


def test_to_an_image_that_is_far_from_all_others_what_is_alike_may_be_further_away(indexed, monkeypatch):
    collection = indexed(60)
    likeness = collection.likeness()
    descriptors = collection.descriptors(collection.ids())
    mean = descriptors.mean(axis=0)
    outlier = mean + 20 * (descriptors[0] - mean)
    kept = KeptLikeness(collection.path)
    reads = []
    monkeypatch.setattr(module, "read_sample", lambda *asked: reads.append(asked) or descriptors)
    near, far = (
        collection._opening.asked(lambda opened, asked=asked: kept.of_query(opened, likeness, asked))
        for asked in (mean, outlier)
    )
    assert near.alike < likeness.alike < far.alike
    assert near == dataclasses.replace(likeness, alike=near.alike)
    with collection.reading() as (_, distance):
        usual = np.median(distance.one_to_many(outlier, descriptors))
    assert far.alike == pytest.approx(likeness.alike * usual / likeness.typical)
    assert len(reads) == 1  # once for all queries
    for nothing in (Likeness(0.0, alike=0.0), Likeness(1.0)):  # nothing to go by
        ask = partial(kept.of_query, likeness=nothing, descriptor=outlier)
        assert collection._opening.asked(ask) == nothing

"""How far apart images are: altered copies, nearest others, random pairs; and the thresholds that follow."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from PIL import Image

import seealso
from seealso.evaluation import distances as module
from seealso.evaluation.distances import BINS, same_picture


@pytest.fixture(autouse=True)
def few_copies(monkeypatch):
    monkeypatch.setattr(module, "COPIED", 6)


def test_the_threshold_of_the_same_picture_is_the_one_that_tells_best():
    rng = np.random.default_rng(0)
    found = []
    for most in rng.integers(2, 20, 300):
        altered, nearest = (np.sort(rng.integers(0, high, rng.integers(1, 12))).astype(float) for high in (most, 20))
        told = [np.mean(altered <= distance) - np.mean(nearest <= distance) for distance in range(20)]
        found.append(same_picture(altered, nearest))
        if found[-1] is None:
            assert max(told) < 0.5
        else:
            assert told[int(found[-1])] == pytest.approx(max(told))
    assert 50 < found.count(None) < 250


def test_without_copies_or_without_others_there_is_none():
    assert same_picture(np.empty(0), np.array([1.0])) is None
    assert same_picture(np.array([1.0]), np.empty(0)) is None


def test_what_is_measured(indexed):
    collection = indexed(60)
    nearest = np.array([0.5, 0.25, np.inf, 1.0], np.float32)
    told = []
    report = seealso.measure_distances(collection, nearest, progress=lambda *step: told.append(step))
    assert told == [("altering copies", done, 6) for done in range(1, 7)]
    *copies, others, unrelated = report.kinds
    assert [each.of for each in copies] == list(module.ALTERED)
    assert [each.pairs for each in report.kinds] == [6, 6, 6, 3, 1770]
    assert (others.least, others.median, others.most) == (0.25, 0.5, 1.0)
    pairs = collection.random_distances()
    expected = np.percentile(pairs, [0, 1, 5, 50, 95, 99, 100])
    assert np.allclose(dataclasses.astuple(unrelated)[2:9], expected)
    for each in report.kinds:
        assert len(each.histogram) == BINS
        assert sum(each.histogram) == each.pairs
    inner = np.histogram(pairs, BINS - 1, (0, report.bin * (BINS - 1)))[0]
    assert np.abs(np.array(unrelated.histogram[:-1]) - inner).sum() <= 4  # what lies just on a border
    # Copies are nearer than anything else is.
    assert max(each.median for each in copies) < unrelated.p1
    assert (report.unusable, report.reason) == (0, "")
    assert collection.likeness() == report.likeness
    assert report.likeness.typical == pytest.approx(unrelated.median)
    assert report.alike_within == pytest.approx(np.mean(nearest[[0, 1, 3]] <= report.likeness.alike))
    json.dumps(dataclasses.asdict(report), allow_nan=False)


def test_evaluating_measures_it_where_that_is_asked_for(indexed):
    collection = indexed(60)
    plain = seealso.evaluate(collection, count=5, k=2, sizes=[60])
    assert plain.distances is None
    found = seealso.evaluate(collection, count=5, k=2, sizes=[60], distances=True)
    assert found.same_class == plain.same_class
    assert found.distances is not None
    assert found.distances.kinds[-2].pairs == 5
    assert found.as_json()["distances"]["likeness"] == dataclasses.asdict(collection.likeness())


def test_originals_that_are_away_are_counted(open_collection, tmp_path, make_photos):
    make_photos(tmp_path / "photos", 12)
    collection = open_collection()
    collection.index([tmp_path / "photos"])
    shutil.rmtree(tmp_path / "photos")
    report = seealso.measure_distances(collection, np.array([0.5]))
    assert [each.of for each in report.kinds] == ["nearest other images", "unrelated images"]
    assert report.unusable == 6
    assert "cannot be read" in report.reason
    assert report.likeness.same is report.copies_within is report.others_within is None


def test_imported_descriptors_have_no_copies(tmp_path):
    np.save(tmp_path / "vectors.npy", np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32))
    with seealso.open(tmp_path / "c") as collection:
        collection.import_descriptors(tmp_path / "vectors.npy")
        report = seealso.evaluate(collection, count=5, k=2, sizes=[60], distances=True).distances
    assert report is not None
    assert (report.unusable, report.reason) == (0, "")
    assert [each.of for each in report.kinds] == ["nearest other images", "unrelated images"]
    assert report.likeness.alike is not None


def test_identical_images(open_collection, tmp_path):
    (tmp_path / "photos").mkdir()
    for level in range(4):  # other bytes, the same pixels
        Image.new("RGB", (64, 48), (200, 30, 30)).save(tmp_path / "photos" / f"{level}.bmp", dpi=(72 + level, 72))
    collection = open_collection()
    collection.index([tmp_path / "photos"])
    report = seealso.evaluate(collection, k=1, sizes=[4], distances=True).distances
    assert report is not None
    assert report.likeness.typical == report.bin == 0
    assert report.kinds[-1].most == 0
    json.dumps(dataclasses.asdict(report), allow_nan=False)

"""Plans: what they say of bytes is what then happens, and nothing is left behind."""

import os

import numpy as np
import pytest

import seealso
from conftest import SAMPLES, THUMBNAIL
from samples.elsewhere import TOKEN
from seealso.collection.upkeep.maintain import bytes_below
from seealso.planning import sample as plan_sample
from seealso.planning import trial as plan_trial

SERVE = plan_trial._serve
"""Answers queries in a process that is started as any other."""


@pytest.fixture
def opening(tmp_path):
    """Opens the collection ``c``."""
    opened = []

    def open_it(**settings):
        parts = {"extractor": "thumbnail", "text": False, **settings}
        opened.append(seealso.open(tmp_path / "c", plugins=[THUMBNAIL], **parts))
        return opened[-1]

    yield open_it
    for collection in opened:
        collection.close()


@pytest.fixture(autouse=True)
def _quick(quick_trials):
    """Trials take a moment."""


def of_all(plan):
    return [plan.seconds, plan.disk, plan.memory, plan.query, *filter(None, [plan.cold_query])]


@pytest.mark.slow
def test_of_a_folder(opening, tmp_path, make_photos, monkeypatch):
    monkeypatch.setattr(plan_trial, "_serve", SERVE)
    make_photos(tmp_path / "photos", 150)
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no image")
    before = sorted(os.listdir(tmp_path))
    found = seealso.plan(opening(), [tmp_path / "photos"])
    assert sorted(os.listdir(tmp_path)) == before
    assert found.objects == 150
    assert found.sample == f"151 images below {tmp_path / 'photos'}"
    (plan,) = found.plans
    assert seealso.shown_choice(plan.extractor) == "thumbnail"
    for estimate in of_all(plan):
        assert estimate.value > 0
        assert estimate.basis
    with opening() as collection:
        collection.index([tmp_path / "photos"])
    assert plan.disk.value == pytest.approx(bytes_below(tmp_path / "c"), rel=0.25)
    # The process holds at least Python and NumPy, and no pilot of another size.
    assert 20e6 < plan.memory.value < 2e9


@pytest.mark.slow
def test_carried_on_to_many(opening, tmp_path, make_photos, monkeypatch):
    monkeypatch.setattr(plan_trial, "LARGEST_PILOT", 800)
    make_photos(tmp_path / "photos", 40)
    collection = opening(store={"plugin": "flat-file", "codec": "raw"})
    few = seealso.plan(collection, [tmp_path / "photos"], objects=2000).plans[0]
    many = seealso.plan(collection, [tmp_path / "photos"], objects=2_000_000).plans[0]
    bytes_each = collection.parts.extractor.provenance.dim * 4
    assert many.disk.value > 2_000_000 * bytes_each
    assert many.disk.value == pytest.approx(1000 * few.disk.value, rel=1)
    assert many.seconds.value > 50 * few.seconds.value
    assert many.memory.value > few.memory.value


def test_a_query_grows_as_it_grew_with_few_candidates(opening, tmp_path, monkeypatch):
    """With all of them a pilot may have been gone through as a whole, which says nothing of many objects."""
    monkeypatch.setattr(plan_trial, "LARGEST_PILOT", 400)
    times = plan_trial.QueryTimes
    measured = times(8.0, 10.0), times(2.0, 3.0), times(4.0, 3.0)
    monkeypatch.setattr(plan_trial, "_times", lambda quarter, pilot: measured)
    np.save(tmp_path / "vectors.npy", np.random.default_rng(0).normal(size=(400, 16)).astype(np.float32))
    collection = opening(extractor=None)
    for objects, expected in (300, 18.0), (400, 18.0), (1600, 26.0), (6400, 42.0):
        found = seealso.plan(collection, [tmp_path / "vectors.npy"], objects=objects)
        assert found.plans[0].query.value == pytest.approx(expected), objects


def test_sketches_are_counted(opening, tmp_path, make_photos, monkeypatch):
    monkeypatch.setattr(plan_trial, "LARGEST_PILOT", 500)
    make_photos(tmp_path / "photos", 40)
    catalogues = []
    for sketch, said in (("none", "the index"), ({"plugin": "rabitq", "bytes": 72}, "the index and the sketches")):
        (found,) = seealso.plan(opening(sketch=sketch), [tmp_path / "photos"], objects=4000).plans
        assert (found.sketch or {}).get("bytes") == (None if sketch == "none" else 72)
        assert f" s to build {said} (" in found.seconds.basis
        assert f" MB more of {said}" in found.memory.basis
        assert f" ms of {said} and " in found.query.basis
        parts = dict(part.rsplit(" ", 1) for part in found.disk.basis.split(": ")[1].split(";")[0].split(", "))
        assert ("sketch" in parts) == (sketch != "none")
        catalogues.append(float(parts["catalogue"].replace(",", "")))
    # It is counted once.
    assert catalogues[1] == pytest.approx(catalogues[0], rel=0.2)
    # What it has learned does not grow.
    assert 72 <= float(parts["sketch"]) < 600


def test_with_a_sketch_a_query_reads_no_more_than_it_says(opening, tmp_path, monkeypatch):
    """Among many objects each lies by itself; without a sketch these are the candidates."""
    monkeypatch.setattr(plan_trial, "LARGEST_PILOT", 400)
    times = plan_trial.QueryTimes
    measured = times(8.0, 10.0), times(2.0, 3.0), times(4.0, 6.0)
    monkeypatch.setattr(plan_trial, "_times", lambda quarter, pilot: measured)
    real = plan_trial._cold
    monkeypatch.setattr(plan_trial, "_cold", lambda pilot: (None, 40.0, real(pilot)[2]))
    np.save(tmp_path / "vectors.npy", np.random.default_rng(0).normal(size=(400, 16)).astype(np.float32))
    for sketch, rest in (("rabitq", 10.0 * 120 / 40), ("none", 10.0 * 8)):
        collection = opening(extractor=None, sketch=sketch, search={"reads": 120})
        (found,) = seealso.plan(collection, [tmp_path / "vectors.npy"], objects=400 * 64).plans
        assert found.query.value == pytest.approx(8.0 * 8 + rest)


def test_what_is_measured_is_so_many_candidates(opening, tmp_path, monkeypatch):
    asked = []
    similar = seealso.Collection.similar

    def noted(self, query, k=10, **others):
        if "candidates" in others:
            asked.append((self.path.name, others["candidates"]))
        return similar(self, query, k, **others)

    monkeypatch.setattr(seealso.Collection, "similar", noted)
    np.save(tmp_path / "vectors.npy", np.random.default_rng(0).normal(size=(400, 16)).astype(np.float32))
    seealso.plan(opening(extractor=None), [tmp_path / "vectors.npy"])
    assert asked[:3] == [("pilot", 5000), ("quarter", 625), ("pilot", 625)]
    assert len(set(asked)) == 3


def test_the_bytes_of_many_are_those_of_a_collection(opening, tmp_path, monkeypatch):
    monkeypatch.setattr(plan_trial, "LARGEST_PILOT", 1000)
    descriptors = np.maximum(np.random.default_rng(0).normal(size=(4000, 64)), 0).astype(np.float32)
    np.save(tmp_path / "vectors.npy", descriptors)
    collection = opening(extractor=None)
    found = seealso.plan(collection, [tmp_path / "vectors.npy"])
    assert found.objects == 4000
    assert found.plans[0].extractor["plugin"] == "imported"
    collection.import_descriptors(tmp_path / "vectors.npy")
    collection.close()
    assert found.plans[0].disk.value == pytest.approx(bytes_below(tmp_path / "c"), rel=0.25)


def test_of_a_collection(opening, tmp_path, make_photos):
    make_photos(tmp_path / "photos", 30)
    collection = opening()
    collection.index([tmp_path / "photos"])
    change = collection.status()["change"]
    found = seealso.plan(collection, objects=500)
    assert found.objects == 500
    assert found.sample == "the collection c, 30 objects"
    assert collection.status()["change"] == change
    assert seealso.plan(collection).objects == 30


def test_of_a_collection_whose_images_are_away(opening, tmp_path, make_photos):
    make_photos(tmp_path / "photos", 3)
    collection = opening()
    collection.index([tmp_path / "photos"])
    (tmp_path / "photos").rename(tmp_path / "away")
    with pytest.raises(seealso.QueryError, match="not one image of the collection c is at its place"):
        seealso.plan(collection, objects=10)


def test_of_imported_bits(opening, tmp_path):
    bits = np.random.default_rng(0).integers(0, 256, (300, 8), np.uint8)
    np.save(tmp_path / "bits.npy", bits)
    collection = opening(extractor=None, distance="hamming")
    collection.import_descriptors(tmp_path / "bits.npy", dtype="uint8")
    collection.close()
    # The distance is that which it was made with.
    collection = opening(extractor=None)
    found = seealso.plan(collection, objects=1000, also={"index": ["exact"]})
    assert [plan.index if isinstance(plan.index, str) else plan.index["plugin"] for plan in found.plans] == [
        "ppp-codes",
        "exact",
    ]
    assert seealso.plan(collection, also={"extractor": ["thumbnail"]}).unusable == (
        "thumbnail: there are no images to try it with",
    )


def test_of_nothing_but_a_number(opening, monkeypatch):
    monkeypatch.setattr(plan_sample, "MADE_UP", 5)
    found = seealso.plan(opening(), objects=1000)
    assert found.objects == 1000
    assert "5 pictures that were made up" in found.sample


@pytest.mark.slow
def test_side_by_side(opening, tmp_path, make_photos):
    make_photos(tmp_path / "photos", 10)
    also = {"extractor": ["onnx", "decaf7"], "index": ["all"], "store": ["lmdb"], "codec": ["f16"]}
    found = seealso.plan(opening(), [tmp_path / "photos"], also=also, seconds=0.1)
    names = [[seealso.shown_choice(part) for part in (plan.extractor, plan.index, plan.store)] for plan in found.plans]
    for expected in (
        ["thumbnail", "ppp-codes", "flat-file"],
        ["thumbnail", "exact", "flat-file"],
        ["thumbnail", "ppp-codes", "lmdb"],
        ["thumbnail", "ppp-codes", "flat-file (f16)"],
        ["onnx", "ppp-codes", "flat-file"],
    ):
        assert expected in names
    assert names[0] == ["thumbnail", "ppp-codes", "flat-file"]
    sizes = {name[2]: plan.disk.value for name, plan in zip(names, found.plans, strict=True) if name[1] == "ppp-codes"}
    assert sizes["flat-file (f16)"] < sizes["flat-file"]
    # Its weights are nobody's to have by default.
    assert any(line.startswith("decaf7: ") for line in found.unusable)


def test_what_cannot_be_planned(opening, tmp_path, make_photos):
    collection = opening()
    empty = tmp_path / "empty"
    empty.mkdir()
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "a.jpg").write_bytes(b"no image")
    make_photos(tmp_path / "photos", 3)
    (tmp_path / "wrong.npy").write_bytes(b"\x93NUMPY")
    np.save(tmp_path / "nan.npy", np.full((5, 4), np.nan, np.float32))
    for paths, options, message in (
        ([], {}, "say what to plan for"),
        ([tmp_path / "missing"], {}, "missing: there is no such file or folder"),
        ([empty], {}, "there are no images below it"),
        ([empty], {"objects": 0}, "plan for 1 or more"),
        ([broken], {}, "of 1 images that were tried not one can be taken in; the first: .*a.jpg"),
        ([tmp_path / "wrong.npy"], {}, "wrong.npy"),
        ([tmp_path / "nan.npy"], {}, "nan.npy: there are values that are not finite numbers"),
        (
            [tmp_path / "photos"],
            {"also": {"distance": ["cosine"]}},
            "compares extractor, index, codec, store, not dist",
        ),
    ):
        of_file = paths in ([tmp_path / "missing"], [tmp_path / "wrong.npy"], [tmp_path / "nan.npy"])
        error = seealso.FileError if of_file or (paths == [empty] and not options) else seealso.QueryError
        with pytest.raises(error, match=message):
            seealso.plan(collection, paths, **options)
    with pytest.raises(seealso.PluginError, match="no index named 'pppcodes'; did you mean `ppp-codes`"):
        seealso.plan(collection, [tmp_path / "photos"], also={"index": ["pppcodes"]})
    assert not collection.exists()


@pytest.mark.parametrize("interrupted", ["", "_times", "take_in"])
def test_nothing_stays_in_a_store_that_keeps_its_data_elsewhere(
    tmp_path, make_photos, monkeypatch, caplog, interrupted
):
    """Neither when it is through, nor when Ctrl-C ends it; what a collection has there stays."""
    make_photos(tmp_path / "photos", 20)
    bucket = tmp_path / "bucket"
    store = {"plugin": "remote", "url": str(bucket), "token": TOKEN}
    plugins = [THUMBNAIL, SAMPLES / "elsewhere.py"]
    with seealso.open(tmp_path / "c", plugins=plugins, extractor="thumbnail", text=False, store=store) as collection:
        collection.index([tmp_path / "photos"])
        before = os.listdir(bucket)
        assert len(before) == 1
        if not interrupted:
            assert seealso.plan(collection, also={"store": ["flat-file"]}).objects == 20
        else:

            def interrupt(*args):
                # Where images were taken in, and a pilot was made.
                assert len(os.listdir(bucket)) > 1
                raise KeyboardInterrupt

            if interrupted == "take_in":
                monkeypatch.setattr(seealso.Collection, "counts", interrupt)
            else:
                monkeypatch.setattr(plan_trial, interrupted, interrupt)
            with pytest.raises(KeyboardInterrupt):
                seealso.plan(collection, [tmp_path / "photos"])
        assert os.listdir(bucket) == before
        assert not list(tmp_path.glob(".seealso-plan-*"))
        monkeypatch.undo()
        assert collection.verify().problems == []
    assert caplog.messages == []


def test_what_cannot_be_removed_elsewhere_is_told(tmp_path, make_photos, monkeypatch, caplog):
    make_photos(tmp_path / "photos", 20)
    store = {"plugin": "remote", "url": str(tmp_path / "bucket"), "token": TOKEN}
    plugins = [THUMBNAIL, SAMPLES / "elsewhere.py"]
    with seealso.open(tmp_path / "c", plugins=plugins, extractor="thumbnail", text=False, store=store) as collection:

        def fail(self):
            raise seealso.StoreError("the network is away")

        monkeypatch.setattr(collection.plugins.get("store", "remote"), "destroy", fail)
        assert seealso.plan(collection, [tmp_path / "photos"]).objects == 20
    assert set(caplog.messages) == {
        "what the store of a trial keeps elsewhere could not be removed: the network is away; remove it by hand"
    }


def test_a_folder_that_cannot_be_written(opening, tmp_path, make_photos):
    make_photos(tmp_path / "photos", 3)
    with pytest.raises((seealso.CollectionReadOnly, OSError)):
        seealso.plan(opening(), [tmp_path / "photos"], folder=tmp_path / "photos" / "missing")

"""The table of sketches: what is derived from descriptors by a sketch, in snapshots of its own."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

import seealso
from seealso.authoring.samples.sketch import Acme
from seealso.collection.sketches import rows as rows_module
from seealso.collection.sketches import snapshot
from seealso.collection.sketches.table import SketchTable
from seealso.distances.vectors import Euclidean
from seealso.testing.damage import halved_files

DIM = 12


def table() -> SketchTable:
    """A new one."""
    return SketchTable(Acme(Acme.Options(), seealso.SketchContext(Euclidean(), DIM, np.dtype(np.float32), 1)))


def points(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32)


@pytest.fixture
def filled() -> SketchTable:
    """One of 40 objects, 3, 6, 9, …"""
    made = table()
    made.train(points(40))
    made.add(np.arange(3, 123, 3), points(40))
    return made


@pytest.fixture
def small_parts(monkeypatch):
    """Parts of ten rows."""
    monkeypatch.setattr(rows_module, "PART", 10)


def nearest(made: SketchTable, query: np.ndarray) -> list[int]:
    """All IDs, by their sketches."""
    now, ids = made.now(), made.ids()
    return ids[np.argsort(now.scores(now.query(query), now.places(ids)), kind="stable")].tolist()


def saved(made: SketchTable, folder: Path, name: str) -> Path:
    """Saves a snapshot as the framework does: into a folder that gets its name later."""
    new = folder / f"{name}.new"
    new.mkdir()
    made.save(new)
    new.rename(folder / name)
    return folder / name


def loaded(folder: Path) -> SketchTable:
    made = table()
    made.load(folder)
    return made


def test_before_it_is_trained_it_is_empty():
    made = table()
    assert made.sample_size == 1000
    assert made.now() is None
    assert made.ids().size == 0
    assert made.statistics() == {"objects": 0, "bytes": 0}
    made.remove(np.array([1]))
    with pytest.raises(ValueError, match="has not been trained"):
        made.add(np.array([1]), points(1))


def test_objects_come_and_go(filled):
    assert filled.ids().tolist() == list(range(3, 123, 3))
    assert nearest(filled, points(40)[7])[0] == 24
    filled.remove(np.array([24, 25]))
    assert 24 not in filled.ids()
    assert nearest(filled, points(40)[7])[0] != 24
    filled.add(np.array([24]), points(40)[7:8])
    assert nearest(filled, points(40)[7])[0] == 24
    # In the place of another.
    filled.add(np.array([3]), points(40)[7:8])
    assert set(nearest(filled, points(40)[7])[:2]) == {3, 24}
    assert filled.statistics() == {
        "objects": 40,
        "bytes": 42 * 32 + filled.now().rows.runs.nbytes,
        "bytes_per_object": 32,
    }
    filled.add(np.empty(0, np.int64), points(0))
    assert filled.ids().size == 40


def test_a_moment_stays(filled):
    now, ids = filled.now(), filled.ids()
    before = now.scores(now.query(points(1)[0]), now.places(ids))
    filled.remove(ids[:30])
    filled.add(np.arange(200, 240), points(40, 1))
    assert np.array_equal(now.scores(now.query(points(1)[0]), now.places(ids)), before)
    assert now.places(np.array([3, 200, 4])).tolist() == [0, -1, -1]


def test_all_are_gone_through_in_their_order(filled):
    filled.remove(np.array([6, 90]))
    now = filled.now()
    assert now.size == 40
    owners = now.ids(np.arange(now.size))
    assert owners.tolist() == [-1 if id_ in (6, 90) else id_ for id_ in range(3, 123, 3)]
    query = now.query(points(1)[0])
    scores = now.scores_between(query, 1, 38)
    there = owners[1:38] >= 0
    assert np.array_equal(scores[there], now.scores(query, now.places(owners[1:38][there])))
    assert scores[~there].tolist() == [np.inf, np.inf]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (np.zeros((2, DIM + 1), np.float32), "of shape"),
        (np.zeros((2, DIM), np.float64), "float64"),
        (np.full((2, DIM), np.nan, np.float32), "not finite"),
        (np.zeros((1, DIM), np.float32), "every object needs a descriptor"),
        (None, "every object needs a descriptor"),
    ],
)
def test_what_is_no_descriptor_is_refused(filled, given, expected):
    with pytest.raises(ValueError, match=expected):
        filled.add(np.array([500, 501]), given)
    assert filled.ids().size == 40


def test_a_sketch_that_breaks_its_promise_is_named(filled, monkeypatch):
    monkeypatch.setattr(Acme, "encode", lambda self, descriptors: np.zeros((len(descriptors), 3), np.uint8))
    with pytest.raises(
        seealso.PluginError,
        match=r"acme.encode returned uint8 of shape \(1, 3\); its contract promises uint8 of shape \(1, 32\)",
    ):
        filled.add(np.array([500]), points(1))


# Snapshots


def test_a_snapshot_gives_the_same_again(filled, tmp_path):
    filled.remove(np.arange(3, 30, 3))
    again = loaded(saved(filled, tmp_path, "1"))
    assert again.ids().tolist() == filled.ids().tolist()
    for query in points(5, 2):
        assert nearest(again, query) == nearest(filled, query)
    # And it goes on, without a change to what was saved.
    before = {file.name: file.read_bytes() for file in (tmp_path / "1").iterdir()}
    again.add(np.arange(500, 520), points(20, 3))
    again.remove(np.arange(30, 90))
    assert {file.name: file.read_bytes() for file in (tmp_path / "1").iterdir()} == before
    assert loaded(tmp_path / "1").ids().tolist() == filled.ids().tolist()
    third = loaded(saved(again, tmp_path, "2"))
    assert third.ids().tolist() == again.ids().tolist()
    assert nearest(third, points(1, 4)[0]) == nearest(again, points(1, 4)[0])


def test_an_empty_one_is_saved(tmp_path):
    made = table()
    made.train(points(5))
    again = loaded(saved(made, tmp_path, "1"))
    assert again.ids().size == 0
    again.add(np.array([4]), points(1))
    assert nearest(again, points(1)[0]) == [4]


@pytest.mark.usefixtures("small_parts")
def test_what_is_full_is_not_written_again(filled, tmp_path):
    def inodes(folder):
        return {file.stat().st_ino for file in folder.glob("*.rows")}

    first = saved(filled, tmp_path, "1")
    assert len(inodes(first)) == 4
    filled.add(np.arange(200, 205), points(5, 1))
    second = saved(filled, tmp_path, "2")
    assert len(inodes(second)) == 5
    assert inodes(first) < inodes(second)
    # Of what was loaded too; and where the file is gone, it is written.
    again = loaded(second)
    third = saved(again, tmp_path, "3")
    assert len(inodes(third) & inodes(second)) == 4
    for folder in (first, second, third):
        for file in folder.iterdir():
            file.unlink()
    assert loaded(saved(again, tmp_path, "4")).ids().tolist() == filled.ids().tolist()


@pytest.mark.usefixtures("small_parts")
def test_where_no_links_can_be_made_it_is_written(filled, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("no links here")

    saved(filled, tmp_path, "1")
    monkeypatch.setattr(os, "link", refuse)
    assert loaded(saved(filled, tmp_path, "2")).ids().tolist() == filled.ids().tolist()


def test_the_rows_are_asked_for_and_nobody_waits(filled, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(snapshot, "_ask_for", lambda files: asked.extend(files))
    loaded(saved(filled, tmp_path, "1"))
    for _ in range(1000):
        if asked:
            break
        os.sched_yield()
    assert asked == [tmp_path / "1" / "0.rows"]
    monkeypatch.undo()
    snapshot._ask_for([tmp_path / "1" / "0.rows", tmp_path / "gone"])


def test_what_is_no_snapshot_is_refused(tmp_path):
    with pytest.raises(seealso.FormatError, match="not a snapshot of sketches"):
        table().load(tmp_path)


@pytest.mark.usefixtures("small_parts")
def test_damage_is_noticed(filled, tmp_path):
    folder = saved(filled, tmp_path, "1")
    for name, damaged in halved_files(folder, tmp_path / "halved"):
        with pytest.raises(seealso.FormatError, match=f"damaged {'[0-9]+'}: not"):
            loaded(damaged)
        assert name


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"magic": "something"}, "it is something else"),
        ({"version": 2}, "it is of format 2, and this release reads up to 1"),
        ({"width": 40}, "its rows have 40 bytes, and those of the sketch have 32"),
        ({"part": 7}, "its parts have 7 rows"),
        ({"parts": [{"name": "../../x", "rows": 1 << 20}]}, "is the name of no part"),
        ({"parts": [{"name": None, "rows": 0}]}, "the parts of it are damaged"),
        ({"parameters": ["../x"]}, "is the name of no parameter"),
        ({"parameters": ["low"]}, "not of the sketch acme: step is missing"),
        ({"runs": 7}, "the runs of IDs are damaged"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(filled, tmp_path, change, expected):
    folder = saved(filled, tmp_path, "1")
    header = json.loads((folder / snapshot.HEADER).read_text())
    (folder / snapshot.HEADER).write_text(json.dumps(header | change))
    with pytest.raises(seealso.FormatError, match=expected):
        loaded(folder)

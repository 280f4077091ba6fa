import random
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from activations import Activations
from seed_fill import Names, fill, number_of, opened
from seed_record import GENERATION, TAKING_IN, TRUTH, Record

from lengths import campaign
from seed_experiments import DIM, LATENT, QUERIES, SIZE, assert_same, begun, filling, here, outcome
from warm_python import WarmPython


@pytest.fixture(scope="module")
def whole(python: WarmPython, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """An experiment that nobody disturbed, and the seconds that filling took."""
    folder = begun(tmp_path_factory.mktemp("seed") / "whole")
    started = time.monotonic()
    done = python.run(*filling(folder))
    assert done.returncode == 0, done.stderr
    return folder, time.monotonic() - started


def test_all_is_taken_in_and_the_truth_is_that_of_all(whole):
    found = outcome(whole[0])
    made = Activations(DIM, LATENT)
    rows, queries = made.rows(0, SIZE), made.held_out(QUERIES)
    assert (found["numbers"] == np.arange(SIZE)).all()
    assert np.allclose(found["descriptors"], rows, rtol=1e-5, atol=1e-6)
    apart = queries.astype(np.float64)[:, np.newaxis] - rows.astype(np.float64)
    squares = (apart * apart).sum(axis=2)
    assert (found["neighbours"] == np.argsort(squares, axis=1)[:, :10]).all()
    assert found["rows"].tolist() == [SIZE, SIZE, SIZE]


def test_what_it_took_is_noted(whole):
    record = Record.of(whole[0])
    assert record.rows == SIZE
    assert set(record.seconds) == {GENERATION, TRUTH, TAKING_IN}
    assert min(record.seconds.values()) > 0
    assert sum(record.seconds.values()) <= whole[1]
    assert record.peaks[TAKING_IN] > 1 << 20


def test_nothing_is_written_as_float32(whole):
    """What lies on the disk is smaller than the descriptors are."""
    store = whole[0] / "seed.seealso" / "store"
    assert sum(path.stat().st_size for path in store.rglob("*.seg")) < 0.7 * 4 * DIM * SIZE
    assert {path.name for path in whole[0].iterdir()} == {"experiment.json", "truth.npz", "seed.seealso"}


def test_killed_at_any_moment_it_comes_to_the_same(whole, python, tmp_path):
    folder, seconds = begun(tmp_path / "killed"), whole[1]
    moments = random.Random(22)
    for _ in range(campaign(3, 20)):
        with python.start(*filling(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            time.sleep(moments.uniform(0.1, 0.7) * seconds)
            running.kill()
    done = python.run(*filling(folder))
    assert done.returncode == 0, done.stderr
    assert_same(outcome(whole[0]), outcome(folder))
    assert Record.of(folder).rows <= SIZE


def test_what_is_taken_in_and_was_not_kept_passes_again(monkeypatch, tmp_path):
    """Whatever ended it came between the two."""
    here(monkeypatch)
    folder = begun(tmp_path / "between")
    fill(folder, 300)
    before = outcome(folder)
    (folder / "truth.npz").unlink()
    fill(folder, 300)
    assert_same(before, outcome(folder))


def test_what_has_passed_and_was_not_taken_in_is_not_compared_again(monkeypatch, tmp_path):
    here(monkeypatch)
    folder, other = begun(tmp_path / "ahead"), begun(tmp_path / "other")
    fill(folder, 300)
    fill(other, 200)
    (folder / "truth.npz").rename(other / "truth.npz")
    compared = []
    monkeypatch.setattr("nearest.Nearest._offer", lambda self, first, rows: compared.append(first))
    fill(other, 300)
    assert compared == []
    monkeypatch.undo()
    assert outcome(other)["numbers"].tolist() == list(range(300))


def test_the_folder_is_moved_and_the_experiment_grows(monkeypatch, tmp_path):
    here(monkeypatch)
    fill(begun(tmp_path / "here"), 200)
    (tmp_path / "there").mkdir()
    moved = (tmp_path / "here").rename(tmp_path / "there" / "moved")
    fill(moved, 500)
    at_once = begun(tmp_path / "at once")
    fill(at_once, 500)
    assert_same(outcome(at_once), outcome(moved))


def test_a_size_below_what_is_there_is_refused(monkeypatch, tmp_path):
    here(monkeypatch)
    folder = begun(tmp_path / "large")
    fill(folder, 200)
    with pytest.raises(SystemExit, match="200 descriptors are there; say --size 200 or more"):
        fill(folder, 150)


def test_a_truth_that_cannot_be_read_is_refused(monkeypatch, tmp_path):
    here(monkeypatch)
    folder = begun(tmp_path / "damaged")
    fill(folder, 200)
    (folder / "truth.npz").write_bytes(b"no such file")
    with pytest.raises(
        SystemExit, match=r"truth\.npz: it cannot be read .*; remove it, and run the same command again"
    ):
        fill(folder, 300)
    (folder / "truth.npz").unlink()
    fill(folder, 300)
    assert outcome(folder)["rows"][0] == 300


def test_names_are_the_numbers(monkeypatch, tmp_path):
    names = Names(7, 3)
    assert list(names) == ["7", "8", "9"]
    assert names[1:] == ["8", "9"]
    here(monkeypatch)
    folder = begun(tmp_path / "named")
    fill(folder, 50)
    with opened(folder, Record.of(folder)) as collection:
        hits = collection.similar_to_descriptor(Activations(DIM, LATENT).rows(31, 32)[0], 1).hits
        assert [number_of(hit) for hit in hits] == [31]

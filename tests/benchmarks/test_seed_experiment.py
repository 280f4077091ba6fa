import errno
import json
import os
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
import seed_experiment
from activations import Activations
from seed_answers import READS, answers
from seed_fill import fill
from seed_record import Record

import seealso
from durability.full_disk import SOURCE, FullDisk
from durability.power_cut import compile_layer
from seed_experiments import BENCHMARKS, DIM, LATENT, QUERIES, SIZE, begun, here, outcome

OPTIONS = ["--dim", str(DIM), "--latent", str(LATENT), "--queries", str(QUERIES)]


@pytest.fixture
def stages_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """All stages run in this process."""
    here(monkeypatch)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    """The program, in this process."""
    monkeypatch.setattr(sys, "argv", ["seed_experiment.py", *OPTIONS, *map(str, arguments)])
    seed_experiment.main()


def test_from_nothing_to_the_page_and_on_to_a_larger_one(stages_here, monkeypatch, tmp_path, capsys):
    folder, page, report = tmp_path / "seed", tmp_path / "page.html", tmp_path / "report.json"
    run(monkeypatch, "--size", 1000, "--folder", folder)
    run(monkeypatch, "--size", SIZE, "--folder", folder, "--page", page, "--json", report)
    figures = {figure["name"]: figure for figure in json.loads(report.read_text())["figures"]}
    assert figures["500 read: recall of the 10 nearest"]["value"] >= 0.9
    assert {figure["holds"] for figure in figures.values()} == {None}
    assert figures["index and sketch in memory"]["goal"] == "<= 75"
    record = Record.of(folder)
    assert list(record.answers) == ["1000", str(SIZE)]
    assert {"generation", "truth", "taking in", "queries"} == set(record.seconds)
    told = page.read_text()
    assert told.count("<svg") == 1
    assert f"{SIZE:,} descriptors of 64 values" in told
    assert "codec sparse" in told


def test_the_truth_is_that_of_the_float32_values(stages_here, tmp_path):
    """Where the store keeps less, what it says of distances does not count."""
    folder = begun(tmp_path / "half", "sparse-f16")
    fill(folder, 800)
    found = answers(folder, 800)
    made = Activations(DIM, LATENT)
    apart = made.held_out(QUERIES).astype(np.float64)[:, np.newaxis] - made.rows(0, 800)
    near = np.sort(np.sqrt((apart * apart).sum(axis=2)), axis=1)[:, :10]
    assert np.allclose(found["distances"], near.mean(axis=0))
    assert [each["reads"] for each in found["by_reads"]] == list(READS)
    for each in found["by_reads"]:
        assert each["recall"] == pytest.approx(np.mean(each["recalls"]))
        assert each["sure"][0] <= each["recall"] <= each["sure"][1]
    cold = {each["reads"]: each["cold"] for each in found["by_reads"] if "cold" in each}
    assert set(cold) == {100, 250}
    assert all(each["ms"] > 0 for each in cold.values())


def test_only_what_is_complete_is_asked(stages_here, tmp_path):
    folder = begun(tmp_path / "half")
    fill(folder, 200)
    with pytest.raises(SystemExit, match="200 descriptors are there, and the neighbours among 200"):
        answers(folder, 300)


AGAIN = "run the same command again, and it goes on where it was"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), f"the stage: F: the disk is full; make room; {AGAIN}"),
        (seealso.DiskFull("F: the disk is full; make room"), "the stage: F: the disk is full; make room"),
        (seealso.CollectionBusy("F: another process is writing"), "the stage: F: another process is writing"),
        (MemoryError(), f"the stage: it needs more memory than it may allocate; {AGAIN}"),
        (BrokenProcessPool(), f"the stage: its process was killed; {AGAIN}"),
        (KeyboardInterrupt(), f"the stage: interrupted; {AGAIN}"),
    ],
)
def test_what_ends_a_stage_is_one_line(error, said):
    with pytest.raises(SystemExit) as ended, seed_experiment.stage("the stage", Path("F")):
        raise error
    assert str(ended.value) == said


def test_plots_that_cannot_be_drawn_are_refused_first(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(SystemExit, match=r"matplotlib.*seealso\[plot\]"):
        run(monkeypatch, "--size", 200, "--folder", tmp_path / "seed", "--page", tmp_path / "page.html")
    assert not (tmp_path / "seed").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("left", "stage"), [(0, "planning"), (200_000, "taking in"), (1_300_000, "taking in")])
def test_a_full_disk_is_one_line_and_it_goes_on_later(tmp_path, left, stage):
    (tmp_path / "disk").mkdir()
    disk = FullDisk(compile_layer(tmp_path, SOURCE), tmp_path / "disk", tmp_path / "left")
    folder = tmp_path / "disk" / "seed"
    command = [
        sys.executable,
        str(BENCHMARKS / "seed_experiment.py"),
        *OPTIONS,
        "--size",
        str(SIZE),
        "--folder",
        str(folder),
    ]
    environment = os.environ | disk.environment()
    disk.leave(left)
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert (done.returncode, last.startswith(f"{stage}: ")) == (1, True), done.stderr
    assert "the disk is full; make room" in last
    assert "Traceback" not in done.stderr
    disk.leave(None)
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert outcome(folder)["rows"].tolist() == [SIZE, SIZE, SIZE]

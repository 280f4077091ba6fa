"""Checkpoints: when one is due; and what a writer that is killed or interrupted leaves to be replayed."""

import contextlib
import json
import random
import signal
import subprocess
import time

import numpy as np
import pytest
from PIL import Image

import seealso
from conftest import SAMPLES, THUMBNAIL
from seealso.collection.derived.checkpoints import Checkpoints
from seealso.collection.derived.limits import Limits
from vector_collections import DIM, found, opened_of, part


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    now = [100.0]
    monkeypatch.setattr("seealso.collection.derived.checkpoints.time.monotonic", lambda: now[0])
    return now


def test_one_is_due_before_a_limit_is_reached(clock):
    assert not Checkpoints(Limits(), 4).due
    for limits, each, enough in (
        (Limits(objects=100), 4, 75),
        (Limits(bytes=400), 4, 75),
        (Limits(objects=100), 0, 75),
    ):
        checkpoints = Checkpoints(limits, each)
        checkpoints.came(enough - 1)
        assert not checkpoints.due
        checkpoints.came(1)
        assert checkpoints.due
        checkpoints.saved(0.1)
        assert (checkpoints.due, checkpoints.objects) == (False, 0)


@pytest.mark.parametrize(("took", "after"), [(1.0, 30), (3.0, 30), (4.0, 40), (30.0, 45)])
def test_time_counts_from_the_first_that_came_and_saving_takes_a_tenth(clock, took, after):
    checkpoints = Checkpoints(Limits(seconds=60), 4)
    checkpoints.saved(took)
    clock[0] += 1000
    assert not checkpoints.due
    checkpoints.came(1)
    clock[0] += after - 0.1
    assert not checkpoints.due
    clock[0] += 0.1
    assert checkpoints.due


OBJECTS = {"import": 3000, "index": 240}
LIMIT = {"import": 400, "index": 60}  # of what may be left to be replayed
TAIL = 20
PLUGINS = [SAMPLES / "plain.py", THUMBNAIL]

STORY = """
import json, os, signal, sys
import seealso
from seealso.collection.derived import limits
from seealso.collection.intake import vector_files
# Also where whoever started it has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
folder, way, tail, objects, *plugins = sys.argv[1:]
limits.LIMITS = limits.Limits(tail=int(tail), objects=int(objects))
vector_files.PART_BYTES = 50 * 8 * 4
log = os.open(folder + "/log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
collection = seealso.open(folder + "/c", plugins=plugins, extractor="thumbnail", index="pivot", text=False)
observe = type(collection.plugins).observe

def tell(plugins, hook, **arguments):
    if hook == "ingested":
        os.write(log, json.dumps(arguments["batch"].ids.tolist()).encode() + b"\\n")
        # Whoever gave it a pipe says when to go on.
        sys.stdin.readline()
    observe(plugins, hook, **arguments)

type(collection.plugins).observe = tell
try:
    if way == "import":
        collection.import_descriptors(folder + "/vectors.npy")
    else:
        collection.index([folder + "/photos"])
except KeyboardInterrupt:
    sys.exit(130)
"""


class Run:
    """What is taken in by a process of its own, again and again; and what it has told of what it committed."""

    def __init__(self, folder, way, python):
        self.folder, self.way, self.python = folder, way, python
        self.log = folder / "log"
        if way == "import":
            np.save(folder / "vectors.npy", np.random.default_rng(1).random((OBJECTS[way], DIM), np.float32))
        else:
            (folder / "photos").mkdir()
            for number, pixels in enumerate(
                np.random.default_rng(1).integers(0, 256, (OBJECTS[way], 8, 8, 3), np.uint8)
            ):
                Image.fromarray(pixels).save(folder / "photos" / f"{number:04d}.png")

    def start(self, **streams):
        return self.python.start("-c", STORY, self.folder, self.way, TAIL, LIMIT[self.way], *PLUGINS, **streams)

    def committed(self):
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [id_ for line in lines for id_ in json.loads(line)]

    def stop(self, after, how):
        """Run it until so many objects are committed, then send it a signal; whether it came in time."""
        with self.start() as child:
            while len(self.committed()) < after and child.poll() is None:
                time.sleep(0.002)
            child.send_signal(how)
            _, errors = child.communicate(timeout=60)
        assert child.returncode in (0, -how, 130), errors.decode()
        return child.returncode != 0

    def open(self):
        extractor = {} if self.way == "import" else {"extractor": "thumbnail"}
        return seealso.open(self.folder / "c", plugins=PLUGINS, index="pivot", text=False, **extractor)


@pytest.fixture(params=["import", "index"])
def run(request, tmp_path, limits, monkeypatch, python):
    limits(tail=TAIL, objects=LIMIT[request.param])
    monkeypatch.setattr("seealso.collection.intake.reading.SETTLED_NS", -1)
    return Run(tmp_path, request.param, python)


def check_and_go_on(run, left, monkeypatch):
    """Nothing that was committed is missing, no query does what a writer has to, and the next writer does that once."""
    committed = run.committed()
    added = []
    with run.open() as reader, monkeypatch.context() as patched:
        # Training it anew for its size is another matter.
        patched.setattr("seealso.collection.derived.state.OUTGROWN", 1000)
        cls = type(
            opened_of(reader).index.part
            or opened_of(reader).index._loader.empty(opened_of(reader).index._source.made_by).part
        )
        add = cls.add
        patched.setattr(cls, "add", lambda self, ids, content: (added.append(len(ids)), add(self, ids, content))[1])
        assert set(committed) <= set(found(reader)) == set(reader.ids().tolist())
        assert sum(added) <= TAIL
        behind = len(reader.ids()) - (0 if (opened := opened_of(reader).index.part) is None else len(opened.ids()))
        assert behind <= left, f"{behind} objects are not in the newest checkpoint"
        assert reader.verify().problems == []
        with reader._writing():
            pass
        assert sum(added) <= left + TAIL
        assert part(reader).ids().tolist() == reader.ids().tolist()
    with run.open() as late:
        assert opened_of(late).index.applied == opened_of(late).catalog.change() or behind <= 1000
        assert found(late) == late.ids().tolist()


@pytest.mark.slow
def test_killed_at_random_moments(run, monkeypatch):
    whole, chance, killed = OBJECTS[run.way], random.Random(3), 0
    for share in sorted(chance.uniform(0.05, 0.95) for _ in range(3)):
        if run.stop(int(share * whole), signal.SIGKILL):
            killed += 1
            check_and_go_on(run, LIMIT[run.way], monkeypatch)
    assert killed >= 2
    with run.start() as child:
        assert child.wait(120) == 0
    with run.open() as collection:
        assert len(found(collection)) == whole
        assert collection.verify().problems == []


def test_interrupted(run, monkeypatch):
    """Ctrl-C: what was committed is saved, also where the index was not even trained yet."""
    for share in (0.02, 0.6):
        assert run.stop(int(share * OBJECTS[run.way]), signal.SIGINT)
        check_and_go_on(run, 0, monkeypatch)


@pytest.mark.slow
def test_a_server_that_is_open_meanwhile_follows(run, monkeypatch):
    """It takes the checkpoints, and adds no more than the tails that come after them."""
    assert run.stop(int(0.1 * OBJECTS[run.way]), signal.SIGKILL)
    with run.open() as server:
        seen = 0
        with run.start(stdin=subprocess.PIPE) as child:
            while child.poll() is None:
                ids = server.ids()
                hits = server.similar(int(ids[0]), 10_000).hits
                assert {hit.id for hit in hits} >= set(ids.tolist())
                seen += 1
                # Five more batches: the two go side by side, whichever of them is the quicker.
                with contextlib.suppress(BrokenPipeError):
                    child.stdin.write(b"\n" * 5)
            assert child.returncode == 0, child.stderr.read().decode()
        assert seen > 1
        assert found(server) == server.ids().tolist()
        assert len(server.ids()) >= OBJECTS[run.way]


def test_an_error_saves_what_there_is(reopen, add, commit, limits):
    limits(tail=10)
    collection = reopen()
    add(collection, 30)

    def fail():
        with collection._writing() as (opened, writer):
            commit(collection, opened, writer, 25)
            raise RuntimeError("something else")

    with pytest.raises(RuntimeError):
        fail()
    assert part(reopen()).ids().size == 55


def test_a_long_replay_is_saved_on_the_way(reopen, add, limits, monkeypatch):
    """By a writer; so that one that is killed is not in vain."""
    collection = reopen()
    for _ in range(6):
        add(collection, 50)
    collection.close()
    (collection.path / "index" / "CURRENT").unlink()
    for folder in (collection.path / "index").iterdir():
        (folder / "snapshot.json").unlink()
    limits(objects=100)
    monkeypatch.setattr("seealso.collection.derived.state.STEP", 50)
    saved = []
    monkeypatch.setattr(
        "seealso.collection.derived.snapshots.Snapshots.save", lambda self, change, *rest: saved.append(change)
    )
    with collection._writing():
        pass
    assert saved == [2, 4, 6]

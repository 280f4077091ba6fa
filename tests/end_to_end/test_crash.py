"""A crash at any moment loses nothing that was committed, gives nothing twice, and is mended by indexing again.

The cheap extractor is deterministic, so the end of every story must equal that of an undisturbed run.
"""

import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest

import seealso
from conftest import SAMPLES, THUMBNAIL
from durability.power_cut import PowerCut, compile_layer
from lengths import WHOLE, campaign, only_whole
from seealso.collection.parts import automatic
from warm_python import Running, WarmPython

CHILD = Path(__file__).parent.parent / "durability" / "ingest_child.py"
GROWTH_CHILD = CHILD.with_name("growth_child.py")
PHOTOS = 72  # five batches of the cheap extractor

# Every step of the way in, in its order; and at which of its calls the process dies: in the middle of the run where a
# step comes often.
STEPS = {
    "seealso.collection.parts.creation:create_catalog": 1,
    "seealso.catalogue.writer:sync_file": 1,
    "seealso.collection.parts.opening:CatalogWriter": 1,
    "seealso.catalogue.reader:Catalog.states": 1,
    "seealso.collection.intake.reading:read_file": 40,
    "seealso.collection.intake.reading:decode_image": 30,
    "seealso.collection.intake.ingest:Ingest._extract": 2,
    "seealso.catalogue.writer:CatalogWriter.reserve_ids": 1,
    "STORE.put_many": 2,
    "STORE.flush": 2,
    "seealso.catalogue.writer:CatalogWriter.commit": 2,
    "seealso.collection.derived.keeper:Keeper.committed": 2,
    "seealso.catalogue.writer:CatalogWriter.return_ids": 1,
    "seealso.catalogue.writer:CatalogWriter.remove_locations": 1,
    "seealso.catalogue.writer:CatalogWriter.remove_unplaced": 1,
    "STORE.remove_many": 1,
    "seealso.collection.derived.keeper:Keeper.catch_up": 2,
    "seealso.collection.derived.snapshots:Snapshots.save": 1,
    "seealso.collection.derived.snapshots:write_atomically": 1,
    "seealso.collection.derived.snapshots:Snapshots.remove_unheld": 1,
}


@pytest.fixture(scope="module")
def layer(tmp_path_factory):
    return compile_layer(tmp_path_factory.mktemp("layer"))


@pytest.fixture(scope="module")
def python_on_layer(tmp_path_factory, layer):
    """Python processes whose writes can be dropped."""
    with WarmPython(tmp_path_factory.mktemp("p"), {"LD_PRELOAD": str(layer)}) as python:
        yield python


@pytest.fixture(autouse=True)
def _settled_at_once(monkeypatch):
    monkeypatch.setattr("seealso.collection.intake.reading.SETTLED_NS", -1)


class Story:
    """A folder, a collection, and what the runs of the child have told of themselves."""

    def __init__(self, tmp_path: Path, python: WarmPython) -> None:
        self.python = python
        self.photos = tmp_path / "photos"
        self.disk = tmp_path / "disk"
        self.disk.mkdir()
        self.collection = self.disk / "c.seealso"
        self.log = tmp_path / "log"
        self.ids_given: set[int] = set()

    def start(self, *failpoint: object, environment: dict[str, str] | None = None) -> Running:
        self.log.unlink(missing_ok=True)
        environment = os.environ | (environment or {})
        return self.python.start(CHILD, self.collection, self.photos, self.log, *failpoint, env=environment)

    def run(self) -> None:
        """A run that nothing disturbs."""
        with self.start() as child:
            assert child.wait(60) == 0

    def told(self) -> list[dict]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def committed(self) -> dict[int, str]:
        return {
            id_: path
            for line in self.told()
            for id_, path in zip(line.get("committed", ()), line.get("paths", ()), strict=True)
        }

    def given(self) -> list[int]:
        return [id_ for line in self.told() for id_ in line.get("given", ())]

    def check_and_finish(self) -> None:
        """What was committed is there; indexing again gives what an undisturbed run gives; no ID comes twice."""
        committed, given = self.committed(), self.given()
        assert len(given) == len(set(given))
        with seealso.open(self.collection, plugins=[THUMBNAIL], extractor="thumbnail") as collection:
            if collection.exists():
                assert collection.verify().problems == []
                present = set(collection.ids().tolist())
            else:
                present = set()
            lost = set(committed) - present
            assert not lost, f"committed and lost: {sorted(lost)}"
            for id_, path in committed.items():
                assert os.fsencode(path) in collection.show(id_).paths
            collection.index([self.photos])
            assert collection.verify().problems == []
            new = set(collection.ids().tolist()) - present
            assert not new & set(given), "an ID was given again"
            assert described(collection) == described_plainly(self.photos)
            assert collection.index([self.photos]).changed is False
            collection.maintain()
            assert collection.verify().unused == 0


def described(collection: seealso.Collection) -> dict[str, bytes]:
    """Path → descriptor, for every location; each path stands there once by the catalogue's own key."""
    found: dict[str, bytes] = {}
    for id_ in collection.ids().tolist():
        for path in collection.show(id_).paths:
            found[os.fsdecode(path)] = collection.descriptors([id_])[0].tobytes()
    neighbours = collection.similar(int(collection.ids()[0]), k=len(found) + 10).hits
    assert sorted(hit.id for hit in neighbours) == collection.ids().tolist()
    return found


def described_plainly(photos: Path) -> dict[str, bytes]:
    """The same from the files themselves, with neither collection nor index."""
    with seealso.open(photos.parent / "never-made", plugins=[THUMBNAIL], extractor="thumbnail") as collection:
        extractor = collection.parts.extractor
        found = {}
        for path in sorted(photos.rglob("*.jpg")):
            image = seealso.decode_image(path.read_bytes(), min_side=extractor.min_side).image
            found[str(path)] = extractor.extract(extractor.prepare(image)[None])[0].tobytes()
    return found


@pytest.fixture
def story(tmp_path, make_photos, python):
    made = Story(tmp_path, python)
    make_photos(made.photos, PHOTOS)
    shutil.copy(made.photos / "0003-cell.jpg", made.photos / "0050-copy.jpg")
    return made


def change_the_folder(photos: Path, make_photos) -> None:
    """Some files go, some move, some are overwritten, some are new."""
    files = sorted(photos.iterdir())
    for path in files[:9]:
        path.unlink()
    for path in files[9:15]:
        path.rename(path.with_name("moved-" + path.name))
    for path, other in zip(files[15:20], files[20:25], strict=True):
        shutil.copy(other, path)
    make_photos(photos / "new", 20, seed=77)


@pytest.mark.torture
@pytest.mark.parametrize(
    ("step", "when"),
    # As a rule one moment of each step, by turns.
    [
        (step, when)
        for number, step in enumerate(STEPS)
        for turn, when in enumerate(("before", "after"))
        if WHOLE or number % 2 == turn
    ],
)
def test_power_fails_at_a_step(story, layer, python_on_layer, tmp_path, make_photos, step, when):
    """First in a fresh collection, then when the folder has changed: killed at the step, and unsynced writes dropped."""
    cut = PowerCut(layer, story.disk, tmp_path / "scratch")
    story.python = python_on_layer
    killed = 0
    for changed in (False, True):
        if changed:
            change_the_folder(story.photos, make_photos)
            cut.adopt()
        with story.start(step, when, STEPS[step], environment=cut.environment()) as child:
            _, errors = child.communicate(timeout=60)
        # Some steps come only in one of the two.
        assert child.returncode in (0, -signal.SIGKILL), errors.decode()
        killed += child.returncode == -signal.SIGKILL
        cut.cut()
        story.check_and_finish()
    assert killed, "the step was never reached"


@pytest.mark.torture
def test_killed_at_random_moments(story, make_photos):
    """``kill -9``, five or twenty times; at every fifth the folder has changed since."""
    rng = random.Random(7)
    started = time.monotonic()
    story.run()
    usual = time.monotonic() - started
    shutil.rmtree(story.collection)
    killed = 0
    turns = campaign(5, 20)
    for turn in range(turns):
        with story.start() as child:
            while not story.told() and child.poll() is None:
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.25 * usual))
            child.kill()
            killed += child.wait(60) == -signal.SIGKILL
        if turn % 5 == 4:
            story.check_and_finish()
            shutil.rmtree(story.photos)
            make_photos(story.photos, PHOTOS, seed=turn)
        else:
            present = story.committed()
            with seealso.open(story.collection, plugins=[THUMBNAIL], extractor="thumbnail") as collection:
                if present:
                    assert set(present) <= set(collection.ids().tolist())
                if collection.exists():
                    assert collection.verify().problems == []
    assert killed >= turns // 2


RECORD = "seealso.collection.parts.opening:recorded_anew"
SAVE = "seealso.collection.derived.snapshots:Snapshots.save"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "when", "nth"),
    [(RECORD, "before", 2), *only_whole(*((step, "after", nth) for step in (SAVE, RECORD) for nth in (1, 2)))],
)
def test_power_fails_while_a_collection_changes_over(
    layer, python_on_layer, tmp_path, monkeypatch, caplog, step, when, nth
):
    """To sketches, then to another index: it is as before, or as after, and the next writer brings it there."""
    monkeypatch.setattr(automatic, "FEW", 30)
    path = tmp_path / "disk" / "c"
    path.parent.mkdir()
    files = [tmp_path / f"{number}.npy" for number in range(3)]
    for number, (file, count) in enumerate(zip(files, (30, 10, 1), strict=True)):
        np.save(file, np.random.default_rng(number).normal(size=(count, 80)).astype(np.float32))

    def opened():
        return seealso.open(path, plugins=[SAMPLES / "by_size.py"], text=False)

    with opened() as collection:
        collection.import_descriptors(files[0])
    cut = PowerCut(layer, path.parent, tmp_path / "scratch")
    child = python_on_layer.run(GROWTH_CHILD, path, files[1], step, when, nth, env=os.environ | cut.environment())
    assert child.returncode == -signal.SIGKILL, child.stderr
    cut.cut()
    with opened() as reader:
        assert sorted(hit.id for hit in reader.similar(1, 100).hits) == list(range(1, 41))
        assert reader.verify().problems == []
    with opened() as writer:
        writer.import_descriptors(files[2])
        assert writer.verify().problems == []
    with opened() as after:
        status = after.status()
        assert (status["parts"]["index"], status["parts"]["sketch"]["plugin"]) == ("small", "rabitq")
        assert status["index"]["objects"] == status["sketch"]["objects"] == 41
    assert caplog.messages == []

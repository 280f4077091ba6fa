"""The disk becomes full at a random moment of every command that writes."""

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from random import Random

import numpy as np

import seealso
from campaigns.campaign import Campaign
from campaigns.gallery import KINDS, Gallery, configure, number_of
from campaigns.said import BUG, without_progress
from durability.full_disk import SOURCE, FullDisk
from durability.power_cut import compile_layer
from warm_python import WarmPython

BEGINNING = 60  # images
ROWS, DIM = 3000, 32  # of descriptors that are imported
PATIENCE = 60  # seconds that a command may take
K, MOST = 10, 10_000
FULL = re.compile(
    r"seealso: .*: (the disk is full; make room and run the command again, nothing is lost"
    r"|cannot be written: No space left on device)\n"
)

WRITERS = {
    "index": ("c", "index", "photos"),
    "prune": ("c", "index", "--prune", "photos"),
    "retry": ("c", "failures", "--retry"),
    "maintain": ("c", "maintain"),
    "rebuild": ("c", "rebuild"),
    "convert": ("c", "convert"),
    "export": ("c", "export", "--force"),
    "evaluate": ("c", "evaluate", "--queries", "5"),
    "tune": ("c", "tune", "--recall", "0.9", "--queries", "5"),
    "import": ("v", "import-descriptors", "vectors.npy", "--limit"),
    "maintain imported": ("v", "maintain"),
    "rebuild imported": ("v", "rebuild"),
    "convert imported": ("v", "convert"),
}
"""Every command that writes: its collection, and its arguments."""

Done = subprocess.CompletedProcess[str]


class Full(Campaign):
    """A turn lets a command run until so many bytes are written that the disk is full; asks on the full disk; makes room, runs the
    command again, and looks whether all is as it should be."""

    quick = 3

    def prepare(self, random: Random) -> None:
        """Make two collections, on a disk of any size."""
        sockets = Path(self.resources.enter_context(tempfile.TemporaryDirectory()))
        library = compile_layer(sockets, SOURCE)
        self.disk = self.folder / "disk"
        self.disk.mkdir()
        self.full = FullDisk(library, self.disk, self.folder / "left")
        self.python = self.resources.enter_context(WarmPython(sockets, {"LD_PRELOAD": str(library)}))
        self.gallery = Gallery(self.folder / "photos", random.randrange(1 << 30))
        self.vectors = np.random.default_rng(random.randrange(1 << 30)).normal(size=(ROWS, DIM)).astype(np.float32)
        np.save(self.folder / "vectors.npy", self.vectors)
        self.rows = 0
        self._usual: dict[str, int] = {}
        images: dict[str, object] = {"path": "disk/c.seealso", "extractor": "thumbnail"}
        imported: dict[str, object] = {"path": "disk/v.seealso", "extractor": {"plugin": "imported", "dim": DIM}}
        configure(self.folder / "seealso.yaml", {"c": images, "v": imported})
        self.gallery.change(random, BEGINNING, 0)
        for kind in ("index", "import"):
            self._whole(kind, self._arguments(kind, random))
        self._look(random)

    def turn(self, random: Random) -> None:
        """A command on a disk that becomes full."""
        kind = random.choice(sorted(WRITERS))
        anew = kind in ("index", "import") and random.random() < 0.2
        if anew:
            shutil.rmtree(self.disk / f"{WRITERS[kind][0]}.seealso")
            self.rows = self.rows if kind == "index" else 0
        if kind in ("index", "prune"):
            spare = max(0, len(self.gallery.now) - BEGINNING)
            self.gallery.change(random, random.randrange(1, 30), random.randrange(5) + spare, 3, 5)
        arguments = self._arguments(kind, random)
        usual = self._usual.get(f"{kind} anew" if anew else kind, 1 << 18)
        left = int(random.choice((0, 10 ** random.uniform(0, 5.5), usual * random.random(), usual * random.random())))
        names = random.random() < 0.5
        self.full.leave(left)
        done = self._run(arguments, names=names)
        self.judge(kind, f"{arguments}, {left:,} bytes left, no names: {names}", done)
        self.full.leave(0)
        if not anew:
            self._ask(random, names=names)
        self.full.leave(None)
        if done.returncode and not anew and random.random() < 0.3:
            # Whatever comes next, not only the same again.
            other = random.choice(("maintain", "rebuild", "convert"))
            self._whole(other, self._arguments(other, random))
        self._whole(f"{kind} anew" if anew else kind, arguments)
        self._whole("prune", self._arguments("prune", random))
        self._look(random)

    # Commands

    def _arguments(self, kind: str, random: Random) -> list[str]:
        name, *arguments = WRITERS[kind]
        if kind == "import":
            if self.rows == ROWS:
                shutil.rmtree(self.disk / "v.seealso")
                self.rows = 0
            self.rows = min(ROWS, self.rows + random.randrange(1, 1500))
            arguments.append(str(self.rows))
        if kind == "export":
            arguments.append(f"disk/vectors{random.choice(('.npy', '.h5', '.parquet'))}")
        if arguments == ["convert"]:
            arguments += [random.choice(("flat-file", "lmdb")), "--codec", random.choice(("raw", "zstd"))]
        return ["--in", name, *arguments]

    def _run(self, arguments: list[str], *, names: bool = False) -> Done:
        environment = self.full.environment(names=names)
        return self.python.run("-m", "seealso_cli", *arguments, cwd=self.folder, env=environment, timeout=PATIENCE)

    def _whole(self, kind: str, arguments: list[str]) -> None:
        """Run a command with room for all that it writes."""
        before = self.full.written
        done = self._run(arguments)
        self._usual[kind] = self.full.written - before
        if done.returncode or BUG.search(done.stderr):
            self.tally.fail(f"with room again, {kind} ends badly", f"{arguments}: {done}")
        if kind in ("index", "index anew", "prune"):
            self.gallery.settle()

    def judge(self, kind: str, what: str, done: Done) -> None:
        """Compare how a command ended on a full disk with how it must."""
        self.tally.count(f"{kind}: {'the disk was full' if done.returncode else 'it fitted'}")
        if BUG.search(done.stderr) or done.returncode not in (0, 1):
            self.tally.fail(f"{kind} ends badly on a full disk", f"{what}: {done}")
        elif done.returncode and not FULL.fullmatch(without_progress(done.stderr)):
            self.tally.fail(f"{kind} does not say in one line that the disk is full", f"{what}: {done}")

    # What must be true

    def _ask(self, random: Random, *, names: bool) -> None:
        """Ask on a disk where no byte is free."""
        between = self.gallery.during(self.gallery.settled)
        number = random.choice(sorted(between.stable))
        word = f"word{random.randrange(KINDS)}"
        where = random.choice((None, word))
        example = [f"id:{self.ids[number]}", "-k", str(K), *([] if where is None else ["--where", word])]
        found = self._answer(["similar", *example], names=names)
        if found is not None and (wrong := between.wrong_neighbours(number, found, K, where)):
            self.tally.fail("wrong neighbours on a full disk", f"of {number}, where {where}: {wrong}")
        found = self._answer(["text", word, "-k", str(MOST)], names=names)
        numbers = [number for number, _ in found or ()]
        if found is not None and (wrong := between.wrong_matches(word, numbers, len(numbers), MOST)):
            self.tally.fail("a wrong answer to a text query on a full disk", wrong)
        self._answer(["status"], names=names)

    def _answer(self, arguments: list[str], *, names: bool) -> list[tuple[int, float]] | None:
        done = self._run(["--in", "c", *arguments, "--json"], names=names)
        self.tally.count("questions on a full disk")
        if done.returncode or done.stderr:
            self.tally.fail(f"{arguments[0]} does not work on a full disk", f"{arguments}, no names: {names}: {done}")
            return None
        hits = json.loads(done.stdout).get("hits", ())
        return [(number_of(hit["path"]), hit["distance"]) for hit in hits]

    def _look(self, random: Random) -> None:
        """All of the folder and of the file is in the two collections, and is found."""
        for name in ("c", "v"):
            with seealso.open(config=self.folder / "seealso.yaml", name=name) as collection:
                checkup = collection.verify()
                if checkup.problems:
                    self.tally.fail("verify is not content", f"{name}: {checkup.problems}")
                (self._look_at_images if name == "c" else self._look_at_vectors)(collection, random)
        self.tally.count("checks")

    def _look_at_images(self, collection: seealso.Collection, random: Random) -> None:
        records = collection.records(collection.ids().tolist())
        paths = [(path.decode(), id_) for id_, record in records.items() for path in record.paths]
        self.ids = {number_of(path): id_ for path, id_ in paths}
        names = sorted(Path(path).name for path, _ in paths)
        if names != sorted(item.name for item in self.gallery.now.values()) or len(self.ids) != len(records):
            self.tally.fail("what is in the collection is not what is in the folder", names)
            return
        between = self.gallery.during(self.gallery.settled)
        number = random.choice(sorted(self.ids))
        word = f"word{random.randrange(KINDS)}"
        hits = [(number_of(hit.path), hit.distance or 0.0) for hit in collection.similar(self.ids[number], K).hits]
        if wrong := between.wrong_neighbours(number, hits, K):
            self.tally.fail("wrong neighbours", f"of {number}: {wrong}")
        answer = collection.text(word, MOST)
        if wrong := between.wrong_matches(word, [number_of(hit.path) for hit in answer.hits], answer.matched, MOST):
            self.tally.fail("a wrong answer to a text query", wrong)

    def _look_at_vectors(self, collection: seealso.Collection, random: Random) -> None:
        ids = collection.ids()
        records = collection.records(ids.tolist())
        rows = [int(records[id_].paths[0].rpartition(b"#")[2]) for id_ in ids.tolist()]
        if sorted(rows) != list(range(self.rows)):
            self.tally.fail("what is in the collection is not what was imported", f"{len(rows)} of {self.rows}")
        elif not np.array_equal(collection.descriptors(ids), self.vectors[rows]):
            self.tally.fail("a descriptor is not that of its row", "")
        place = random.randrange(len(rows))
        distances = np.linalg.norm(self.vectors[rows] - self.vectors[rows[place]], axis=1)
        found = [hit.distance for hit in collection.similar(int(ids[place]), K).hits]
        if not np.allclose(found, np.sort(distances)[:K], atol=1e-3):
            self.tally.fail("wrong neighbours of what was imported", [found, np.sort(distances)[:K].tolist()])

"""One growing story for the campaigns that kill: photographs with words that change, a collection of them, one of imported
descriptors, every command that writes, and what was promised meanwhile.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from campaigns.campaign import Tally
from campaigns.story_photos import Photos
from warm_python import Running, WarmPython

HERE = Path(__file__).resolve().parent
PLUGINS = (HERE.parent / "samples" / "thumbnail.py", HERE / "story_plugin.py")
CHECK = HERE / "story_check.py"

VECTORS, DIM = 240, 24
PATIENCE = 120  # seconds that a command may take
GUESS = 0.4  # seconds that a command takes, before one has ended
LATE = 0.8  # the share of the time that it usually takes

COMMANDS = {
    "index": ("photographs", "index", "photos"),
    "prune": ("photographs", "index", "--prune", "photos"),
    "retry": ("photographs", "failures", "--retry"),
    "maintain": ("photographs", "maintain"),
    "rebuild": ("photographs", "rebuild"),
    "convert": ("photographs", "convert"),
    "import": ("imported", "import-descriptors", "vectors.npy", "--ids", "names.txt", "--limit"),
    "maintain imported": ("imported", "maintain"),
    "rebuild imported": ("imported", "rebuild"),
    "convert imported": ("imported", "convert"),
}
"""Every command that writes: its collection, and its arguments."""

MAKING = ("index", "prune", "import")
"""Those that make the collection where there is none."""

STORES = ("flat-file", "lmdb")
CODECS = ("auto", "raw", "sparse", "zstd")


@dataclass(frozen=True)
class Ended:
    """How a command ended: its status, or the negative number of the signal; and what it said on standard error."""

    status: int
    errors: str

    @property
    def killed(self) -> bool:
        """Whether it was."""
        return self.status == -signal.SIGKILL


class Story:
    """The collections, the commands, and what was promised.

    Args:
        folder: an empty folder. ``disk`` in it holds the two collections and nothing else.
        python: starts the commands.
        tally: where failures are counted.
        environment: more environment variables of the commands.
        begun_anew: called when collections were removed by the story itself.
    """

    def __init__(
        self,
        folder: Path,
        python: WarmPython,
        tally: Tally,
        environment: Callable[[], Mapping[str, str]] = dict,
        begun_anew: Callable[[], None] = lambda: None,
    ) -> None:
        self.folder = folder
        self.disk = folder / "disk"
        self.disk.mkdir(parents=True, exist_ok=True)
        self.photos = Photos(folder / "photos", self._touched)
        self.port = free_port()
        self.promised: dict[str, dict[str, Any]] = {}
        self._removed: dict[str, list[int]] = {}
        self._given: dict[str, dict[int, str]] = {}
        self._imported = 0
        self._python = python
        self.tally = tally
        self._environment = environment
        self._begun_anew = begun_anew
        self._log = folder / "commits"
        self._usual: dict[str, float] = {}
        self._kept = 0
        np.save(folder / "vectors.npy", np.random.default_rng(1).normal(size=(VECTORS, DIM)).astype(np.float32))
        (folder / "names.txt").write_text("".join(f"n{row}\n" for row in range(VECTORS)))
        self._configure()
        for name in ("photographs", "imported"):
            self.begin_anew(name)

    def _configure(self) -> None:
        common = {"distance": "euclidean", "index": "ppp-codes", "sketch": "rabitq"}
        photographs = {"path": "disk/c.seealso", "extractor": {"plugin": "thumbnail", "side": 4}, "text": "tantivy"}
        without_codes = {"plugin": "ppp-codes", "ranking": "none"}
        imported = {"path": "disk/v.seealso", "extractor": {"plugin": "imported", "dim": DIM}, "index": without_codes}
        web = {"plugin": "web", "port": self.port, "access_log": False, "thumbnails": "keep", "cache": "cache"}
        configuration = {
            "plugins": [str(path) for path in PLUGINS],
            "collections": {"photographs": common | photographs, "imported": common | imported},
            "frontends": [web],
        }
        # JSON is YAML.
        (self.folder / "story.yaml").write_text(json.dumps(configuration))

    # What happens

    def begin_anew(self, name: str) -> None:
        """Have no collection of this name, as if there had never been one."""
        self.hear()
        shutil.rmtree(self._directory(name), ignore_errors=True)
        self.promised[name], self._removed[name], self._given[name] = {}, [], {}
        if name == "imported":
            self._imported = 0
        self._begun_anew()

    def _directory(self, name: str) -> Path:
        return self.disk / ("c.seealso" if name == "photographs" else "v.seealso")

    def draw(self, random: Random) -> str:
        """A command that can be run now."""
        kinds = [kind for kind in COMMANDS if kind in MAKING or self._exists(COMMANDS[kind][0])]
        return random.choice([*kinds, "index", "index", "import"])

    def _exists(self, name: str) -> bool:
        catalogue = self._directory(name) / "catalog.sqlite3"
        return catalogue.exists() and catalogue.stat().st_size > 0

    def arguments(self, kind: str, random: Random) -> list[str]:
        """The arguments of a command, and before it what happens to the files."""
        name, *arguments = COMMANDS[kind]
        if kind in ("index", "prune"):
            random.choice((self.photos.change, self.photos.change, self.photos.describe))(random)
        if kind == "import":
            self._imported = min(VECTORS, self._imported + random.randrange(1, 80))
            arguments.append(str(self._imported))
        if arguments == ["convert"]:
            arguments += [random.choice(STORES), "--codec", random.choice(CODECS)]
        return ["--in", name, *arguments]

    def start(self, *arguments: str, stderr: int) -> Running:
        """Start the program."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SEEALSO")}
        environment |= {"STORY_LOG": str(self._log), **self._environment()}
        command = ("-m", "seealso_cli", "--config", "story.yaml", *arguments)
        return self._python.start(*command, cwd=self.folder, env=environment, stdout=subprocess.DEVNULL, stderr=stderr)

    def run(self, kind: str, random: Random, *, kill: bool = True) -> Ended:
        """Run a command, and kill it at a random moment of the time that it usually takes, unless it has ended by then."""
        arguments = self.arguments(kind, random)
        share = random.uniform(0.05, 1.1)
        usual = self.usual(kind)
        with tempfile.TemporaryFile() as errors:
            started = time.monotonic()
            with self.start(*arguments, stderr=errors.fileno()) as running:
                self._wait(running, share * usual if kill else PATIENCE)
                status = running.wait()
            seconds = time.monotonic() - started
            errors.seek(0)
            said = errors.read().decode(errors="replace")
        ended = Ended(status, said)
        if not ended.killed:
            self._usual[kind] = (usual + seconds) / 2
        elif share > LATE:
            # It may take much longer than was thought, and its end should be reached, too.
            self._usual[kind] = 1.5 * usual
        self.note(kind, ended, kill=kill)
        return ended

    def usual(self, kind: str) -> float:
        """The seconds that a command takes that is not killed."""
        return self._usual.get(kind, GUESS)

    def _wait(self, running: Running, seconds: float) -> None:
        try:
            running.wait(max(seconds, 0.001))
        except subprocess.TimeoutExpired:
            running.kill()

    def note(self, kind: str, ended: Ended, *, kill: bool = True) -> None:
        """Count how a command ended. One that was not killed has to succeed."""
        if ended.killed and kill:
            self.tally.count("kills")
            self.tally.count(f"kills of {kind}")
        elif ended.status < 0:
            self.tally.fail(f"{kind} does not end" if ended.killed else f"{kind} dies", ended)
        elif ended.status:
            self.tally.fail(f"{kind} fails", ended.errors)
        elif "Traceback" in ended.errors or "panicked" in ended.errors:
            self.tally.fail(f"{kind} shows a traceback", ended.errors)
        else:
            self.tally.count(f"{kind} ended")

    # What was promised

    def _touched(self, path: Path) -> None:
        self.hear()
        self.promised["photographs"].pop(str(path), None)

    def hear(self) -> None:
        """Take in what the commands have told of what they have committed."""
        if not self._log.exists():
            return
        lines = self._log.read_text().splitlines()
        self._log.unlink()
        for line in lines:
            # One that was not written to its end promises nothing.
            with contextlib.suppress(ValueError):
                self._take(*json.loads(line))

    def _take(self, what: str, name: str, told: list[Any]) -> None:
        if what == "removed":
            self._removed[name] += told
            return
        for id_, path, digest in told:
            if id_ in self._given[name]:
                self.tally.fail("an ID was given twice", [id_, path, self._given[name][id_]])
            self._given[name][id_] = path
            self.promised[name][path] = (id_, digest)

    def check(self, after: str, *, whole: tuple[str, ...] = ()) -> list[tuple[str, Any]]:
        """Look whether all is as it must be; returns the problems, which are counted too.

        Args:
            after: what happened before.
            whole: the collections that a command has just taken everything into.
        """
        problems = self.problems(whole)
        self.tally.count("checks")
        for kind, details in problems:
            self.tally.fail(kind, f"after {after}: {details}")
        if problems:
            self._keep()
        return problems

    def problems(self, whole: tuple[str, ...] = ()) -> list[tuple[str, Any]]:
        """What is not as it must be, of each its kind and details. What is there is promised from now on."""
        self.hear()
        question = {
            "promised": self.promised,
            "removed": self._removed,
            "words": [f"word{number}" for number in range(9)] + sorted(set(self.photos.words_once)),
            "whole": {"photographs": "photographs" in whole, "imported": self._imported * ("imported" in whole)},
        }
        done = self._python.run(
            *(CHECK, "story.yaml"),
            cwd=self.folder,
            env=os.environ | dict(self._environment()),
            input=json.dumps(question).encode(),
            timeout=PATIENCE,
        )
        if done.returncode:
            return [("the check ends badly", [done.returncode, done.stderr[-2000:]])]
        answer = json.loads(done.stdout)
        self.tally.count("objects compared", answer["objects"])
        self.promised = {
            name: {path: tuple(held) for path, held in rows.items()} for name, rows in answer["held"].items()
        }
        return [(kind, details) for kind, details in answer["problems"]]

    def _keep(self) -> None:
        """Put what is broken aside, and begin anew, so that it is counted once."""
        self._kept += 1
        if self._kept <= 3:
            shutil.copytree(self.folder, self.folder.with_name(f"{self.folder.name}-{self._kept}"))
        for name in self.promised:
            self.begin_anew(name)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])

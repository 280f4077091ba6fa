"""Processes side by side on one collection: some ask, others write."""

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import seealso
from campaigns.campaign import Campaign
from campaigns.gallery import KINDS, Between, Gallery, configure, number_of
from campaigns.said import BUG, without_progress
from warm_python import Running, WarmPython

TESTS = Path(__file__).resolve().parent.parent
ASKER = ("-m", "campaigns.race_asker")
BEGINNING = 120  # images
PATIENCE = 120  # seconds that a process may take
MOST = 10_000  # hits: all
K = 10
HELD = re.compile(r"is being written to by process \d+ on \S+ \(since [\d: -]+\); wait until it is done, or stop it")

WRITERS = ("index", "index", "prune", "maintain", "rebuild", "rebuild", "convert")


class Ended:
    """A process that was run to its end.

    Attributes:
        status: its exit status, or the negative number of the signal that ended it.
        output, errors: what it wrote; without its progress.
    """

    def __init__(self, status: int, output: str, errors: str) -> None:
        self.status = status
        self.output = output
        self.errors = without_progress(errors)

    def __str__(self) -> str:
        return f"status {self.status}: {self.output[-500:]}{self.errors[-1000:]}"


class Beside:
    """A process that runs beside others, whose output is kept."""

    def __init__(self, python: WarmPython, folder: Path, *arguments: object) -> None:
        self._files = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 (`end` closes them)
        output, errors = (file.fileno() for file in self._files)
        self._running: Running = python.start(*arguments, cwd=folder, stdout=output, stderr=errors)

    def runs(self) -> bool:
        """Whether it has not ended yet."""
        return self._running.poll() is None

    def end(self) -> Ended:
        """Wait for its end; one that does not end is killed."""
        with self._running as running:
            try:
                running.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                running.kill()
            status = running.wait()
        said = []
        for file in self._files:
            file.seek(0)
            said.append(file.read().decode(errors="replace"))
            file.close()
        return Ended(status, *said)


class Race(Campaign):
    """A turn changes the folder and runs writers, one after the other, each with a rival that begins at the same moment. Meanwhile
    a process asks again and again, and commands ask once each. Every answer has to be of a state that was committed."""

    quick = 2

    def prepare(self, random: Random) -> None:
        """Make a collection."""
        sockets = self.resources.enter_context(tempfile.TemporaryDirectory())
        self.python = self.resources.enter_context(WarmPython(Path(sockets), {"PYTHONPATH": str(TESTS)}))
        self.gallery = Gallery(self.folder / "photos", random.randrange(1 << 30))
        index = random.choice(["ppp-codes", "scan"])
        configure(self.folder / "seealso.yaml", {"c": {"path": "c.seealso", "extractor": "thumbnail", "index": index}})
        self.ids: dict[int, int] = {}  # of the images that were there when the last writer had ended, by number
        self._begin(random)

    def turn(self, random: Random) -> None:
        """Some writers, among those who ask."""
        if random.random() < 0.1:
            self._begin(random)
        state = self.gallery.settled
        stop = self.folder / "stop"
        stop.unlink(missing_ok=True)
        asked = self.folder / "asked.json"
        examples = {number: self.ids[number] for number in random.sample(sorted(self.ids), 10)}
        asked.write_text(json.dumps({"examples": examples, "seed": random.randrange(1 << 30), "stop": str(stop)}))
        asker = Beside(self.python, self.folder, *ASKER, asked)
        for _ in range(random.randint(1, 3)):
            self._write(random)
        stop.touch()
        self._judge_all(asker.end(), self.gallery.during(state))
        self._look()

    def _begin(self, random: Random) -> None:
        """Two processes make the collection, where there is none."""
        shutil.rmtree(self.folder / "c.seealso", ignore_errors=True)
        self.ids = {}
        if not self.gallery.now:
            self.gallery.change(random, BEGINNING, 0)
        self._side_by_side("index", [self._command("index", "photos") for _ in range(2)], random)
        self._settle()
        self._look()

    # Writers

    def _write(self, random: Random) -> None:
        kind = random.choice(WRITERS)
        if kind in ("index", "prune"):
            spare = max(0, len(self.gallery.now) - BEGINNING)
            self.gallery.change(random, random.randrange(30), random.randrange(20) + spare, 3, 10)
        arguments = {
            "index": ("index", "photos"),
            "prune": ("index", "--prune", "photos"),
            "maintain": ("maintain",),
            "rebuild": ("rebuild",),
            "convert": ("convert", random.choice(("lmdb", "flat-file")), "--codec", random.choice(("raw", "zstd"))),
        }[kind]
        rival = random.choice((("index", "photos"), ("maintain",), ("rebuild",)))
        self._side_by_side(kind, [self._command(*arguments), self._command(*rival)], random)
        if kind in ("index", "prune"):
            self._settle()

    def _command(self, *arguments: str) -> Beside:
        return Beside(self.python, self.folder, "-m", "seealso_cli", *arguments)

    def _side_by_side(self, kind: str, writers: list[Beside], random: Random) -> None:
        """Let writers go to their ends, and commands ask meanwhile. All but one may be refused, and are told who writes."""
        state = self.gallery.settled
        while any(writer.runs() for writer in writers):
            if self.ids:
                self._ask(random, state)
        done = [writer.end() for writer in writers]
        self.tally.count(f"{kind}, with a rival")
        for each in done:
            if each.status == 0 and not BUG.search(each.errors):
                continue
            if each.status == 1 and HELD.search(each.errors) and len(each.errors.splitlines()) == 1:
                self.tally.count("refused writers")
            else:
                self.tally.fail(f"{kind} or its rival ends badly", each)
        if not any(each.status == 0 for each in done):
            self.tally.fail(f"{kind} and its rival were both refused", [*map(str, done)])

    def _settle(self) -> None:
        """Have all of the folder taken in, whoever of the writers was refused."""
        done = self._command("index", "--prune", "photos").end()
        if done.status or done.errors:
            self.tally.fail("index, alone, ends badly", done)
        self.gallery.settle()
        with seealso.open(config=self.folder / "seealso.yaml") as collection:
            records = collection.records(collection.ids().tolist())
        self.ids = {number_of(path.decode()): id_ for id_, record in records.items() for path in record.paths}
        if set(self.ids) != set(self.gallery.now):
            wrong = sorted(set(self.ids) ^ set(self.gallery.now))
            self.tally.fail("what is in the collection is not what is in the folder", wrong)

    def _look(self) -> None:
        done = self._command("verify").end()
        if done.status or BUG.search(done.errors):
            self.tally.fail("verify is not content", done)

    # Who asks

    def _ask(self, random: Random, state: int) -> None:
        """Ask once, with a process of its own."""
        number = random.choice(sorted(self.ids))
        word = f"word{random.randrange(KINDS)}"
        question: dict[str, Any] = random.choice(
            (
                {"kind": "similar", "number": number, "where": None, "k": K},
                {"kind": "similar", "number": number, "where": word, "k": K},
                {"kind": "text", "word": word, "k": MOST},
            )
        )
        if question["kind"] == "text":
            arguments = ["text", word, "-k", str(MOST)]
        else:
            where = [] if question["where"] is None else ["--where", word]
            arguments = ["similar", f"id:{self.ids[number]}", "-k", str(K), *where]
        done = self._command(*arguments, "--json").end()
        said = question | {"error": done.errors.strip() if done.status == 1 else ""}
        if done.status == 0:
            answer = json.loads(done.output)
            hits = [[number_of(hit["path"]), hit["distance"]] for hit in answer["hits"]]
            said |= {"hits": hits, "matched": answer.get("matched")}
        if done.status not in (0, 1) or BUG.search(done.errors):
            self.tally.fail("a command that asks ends badly", f"{arguments}: {done}")
        else:
            self.judge(said, self.gallery.during(state))

    def _judge_all(self, asker: Ended, between: Between) -> None:
        if asker.status or asker.errors:
            self.tally.fail("the process that asks ends badly", asker)
        for line in asker.output.splitlines():
            self.judge(json.loads(line), between)

    def judge(self, said: dict[str, Any], between: Between) -> None:
        """Compare an answer, or an error, with what must be true."""
        self.tally.count(f"answers: {said['kind']}{' where' if said.get('where') else ''}")
        if said["error"]:
            gone = said["kind"] == "similar" and said["number"] not in between.stable
            if not (gone and re.search(r"there is no (such )?object", said["error"])):
                self.tally.fail("a query is refused", said)
            self.tally.count("refused: the example was removed")
        elif said["kind"] == "text":
            numbers = [number for number, _ in said["hits"]]
            if wrong := between.wrong_matches(said["word"], numbers, said["matched"], said["k"]):
                self.tally.fail("a wrong answer to a text query", wrong)
        else:
            hits = [(number, distance) for number, distance in said["hits"]]
            if wrong := between.wrong_neighbours(said["number"], hits, said["k"], said["where"]):
                self.tally.fail("wrong neighbours", f"of {said['number']}, where {said['where']}: {wrong}")

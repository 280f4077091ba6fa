"""Damages a file of a collection, and sees whether anybody is deceived, harmed, or left without help."""

import json
import random
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from PIL import Image

from campaigns.campaign import Campaign
from campaigns.commands import LONGEST, PATIENCE, errors_of, faults_of, run, said
from campaigns.damage import damage
from conftest import SAMPLES, THUMBNAIL
from warm_python import WarmPython

MAKES: dict[str, dict[str, object]] = {
    "usual": {"store": "flat-file", "index": "ppp-codes", "distance": "euclidean", "sketch": "rabitq"},
    "lmdb": {"store": {"plugin": "lmdb", "codec": "raw"}, "index": "scan", "distance": "euclidean", "sketch": "rabitq"},
    "plain": {"store": {"plugin": "flat-file", "codec": "zstd"}, "index": "pivot", "text": "plain-text"},
}
"""Collections, each of other parts."""

SERVED = "usual"
"""The one that a server shows pictures of."""

KINDS = (
    ("catalogue", r"[^/]+/c\.seealso/catalog", 15),
    ("text index tantivy", r"(usual|lmdb)/c\.seealso/text/", 5),
    ("index ppp-codes", r"usual/c\.seealso/index/", 3),
    ("sketches", r"(usual|lmdb)/c\.seealso/sketch/", 3),
    ("store flat-file", r"(usual|plain)/c\.seealso/store/", 3),
    ("store lmdb", r"lmdb/c\.seealso/store/", 3),
    ("index scan", r"lmdb/c\.seealso/index/", 3),
    ("indexes of others", r"plain/c\.seealso/(index|text)/", 3),
    ("kept thumbnails", rf"{SERVED}/c\.seealso/extras/", 3),
    ("cached pictures", rf"{SERVED}/cache/", 3),
    ("true neighbours", r"[^/]+/c\.seealso/evaluation", 3),
    ("what distances mean", r"[^/]+/c\.seealso/likeness", 3),
    ("groups of duplicates", r"[^/]+/c\.seealso/duplicates", 3),
    ("lock", r"[^/]+/c\.seealso/write.lock", 0.3),
)
"""Kinds of files: what each is called, where it lies, and how often it is taken."""

PHOTOGRAPHS = 60
WRITERS = ("index", "maintain", "rebuild")
ROUNDS = 5  # of what is named and mended, at most

ASK = """
import json, sys
import seealso
from seealso import Query

photograph, order = sys.argv[1], json.loads(sys.argv[2])
questions = {
    "similar": lambda: hits(collection.search(Query.like(photograph, k=20))),
    "others": lambda: hits(collection.search(Query.like(known(), k=4))),
    "where": lambda: hits(collection.search(Query.like(photograph, k=30, where="word1"))),
    "text": lambda: hits(collection.search(Query(keywords="word2 item12"))),
    "many": lambda: hits(collection.search(Query(keywords="word3", k=30))),
    "suggest": lambda: sorted(collection.suggest("item1", 20)),  # in no order: removed objects still count for it
    "show": lambda: shown(known()),
    "failures": lambda: [[str(each.path), each.reason] for each in collection.failures()],
    "verify": lambda: collection.verify().problems,
    "counts": lambda: [collection.counts().objects, collection.counts().locations, collection.status() and 0],
    "found": lambda: groups(collection.found_duplicates()),
}

def known():
    # An object that was lost and taken in anew has another ID.
    return collection.search(Query.like(photograph, k=1)).hits[0].id

def hits(answer):
    found = [[hit.distance, str(hit.paths), list(hit.keywords)] for hit in answer.hits]
    return [sorted(found, key=str), answer.matched]

def shown(id_):
    record = collection.show(id_)
    return [record.hash.hex(), record.width, record.height, record.file_size, str(record.paths), str(collection.keywords([id_]).get(id_))]

def groups(found):
    facts = lambda each: [str(each.ids), str(each.distances), str(each.mirrored), each.files, each.spare, each.spread]
    return None if found is None else list(map(facts, found))

with seealso.Deployment.load("seealso.yaml") as deployment:
    collection = deployment.collection()
    for question in order:
        try:
            answer = questions[question]()
        except seealso.SeealsoError as error:
            answer = f"ERROR {error}"
        print(json.dumps([question, answer]), flush=True)
"""
QUESTIONS = ("similar", "others", "where", "text", "many", "suggest", "show", "failures", "counts")

COMMANDS = """
import json, sys
from seealso_cli.app import run
from seealso_cli.session import Session

for arguments in json.loads(sys.argv[1]):
    with Session() as session:
        assert run(arguments, session) == 0
"""

PICTURES = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
from web_site import application, client_of
app, deployment = application("seealso.yaml")
with deployment, client_of(app) as client:
    for id_ in range(1, 7):
        for size in ("thumbnail", "preview"):
            found = client.get(f"/photos/objects/{id_}/{size}")
            print(found.status_code, hashlib.sha256(found.content).hexdigest())
"""


class Flip(Campaign):
    """Damages one file of a copy of a collection; asks, verifies, mends as it is told, and asks again."""

    quick: ClassVar[int] = 2

    def prepare(self, random: random.Random) -> None:
        """Make a collection of every kind."""
        environment = {"XDG_CACHE_HOME": str(self.folder / "user")}
        self.python = self.resources.enter_context(WarmPython(self.folder, environment))
        self.photographs = self.folder / "photographs"
        make_photographs(self.photographs, random)
        self.answers: dict[str, Answers] = {}
        self.pictures = ""
        self.groups: dict[str, Any] = {}
        self.files: dict[str, list[Path]] = {kind: [] for kind, _, _ in KINDS}
        for make, settings in MAKES.items():
            home = self.folder / make
            self._make(home, settings)
            self.answers[make], _ = self._ask(home, QUESTIONS)
            assert len(self.answers[make]) == len(QUESTIONS)
            self.groups[make] = self._groups(home)
            assert len(self.groups[make]) > 1
            if make == SERVED:
                self.pictures = self._pictures(home)
            for file in sorted(home.rglob("*")):
                if file.is_file() and file.parent != home:
                    self.files[kind_of(file.relative_to(self.folder))].append(file.relative_to(self.folder))

    def _make(self, home: Path, settings: dict[str, object]) -> None:
        held = {"path": "c.seealso", "extractor": "thumbnail", "keywords": ["sidecar"], **settings}
        web = {"plugin": "web", "cache": "cache", "thumbnails": "keep", "access_log": False}
        frontends = [web] if home.name == SERVED else []
        plugins = [str(THUMBNAIL), *(str(SAMPLES / name) for name in ("plain.py", "plain_text.py"))]
        home.mkdir()
        # JSON is YAML.
        document = {"plugins": plugins, "collections": {"photos": held}, "frontends": frontends}
        (home / "seealso.yaml").write_text(json.dumps(document))
        commands = [["index", str(self.photographs / "first")], ["index", str(self.photographs / "last")]]
        commands += [["evaluate", "--queries", "5"], ["duplicates"]]
        done = self.python.run("-c", COMMANDS, json.dumps(commands), cwd=home)
        assert done.returncode == 0, said(done)

    def turn(self, random: random.Random) -> None:
        """Damage a file of some kind."""
        (kind,) = random.choices([kind for kind, _, _ in KINDS], [often for _, _, often in KINDS])
        file = random.choice(self.files[kind])
        make = file.parts[0]
        home = self.folder / "turn"
        self._restore(make, home)
        what = damage(home / file.relative_to(make), random)
        if not what:
            self.tally.count("nothing was damaged")
            return
        self.tally.count(f"damaged: {kind}")
        failures = sum(self.tally.failures.values())
        self._judge(Case(make, kind, f"{file}: {what}"), home, random)
        if sum(self.tally.failures.values()) > failures:
            home.rename(self.folder / f"failed-{self.tally.turn}")

    def _restore(self, make: str, home: Path) -> None:
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(self.folder / make, home)

    def _judge(self, case: "Case", home: Path, random: random.Random) -> None:
        """See what becomes of a collection in which a file was damaged."""
        self._look_elsewhere(case, home)
        wanted = self.answers[case.make]
        writes = random.random() < 0.3
        answers = self._asked(case, home, random, *([] if writes else ["verify"]))
        named = answers.pop("verify", None)
        if writes:
            # Whoever writes before anybody has looked makes nothing worse.
            self._run(case, home, random.choice(WRITERS))
            self.tally.count(f"{case.kind}: written to")
        elif named:
            self.tally.count(f"{case.kind}: named by verify")
        else:
            self.tally.count(f"{case.kind}: of no consequence")
            for question in QUESTIONS:
                if answers.get(question) != wanted[question]:
                    what = f"{case.what}: {question}: {answers.get(question)}"
                    self.tally.fail("verify is content, and answers differ", what)
            return
        if self._mended(case, home):
            answers = self._asked(case, home, random)
            for question in QUESTIONS:
                if answers.get(question) != wanted[question]:
                    self.tally.fail(
                        "an answer is another when all is mended", f"{case.what}: {question}: {answers.get(question)}"
                    )

    def _look_elsewhere(self, case: "Case", home: Path) -> None:
        """See what comes of files that ``verify`` does not answer for, since they are made again where they are damaged."""
        shown = self._pictures(home) if case.kind in ("kept thumbnails", "cached pictures") else None
        if shown not in (None, self.pictures):
            self.tally.fail("another picture is shown", f"{case.what}: {shown}")
        if case.kind == "true neighbours":
            self._run(case, home, "evaluate", "--queries", "5")
        if case.kind == "groups of duplicates":
            # Whoever looks at them sees what was found, or nothing; and whoever looks for them finds them again.
            for wanted in ((self.groups[case.make], None), (self.groups[case.make],)):
                found = self._groups(home)
                if found not in wanted:
                    self.tally.fail("other duplicates are shown", f"{case.what}: {found}")
                self._run(case, home, "duplicates")

    def _mended(self, case: "Case", home: Path) -> bool:
        """Do what ``verify`` says, until it is content."""
        before: list[str] = []
        for _ in range(ROUNDS):
            named = self._verify(case, home)
            if not named:
                return True
            # What a command could not mend is lost.
            helping = remedies(named) if named != before else ["a backup"] * ("from a backup" in " ".join(named))
            before = named
            for remedy in helping:
                self.tally.count(f"{case.kind}: mended by {remedy}")
                if remedy == "a backup":
                    self._restore(case.make, home)
                else:
                    self._run(case, home, remedy)
        self.tally.fail("what verify says does not help", f"{case.what}: {before}")
        return False

    def _verify(self, case: "Case", home: Path) -> list[str]:
        """What ``verify`` says is wrong."""
        done = run(self.python, ("verify",), home)
        self._check(case, done, one_line=False)
        if done is None or done.returncode == 0:
            return []
        return errors_of(done) or ["?"]

    def _run(self, case: "Case", home: Path, command: str, *more: str) -> None:
        """Run a command that writes, and then the one that it names; each has to succeed, or to end with one line."""
        paths = [str(self.photographs)] if command == "index" else []
        done = run(self.python, (*command.split(), *paths, *more), home)
        self._check(case, done)
        if command != "index" and done is not None and "`seealso index" in done.stderr:
            self._run(case, home, "index")

    def _check(self, case: "Case", done: subprocess.CompletedProcess[str] | None, *, one_line: bool = True) -> None:
        for fault in faults_of(done, one_line=one_line):
            self.tally.fail(fault, f"{case.what}: {said(done)}")

    def _asked(self, case: "Case", home: Path, random: random.Random, *more: str) -> "Answers":
        """The answers to all questions, asked in any order, and then to ``more``."""
        answers, done = self._ask(home, [*random.sample(QUESTIONS, len(QUESTIONS)), *more])
        self._check(case, done, one_line=False)
        if done is not None and done.returncode == 1 and len(errors_of(done)) != 1:
            self.tally.fail("a program gets an error that is none of ours", f"{case.what}: {said(done)}")
        for answer in answers.values():
            if isinstance(answer, str) and (not answer.isprintable() or len(answer) > LONGEST + 6):
                self.tally.fail("an error is not one line", f"{case.what}: {answer}")
        return answers

    def _ask(self, home: Path, order: Sequence[str]) -> "tuple[Answers, subprocess.CompletedProcess[str] | None]":
        photograph = self.photographs / "first" / "07.png"
        try:
            done = self.python.run("-c", ASK, photograph, json.dumps(order), cwd=home, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            return {}, None
        done.args = done.args[2:]
        return dict(json.loads(line) for line in done.stdout.splitlines()), done

    def _groups(self, home: Path) -> Any:
        answers, done = self._ask(home, ["found"])
        return answers.get("found", said(done))

    def _pictures(self, home: Path) -> str:
        done = self.python.run("-c", PICTURES, Path(__file__).parents[1], cwd=home)
        return done.stdout if done.returncode == 0 else said(done)


Answers = dict[str, Any]
"""Question → what was answered."""


class Case(NamedTuple):
    """What was damaged: in which collection, a file of which kind, and how."""

    make: str
    kind: str
    what: str


def kind_of(file: Path) -> str:
    """What kind of file it is."""
    return next(kind for kind, pattern, _ in KINDS if re.match(pattern, str(file)))


def remedies(named: list[str]) -> list[str]:
    """What lines of ``verify`` name as a remedy, in the order in which it helps."""
    text = " ".join(named)
    named = re.findall("`seealso (maintain --force|maintain|rebuild|index)", text)
    commands = sorted({*named}, key=("maintain --force", "maintain", "rebuild", "index").index)
    # Where something else is named as well, that is tried first.
    return commands or ["a backup"] * ("from a backup" in text)


def make_photographs(folder: Path, random: random.Random) -> None:
    """Write small images with words beside them, one twice, some smaller, too, and a file that is none."""
    for number in range(PHOTOGRAPHS):
        below = folder / ("first" if number < PHOTOGRAPHS * 2 // 3 else "last")
        below.mkdir(parents=True, exist_ok=True)
        rows = np.random.default_rng(random.getrandbits(64)).integers(0, 256, (5, 6, 3), np.uint8)
        Image.fromarray(rows).resize((48, 40), Image.Resampling.BICUBIC).save(below / f"{number:02}.png")
        (below / f"{number:02}.txt").write_text(f"word{number % 5} item{number}")
    shutil.copy(folder / "first" / "04.png", folder / "last" / "again.png")
    for number in (5, 6):
        Image.open(folder / "first" / f"{number:02}.png").resize((36, 30)).save(folder / "last" / f"small{number}.png")
    (folder / "last" / "broken.png").write_bytes(b"none")

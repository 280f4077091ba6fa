"""The campaign of damaged files notices what it is there to notice."""

import random
import subprocess

import pytest

from campaigns.campaign import Tally
from campaigns.commands import faults_of
from campaigns.damage import damage
from campaigns.flip import QUESTIONS, Case, Flip, remedies

SOUND = dict.fromkeys(QUESTIONS, "right")
GROUPS = [["[1 2]", "[0. 0.1]"]]


def ended(status: int, errors: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess(("-m", "seealso_cli", "similar"), status, "", errors)


class Planted(Flip):
    """Asks nobody: each answer is planted."""

    asked = SOUND
    verified = ended(0)
    found = GROUPS

    def _ask(self, home, order):
        verified = {"verify": self._verify(None, home)} if "verify" in order else {}
        return self.asked | verified, ended(0)

    def _groups(self, home):
        return self.found

    def _run(self, case, home, command, *more):
        self.tally.count(f"run: {command}")

    def _verify(self, case, home):
        return [self.verified.stderr] if self.verified.returncode else []


@pytest.fixture
def judged(tmp_path):
    """What a campaign with planted answers says of a case: the kinds of its failures."""

    def judge(kind="catalogue", **planted):
        tally = Tally("flip", lambda _: None)
        campaign = Planted(tmp_path, tally)
        campaign.answers, campaign.pictures = {"usual": SOUND}, ""
        campaign.groups = {"usual": GROUPS}
        for name, value in planted.items():
            setattr(campaign, name, value)
        for turn in range(10):
            campaign._judge(Case("usual", kind, "bit 0"), tmp_path, random.Random(turn))
        return {*tally.failures}

    return judge


def test_all_is_well(judged):
    assert judged() == set()


@pytest.mark.parametrize("answer", ["wrong", "ERROR it cannot be read"])
def test_an_answer_that_differs_while_verify_is_content(judged, answer):
    told = judged(asked=SOUND | {"text": answer})
    assert told == {"verify is content, and answers differ", "an answer is another when all is mended"}


def test_duplicates_that_nobody_found(judged):
    assert judged("groups of duplicates") == set()
    for found in (None, [], [["[1 3]", "[0. 0.1]"]]):  # nothing, also after the command; other ones
        assert judged("groups of duplicates", found=found) == {"other duplicates are shown"}


def test_an_error_of_several_lines(judged):
    assert "an error is not one line" in judged(asked=SOUND | {"text": "ERROR a\nb"})


def test_a_remedy_that_does_not_help(judged):
    assert judged(verified=ended(1, "a row is damaged; `seealso maintain` forgets it")) == {
        "what verify says does not help"
    }


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        (None, "hangs"),
        (ended(-6, "Assertion failed"), "ended by a signal"),
        (ended(3), "status that is not documented"),
        (ended(1, "Traceback (most recent call last):"), "traceback"),
        (ended(1, "seealso: KeyError; this is a bug of seealso"), "says that it is a bug"),
        (ended(0, "thread '<unnamed>' panicked at src/a.rs"), "traceback"),
        (ended(1, "x" * 2000), "too long"),
        (ended(1, "one\ntwo"), "not one line"),
        (ended(1), "not one line"),
    ],
)
def test_every_bad_end_is_noticed(done, expected):
    assert any(expected in fault for fault in faults_of(done))


@pytest.mark.parametrize(
    "done", [ended(0), ended(1, "seealso: warning: a\n5 of 9 files\nseealso: the store is damaged"), ended(2, "usage")]
)
def test_good_ends_are_none(done):
    assert [*faults_of(done)] == []


def test_what_is_named_is_what_is_run():
    assert remedies(["a; `seealso maintain` forgets it, and `seealso index PATH…` then takes it in anew"]) == [
        "maintain",
        "index",
    ]
    assert remedies(["`seealso maintain --force` goes on", "run `seealso rebuild`"]) == ["maintain --force", "rebuild"]
    assert remedies(["restore it from a backup"]) == ["a backup"]
    assert remedies(["it is torn"]) == []


def test_files_are_damaged_in_every_way(tmp_path):
    file = tmp_path / "file"
    seen = set()
    for turn in range(200):
        file.write_bytes(bytes(range(256)) * 40)
        what = damage(file, random.Random(turn))
        seen.add("".join(each for each in what if not each.isdigit()))
        assert not what or not file.exists() or file.read_bytes() != bytes(range(256)) * 40
    assert len(seen) >= 6

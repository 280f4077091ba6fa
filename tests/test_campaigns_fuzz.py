"""The campaign of strange input notices what it is there to notice."""

import io
import random
import subprocess
from pathlib import Path

import httpx2
import pytest

from campaigns.campaign import Tally
from campaigns.fuzz import GROWTH, LARGEST, Fuzz
from campaigns.mutations import mutated, text


class Program:
    """Stands for the program: every run ends in the same way, after it took so much memory."""

    def __init__(self, status: int, errors: str = "", kilobytes: int = 100_000) -> None:
        self.ends = subprocess.CompletedProcess((), status, "", errors)
        self.kilobytes = kilobytes

    def run(self, _, __, told: Path, *arguments: str, cwd: Path, timeout: float) -> subprocess.CompletedProcess[str]:
        told.write_text(f"{self.kilobytes}")
        self.ends.args = ("-c", "", str(told), *arguments)
        return self.ends


class Server:
    """Stands for a server that goes on, or has died."""

    pid = 1

    def __init__(self, returncode: int | None = None) -> None:
        self.returncode = returncode

    def poll(self) -> int | None:
        return self.returncode


@pytest.fixture
def campaign(tmp_path, monkeypatch):
    made = Fuzz(tmp_path, Tally("fuzz", lambda _: None))
    made.home, made.server, made.log, made.began_with = tmp_path, Server(), io.StringIO(), 0
    monkeypatch.setattr("campaigns.fuzz._memory", lambda _: 0)
    return made


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (Program(0), ""),
        (Program(1, "seealso: it cannot be read"), ""),
        (Program(1, "seealso: KeyError; this is a bug of seealso"), "traceback"),
        (Program(-11), "ended by a signal"),
        (Program(0, kilobytes=(LARGEST >> 10) + 1), "too much memory"),
    ],
)
def test_a_command(campaign, program, expected):
    campaign.python = program
    campaign._run("status", door="query")
    assert any(expected in kind for kind in campaign.tally.failures) == bool(expected)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx2.Response(200), ""),
        (httpx2.Response(422, json={"detail": "one line"}, headers={"content-type": "application/problem+json"}), ""),
        (httpx2.Response(500), "status that is not documented"),
        (
            httpx2.Response(422, json={"detail": "a\nb"}, headers={"content-type": "application/problem+json"}),
            "not one",
        ),
    ],
)
def test_an_answer_of_the_server(campaign, answer, expected):
    campaign.client = httpx2.Client(transport=httpx2.MockTransport(lambda _: answer), base_url="http://localhost")
    campaign._answered("GET", "/")
    assert any(expected in kind for kind in campaign.tally.failures) == bool(expected)


def test_a_server_that_dies_grows_or_shows_a_traceback(campaign, monkeypatch):
    monkeypatch.setattr(campaign, "_serve", lambda: None)
    campaign.server = Server(-6)
    campaign.log.write("Traceback (most recent call last):\n")
    monkeypatch.setattr("campaigns.fuzz._memory", lambda _: GROWTH + 1)
    campaign._look_at_server("GET /")
    assert {kind.split()[1] for kind in campaign.tally.failures} == {"server", "server's"}
    assert len(campaign.tally.failures) == 3


def test_what_is_drawn_is_the_same_again_and_of_many_kinds():
    drawn = [
        (text(random.Random(seed)), mutated(b"0123456789" * 20, random.Random(seed), (b"{",))) for seed in range(200)
    ]
    assert drawn == [
        (text(random.Random(seed)), mutated(b"0123456789" * 20, random.Random(seed), (b"{",))) for seed in range(200)
    ]
    assert len({*drawn}) > 190
    assert any(len(words) > 50_000 for words, _ in drawn)

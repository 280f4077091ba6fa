"""The campaign of load notices errors, wrong answers, memory that grows, and visitors that wait long."""

import json
from queue import SimpleQueue
from random import Random

import pytest

from campaigns.campaign import Tally
from campaigns.gallery import Gallery
from campaigns.load import Load
from campaigns.load_clients import Client, quantiles


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    made = Gallery(tmp_path_factory.mktemp("g") / "photos")
    made.change(Random(1), 30, 0)
    made.settle()
    return made


class Told(Client):
    """A client that is told an answer."""

    def __init__(self, gallery: Gallery, status: int, body: bytes) -> None:
        self.put: SimpleQueue = SimpleQueue()
        super().__init__("http://localhost:1", gallery, Random(1), self.put)
        self._answer = status, body
        self._known = {3: {"id": 3, "name": "3.png", "links": {"thumbnail": "/3"}}}

    def _ask(self, target, example, method="GET", body=None):
        self._asked, self._example, self._seconds = target, example, 0.5
        status, self._body = self._answer
        return status

    def outcome(self, kind):
        ask = {"similar": self._similar, "text": self._text, "picture": self._picture, "page": self._page}[kind]
        self._put(kind, ask)
        return self.put.get_nowait()


def answer(numbers, gallery):
    distances = gallery.distances(3)
    hits = [{"id": number, "name": f"{number}.png", "distance": float(distances[number])} for number in numbers]
    return json.dumps({"hits": hits, "matched": len(hits)}).encode()


@pytest.mark.parametrize(
    ("kind", "status", "body", "wrong"),
    [
        ("similar", 200, None, None),
        ("similar", 200, [4], "wrong neighbours"),
        ("similar", 500, b"", "similar ends with 500"),
        ("similar", 404, b"", "similar ends with 404"),
        ("similar", 503, b"", None),
        ("similar", 200, b"{", "similar breaks off"),
        ("text", 200, [3, 4, 5], "a wrong answer to a text query"),
        ("text", 429, b"", "text ends with 429"),
        ("picture", 200, b"\x89PNG", "picture breaks off"),
        ("page", 200, b"<html>", "a page is cut short"),
        ("page", 200, b"<html></html>\n", None),
    ],
)
def test_answers(gallery, kind, status, body, wrong):
    if not isinstance(body, bytes):
        nearest = sorted(gallery.now, key=lambda number: gallery.distances(3)[number])
        body = answer(body or nearest[:10], gallery)
    outcome = Told(gallery, status, body).outcome(kind)
    assert (outcome.wrong and outcome.wrong[0]) == wrong
    assert outcome.refused == (status == 503)


@pytest.mark.parametrize(
    ("memory", "slow", "lasted", "failed"),
    [
        ([(300, 50e6), (700, 100e6), (3600, 104e6)], 0.1, 3600, []),
        ([(300, 50e6), (700, 100e6), (3600, 140e6)], 0.1, 3600, ["the server's memory grows"]),
        ([(300, 50e6), (700, 100e6), (3600, 100e6)], 0.7, 3600, ["some wait long"]),
        ([(300, 50e6), (500, 100e6)], 0.7, 500, []),
    ],
)
def test_what_a_long_run_is_judged_by(tmp_path, memory, slow, lasted, failed):
    campaign = Load(tmp_path, Tally("load", print))
    # By the medians of three.
    campaign.memory = [each for each in memory for _ in range(3)]
    campaign.seconds = {"text": [0.1] * 90 + [slow] * 10}
    campaign.judge(lasted)
    assert list(campaign.tally.failures) == failed
    assert campaign.tally.counts["ms of all: p50"] == 100


def test_quantiles():
    assert quantiles([]) == (0, 0)
    assert quantiles([2.0]) == (2, 2)
    median, most = quantiles([*range(101)])
    assert (median, most) == (50, 99)

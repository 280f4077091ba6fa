"""Clients of a web site that ask it all the time, one request after the other, and compare every answer with a brute force."""

import http.client
import io
import json
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from random import Random
from typing import Any
from urllib.parse import urlencode, urlsplit

from PIL import Image

from campaigns.gallery import KINDS, Between, Gallery, number_of

API = "/api/v1/c"
K, MOST = 10, 200  # hits
SECONDS = 60  # that an answer may take
UNKNOWN = 1 << 40  # from this number on, images that are sent and never in the collection
PAGES = ("/c?seed=1", "/c/text?q=word1", "/c/status", "/api")


@dataclass(frozen=True)
class Outcome:
    """What came of a request.

    Attributes:
        kind: of the request.
        seconds: until all of the answer was there.
        wrong: what is wrong with it: the promise, and what was seen; none: nothing.
        refused: it was asked to come back later, as the documentation says that it may be.
        gone: what it asked for was just being removed.
    """

    kind: str
    seconds: float
    wrong: tuple[str, str] | None = None
    refused: bool = False
    gone: bool = False


class Wrong(Exception):
    """An answer is wrong: the broken promise, and what was seen."""


class Client(threading.Thread):
    """One of them.

    Args:
        address: of the server.
        gallery: the images that it serves; others change it meanwhile.
        random: draws what is asked.
        outcomes: takes what came of every request.
    """

    def __init__(self, address: str, gallery: Gallery, random: Random, outcomes: "SimpleQueue[Outcome]") -> None:
        super().__init__(daemon=True)
        self.host = urlsplit(address).netloc
        self._connection = http.client.HTTPConnection(self.host, timeout=SECONDS)
        self._gallery = gallery
        self._random = random
        self._outcomes = outcomes
        self._known: dict[int, dict[str, Any]] = {}
        self.stop = threading.Event()

    def run(self) -> None:
        """Ask until it is to stop."""
        self._put("random", self._random_hits)
        while not self.stop.is_set():
            kind, ask = self._random.choice(
                (
                    ("similar", self._similar),
                    ("similar where", self._similar_where),
                    ("text", self._text),
                    ("upload", self._upload),
                    ("picture", self._picture),
                    ("page", self._page),
                )
            )
            self._put(kind, ask)
        self._connection.close()

    def _put(self, kind: str, ask: Any) -> None:
        first = self._gallery.settled
        self._seconds = 0.0
        try:
            status, check = ask()
            between = self._gallery.during(first)
            refused = status == 503
            gone = status in (404, 409, 410) and self._example is not None and self._example not in between.in_place
            if status == 200:
                check(between)
            elif not refused and not gone:
                raise Wrong(f"{kind} ends with {status}", f"{self._asked} of {self._example}: {self._body[:500]!r}")
            outcome = Outcome(kind, self._seconds, refused=refused, gone=gone)
        except Wrong as wrong:
            outcome = Outcome(kind, self._seconds, wrong=wrong.args)
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            self._connection.close()
            outcome = Outcome(kind, self._seconds, wrong=(f"{kind} breaks off", f"{self._asked}: {error!r}"))
        self._outcomes.put(outcome)

    def _ask(self, target: str, example: int | None, method: str = "GET", body: bytes | None = None) -> int:
        """Send a request, and take all of the answer; returns its status. ``example``: the image that it is about."""
        self._asked, self._example = target, example
        headers = {"Accept": "text/html" if not target.startswith("/api") else "*/*"}
        headers |= {"Content-Type": "image/png"} if body is not None else {}
        began = time.monotonic()
        for again in (True, False):
            try:
                self._connection.request(method, target, body, headers)
                response = self._connection.getresponse()
                break
            except http.client.RemoteDisconnected:
                # A kept connection was closed meanwhile, as every client has to expect.
                self._connection.close()
                if not again:
                    raise
        self._body = response.read()
        self._seconds = time.monotonic() - began
        return response.status

    def _hits(self) -> list[dict[str, Any]]:
        """The hits of the last answer; they are known from now on."""
        hits: list[dict[str, Any]] = json.loads(self._body)["hits"]
        for hit in hits:
            self._known[number_of(hit["name"])] = hit
        if len(self._known) > 500:
            self._known.pop(next(iter(self._known)))
        return hits

    def _some(self) -> tuple[int, dict[str, Any]]:
        """An image that was found before, and that is not to go as far as is known."""
        there = self._gallery.now
        known = [number for number in self._known if number in there]
        if not known:
            return 0, {"id": 0, "links": {"thumbnail": "/c/objects/0/thumbnail"}}
        number = self._random.choice(known)
        return number, self._known[number]

    # What is asked, and how it is compared

    def _random_hits(self) -> tuple[int, Any]:
        return self._ask(f"{API}/random?limit={MOST}", None), lambda between: self._hits()

    def _neighbours(self, number: int, where: str | None) -> Any:
        def check(between: Between) -> None:
            hits = [(number_of(hit["name"]), hit["distance"]) for hit in self._hits()]
            if wrong := between.wrong_neighbours(number, hits, K, where):
                raise Wrong("wrong neighbours", f"of {number}, where {where}: {wrong}")

        return check

    def _similar(self, where: str | None = None) -> tuple[int, Any]:
        number, hit = self._some()
        question = {"limit": K, "others": "false"} | ({} if where is None else {"where": where})
        status = self._ask(f"{API}/similar/{hit['id']}?{urlencode(question)}", number)
        return status, self._neighbours(number, where)

    def _similar_where(self) -> tuple[int, Any]:
        return self._similar(f"word{self._random.randrange(KINDS)}")

    def _text(self) -> tuple[int, Any]:
        word = f"word{self._random.randrange(KINDS)}"

        def check(between: Between) -> None:
            numbers = [number_of(hit["name"]) for hit in self._hits()]
            if wrong := between.wrong_matches(word, numbers, json.loads(self._body)["matched"], MOST):
                raise Wrong("a wrong answer to a text query", wrong)

        return self._ask(f"{API}/text?{urlencode({'q': word, 'limit': MOST})}", None), check

    def _upload(self) -> tuple[int, Any]:
        """Send an image that the collection holds, or one that it does not."""
        number = self._random.choice((self._some()[0], UNKNOWN + self._random.randrange(1 << 20)))
        file = io.BytesIO()
        Image.fromarray(self._gallery.pixels(number)).save(file, "PNG")
        target = f"{API}/similar?{urlencode({'limit': K})}"
        return self._ask(target, None, "POST", file.getvalue()), self._neighbours(number, None)

    def _picture(self) -> tuple[int, Any]:
        number, hit = self._some()
        status = self._ask(hit["links"]["thumbnail"], number)

        def check(_: Between) -> None:
            with Image.open(io.BytesIO(self._body)) as image:
                image.load()

        return status, check

    def _page(self) -> tuple[int, Any]:
        number, hit = self._some()
        target = self._random.choice((*PAGES, f"/c/objects/{hit['id']}", f"/c/similar/{hit['id']}"))

        def check(_: Between) -> None:
            if not self._body.rstrip().endswith(b"</html>"):
                raise Wrong("a page is cut short", f"{target}: {self._body[-200:]!r}")

        return self._ask(target, number if str(hit["id"]) in target else None), check


def quantiles(seconds: Sequence[float]) -> tuple[float, float]:
    """Their median, and what 99 of 100 are below."""
    if len(seconds) < 2:
        return (seconds[0], seconds[0]) if seconds else (0.0, 0.0)
    return statistics.median(seconds), statistics.quantiles(seconds, n=100, method="inclusive")[98]

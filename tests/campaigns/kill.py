"""The campaign ``kill``: SIGKILL at random moments of every command that writes, sometimes beside a running server."""

import contextlib
import signal
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import IO, ClassVar

from campaigns.campaign import Campaign
from campaigns.story import COMMANDS, MAKING, PATIENCE, Ended, Story
from warm_python import Running, WarmPython

SERVED = 0.08  # the share of turns beside a server
ANEW = 0.08  # and of those that begin with no collection
WHOLE = 4  # so many turns, and everything is taken in


class Kill(Campaign):
    """Whatever is killed, whenever: nothing committed is lost, nothing is there twice, every later command works, and every
    answer is right."""

    quick: ClassVar[int] = 4

    def prepare(self, random: Random) -> None:
        """Two collections with something in them."""
        # The path of a socket has to be short.
        sockets = Path(self.resources.enter_context(tempfile.TemporaryDirectory()))
        python = self.resources.enter_context(WarmPython(sockets))
        self.story = Story(self.folder / "story", python, self.tally)
        for kind in ("index", "import"):
            self.story.run(kind, random, kill=False)

    def turn(self, random: Random) -> None:
        """Kill a command, or several one after the other, or one beside a server; then look."""
        if random.random() < ANEW:
            self.story.begin_anew(random.choice(("photographs", "imported")))
        if random.random() < SERVED:
            self._beside_a_server(random)
            done = ["index beside serve"]
        else:
            done = [self.story.draw(random) for _ in range(random.choice((1, 1, 1, 2, 3)))]
            for kind in done:
                self.story.run(kind, random)
        self.story.check(", ".join(done))
        if self.tally.turn % WHOLE == 0:
            finish(self.story, random)

    def _beside_a_server(self, random: Random) -> None:
        """Photographs are taken in while others are looked at; one of the two is killed, or both."""
        victims = random.choice((("index",), ("serve",), ("index", "serve")))
        with self._started("serve") as serve:
            self._wait_until_ready(serve[0])
            with self._started(*self.story.arguments("index", random)) as index:
                self._look_around(random, random.uniform(0.1, 1.2) * self.story.usual("index"))
                for name, (running, errors) in (("index", index), ("serve", serve)):
                    if name in victims:
                        running.kill()
                    elif name == "serve":
                        running.send_signal(signal.SIGTERM)
                    status = running.wait(PATIENCE)
                    errors.seek(0)
                    ended = Ended(status, errors.read().decode(errors="replace"))
                    self.story.note(name, ended, kill=name in victims)

    def _wait_until_ready(self, server: Running) -> None:
        deadline = time.monotonic() + PATIENCE
        while server.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                self._get("readyz")
                return
            time.sleep(0.02)

    def _look_around(self, random: Random, seconds: float) -> None:
        """Ask the server for neighbours, words and thumbnails for so long."""
        deadline = time.monotonic() + seconds
        ids = [id_ for id_, _ in self.story.promised["photographs"].values()] or [1]
        while time.monotonic() < deadline:
            id_, word = random.choice(ids), f"word{random.randrange(9)}"
            for page in (f"similar/{id_}", f"text?q={word}"):
                self._ask(f"api/v1/photographs/{page}")
            self._ask(f"photographs/objects/{id_}/thumbnail")

    def _ask(self, page: str) -> None:
        try:
            self._get(page)
        except urllib.error.HTTPError as error:
            # Some photographs are gone, and some collections not yet made.
            if error.code >= 500:
                self.tally.fail(
                    "the server fails while photographs are taken in", [page, error.code, error.read()[:500]]
                )
        except OSError as error:
            self.tally.fail("the server does not answer", [page, error])
        self.tally.count("requests beside an index")

    def _get(self, page: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.story.port}/{page}", timeout=30) as answer:
            return bytes(answer.read())

    @contextlib.contextmanager
    def _started(self, *arguments: str) -> Iterator[tuple[Running, IO[bytes]]]:
        with tempfile.TemporaryFile() as errors, self.story.start(*arguments, stderr=errors.fileno()) as running:
            try:
                yield running, errors
            finally:
                running.kill()


def finish(story: Story, random: Random) -> None:
    """Take everything in without a kill: then catalogue, words and files are the same. So it stays after any other command."""
    others = [kind for kind in COMMANDS if kind not in MAKING]
    for kind in ("prune", "import", *random.sample(others, 2)):
        story.run(kind, random, kill=False)
    story.check("a whole run", whole=("photographs", "imported"))

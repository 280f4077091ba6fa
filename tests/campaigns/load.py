"""A server with clients that ask it all the time, and beside it, by turns, every command that writes."""

import contextlib
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from random import Random

from campaigns.campaign import Campaign
from campaigns.gallery import Gallery, configure
from campaigns.load_clients import Client, Outcome, quantiles
from campaigns.said import BUG, without_progress
from warm_python import WarmPython
from web_site import free_port, wait_until_ready

CLIENTS = 16
BEGINNING = 300  # images
PATIENCE = 300  # seconds that a command may take beside them
LONG = 600  # seconds; after so many the server's memory has settled, and longer runs are judged by it
SAMPLED = 300  # seconds, after those and at the end, over which it is taken
GROWTH = 1.05  # of its memory since then, at most
SPREAD = 5  # p99 of the time that an answer takes, in medians, at most


class Load(Campaign):
    """A turn is a round of the five commands, while the clients go on.

    The server's memory is what is its own (``RssAnon``): pages of files that it has mapped come and go as the system likes. It
    and the latencies are judged where the campaign takes longer than ten minutes.
    """

    quick = 1

    def prepare(self, random: Random) -> None:
        """Make a collection, serve it, and let the clients begin."""
        sockets = self.resources.enter_context(tempfile.TemporaryDirectory())
        self.python = self.resources.enter_context(WarmPython(Path(sockets)))
        self.gallery = Gallery(self.folder / "photos", random.randrange(1 << 30))
        port = free_port()
        web = {"plugin": "web", "port": port, "access_log": False, "cache": "cache"}
        collection: dict[str, object] = {"path": "c.seealso", "extractor": "thumbnail"}
        configure(self.folder / "seealso.yaml", {"c": collection}, frontends=[web])
        self.gallery.change(random, BEGINNING, 0)
        self._run("index", "photos")
        self.gallery.settle()
        self._serve(f"http://127.0.0.1:{port}")
        self.outcomes: SimpleQueue[Outcome] = SimpleQueue()
        self.seconds: dict[str, list[float]] = {}
        self.memory: list[tuple[float, int]] = []
        self._began = time.monotonic()
        self.clients = [
            Client(f"http://127.0.0.1:{port}", self.gallery, Random(random.random()), self.outcomes)
            for _ in range(CLIENTS)
        ]
        for client in self.clients:
            client.start()
        self.resources.callback(self._end)

    def _serve(self, address: str) -> None:
        self.log = self.folder / "server.log"
        command = [sys.executable, "-m", "seealso_cli", "serve"]
        with self.log.open("wb") as log:
            self.server = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.resources.callback(self._stop_server)
        wait_until_ready(address)

    def turn(self, random: Random) -> None:
        """A round of the commands, in any order."""
        commands = [
            ("index", "photos"),
            ("index", "--prune", "photos"),
            ("maintain",),
            ("rebuild",),
            ("convert", random.choice(("lmdb", "flat-file")), "--codec", random.choice(("raw", "zstd"))),
        ]
        for arguments in random.sample(commands, len(commands)):
            if arguments[0] == "index":
                spare = max(0, len(self.gallery.now) - BEGINNING)
                self.gallery.change(random, random.randrange(1, 30), random.randrange(20) + spare, 3, 5)
            self._run(*arguments)
            if arguments[0] == "index":
                self.gallery.settle()
            self.take()
        self.memory.append((time.monotonic() - self._began, self._memory()))
        if self.server.poll() is not None:
            self.tally.fail("the server has ended", self.log.read_text()[-2000:])
            self._serve(f"http://{self.clients[0].host}")

    def _run(self, *arguments: str) -> None:
        try:
            done = self.python.seealso(*arguments, cwd=self.folder, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.tally.fail(f"{arguments[0]} does not end", arguments)
            return
        self.tally.count(f"runs of {arguments[0]}")
        if done.returncode or without_progress(done.stderr):
            self.tally.fail(f"{arguments[0]} ends badly", f"{arguments}: {done}")

    def take(self) -> None:
        """Count what came of the clients' requests."""
        with contextlib.suppress(Empty):
            while True:
                outcome = self.outcomes.get_nowait()
                self.seconds.setdefault(outcome.kind, []).append(outcome.seconds)
                self.tally.count(f"requests: {outcome.kind}")
                if outcome.wrong is not None:
                    self.tally.fail(*outcome.wrong)
                if outcome.refused:
                    self.tally.count("asked to come back later, as the option queue_seconds has it")
                if outcome.gone:
                    self.tally.count("of an image that was just removed")

    def _memory(self) -> int:
        """The bytes of the server's own memory."""
        with contextlib.suppress(OSError):
            found = re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{self.server.pid}/status").read_text())
            return int(found[1]) << 10 if found else 0
        return 0

    # The end

    def _end(self) -> None:
        for client in self.clients:
            client.stop.set()
        for client in self.clients:
            client.join(PATIENCE)
        self.take()
        self.judge(time.monotonic() - self._began)

    def judge(self, lasted: float) -> None:
        """Print the latencies and the memory; compare them with the promises where it has lasted long enough."""
        every = [seconds for each in self.seconds.values() for seconds in each]
        for kind, seconds in {"all": every, **self.seconds}.items():
            median, most = quantiles(seconds)
            self.tally.count(f"ms of {kind}: p50", round(1000 * median))
            self.tally.count(f"ms of {kind}: p99", round(1000 * most))
        median, most = quantiles(every)
        # Medians over some minutes: what a single request holds comes and goes.
        early = [size for when, size in self.memory if LONG <= when < LONG + SAMPLED]
        late = [size for when, size in self.memory if when >= lasted - SAMPLED]
        for minute in range(int(lasted // 60) + 1):
            sizes = [size for when, size in self.memory if minute <= when / 60 < minute + 1]
            if sizes:
                self.tally.count(f"MB of the server in minute {minute:02}", round(statistics.median(sizes) / 1e6))
        if lasted <= LONG or not early or not late:
            return
        before, after = statistics.median(early), statistics.median(late)
        self.tally.count("MB of the server after ten minutes", round(before / 1e6))
        self.tally.count("MB of the server at the end", round(after / 1e6))
        if after > GROWTH * before:
            self.tally.fail(
                "the server's memory grows", f"{before / 1e6:.1f} MB after ten minutes, {after / 1e6:.1f} MB at the end"
            )
        if most > SPREAD * median:
            self.tally.fail("some wait long", f"p50 {1000 * median:.0f} ms, p99 {1000 * most:.0f} ms")

    def _stop_server(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.server.pid, signal.SIGTERM)
        try:
            status = self.server.wait(30)
        except subprocess.TimeoutExpired:
            self.server.kill()
            status = self.server.wait()
        said = self.log.read_text(errors="replace")
        if status or BUG.search(said):
            self.tally.fail("the server ends badly", f"status {status}: {said[-2000:]}")

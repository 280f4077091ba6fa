"""The campaign ``power-cut``: the power fails at random moments of every command that writes."""

import tempfile
from pathlib import Path
from random import Random
from typing import ClassVar

from campaigns.campaign import Campaign
from campaigns.kill import ANEW, WHOLE, finish
from campaigns.story import Story
from durability.power_cut import PowerCut, compile_layer
from warm_python import WarmPython


class PowerCuts(Campaign):
    """A command is killed, and what was not synced is gone: all of it, or by turns a random part of it. Nothing committed is
    lost, nothing is there twice, every later command works, and every answer is right."""

    quick: ClassVar[int] = 4

    def prepare(self, random: Random) -> None:
        """Two collections with something in them, on a disk that forgets."""
        # The path of a socket has to be short.
        sockets = Path(self.resources.enter_context(tempfile.TemporaryDirectory()))
        library = compile_layer(self.folder)
        python = self.resources.enter_context(WarmPython(sockets, {"LD_PRELOAD": str(library)}))
        disk = self.folder / "story" / "disk"
        disk.mkdir(parents=True)
        self.cut = PowerCut(library, disk, self.folder / "mirror")
        # What the story itself removes has nothing to do with what a program may count on.
        self.story = Story(disk.parent, python, self.tally, self.cut.environment, self.cut.adopt)
        for kind in ("index", "import"):
            self.story.run(kind, random, kill=False)

    def turn(self, random: Random) -> None:
        """Have the power fail, or several times before anybody looks."""
        if random.random() < ANEW:
            self.story.begin_anew(random.choice(("photographs", "imported")))
        done: list[str] = []
        for _ in range(random.choice((1, 2, 3, 4))):
            done += self._until_a_cut(random)
        self.story.check(", ".join(done))
        if self.tally.turn % WHOLE == 0:
            finish(self.story, random)

    def _until_a_cut(self, random: Random) -> list[str]:
        """Kill a command, or several one after the other, and cut the power; returns what was done.

        A writer must not count on what another has written, and not synced, before it was killed.
        """
        done = [self.story.draw(random) for _ in range(random.choice((1, 1, 1, 2, 3)))]
        for kind in done:
            self.story.run(kind, random)
        some = random.random() < 0.5
        self.cut.cut(random if some else None)
        self.tally.count("power cuts that leave some of the rest" if some else "power cuts that leave nothing else")
        return [*done, "a power cut"]

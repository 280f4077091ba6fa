"""What every campaign is: turns that draw all they do from a seed, and a tally of what came of them."""

import contextlib
import random
import shutil
import time
import traceback
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

SHOWN = 5  # failures of a kind that are told in full


class Tally:
    """Counts of what happened, and what went wrong.

    Args:
        name: the campaign's.
        tell: takes a line about each failure.
    """

    def __init__(self, name: str, tell: Callable[[str], None]) -> None:
        self.name = name
        self.turn = 0
        self.counts: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self._tell = tell

    def count(self, what: str, number: int = 1) -> None:
        """Something happened that may happen."""
        self.counts[what] += number

    def fail(self, kind: str, details: object = "") -> None:
        """Something happened that must not: ``kind`` names the broken promise, ``details`` what was seen."""
        self.failures[kind] += 1
        if self.failures[kind] <= SHOWN:
            self._tell(f"{self.name}, turn {self.turn}: {kind}: {str(details)[-2000:]}")

    def as_json(self) -> dict[str, object]:
        """All of it."""
        return {"turns": self.turn, "counts": dict(sorted(self.counts.items())), "failures": dict(self.failures)}


class Campaign(ABC):
    """Tries to break one promise, a turn at a time.

    A turn draws all that it does from the generator that it is given, so that a seed and a turn's number say what was
    done. What the product did of its own accord (when a kill hit it) is the only thing that they do not say.

    Args:
        folder: an empty folder; it is kept where something failed.
        tally: where every turn's outcome is counted.

    Attributes:
        resources: what is to be closed at the end: processes, for instance.
    """

    quick: ClassVar[int]
    """Turns that take some eight seconds, preparations included: what CI runs."""

    def __init__(self, folder: Path, tally: Tally) -> None:
        self.folder = folder
        self.tally = tally
        self.resources = contextlib.ExitStack()

    @abstractmethod
    def prepare(self, random: random.Random) -> None:
        """Make what all turns need."""

    @abstractmethod
    def turn(self, random: random.Random) -> None:
        """Do something that may break the promise, and compare what must be true then."""


def run(
    kind: type[Campaign],
    name: str,
    folder: Path,
    seed: int,
    turns: int | None,
    seconds: float,
    tell: Callable[[str], None],
) -> Tally:
    """Go through a campaign.

    Args:
        kind, name: which.
        folder: made here, and removed unless something failed.
        seed: of everything that is drawn.
        turns: how many; None takes as many as begin within ``seconds``.
        seconds: see there.
        tell: takes a line about each failure.
    """
    tally = Tally(name, tell)
    folder.mkdir(parents=True)
    began = time.monotonic()
    campaign = kind(folder, tally)
    with campaign.resources:
        campaign.prepare(random.Random(f"{seed} {name}"))
        while tally.turn < turns if turns is not None else time.monotonic() - began < seconds:
            tally.turn += 1
            try:
                campaign.turn(random.Random(f"{seed} {name} {tally.turn}"))
            except Exception:
                # What was counted before is worth to be seen.
                tally.fail("the campaign itself broke off", traceback.format_exc())
                break
    if not tally.failures:
        shutil.rmtree(folder)
    return tally

"""Where the time of a query goes."""

from __future__ import annotations

import time

from seealso.interfaces.answer import Times


class Stopwatch:
    """Books the time that passes to the stages of a query, without a gap: what they take adds up to the total."""

    def __init__(self) -> None:
        self.times = Times()
        self._last = time.perf_counter()

    def book(self, stage: str) -> None:
        """Book the time since the last call to a stage: the name of a field of `Times`."""
        now = time.perf_counter()
        passed = 1000 * (now - self._last)
        setattr(self.times, stage, getattr(self.times, stage) + passed)
        self.times.total += passed
        self._last = now

    def skip(self) -> None:
        """Book the time since the last call to no stage: others have."""
        self._last = time.perf_counter()

"""When a writer saves what it has done so far."""

from __future__ import annotations

import time

from seealso.collection.derived.limits import Limits

SAFE = 0.75
"""The share of a limit at which a checkpoint is due: what is committed next comes on top before it is written."""


class Checkpoints:
    """Counts what would have to be replayed after a crash, and says when that is enough to be saved.

    Args:
        limits: what may have to be replayed at most.
        bytes_each: the bytes of an object's content; 0: they do not count.
    """

    def __init__(self, limits: Limits, bytes_each: int) -> None:
        self._limits = limits
        self.most = min(limits.objects, limits.bytes // bytes_each if bytes_each else limits.objects)
        self.objects = 0
        self._since: float | None = None  # when the first of them came
        self._took = 0.0  # seconds, the last time

    def came(self, objects: int) -> None:
        """So many objects were committed, or replayed."""
        if objects:
            self.objects += objects
            if self._since is None:
                self._since = time.monotonic()

    def saved(self, seconds: float) -> None:
        """All of them were saved, and it took so long."""
        self.objects, self._since, self._took = 0, None, seconds

    @property
    def due(self) -> bool:
        """Whether to save now."""
        if self._since is None:
            return False
        if self.objects >= SAFE * self.most:
            return True
        passed = time.monotonic() - self._since
        cheap = self._took <= self._limits.share * passed
        return passed >= SAFE * self._limits.seconds or (cheap and passed >= self._limits.seconds / 2)

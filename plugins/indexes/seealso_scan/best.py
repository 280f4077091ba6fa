"""The best of many estimates, in bounded memory."""

from __future__ import annotations

from typing import Self

import numpy as np

Last = tuple[float, int]
"""The estimate and the number of the last of those that were taken already."""


class Best:
    """The ``size`` least of the estimates that are offered, ties by number, among those that come after ``last``.

    What is infinite is never among them. It holds twice as many at most, and those that were offered last.

    Attributes:
        estimates: float32 ``(n,)``.
        numbers: their numbers, int64 ``(n,)``, ascending until `ordered` is asked for.
    """

    def __init__(self, size: int, last: Last | None) -> None:
        self._size = size
        self._last = last
        self._bound = np.float32(np.inf)
        self.estimates = np.empty(0, np.float32)
        self.numbers = np.empty(0, np.int64)

    def offer(self, estimates: np.ndarray, start: int) -> None:
        """Take what may be among the best of some estimates, float32 ``(n,)``, numbered from ``start`` on: beyond all before."""
        # One that is as large as the bound comes behind those that are held, for its number is larger.
        wanted = estimates < self._bound
        if self._last is not None:
            estimate, number = self._last
            wanted &= (estimates > estimate) | ((estimates == estimate) & (np.arange(estimates.size) > number - start))
        found = np.flatnonzero(wanted)
        self._hold(estimates[found], start + found)

    def merge(self, other: Self) -> None:
        """Take the best of what was offered to another one, whose numbers are larger."""
        self._hold(other.estimates, other.numbers)

    def _hold(self, estimates: np.ndarray, numbers: np.ndarray) -> None:
        if not numbers.size:
            return
        self.estimates = np.concatenate([self.estimates, estimates])
        self.numbers = np.concatenate([self.numbers, numbers])
        # Twice as many as wanted, so that an object costs a share of few cuts.
        if self.numbers.size >= 2 * self._size:
            self._cut()

    def _cut(self) -> None:
        """Keep as many as are wanted."""
        if self.numbers.size <= self._size:
            return
        self._bound = np.partition(self.estimates, self._size - 1)[self._size - 1]
        kept = self.estimates < self._bound
        as_large = np.flatnonzero(self.estimates == self._bound)
        kept[as_large[: self._size - np.count_nonzero(kept)]] = True
        self.estimates, self.numbers = self.estimates[kept], self.numbers[kept]

    def ordered(self) -> tuple[np.ndarray, np.ndarray]:
        """Estimates and numbers, the least first."""
        self._cut()
        order = np.argsort(self.estimates, kind="stable")
        return self.estimates[order], self.numbers[order]

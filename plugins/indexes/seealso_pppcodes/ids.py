"""Ascending IDs in little memory."""

from __future__ import annotations

from typing import Self

import numpy as np


class AscendingIds:
    """An ascending sequence of different int64 IDs, kept as runs of consecutive ones: 16 bytes a run.

    A collection numbers its objects one after another, so there are few runs: one, and another wherever IDs were skipped
    or objects went away.

    Args:
        firsts: the first ID of each run, int64.
        starts: the place of that ID in the sequence, int64.
        size: how many IDs there are.
    """

    __slots__ = ("firsts", "size", "starts")

    def __init__(self, firsts: np.ndarray, starts: np.ndarray, size: int) -> None:
        self.firsts = firsts
        self.starts = starts
        self.size = size

    @classmethod
    def of(cls, ids: np.ndarray) -> Self:
        """From the IDs themselves, ``(n,)``."""
        starts = np.concatenate([np.zeros(min(1, ids.size), np.int64), np.flatnonzero(np.diff(ids) != 1) + 1])
        return cls(np.ascontiguousarray(ids[starts], dtype=np.int64), starts, int(ids.size))

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return int(self.firsts.nbytes + self.starts.nbytes)

    def at(self, places: np.ndarray) -> np.ndarray:
        """The IDs at places: int64 of the same shape; O(n log runs)."""
        if self.firsts.size == 1:
            whole: np.ndarray = self.firsts[0] + places
            return whole
        runs = np.searchsorted(self.starts, places, side="right") - 1
        ids: np.ndarray = self.firsts[runs] + (places - self.starts[runs])
        return ids

    def all(self) -> np.ndarray:
        """All of them: int64 ``(size,)``."""
        lengths = np.diff(self.starts, append=self.size)
        return np.repeat(self.firsts - self.starts, lengths) + np.arange(self.size)

    def places(self, ids: np.ndarray) -> np.ndarray:
        """The places of those of ``ids`` that are in the sequence, in the order of ``ids``; O(n log runs)."""
        if not self.size:
            return np.empty(0, np.int64)
        runs = np.searchsorted(self.firsts, ids, side="right") - 1
        lengths = np.diff(self.starts, append=self.size)
        within = ids - self.firsts[runs]
        found = (runs >= 0) & (within < lengths[runs])
        places: np.ndarray = (self.starts[runs] + within)[found]
        return places

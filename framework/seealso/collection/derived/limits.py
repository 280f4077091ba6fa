"""How far something derived may be behind the catalogue, and what then is done."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of what a query does itself, and of what a crash may leave to be replayed.

    Attributes:
        tail: the objects, added and removed, that a query replays at most.
        flat_bytes: the bytes of descriptors that a query compares without an index, at most.
        objects: the objects that may come between two checkpoints.
        bytes: the bytes of descriptors that may come between two checkpoints.
        seconds: the time that may pass between two checkpoints.
        share: the share of the time that saving may take where these limits leave a choice.
    """

    tail: int = 10_000
    flat_bytes: int = 256 << 20
    objects: int = 100_000
    bytes: int = 256 << 20
    seconds: float = 60.0
    share: float = 0.1


LIMITS = Limits()
"""Those in force."""

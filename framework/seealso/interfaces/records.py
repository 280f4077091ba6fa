"""What the catalogue says of objects."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ObjectRecord:
    """An object: its size in pixels, upright, its file's in bytes, and the paths where it was found, ascending."""

    id: int
    hash: bytes
    width: int
    height: int
    file_size: int
    paths: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a collection holds."""

    objects: int
    locations: int
    failures: int


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with a picture that was taken in though it is damaged.

    Attributes:
        reason: why not all of it could be decoded, in words.
        share: of the picture that was decoded: at least a half; 1 where all of it is there, but coarser than it was.
    """

    reason: str
    share: float


@dataclass(frozen=True, slots=True)
class DamagedObject:
    """An object whose picture is damaged: its ID, the paths where it was found, ascending, and what is wrong."""

    id: int
    paths: tuple[bytes, ...]
    damage: Damage

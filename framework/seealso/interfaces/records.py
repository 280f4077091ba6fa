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

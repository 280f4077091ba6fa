"""What the catalogue's rows are in Python."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from seealso.interfaces.records import Damage
from seealso.interfaces.text import Words


class FileState(NamedTuple):
    """What tells, without reading it, whether a file has changed: size, mtime, ctime and inode; and its device."""

    signature: bytes
    device: int

    @classmethod
    def of(cls, stat: os.stat_result) -> Self:
        """The state that ``stat`` shows."""
        wrapped = (
            value & 0xFFFF_FFFF_FFFF_FFFF for value in (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
        )
        # SQLite's integers are signed; a device number may use the top bit.
        return cls(struct.pack("<4Q", *wrapped), stat.st_dev - (1 << 64) if stat.st_dev >= 1 << 63 else stat.st_dev)

    def unsettled(self) -> FileState:
        """The same state, made to equal no later one, so that the file is read again next time."""
        return self._replace(signature=b"")


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """An object as it is about to be committed: its size in pixels, upright, and its file's in bytes; and what is wrong with its picture,
    where that is damaged."""

    id: int
    hash: bytes
    width: int
    height: int
    file_size: int
    damage: Damage | None = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """What keyword sources say of a file.

    Attributes:
        state: what tells whether they would say something else now.
        words: source → its words, where it has any.
    """

    state: bytes = b""
    words: Mapping[str, tuple[Words, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Location:
    """A path where an object was found, the state of the file then, and what describes it; None: what did before."""

    path: bytes
    object: int
    state: FileState
    annotation: Annotation | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be indexed, and why."""

    path: bytes
    reason: str
    state: FileState
    time: float
    reached: bool = True
    """The file was there as ``state`` says: whatever it held before, it does not now."""


@dataclass(frozen=True, slots=True)
class ForgottenPlace:
    """Where content that was forgotten was found.

    Attributes:
        hash: the SHA-256 of the content.
        path: where.
        object: the ID that it had.
        time: when it was forgotten, in seconds since 1970.
    """

    hash: bytes
    path: bytes
    object: int
    time: float

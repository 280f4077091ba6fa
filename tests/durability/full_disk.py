"""A disk that becomes full at a chosen byte, for programs that run under a layer; nobody's permission is needed for that."""

import struct
from pathlib import Path

SOURCE = Path(__file__).with_name("full_disk.c")

_COUNTER = struct.Struct("=q")


class FullDisk:
    """A folder on a disk that may become full.

    Args:
        library: what `compile_layer` made of `SOURCE`.
        watched: the folder.
        counter: a file outside of it, for the bytes that are left.
    """

    def __init__(self, library: Path, watched: Path, counter: Path) -> None:
        self.library = library
        self.watched = watched.resolve()
        self.counter = counter.resolve()
        self.leave(None)

    def environment(self, *, names: bool = False) -> dict[str, str]:
        """The environment variables that put a program under the layer; ``names``: when nothing is left, no file, folder or link can be
        made either."""
        layer = {
            "LD_PRELOAD": str(self.library),
            "FULL_DISK_WATCH": str(self.watched),
            "FULL_DISK_LEFT": str(self.counter),
        }
        return layer | ({"FULL_DISK_NAMES": "1"} if names else {})

    def leave(self, left: int | None) -> None:
        """Leave so many bytes on the disk, for all programs together; None: as many as they want. Not while one is running."""
        self.counter.write_bytes(_COUNTER.pack(-1 if left is None else left))

    @property
    def written(self) -> int:
        """The bytes by which files have grown since there was no limit."""
        return -1 - int(_COUNTER.unpack(self.counter.read_bytes())[0])

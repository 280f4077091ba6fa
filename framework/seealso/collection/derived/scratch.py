"""Folders for what something derived cannot hold in memory; none outlives the process that made it."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from seealso.durability import make_directory

PREFIX = "scratch-"


class Scratch:
    """Makes folders, and removes them together.

    A folder beside snapshots is locked as long as it is in use, so that `remove_left` knows those that a killed process left.

    Args:
        place: where the next one shall be; None: among the system's temporary files.
    """

    def __init__(self, place: Callable[[], Path | None]) -> None:
        self._place = place
        self._folders: list[tuple[Path, int]] = []

    def folder(self) -> Path:
        """A new empty folder."""
        place = self._place()
        if place is not None:
            make_directory(place)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX if place else f"seealso-{PREFIX}", dir=place))
        descriptor = os.open(folder, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self._folders.append((folder, descriptor))
        return folder

    def close(self) -> None:
        """Remove the folders."""
        while self._folders:
            folder, descriptor = self._folders.pop()
            shutil.rmtree(folder, ignore_errors=True)
            os.close(descriptor)


def remove_left(directory: Path) -> None:
    """Remove the folders that processes which are no more have left in a directory."""
    for folder in directory.glob(f"{PREFIX}*"):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)

"""Snapshots of what is derived: immutable folders named by the change they hold; a small file names the current one.

A reader holds a shared lock on the snapshot that it has mapped. The writer removes those that nobody holds.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seealso.durability import make_directory, sync_directory, sync_file, write_atomically
from seealso.errors import CorruptCollection

CURRENT = "CURRENT"
DESCRIPTION = "snapshot.json"
MAGIC = "seealso-snapshot"
FORMAT_VERSION = 1
NAME = re.compile(r"\d+(-\d+)?(\.new)?")
"""The name of a snapshot's folder; with ``.new``, one that is being written. A text index of an earlier release lies in one whose
name is a number alone."""


@dataclass(slots=True)
class Snapshot:
    """A snapshot that is held: it stays on disk until `release`.

    Attributes:
        directory: its folder.
        change: the number of the change that it holds.
        made_by: what made it.
        among: how many objects there were when it was trained; None where that was not recorded.
    """

    directory: Path
    change: int
    made_by: dict[str, Any]
    among: int | None
    _descriptor: int

    def release(self) -> None:
        """Let it go."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Snapshots:
    """The snapshots of one derived thing, in a folder of their own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def current_name(self) -> str | None:
        """The name of the current snapshot's folder; None where there is none."""
        current = self.directory / CURRENT
        try:
            name = current.read_text().strip() if current.is_file() else ""
        except (OSError, ValueError):
            return None
        return name if NAME.fullmatch(name) else None

    def whole(self) -> list[str]:
        """The names of the snapshots that were written to the end: the current one first, then the others, the newest first.

        There are others where a reader held one when it was replaced.
        """
        current = self.current_name()
        names = [folder.name for folder in self.directory.glob("*") if (folder / DESCRIPTION).exists()]
        names = [name for name in names if NAME.fullmatch(name) and not name.endswith(".new")]
        return sorted(names, key=lambda name: (name == current, name), reverse=True)

    def hold(self, name: str) -> Snapshot:
        """Hold a snapshot by the name of its folder.

        Raises:
            OSError: it is not there.
            ValueError: it is not a snapshot, or of a newer format; says which.
        """
        directory = self.directory / name
        # O_NONBLOCK: should it be a pipe, opening it does not wait for ever.
        descriptor = os.open(directory / DESCRIPTION, os.O_RDONLY | os.O_NONBLOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            _refuse_others(directory)
            description = json.loads(os.pread(descriptor, 1 << 20, 0))
            try:
                magic, version = description["magic"], int(description["version"])
                change, made_by = int(description["change"]), dict(description["made_by"])
                among = None if description.get("among") is None else int(description["among"])
            except (KeyError, TypeError, AttributeError) as error:
                raise ValueError(f"its file {DESCRIPTION} is damaged") from error
            if magic != MAGIC:
                raise ValueError("it is something else")
            if version > FORMAT_VERSION:
                raise ValueError(f"it is of format {version}, and this release reads up to {FORMAT_VERSION}")
            return Snapshot(directory, change, made_by, among, descriptor)
        except BaseException:
            os.close(descriptor)
            raise

    def save(
        self, change: int, made_by: dict[str, Any], write: Callable[[Path], None], among: int | None = None
    ) -> None:
        """Make a new current snapshot, durable on return; ``write`` fills its folder. See `Snapshot` for what it records."""
        self._require_room()
        make_directory(self.directory)
        durable = self._files()
        with self._new_folder(change) as (new, final):
            write(new)
            description = {"magic": MAGIC, "version": FORMAT_VERSION, "change": change, "made_by": made_by}
            (new / DESCRIPTION).write_text(json.dumps(description | {"among": among}))
            for path in (*new.rglob("*"), new):
                # A file of an earlier snapshot, linked here, was synced with that.
                if path.is_dir():
                    sync_directory(path)
                elif _inode(path) not in durable:
                    sync_file(path)
            os.rename(new, final)
            sync_directory(self.directory)
        write_atomically(self.directory / CURRENT, final.name.encode())
        self.remove_unheld()

    def _files(self) -> set[tuple[int, int]]:
        """The files of all snapshots that are whole, by device and inode."""
        folders = (self.directory / name for name in self.whole())
        return {_inode(path) for folder in folders for path in folder.rglob("*") if path.is_file()}

    @contextmanager
    def _new_folder(self, change: int) -> Iterator[tuple[Path, Path]]:
        number = 1
        while (final := self.directory / f"{change:012d}-{number}").exists():
            number += 1
        new = final.with_name(final.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        try:
            yield new, final
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise

    def remove_unheld(self) -> None:
        """Remove what is neither current nor held by a reader, and what an interrupted writer left."""
        current = self.current_name()
        folders = [folder for folder in self.directory.glob("*") if NAME.fullmatch(folder.name) and folder.is_dir()]
        for folder in folders:
            if folder.name != current and not _is_held(folder):
                shutil.rmtree(folder, ignore_errors=True)

    def _require_room(self) -> None:
        """Refuse to write where something else lies in the place of our folder or of our file.

        Raises:
            CorruptCollection: it does; says where.
        """
        current = self.directory / CURRENT
        for path, fits in ((self.directory, self.directory.is_dir()), (current, current.is_file())):
            if os.path.lexists(path) and not fits:
                what = "file" if path is current else "folder"
                raise CorruptCollection(
                    f"{path} should be a {what}, and is none; move it away, then run `seealso rebuild`"
                )

    def remove_all(self) -> None:
        """Have no snapshot at all; those that readers hold go later."""
        self._require_room()
        (self.directory / CURRENT).unlink(missing_ok=True)
        if self.directory.is_dir():
            sync_directory(self.directory)
        self.remove_unheld()


def _refuse_others(folder: Path) -> None:
    """Refuse a snapshot with something in it that is neither file nor folder: opening a pipe would wait for ever.

    Raises:
        ValueError: says what.
    """
    for path in folder.rglob("*"):
        if not (path.is_file() or path.is_dir()):
            raise ValueError(f"{path.relative_to(folder)} in it is no file")


def _inode(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_dev, stat.st_ino


def _is_held(folder: Path) -> bool:
    try:
        descriptor = os.open(folder / DESCRIPTION, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False

"""Snapshots of an index: immutable folders named by the change they hold; a small file names the current one.

A reader holds a shared lock on the snapshot that it has mapped. The writer removes those that nobody holds.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seealso.durability import make_directory, sync_directory, sync_file, write_atomically

CURRENT = "CURRENT"
DESCRIPTION = "snapshot.json"
MAGIC = "seealso-snapshot"
FORMAT_VERSION = 1


@dataclass(slots=True)
class Snapshot:
    """A snapshot that is held: it stays on disk until `release`."""

    directory: Path
    change: int
    made_by: dict[str, Any]
    _descriptor: int

    def release(self) -> None:
        """Let it go."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Snapshots:
    """The snapshots of one index, in a folder of their own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def current(self) -> Snapshot | None:
        """Hold the current snapshot; None where there is none that can be read."""
        # The writer may replace and remove it between our reading its name and our holding it.
        for _ in range(10):
            try:
                name = (self.directory / CURRENT).read_text().strip()
                if "/" in name or name.startswith("."):
                    return None
                return self._hold(self.directory / name)
            except FileNotFoundError:
                if not (self.directory / CURRENT).exists():
                    return None
            except (OSError, ValueError, KeyError, TypeError):
                return None
        return None

    def _hold(self, directory: Path) -> Snapshot:
        descriptor = os.open(directory / DESCRIPTION, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            description = json.loads(os.pread(descriptor, 1 << 20, 0))
            if description["magic"] != MAGIC or description["version"] > FORMAT_VERSION:
                raise ValueError("not a snapshot of this format")
            return Snapshot(directory, int(description["change"]), description["made_by"], descriptor)
        except BaseException:
            os.close(descriptor)
            raise

    def save(self, change: int, made_by: dict[str, Any], write: Callable[[Path], None]) -> None:
        """Make a new current snapshot, durable on return; ``write`` fills its folder."""
        make_directory(self.directory)
        with self._new_folder(change) as (new, final):
            write(new)
            description = {"magic": MAGIC, "version": FORMAT_VERSION, "change": change, "made_by": made_by}
            (new / DESCRIPTION).write_text(json.dumps(description))
            for path in (*new.rglob("*"), new):
                if path.is_dir():
                    sync_directory(path)
                elif path.stat().st_nlink == 1:
                    # Any other is linked from an earlier snapshot, and was synced with that.
                    sync_file(path)
            os.rename(new, final)
            sync_directory(self.directory)
        write_atomically(self.directory / CURRENT, final.name.encode())
        self.remove_unheld()

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
        try:
            current = (self.directory / CURRENT).read_text().strip()
        except FileNotFoundError:
            current = ""
        folders = [folder for folder in self.directory.glob("*") if folder.is_dir()]
        for folder in folders:
            if folder.name != current and not _is_held(folder):
                shutil.rmtree(folder, ignore_errors=True)

    def remove_all(self) -> None:
        """Have no snapshot at all; those that readers hold go later."""
        (self.directory / CURRENT).unlink(missing_ok=True)
        if self.directory.is_dir():
            sync_directory(self.directory)
        self.remove_unheld()


def _is_held(folder: Path) -> bool:
    try:
        descriptor = os.open(folder / DESCRIPTION, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False

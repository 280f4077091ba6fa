"""Snapshots of what is derived: immutable folders named by the change they hold; a small file names the current one.

A reader holds a shared lock on the snapshot that it has mapped. The writer removes those that nobody holds. A snapshot's own file
says how large each of its files is, and its checksum: a file that is damaged, or of another snapshot, is noticed.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from seealso.collection.derived.checksums import WHOLE_BYTES, Known, differing, files_below
from seealso.durability import make_directory, sync_directory, sync_file, telling_full, write_atomically
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
        files: path from the folder → what is known of the file; none in a snapshot of an earlier release.
    """

    directory: Path
    change: int
    made_by: dict[str, Any]
    among: int | None
    files: Mapping[str, Known]
    _descriptor: int

    def check(self) -> None:
        """See whether its files are those that were saved, as far as that takes little time.

        Raises:
            ValueError: one is not.
        """
        for wrong in differing(self.directory, self.files, WHOLE_BYTES):
            raise ValueError(wrong)

    def verify(self) -> list[str]:
        """What is wrong with its files, one line each; all of them are read."""
        return list(differing(self.directory, self.files, None))

    def release(self) -> None:
        """Let it go."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Compared(NamedTuple):
    """What came of comparing a snapshot with what was recorded of it.

    Attributes:
        problems: what is wrong, one line each.
        folder: the snapshot whose files were all compared; None where there is none, or nothing was recorded of its files.
    """

    problems: list[str]
    folder: Path | None = None


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
        descriptor = _open_description(directory)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            _refuse_others(directory)
            return Snapshot(directory, *_parsed(_read(descriptor)), descriptor)
        except BaseException:
            os.close(descriptor)
            raise

    def save(
        self, change: int, made_by: dict[str, Any], write: Callable[[Path], None], among: int | None = None
    ) -> None:
        """Make a new current snapshot, durable on return; ``write`` fills its folder. See `Snapshot` for what it records."""
        self._require_room()
        make_directory(self.directory)
        known = self._known()
        with self._new_folder(change) as (new, final):
            # Before it is removed, which makes room.
            with telling_full(new):
                write(new)
            description = {"magic": MAGIC, "version": FORMAT_VERSION, "change": change, "made_by": made_by}
            description |= {"among": among, "files": _synced(new, known)}
            # As it will be read again.
            description = json.loads(json.dumps(description))
            (new / DESCRIPTION).write_text(json.dumps(description | {"crc32": _crc32(description)}))
            sync_file(new / DESCRIPTION)
            sync_directory(new)
            os.rename(new, final)
            sync_directory(self.directory)
        write_atomically(self.directory / CURRENT, final.name.encode())
        self.remove_unheld()

    def verify(self) -> Compared:
        """Compare the current snapshot with what was recorded of it; all of it is read. That there is none is no fault."""
        for name in self.whole()[:1]:
            try:
                held = self.hold(name)
            except FileNotFoundError:
                break  # a writer has replaced it just now
            except (OSError, ValueError) as error:
                return Compared([f"the snapshot {self.directory / name} cannot be used ({error})"])
            try:
                return Compared(held.verify(), held.directory if held.files else None)
            finally:
                held.release()
        return Compared([])

    def _known(self) -> dict[tuple[int, int], Known | None]:
        """The files of all snapshots that are whole, by device and inode, and what was recorded of each; None: nothing."""
        found: dict[tuple[int, int], Known | None] = {}
        for name in self.whole():
            folder, files = self.directory / name, dict[str, Known]()
            with suppress(OSError, ValueError):
                descriptor = _open_description(folder)
                try:
                    files = dict(_parsed(_read(descriptor))[3])
                finally:
                    os.close(descriptor)
            for path, entry in files_below(folder):
                found[_inode(entry)] = files.get(path) or found.get(_inode(entry))
        return found

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


def _open_description(folder: Path) -> int:
    # O_NONBLOCK: should it be a pipe, opening it does not wait for ever.
    return os.open(folder / DESCRIPTION, os.O_RDONLY | os.O_NONBLOCK)


def _read(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


def _refuse_others(folder: Path) -> None:
    """Refuse a snapshot with something in it that is neither file nor folder: opening a pipe would wait for ever.

    Raises:
        ValueError: says what.
    """
    for path in folder.rglob("*"):
        if not (path.is_file() or path.is_dir()):
            raise ValueError(f"{path.relative_to(folder)} in it is no file")


def _inode(entry: os.DirEntry[str]) -> tuple[int, int]:
    stat = entry.stat()
    return stat.st_dev, stat.st_ino


def _synced(folder: Path, known: Mapping[tuple[int, int], Known | None]) -> dict[str, Known]:
    """Force the files and folders below a folder to the disk; what there is to know of each file.

    A file of an earlier snapshot, linked here, was synced with that. Nor is it read again: should it have been damaged since, its
    checksum has to go on telling.
    """
    files: dict[str, Known] = {}
    for name, entry in files_below(folder):
        inode = _inode(entry)
        if inode not in known:
            sync_file(folder / name)
        files[name] = known.get(inode) or Known.of(folder / name)
    for path in folder.rglob("*"):
        if path.is_dir():
            sync_directory(path)
    return files


def _parsed(content: bytes) -> tuple[int, dict[str, Any], int | None, dict[str, Known]]:
    """What a snapshot's own file says: its change, what made it, among how many objects, and its files; see `Snapshot`.

    Raises:
        ValueError: it is damaged, something else, or of a newer format; says which.
    """
    damaged = ValueError(f"its file {DESCRIPTION} is damaged")
    try:
        description = json.loads(content)
        if description["magic"] != MAGIC:
            raise ValueError("it is something else")
        version = int(description["version"])
        if version > FORMAT_VERSION:
            raise ValueError(f"it is of format {version}, and this release reads up to {FORMAT_VERSION}")
        change, made_by = int(description["change"]), dict(description["made_by"])
        among = None if description.get("among") is None else int(description["among"])
        # An earlier release wrote neither.
        files = {str(name): Known(*map(int, known)) for name, known in description.get("files", {}).items()}
        sound = ("files" in description) == ("crc32" in description)
        if sound and "crc32" in description:
            sound = description.pop("crc32") == _crc32(description)
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise damaged from error
    inside = not any(name.startswith("/") or ".." in name.split("/") for name in files)
    if not sound or not inside or not 0 <= change < 1 << 63:
        raise damaged
    return change, made_by, among, files


def _crc32(description: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(description, sort_keys=True).encode())


def _is_held(folder: Path) -> bool:
    try:
        descriptor = _open_description(folder)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False

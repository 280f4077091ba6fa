"""Dropping what is gone from disk, and only what is surely gone."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from seealso.catalogue.rows import Location
from seealso.catalogue.writer import CatalogWriter
from seealso.collection.intake.scan import is_absent
from seealso.collection.intake.seen import Seen
from seealso.paths import shown_path

PAGE = 1000


@dataclass(slots=True)
class Pruned:
    """What was dropped: how many locations; and one line for each path where nothing was."""

    locations: int = 0
    warnings: list[str] = field(default_factory=list)


def prune(writer: CatalogWriter, paths: Sequence[bytes], seen: Seen, *, force: bool) -> Pruned:
    """Drop the locations below ``paths`` whose files are gone. What was ``seen`` just now is there, and is not looked for.

    Nothing is dropped below a path that is missing or empty, nor when more than half of the objects found below it would
    lose all their places there, nor below a folder that stands empty where another disk used to be mounted, or below a
    link that leads nowhere: the drive may be away. ``force`` drops all the same. O(number of locations below the paths), one ``stat`` or a few
    for each that was not seen.
    """
    pruned = Pruned()
    for path in paths:
        reason = "" if force else _reason_to_keep_all(path)
        if not reason and not force:
            lost = _lost(writer, path, seen)
            if lost is None:
                continue
            if 2 * lost > writer.count_objects_below(path):
                reason = "more than half of what was found there is gone"
        if reason:
            if any(True for _ in _gone(writer, path, seen)):
                pruned.warnings.append(_kept(path, reason))
            continue
        away: dict[bytes, str] = {}
        page: list[bytes] = []
        for location in _gone(writer, path, seen):
            mount = None if force else _absent_mount(location)
            if mount is not None:
                folder, reason = mount
                away[folder] = reason
                continue
            page.append(location.path)
            if len(page) == PAGE:
                writer.remove_locations(page)
                pruned.locations += len(page)
                page = []
        if page:
            writer.remove_locations(page)
            pruned.locations += len(page)
        pruned.warnings += (_kept(folder, reason) for folder, reason in sorted(away.items()))
    return pruned


def prune_failures(writer: CatalogWriter, paths: Sequence[bytes], still_failing: Set[bytes]) -> None:
    """Forget the failures below ``paths`` of what is there no more, and of folders that can be read again."""
    writer.remove_failures(
        [
            failure.path
            for failure in writer.failures()
            if failure.path not in still_failing
            and any(_is_below(failure.path, path) for path in paths)
            and _is_solved(failure.path)
        ]
    )


def _is_solved(path: bytes) -> bool:
    """Whether a path that gave no trouble this time need not be tried again."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except OSError as error:
        # What is too long to be looked at would have been in the way, were it still there.
        return error.errno == errno.ENAMETOOLONG or is_absent(path)


def _kept(path: bytes, reason: str) -> str:
    return f"{shown_path(path)}: {reason}; nothing below it was dropped (`--prune` drops it)"


def _reason_to_keep_all(path: bytes) -> str:
    if is_absent(path):
        return "it is not there"
    try:
        if os.path.isdir(path) and _is_empty(path):
            return "it is empty"
    except OSError as error:
        return f"it cannot be read: {os.strerror(error.errno or 0)}"
    return ""


def _is_empty(folder: bytes) -> bool:
    with os.scandir(folder) as entries:
        return next(entries, None) is None


def is_gone(path: bytes) -> bool:
    """Whether a file is surely not there: not merely unreadable."""
    try:
        found = os.stat(path)
    except OSError as error:
        return error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
    return not stat.S_ISREG(found.st_mode)


def _gone(writer: CatalogWriter, path: bytes, seen: Seen) -> Iterator[Location]:
    """The locations below a path that are gone; memory bounded."""
    locations = writer.locations_below(path)
    while page := list(islice(locations, PAGE)):
        there = seen.holds([location.path for location in page])
        yield from (page[place] for place in np.flatnonzero(~there).tolist() if is_gone(page[place].path))


def _lost(writer: CatalogWriter, path: bytes, seen: Seen) -> int | None:
    """How many of the objects found below a path have no file left there; None where not a single file is gone."""
    lost = None
    for location in _gone(writer, path, seen):
        below = [other for other in writer.paths_of(location.object) if _is_below(other, path)]
        # Counted once an object: at the first of its paths, when all of them are gone.
        lost = (lost or 0) + (location.path == below[0] and all(is_gone(other) for other in below))
    return lost


def _is_below(path: bytes, above: bytes) -> bool:
    return path == above or path.startswith(above.rstrip(b"/") + b"/")


def _absent_mount(location: Location) -> tuple[bytes, str] | None:
    """The folder above a lost file that leads nowhere, or stands empty on another disk than the file was on; and which."""
    folder = os.path.dirname(location.path)
    while folder != b"/":
        try:
            if not _is_empty(folder):
                return None
            elsewhere = os.stat(folder).st_dev != location.state.device
            return (folder, "another disk used to be there") if elsewhere else None
        except OSError:
            if os.path.islink(folder):
                return folder, "it is a link to what is not there"
            folder = os.path.dirname(folder)
    return None

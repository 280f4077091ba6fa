"""Dropping what is gone from disk, and only what is surely gone; and what the rules of the scan leave out."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from seealso.catalogue.reader import Catalog
from seealso.catalogue.rows import Location
from seealso.catalogue.writer import CatalogWriter
from seealso.collection.intake.scan import is_absent
from seealso.collection.intake.seen import Seen
from seealso.collection.intake.sieve import Sieve
from seealso.errors import CollectionError
from seealso.paths import is_below, shown_path

PAGE = 1000

Drop = Callable[[Sequence[bytes]], None]
"""Forgets some locations."""


@dataclass(slots=True)
class Pruned:
    """What was dropped: how many locations of files that are gone, and of files that the rules leave out; and one line for each path where
    nothing was."""

    locations: int = 0
    excluded: int = 0
    warnings: list[str] = field(default_factory=list)


class LeftOut:
    """Tells of paths below those given whether the rules leave them out. What lies below several of them is judged from the nearest.

    Args:
        given: the paths.
        sieve: the rules; None: nothing that was taken in is left out.
    """

    def __init__(self, given: Sequence[bytes], sieve: Sieve | None) -> None:
        self._given = set(given)
        self._sieve = sieve

    def is_asked(self, path: bytes) -> bool:
        """Whether a path is one of those given, or below one."""
        return self._root(path) is not None

    def __call__(self, path: bytes) -> bool:
        """Whether they do."""
        root = None if self._sieve is None else self._root(path)
        return self._sieve is not None and root is not None and self._sieve.leaves_out(path, root)

    def _root(self, path: bytes) -> bytes | None:
        """The nearest of the paths given."""
        while path not in self._given:
            above = os.path.dirname(path)
            if above == path:
                return None
            path = above
        return path


def refuse_most(catalog: Catalog, paths: Sequence[bytes], sieve: Sieve) -> None:
    """Refuse rules that leave out more than half of the objects found below a path: they are hardly meant so. O(locations below the paths).

    Raises:
        CollectionError: they do; says how many.
    """
    left_out = LeftOut(paths, sieve)
    for path in paths:
        lost = 0
        for location in catalog.locations_below(path):
            if left_out(location.path):
                below = [other for other in catalog.paths_of(location.object) if is_below(other, path)]
                lost += location.path == below[0] and all(map(left_out, below))
        objects = catalog.count_objects_below(path) if lost else 0
        if 2 * lost > objects:
            raise CollectionError(
                f"{shown_path(path)}: these rules leave out {lost:,} of the {objects:,} images that were found there, which is more than "
                "half; nothing was changed (`--prune` goes by them all the same, and drops these)"
            )


def prune(
    catalog: Catalog, paths: Sequence[bytes], seen: Seen, drop: Drop, *, force: bool, sieve: Sieve | None
) -> Pruned:
    """Drop the locations below ``paths`` whose files are gone, and those that the rules leave out. What was ``seen`` just now is there,
    and is not looked for.

    Nothing is dropped below a path that is missing or empty, nor when more than half of the objects found below it would
    lose all their places there, nor below a folder that stands empty where another disk used to be mounted, or below a
    link that leads nowhere: the drive may be away. Of what is left out nothing is dropped where that is more than half. ``force`` drops
    all the same. O(number of locations below the paths), one ``stat`` or a few for each that was not seen.

    Args:
        catalog: says what was found.
        paths: those given.
        seen: what the scan has seen.
        drop: is called with what is dropped.
        force: whether to drop what may only be away.
        sieve: the rules; None: what they leave out stays.
    """
    pruned = Pruned()
    left_out = LeftOut(paths, sieve)
    for path in paths:
        below = _Below(catalog, path, seen, left_out)
        reason = "" if force else _reason_to_keep_all(path)
        if reason:
            if below.any_gone():
                pruned.warnings.append(_kept(path, reason))
            continue
        lost = below.lost()
        if lost == _Lost():
            continue
        # Before anything is dropped: both are shares of what there was.
        half = None if force else catalog.count_objects_below(path) / 2
        if half is not None and (lost.left_out or 0) > half:
            reason = "the rules of the scan leave out more than half of what was found there"
            pruned.warnings.append(_kept(path, reason))
        elif lost.left_out is not None:
            pruned.excluded += _drop_all(below.left_out_ones(), drop)
        if half is not None and (lost.gone or 0) > half:
            pruned.warnings.append(_kept(path, "more than half of what was found there is gone"))
        elif lost.gone is not None:
            _drop_gone(below, drop, pruned, force=force)
    return pruned


def _drop_gone(below: _Below, drop: Drop, pruned: Pruned, *, force: bool) -> None:
    """Drop what is gone, but for what a drive that is away may hold."""
    away: dict[bytes, str] = {}

    def surely() -> Iterator[Location]:
        for location in below.gone_ones():
            mount = None if force else _absent_mount(location)
            if mount is None:
                yield location
            else:
                folder, reason = mount
                away[folder] = reason

    pruned.locations += _drop_all(surely(), drop)
    pruned.warnings += (_kept(folder, reason) for folder, reason in sorted(away.items()))


def _drop_all(locations: Iterator[Location], drop: Drop) -> int:
    """Drop locations, a page at a time; returns how many there were."""
    dropped = 0
    while page := [location.path for location in islice(locations, PAGE)]:
        drop(page)
        dropped += len(page)
    return dropped


@dataclass(slots=True)
class _Lost:
    """How many objects lose all their places below a path, since these are left out, or gone; None where not a single one is."""

    left_out: int | None = None
    gone: int | None = None


@dataclass(frozen=True, slots=True)
class _Below:
    """What was found below a path, and was not seen now."""

    catalog: Catalog
    path: bytes
    seen: Seen
    left_out: LeftOut

    def _unseen(self) -> Iterator[Location]:
        """It; memory bounded."""
        locations = self.catalog.locations_below(self.path)
        while page := list(islice(locations, PAGE)):
            there = self.seen.holds([location.path for location in page])
            yield from (page[place] for place in np.flatnonzero(~there).tolist())

    def left_out_ones(self) -> Iterator[Location]:
        """That which the rules leave out."""
        return (location for location in self._unseen() if self.left_out(location.path))

    def gone_ones(self) -> Iterator[Location]:
        """That which is gone."""
        return (location for location in self._unseen() if not self.left_out(location.path) and is_gone(location.path))

    def any_gone(self) -> bool:
        """Whether there is any, left out or not."""
        return any(is_gone(location.path) for location in self._unseen())

    def lost(self) -> _Lost:
        """What would be lost."""
        lost = _Lost()
        for location in self._unseen():
            left_out = self.left_out(location.path)
            if not left_out and not is_gone(location.path):
                continue
            below = [other for other in self.catalog.paths_of(location.object) if is_below(other, self.path)]
            # Counted once an object: at the first of its paths, when none of them stays.
            last = location.path == below[0] and all(self.left_out(other) or is_gone(other) for other in below)
            if left_out:
                lost.left_out = (lost.left_out or 0) + last
            else:
                lost.gone = (lost.gone or 0) + last
        return lost


def prune_failures(writer: CatalogWriter, still_failing: Set[bytes], left_out: LeftOut) -> None:
    """Forget the failures below the paths given of what is there no more or is left out, and of folders that can be read again."""
    writer.remove_failures(
        [
            failure.path
            for failure in writer.failures()
            if failure.path not in still_failing
            and left_out.is_asked(failure.path)
            and (left_out(failure.path) or _is_solved(failure.path))
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

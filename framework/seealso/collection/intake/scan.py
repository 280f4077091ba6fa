"""Finds the files that may be images, below the paths given."""

from __future__ import annotations

import errno
import fnmatch
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from seealso.catalogue.rows import FileState
from seealso.images.decoding import IMAGE_SUFFIXES

SORTED_AT_ONCE = 100_000  # names of one folder: sorted for a stable order, in parts so that memory stays bounded


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """A file that may be an image."""

    path: bytes
    state: FileState


@dataclass(frozen=True, slots=True)
class ScanProblem:
    """A file or folder that cannot be looked at."""

    path: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class ScanRules:
    """Which files a scan takes.

    A pattern without a slash is matched against the name of a file, and of every folder on the way to it from the path
    given; one with a slash against the path from there. ``*`` matches anything, slashes too.

    Attributes:
        include: only files that match one of these patterns; empty: every file with an image's suffix.
        exclude: no file or folder that matches one of these.
        hidden: also what begins with a dot.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    hidden: bool = False

    def takes_folder(self, relative: str) -> bool:
        """Whether a folder is entered; ``relative`` is its path from the path given."""
        return self._visible(relative) and not _matches(relative, self.exclude)

    def takes_file(self, relative: str) -> bool:
        """Whether a file is taken."""
        if not self._visible(relative) or _matches(relative, self.exclude):
            return False
        if self.include and not any(_matches_one(relative, pattern) for pattern in self.include):
            return False
        return os.path.splitext(relative)[1].lower() in IMAGE_SUFFIXES

    def _visible(self, relative: str) -> bool:
        return self.hidden or not os.path.basename(relative).startswith(".")


def _matches(relative: str, patterns: Sequence[str]) -> bool:
    return any(_matches_one(relative, pattern) for pattern in patterns)


def _matches_one(relative: str, pattern: str) -> bool:
    if "/" in pattern:
        return fnmatch.fnmatchcase(relative, pattern.removeprefix("./"))
    return any(fnmatch.fnmatchcase(part, pattern) for part in relative.split("/"))


@dataclass(slots=True)
class Scan:
    """The files below some paths, folders in a stable order, each real folder once however many links lead to it.

    Files that are named themselves are taken whatever their suffix. Linked folders come after all others, so that a
    photograph is known by its real path where it has one.

    Args:
        paths: absolute paths.
        rules: which files are taken.
        skip: a folder that is not entered, whatever leads to it: the collection's own.
    """

    paths: Sequence[bytes]
    rules: ScanRules = field(default_factory=ScanRules)
    skip: bytes | None = None
    _visited: set[tuple[int, int]] = field(default_factory=set)

    def __iter__(self) -> Iterator[ScannedFile | ScanProblem]:
        given = set(self.paths)
        for path, problem in self._walk():
            if problem is None:
                try:
                    found = os.stat(path)
                except OSError as error:
                    problem = _reason(path, error)
            if problem is not None:
                # What went away since it was listed has not failed.
                if not is_absent(path):
                    yield ScanProblem(path, problem)
            elif stat.S_ISREG(found.st_mode):
                yield ScannedFile(path, FileState.of(found))
            elif path in given:
                yield ScanProblem(path, "it is neither a file nor a folder")

    def count(self) -> int:
        """How many files there are, without looking at each."""
        return sum(1 for _ in self._walk())

    def file_paths(self) -> Iterator[bytes]:
        """The paths of the files, without looking at each."""
        return (path for path, problem in self._walk() if problem is None)

    def _walk(self) -> Iterator[tuple[bytes, str | None]]:
        """Paths of files; or of what cannot be listed, with the reason."""
        self._visited.clear()
        if self.skip is not None:
            self._visited.add(_identity(self.skip))
        linked: list[tuple[bytes, bytes]] = []
        for path in self.paths:
            if os.path.isdir(path):
                yield from self._walk_folder(path, path, linked)
            else:
                yield path, None
        while linked:
            folder, root = linked.pop(0)
            yield from self._walk_folder(folder, root, linked)

    def _walk_folder(
        self, top: bytes, root: bytes, linked: list[tuple[bytes, bytes]]
    ) -> Iterator[tuple[bytes, str | None]]:
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            try:
                identity = _identity(folder)
                if identity in self._visited:
                    continue
                self._visited.add(identity)
                below: list[bytes] = []
                with os.scandir(folder) as entries:
                    while part := sorted(islice(entries, SORTED_AT_ONCE), key=lambda entry: entry.name):
                        for entry in part:
                            yield from self._sort_out(entry, root, below, linked)
            except OSError as error:
                yield folder, _reason(folder, error)
                continue
            waiting.extend(reversed(below))

    def _sort_out(
        self, entry: os.DirEntry[bytes], root: bytes, below: list[bytes], linked: list[tuple[bytes, bytes]]
    ) -> Iterator[tuple[bytes, str | None]]:
        # What `os.path.relpath` would give, which is half of the time of a scan: an entry's path begins with the root.
        relative = os.fsdecode(entry.path[len(root.rstrip(b"/")) + 1 :])
        if entry.is_dir(follow_symlinks=False):
            if self.rules.takes_folder(relative):
                below.append(entry.path)
        elif entry.is_symlink() and os.path.isdir(entry.path):
            if self.rules.takes_folder(relative):
                linked.append((entry.path, root))
        elif self.rules.takes_file(relative):
            yield entry.path, None


def _identity(folder: bytes) -> tuple[int, int]:
    found = os.stat(folder)
    return found.st_dev, found.st_ino


def is_absent(path: bytes) -> bool:
    """Whether there is surely nothing of that name, not even a link: it is not merely out of reach."""
    try:
        os.lstat(path)
    except OSError as error:
        return error.errno in (errno.ENOENT, errno.ENOTDIR)
    except ValueError:  # no path: it holds a NUL
        return True
    return False


def _reason(path: bytes, error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "a symbolic link that leads back to itself"
    if os.path.islink(path) and error.errno == errno.ENOENT:
        return "a symbolic link to something that is not there"
    what = "the folder cannot be read" if os.path.isdir(path) else "cannot be read"
    return f"{what}: {os.strerror(error.errno or 0)}"

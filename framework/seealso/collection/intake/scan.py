"""Finds the files that may be images, below the paths given."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from seealso.catalogue.rows import FileState
from seealso.collection.intake.sieve import Sieve, relative_to
from seealso.collection.parts.scan_rules import RulesInForce
from seealso.images.decoding import IMAGE_SUFFIXES
from seealso.interfaces.scan_rules import ScanRules

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


@dataclass(slots=True)
class Scan:
    """The files below some paths, folders in a stable order, each real folder once however many links lead to it.

    Files that are named themselves are taken whatever their suffix. Linked folders come after all others, so that a
    photograph is known by its real path where it has one.

    Args:
        paths: absolute paths.
        rules: which files are taken.
        skip: a folder that is not entered, whatever leads to it: the collection's own.
        noting: other rules; the files are counted that these leave out.

    Attributes:
        left_out: how many folders, and files with an image's suffix, patterns have left out so far.
        noted: how many files so far were in folders that ``noting`` leaves out.
    """

    paths: Sequence[bytes]
    rules: ScanRules = field(default_factory=ScanRules)
    skip: bytes | None = None
    noting: ScanRules | None = None
    left_out: int = field(default=0, init=False)
    noted: int = field(default=0, init=False)
    _visited: set[tuple[int, int]] = field(default_factory=set, init=False)
    _sieve: Sieve = field(init=False)
    _noting: Sieve | None = field(init=False)

    def __post_init__(self) -> None:
        self._sieve = Sieve(self.rules)
        self._noting = None if self.noting is None else Sieve(self.noting)

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
        self.left_out = self.noted = 0
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
                noted = self._noting is not None and self._noting.leaves_out(folder, root)
                with os.scandir(folder) as entries:
                    while part := sorted(islice(entries, SORTED_AT_ONCE), key=lambda entry: entry.name):
                        for entry in part:
                            if self._sort_out(entry, root, below, linked):
                                self.noted += noted
                                yield entry.path, None
            except OSError as error:
                yield folder, _reason(folder, error)
                continue
            waiting.extend(reversed(below))

    def _sort_out(
        self, entry: os.DirEntry[bytes], root: bytes, below: list[bytes], linked: list[tuple[bytes, bytes]]
    ) -> bool:
        """Whether what lies in a folder is a file that is taken; a folder that is entered is put with those that wait for it."""
        if not self.rules.hidden and entry.name.startswith(b"."):
            return False
        path = entry.path
        relative = relative_to(path, root)
        is_link = False
        if entry.is_dir(follow_symlinks=False) or (is_link := entry.is_symlink() and os.path.isdir(path)):
            if self._sieve.excludes(relative, path):
                self.left_out += 1
            elif is_link:
                linked.append((path, root))
            else:
                below.append(path)
            return False
        if os.path.splitext(relative)[1].lower() not in IMAGE_SUFFIXES:
            return False
        if self._sieve.excludes(relative, path) or self._sieve.misses(relative, path):
            self.left_out += 1
            return False
        return True


def scan_of(paths: Sequence[bytes], rules: RulesInForce, collection: bytes | None) -> Scan:
    """The files below some paths. Those that a new collection would leave out are counted where nobody has said whether this one shall.

    Args:
        paths: absolute paths.
        rules: which files are taken.
        collection: its directory, which is passed over; None: it has none yet.
    """
    return Scan(paths, rules.rules, collection, noting=ScanRules() if rules.unasked else None)


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

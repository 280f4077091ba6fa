"""The rules of a scan at work: which of the files and folders below a path they leave out."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterator, Sequence

from seealso.interfaces.scan_rules import ScanRules

Match = Callable[[str], object]


def relative_to(path: bytes, root: bytes) -> str:
    """The rest of a path that is at or below ``root``; empty at it. (`os.path.relpath` takes half of the time of a scan.)"""
    return os.fsdecode(path[len(root.rstrip(b"/")) + 1 :])


class Sieve:
    """Rules, compiled, since they are asked for every file.

    Args:
        rules: the rules.
    """

    def __init__(self, rules: ScanRules) -> None:
        self._hidden = rules.hidden
        self._exclude = _Patterns(rules.exclude)
        self._include = _Patterns(rules.include)

    def excludes(self, relative: str, path: bytes) -> bool:
        """Whether a pattern leaves out a file or folder, of which the folder that it lies in is not.

        Args:
            relative: its path from the path given.
            path: the whole path.
        """
        return self._exclude.match(relative, path)

    def misses(self, relative: str, path: bytes) -> bool:
        """Whether a file is none of those that alone are taken."""
        return bool(self._include) and not self._include.match_on_the_way(relative, path)

    def leaves_out(self, path: bytes, root: bytes) -> bool:
        """Whether a scan of ``root`` does not come to a file at or below it, or does not take it; suffixes are another matter. What is
        named itself is taken."""
        relative = relative_to(path, root)
        if not relative:
            return False
        if not self._hidden and (relative.startswith(".") or "/." in relative):
            return True
        return self._exclude.match_on_the_way(relative, path) or self.misses(relative, path)


class _Patterns:
    """Some patterns, by what they are matched against: names, paths from the path given, whole paths."""

    def __init__(self, patterns: Sequence[str]) -> None:
        # People write `thumbs/` for a folder.
        bare = [pattern.rstrip("/") for pattern in patterns]
        self._names = _compiled([each for each in bare if "/" not in each])
        self._relative = _compiled([each.removeprefix("./") for each in bare if "/" in each and each[0] != "/"])
        self._whole = _compiled([each for each in bare if each.startswith("/")])
        self._any = bool(bare)

    def __bool__(self) -> bool:
        return self._any

    def match(self, relative: str, path: bytes) -> bool:
        """Whether one matches a file or folder as such."""
        return bool(
            (self._names is not None and self._names(relative.rpartition("/")[2]))
            or (self._relative is not None and self._relative(relative))
            or (self._whole is not None and self._whole(os.fsdecode(path)))
        )

    def match_on_the_way(self, relative: str, path: bytes) -> bool:
        """Whether one matches a file, or a folder on the way to it."""
        if self._names is not None and any(map(self._names, relative.split("/"))):
            return True
        if self._relative is not None and any(map(self._relative, _way(relative))):
            return True
        if self._whole is None:
            return False
        whole = os.fsdecode(path)
        root = whole[: len(whole) - len(relative)]
        return any(self._whole(root + part) for part in _way(relative))


def _way(relative: str) -> Iterator[str]:
    """A path, and those of the folders on the way to it."""
    while relative:
        yield relative
        relative = relative.rpartition("/")[0]


def _compiled(patterns: Sequence[str]) -> Match | None:
    """Tells whether a text is matched by any of some patterns; None where there are none."""
    return re.compile("|".join(map(fnmatch.translate, patterns))).match if patterns else None

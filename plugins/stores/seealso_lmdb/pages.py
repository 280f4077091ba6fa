"""Looks through the pages of LMDB's file before LMDB does.

LMDB believes its pages. Where one is damaged it ends the process, or reads beyond the file, which ends the process too; and a writer may
take a page for free that is in use. So whoever opens the file has its structure checked first: heads, trees and the list of free pages. The
values have checksums of their own.

The file is a row of pages. The first two are heads, of which the newer counts. It names the roots of two trees: that of the free pages, and
that of the databases, which names the roots of theirs. A page of a tree begins with its number, what it is, and where its free middle is.
Then come the places of its nodes, which stand at its end: a key and a value, or a key and the number of the page below. A value that is too
large for that stands in pages of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

LARGE = 64 << 20
"""Bytes of the lowest level of a tree that are looked at to open a file; of more, so many, spread evenly. Of a file that is no larger
the heads of values that stand in pages of their own are looked at, too."""

NUMBERED = b"descriptors"
"""The database whose keys are numbers, big-endian; those of the others are names."""

_HEADS = 2
_NONE = (1 << 64) - 1  # the root of an empty tree, and a bound that is none
_BRANCH, _LEAF, _OVERFLOW = 1, 2, 4  # what a page is
_PAGE_HEAD = 16  # bytes before the places of nodes
_NODE_HEAD = 8  # bytes before the key of a node
_NUMBER = 8  # bytes of a number of a page, and of a key that is a number
_ELSEWHERE, _DATABASE = 1, 2  # of a node: its value stands in pages of its own; it is the record of a database
_INTEGER_KEYS = 8  # of a tree
_MAGIC, _VERSION = 0xBEEFC0DE, 1
_MOST_LEVELS = 32
_LARGEST_PAGE = 1 << 16
_STEP = 1024  # pages that are looked at together

_TREE = np.dtype(
    [("page_size", "u4"), ("flags", "u2"), ("depth", "u2"), ("pages", "u8", 3), ("entries", "u8"), ("root", "u8")]
)
_HEAD = np.dtype(
    [
        *(("magic", "u4"), ("version", "u4"), ("map", "u8", 2)),
        *(("free", _TREE), ("main", _TREE), ("last", "u8"), ("transaction", "u8")),
    ]
)


class Damaged(Exception):
    """The message says what is wrong."""


class Overtaken(Exception):
    """Writers have overwritten what was to be looked at."""


class Nodes(NamedTuple):
    """The nodes of some pages, in their order.

    Attributes:
        page: the number of the page of each, int64 ``(n,)``, like all that follow.
        place: where its head is there, in units of two bytes.
        key_size: bytes of its key.
        flags: what its value is; of a branch 0.
        value: bytes of its value; of a branch the page below.
        first: of each page, which node is its first, int64 ``(pages,)``.
    """

    page: np.ndarray
    place: np.ndarray
    key_size: np.ndarray
    flags: np.ndarray
    value: np.ndarray
    first: np.ndarray


class Level(NamedTuple):
    """Some pages of one level of a tree, int64 ``(n,)``, and between which keys theirs have to be, uint64 ``(n,)``."""

    pages: np.ndarray
    least: np.ndarray
    beyond: np.ndarray

    def part(self, which: Any) -> Level:
        """Some of them."""
        return Level(self.pages[which], self.least[which], self.beyond[which])


def refuse_damaged_heads(file: Path) -> None:
    """See whether the heads can be believed, before LMDB maps the file by them. What LMDB refuses by itself is left to it.

    Raises:
        Damaged: says what is wrong.
    """
    with file.open("rb") as opened:
        start = opened.read(2 * _LARGEST_PAGE)
    first = _head(start, 0)
    if first is None:
        return
    size = int(first["free"]["page_size"])
    if not 1 << 9 <= size <= _LARGEST_PAGE or size & (size - 1):
        raise Damaged(f"its head tells of pages of {size} bytes")
    for number, head in enumerate((first, _head(start, size))):
        if head is not None and _settings(head) != (size, _INTEGER_KEYS, 0, 0):
            raise Damaged(f"its head {number} is not as it was written")


def _head(data: bytes, start: int) -> Any:
    """The head in the page that begins at ``start``; None where there is none."""
    end = start + _PAGE_HEAD + _HEAD.itemsize
    if len(data) < end:
        return None
    head = np.frombuffer(data[start + _PAGE_HEAD : end], _HEAD)[0]
    return head if (int(head["magic"]), int(head["version"])) == (_MAGIC, _VERSION) else None


def _settings(head: Any) -> tuple[int, ...]:
    return tuple(int(head[tree][name]) for tree in ("free", "main") for name in ("page_size", "flags"))


class Pages:
    """The pages of a file as of one transaction, which has to go on for as long as this is used.

    Args:
        file: the file.
        page_size: bytes of a page.
        transaction: the number of the transaction.

    Raises:
        Damaged: the file has fewer pages than it tells of.
        Overtaken: the head that the transaction went by is overwritten by now; or it is damaged.
    """

    def __init__(self, file: Path, page_size: int, transaction: int) -> None:
        self._size = page_size
        shape = (file.stat().st_size // page_size, page_size // 2)
        self._words = np.memmap(file, np.uint16, "r", shape=shape)
        head = _head(self._words[transaction % _HEADS].tobytes(), 0)
        if head is None or int(head["transaction"]) != transaction:
            raise Overtaken
        self._free, self._main = head["free"], head["main"]
        self._count = int(head["last"]) + 1
        if not _HEADS <= self._count <= shape[0]:
            raise Damaged("its head tells of more pages than there are")
        self._taken = np.zeros(self._count, bool)
        self._taken[:_HEADS] = True

    def check(self, *, whole: bool) -> None:
        """Go through all trees, from their roots down.

        Args:
            whole: look at everything, however large the file is.

        Raises:
            Damaged: says what is wrong.
        """
        whole = whole or self._count * self._size <= LARGE
        for name, tree in self._databases():
            for nodes in self._leaves(
                tree, ">u8" if name == NUMBERED else None, None if whole else LARGE // self._size
            ):
                self._take_values(nodes, whole=whole)
        for nodes in self._leaves(self._free, "=u8", None):
            self._take_values(nodes, whole=True)
            self._take_free(nodes)

    def _databases(self) -> Iterator[tuple[bytes, Any]]:
        """The name and the tree of each database."""
        for nodes in self._leaves(self._main, None, None):
            if (nodes.flags != _DATABASE).any() or (nodes.value != _TREE.itemsize).any():
                raise Damaged("its list of databases is damaged")
            for page, place, key_size in zip(nodes.page, nodes.place, nodes.key_size, strict=True):
                node = self._words[page].tobytes()[2 * place + _NODE_HEAD :]
                tree = np.frombuffer(node[key_size : key_size + _TREE.itemsize], _TREE)[0]
                if tree["flags"] or tree["page_size"]:
                    raise Damaged("its list of databases is damaged")
                yield node[:key_size], tree

    def _leaves(self, tree: Any, key: str | None, most: int | None) -> Iterator[Nodes]:
        """The nodes of the lowest level of a tree, some pages at a time.

        Args:
            tree: its record.
            key: the type of keys that are numbers, which have to be in order; None: they are names.
            most: so many pages, at most; None: all.
        """
        root, depth = int(tree["root"]), int(tree["depth"])
        if root == _NONE and not depth and not tree["entries"]:
            return
        if not 1 <= depth <= _MOST_LEVELS or root >= self._count:
            raise Damaged("the root of a tree is damaged")
        level = Level(np.array([root]), np.zeros(1, np.uint64), np.full(1, _NONE, np.uint64))
        for _ in range(depth - 1):
            below = [self._below(part, key) for part in self._parts(level)]
            level = Level(*map(np.concatenate, zip(*below, strict=True)))
        sampled = most is not None and level.pages.size > most
        if most is not None and sampled:
            level = level.part(np.linspace(0, level.pages.size - 1, most).astype(np.int64))
        entries = 0
        for part in self._parts(level):
            nodes = self._nodes(part.pages, _LEAF)
            if key is not None:
                self._refuse_disorder(nodes, self._keys(nodes, key), part)
            entries += nodes.page.size
            yield nodes
        if not sampled and entries != tree["entries"]:
            raise Damaged(f"a tree has {entries} entries, and {tree['entries']} are counted")

    @staticmethod
    def _parts(level: Level) -> Iterator[Level]:
        for start in range(0, level.pages.size, _STEP):
            yield level.part(slice(start, start + _STEP))

    def _below(self, level: Level, key: str | None) -> Level:
        """The pages below some pages."""
        nodes = self._nodes(level.pages, _BRANCH)
        if key is None:
            return Level(nodes.value, *np.zeros((2, nodes.value.size), np.uint64))
        keys = self._keys(nodes, key)
        # The first key of a page stands for all that come before the second.
        keys[nodes.first] = level.least
        self._refuse_disorder(nodes, keys, level)
        beyond = np.append(keys[1:], np.uint64(0))
        beyond[np.append(nodes.first[1:], keys.size) - 1] = level.beyond
        return Level(nodes.value, keys, beyond)

    def _refuse_disorder(self, nodes: Nodes, keys: np.ndarray, level: Level) -> None:
        """Refuse keys that do not ascend, or are not where they belong."""
        ascends = np.append(True, keys[1:] > keys[:-1])
        ascends[nodes.first] = True
        last = np.append(nodes.first[1:], keys.size) - 1
        if not ascends.all() or (keys[nodes.first] < level.least).any() or (keys[last] > level.beyond - 1).any():
            raise Damaged("keys are not in order")

    def _nodes(self, pages: np.ndarray, kind: int) -> Nodes:
        """The nodes of pages, each of which nothing else may use."""
        self._take(pages)
        head = self._words[pages, : _PAGE_HEAD // 2]
        lower, upper = head[:, 6].astype(np.int64), head[:, 7].astype(np.int64)
        sound = (self._numbers(pages, 0) == pages) & (head[:, 5] == kind) & (lower % 2 == 0)
        if not (sound & (lower > _PAGE_HEAD) & (lower <= upper) & (upper <= self._size)).all():
            raise Damaged("the head of a page is damaged")
        counts = (lower - _PAGE_HEAD) // 2
        first = np.cumsum(counts) - counts
        page = np.repeat(pages, counts)
        within = np.arange(page.size) - np.repeat(first, counts)
        place = self._words[page, _PAGE_HEAD // 2 + within].astype(np.int64)
        if ((place % 2 != 0) | (place < np.repeat(upper, counts)) | (place > self._size - _NODE_HEAD)).any():
            raise Damaged("the place of a node is damaged")
        place //= 2
        low, high, flags, key_size = (self._words[page, place + word].astype(np.int64) for word in range(4))
        value = low | high << 16
        if kind == _BRANCH:
            value, flags, inline = value | flags << 32, np.zeros_like(flags), np.zeros_like(flags)
        else:
            inline = np.where(flags == _ELSEWHERE, _NUMBER, value)
        if (flags > _DATABASE).any() or (2 * place + _NODE_HEAD + key_size + inline > self._size).any():
            raise Damaged("the head of a node is damaged")
        return Nodes(page, place, key_size, flags, value, first)

    def _numbers(self, pages: np.ndarray, place: np.ndarray | int, dtype: str = "=u8") -> np.ndarray:
        """The numbers of eight bytes at places in pages, in units of two bytes; uint64 ``(n,)``."""
        words = [self._words[pages, np.minimum(place + word, self._size // 2 - 1)] for word in range(_NUMBER // 2)]
        return np.stack(words, axis=1).view(dtype).ravel().astype(np.uint64)

    def _keys(self, nodes: Nodes, dtype: str) -> np.ndarray:
        """The keys of nodes, which are numbers; that of the first node of a branch may be missing."""
        sized = nodes.key_size == _NUMBER
        sized[nodes.first] |= nodes.key_size[nodes.first] == 0
        if not sized.all():
            raise Damaged("a key has another length than it should")
        return self._numbers(nodes.page, nodes.place + _NODE_HEAD // 2, dtype)

    def _take_values(self, nodes: Nodes, *, whole: bool) -> None:
        """Take the pages of values that stand in pages of their own; ``whole``: their heads are looked at, too."""
        elsewhere = nodes.flags == _ELSEWHERE
        if not elsewhere.any():
            return
        start, length = self._elsewhere(nodes, elsewhere)
        if (start + length > self._count).any():
            raise Damaged("a value stands where there is no page")
        expanded = np.repeat(start - np.cumsum(length) + length, length) + np.arange(length.sum())
        self._take(expanded)
        if whole:
            head = self._words[start, : _PAGE_HEAD // 2].astype(np.int64)
            sound = (self._numbers(start, 0) == start) & (head[:, 5] == _OVERFLOW)
            # A value that was replaced by a shorter one keeps all of its pages.
            if not (sound & ((head[:, 6] | head[:, 7] << 16) >= length)).all():
                raise Damaged("the head of a value is damaged")

    def _elsewhere(self, nodes: Nodes, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where values begin that stand in pages of their own, and how many pages each has, int64 ``(n,)``."""
        key_size = nodes.key_size[which]
        if (key_size % 2).any():
            raise Damaged("a name has a value that is too long")
        start = self._numbers(nodes.page[which], nodes.place[which] + (_NODE_HEAD + key_size) // 2)
        length = (_PAGE_HEAD - 1 + nodes.value[which]) // self._size + 1
        return np.minimum(start, self._count).astype(np.int64), length

    def _take_free(self, nodes: Nodes) -> None:
        """Take the pages that nodes list as free: a number of pages, and theirs, descending."""
        for number in range(nodes.page.size):
            one = Nodes(*(each[number : number + 1] for each in nodes))
            size = int(one.value[0])
            if one.flags[0] == _ELSEWHERE:
                start = int(self._elsewhere(one, np.ones(1, bool))[0][0]) * self._size + _PAGE_HEAD
            else:
                start = int(one.page[0]) * self._size + 2 * int(one.place[0]) + _NODE_HEAD + _NUMBER
            value = self._words.reshape(-1)[start // 2 : (start + size) // 2].tobytes()
            if size < _NUMBER or size % _NUMBER:
                raise Damaged("the list of free pages is damaged")
            listed = np.frombuffer(value, np.uint64)
            if listed[0] >= listed.size:
                raise Damaged("the list of free pages is damaged")
            free = np.minimum(listed[1 : int(listed[0]) + 1], self._count).astype(np.int64)
            if (free[1:] >= free[:-1]).any():
                raise Damaged("the list of free pages is damaged")
            self._take(free)

    def _take(self, pages: np.ndarray) -> None:
        """Note that pages are used, each once."""
        if not pages.size:
            return
        if pages.min() < _HEADS or pages.max() >= self._count:
            raise Damaged("it names a page that is not there")
        if self._taken[pages].any() or np.unique(pages).size < pages.size:
            raise Damaged("two things are in one page")
        self._taken[pages] = True

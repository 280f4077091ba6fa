"""From descriptors to groups: each object joins the nearest of the groups that were begun before it, or begins one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from seealso.blocks import spans
from seealso.collection.duplicates.bounds import Bound
from seealso.interfaces.distance import Distance
from seealso.interfaces.store import ObjectStore

BLOCK = 4096  # objects that are compared at once
BLOCK_BYTES = 1 << 25  # and bytes of their descriptors, where that is less
LOOKS = 8  # heads that a judge is asked about, at most, for one object: the nearest
NONE = -1


class Judge(Protocol):
    """Decides whether objects that are near are the same. They are spoken of by their places in the order."""

    def prepare(self, places: Sequence[int]) -> None:
        """These are about to be compared."""

    def __call__(self, place: int, other: int, distance: float) -> bool:
        """Whether an object is the same as another one at so small a distance."""

    def repeat(self, places: np.ndarray, others: np.ndarray) -> None:
        """These objects have the very same descriptors as others, and what was decided of those holds of them."""


@dataclass(frozen=True, slots=True)
class Stars:
    """Which objects belong together.

    Attributes:
        heads: int64 ``(n,)``: for each object, by its place in the order that was given, the place of the one that began its group; its
            own, where that is itself or it is alone; −1, where it has no descriptor.
        distances: float32 ``(n,)``: how far it is from that one.
    """

    heads: np.ndarray
    distances: np.ndarray


@dataclass(frozen=True, slots=True)
class _Block:
    """Some objects: places ascending, descriptors, signatures; the place of the nearest head so far, and its distance."""

    places: np.ndarray
    descriptors: np.ndarray
    signatures: np.ndarray
    heads: np.ndarray
    distances: np.ndarray


@dataclass(frozen=True, slots=True)
class _Near:
    """Heads that are near objects of a block: rows in the block int64, places of the heads int64, and float32 distances, ``(n,)``."""

    rows: np.ndarray
    heads: np.ndarray
    distances: np.ndarray

    @classmethod
    def nothing(cls) -> Self:
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))

    @classmethod
    def together(cls, parts: Sequence[Self]) -> Self:
        rows, heads, distances = zip(*((each.rows, each.heads, each.distances) for each in parts), strict=True)
        return cls(np.concatenate(rows), np.concatenate(heads), np.concatenate(distances))

    def nearest(self, count: int) -> _Near:
        """At most so many of each row: by row, then by distance, then by place."""
        order = np.lexsort((self.heads, self.distances, self.rows))
        rows = self.rows[order]
        kept = order[np.arange(rows.size) - np.searchsorted(rows, rows) < count]
        return _Near(self.rows[kept], self.heads[kept], self.distances[kept])

    def __iter__(self) -> Iterator[tuple[int, int, float]]:
        return zip(self.rows.tolist(), self.heads.tolist(), self.distances.tolist(), strict=True)


class Gathering:
    """Gathers objects into stars.

    An object joins the nearest head that is no further than the radius; where there is none, it is a head itself. Only objects that come
    before it in the order can be its head: so a head is the first of its group, and nothing is chained. Objects are compared a block at
    a time: with all heads before the block, and those that join none of these with one another. A bound says which heads may be near; only
    their descriptors are read again. Objects with the very same descriptor go together, and are compared once in a block.

    O(objects × heads) bounds, of a few numbers each; the memory is that of the signatures of the heads, and of a few blocks.

    Args:
        store: the descriptors.
        distance: the metric.
        bound: tells most pairs apart.
        ids: all objects, int64 ``(n,)``, in order.
        radius: how near is near.
        judge: decides whether two that are near are the same; None: they are.
        size: so many objects are compared at once with so many others.
    """

    def __init__(
        self,
        store: ObjectStore,
        distance: Distance,
        bound: Bound,
        ids: np.ndarray,
        radius: float,
        judge: Judge | None = None,
        size: int = BLOCK,
    ) -> None:
        self._store = store
        self._distance = distance
        self._bound = bound
        self._ids = ids
        self._radius = radius
        self._judge = judge
        self._size = size
        self._looks = 1 if judge is None else LOOKS
        self._count = 0  # heads so far
        self._head_places = np.empty(ids.size, np.int64)
        self._head_signatures: np.ndarray | None = None
        self._stars = Stars(np.full(ids.size, NONE, np.int64), np.full(ids.size, np.inf, np.float32))

    def run(self, progress: Callable[[int, int], None] = lambda done, total: None) -> Stars:
        """All stars; ``progress`` is told how many objects are done, and of how many."""
        for span in spans(self._ids.size, self._size):
            read = self._read(np.arange(span.start, span.stop))
            if read is not None:
                self._gather(*read)
            progress(span.stop, self._ids.size)
        return self._stars

    def _read(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Ascending places, and descriptors, of those that the store holds undamaged; None where there are none."""
        wanted = self._ids[places]
        blocks = [block.sound() for block in self._store.read_blocks(wanted)]
        ids = np.concatenate([np.empty(0, np.int64), *(some for some, _ in blocks)])
        if not ids.size:
            return None
        order = np.argsort(wanted)
        found = places[order][np.searchsorted(wanted[order], ids)]
        ascending = np.argsort(found)
        return found[ascending], np.concatenate([some for _, some in blocks])[ascending]

    def _gather(self, places: np.ndarray, descriptors: np.ndarray) -> None:
        first, of_first = _different(descriptors)
        block = _Block(
            places[first],
            descriptors[first],
            self._bound.signatures(descriptors[first]),
            np.full(first.size, NONE, np.int64),
            np.zeros(first.size, np.float32),
        )
        self._join_earlier(block)
        self._join_within(block)
        alone = block.heads == NONE
        block.heads[alone] = block.places[alone]
        self._stars.heads[places], self._stars.distances[places] = block.heads[of_first], block.distances[of_first]
        if self._judge is not None and first.size < places.size:
            self._judge.repeat(places, block.places[of_first])
        self._remember(block.places[alone], block.signatures[alone])

    def _remember(self, places: np.ndarray, signatures: np.ndarray) -> None:
        if self._head_signatures is None:
            # Memory is taken page by page, as it is written.
            self._head_signatures = np.empty((self._ids.size, signatures.shape[1]), np.float32)
        end = self._count + places.size
        self._head_places[self._count : end], self._head_signatures[self._count : end] = places, signatures
        self._count = end

    def _join_earlier(self, block: _Block) -> None:
        """Look among the heads of earlier blocks."""
        found = [_Near.nothing()]
        for part in spans(self._count, self._size):
            assert self._head_signatures is not None
            near = self._bound.may_be_near(block.signatures, self._head_signatures[part], self._radius)
            rows = np.flatnonzero(near.any(axis=1))
            read = self._read(self._head_places[part][near.any(axis=0)]) if rows.size else None
            if read is not None:
                heads, descriptors = read
                distances = self._distance.many_to_many(block.descriptors[rows], descriptors)
                found.append(self._nearest(rows, heads, distances))
        near_heads = _Near.together(found).nearest(self._looks)
        self._prepare(block.places[near_heads.rows], near_heads.heads)
        for row, head, distance in near_heads:
            if block.heads[row] == NONE and self._same(int(block.places[row]), head, distance):
                block.heads[row], block.distances[row] = head, distance

    def _join_within(self, block: _Block) -> None:
        """Look among those of the block that join nobody: they are heads, unless one of them before has come to be theirs."""
        free = np.flatnonzero(block.heads == NONE)
        near = np.triu(self._bound.may_be_near(block.signatures[free], block.signatures[free], self._radius), 1)
        rows, others = free[near.any(axis=1)], free[near.any(axis=0)]
        if not rows.size:
            return
        distances = self._distance.many_to_many(block.descriptors[others], block.descriptors[rows])
        distances[others[:, np.newaxis] <= rows] = np.inf
        close = distances <= self._radius
        self._prepare(block.places[others[close.any(axis=1)]], block.places[rows[close.any(axis=0)]])
        for place in np.flatnonzero(close.any(axis=1)):
            # Which of them are heads is known by then: they come before.
            heads = np.flatnonzero(block.heads[rows] == NONE)
            near_heads = self._nearest(
                others[place : place + 1], block.places[rows[heads]], distances[place : place + 1, heads]
            )
            for row, head, distance in near_heads.nearest(self._looks):
                if self._same(int(block.places[row]), head, distance):
                    block.heads[row], block.distances[row] = head, distance
                    break

    def _nearest(self, rows: np.ndarray, heads: np.ndarray, distances: np.ndarray) -> _Near:
        """The nearest of some heads to some objects, as far as they are near; distances ``(rows, heads)``."""
        count = min(self._looks, heads.size)
        if count < heads.size:
            columns = np.argpartition(distances, count - 1, axis=1)[:, :count]
            distances = np.take_along_axis(distances, columns, axis=1)
        else:
            columns = np.broadcast_to(np.arange(count), distances.shape)
        near = distances <= self._radius
        return _Near(np.broadcast_to(rows[:, np.newaxis], near.shape)[near], heads[columns[near]], distances[near])

    def _prepare(self, places: np.ndarray, heads: np.ndarray) -> None:
        if self._judge is not None:
            self._judge.prepare([*places.tolist(), *heads.tolist()])

    def _same(self, place: int, head: int, distance: float) -> bool:
        return self._judge is None or self._judge(place, head, distance)


def _different(descriptors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows ``(n, dim)`` that no row before is the very same as, ascending; and for each row which of these it is."""
    rows = np.ascontiguousarray(descriptors).view(np.dtype((np.void, descriptors.itemsize * descriptors.shape[1])))
    _, first, of_first = np.unique(rows.ravel(), return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(order.size, np.int64)
    rank[order] = np.arange(order.size)
    return first[order], rank[of_first]


def block_size(row_bytes: int) -> int:
    """How many objects are compared at once, with descriptors of so many bytes."""
    return max(64, min(BLOCK, BLOCK_BYTES // max(1, row_bytes)))

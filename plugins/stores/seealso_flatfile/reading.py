"""Records read in blocks: in the order of their places, joined where they are near, fetched from the disk ahead."""

from __future__ import annotations

import errno
import os
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from seealso_flatfile.files import CAN_FETCH, CAN_TELL
from seealso_flatfile.places import PLACE, absent
from seealso_flatfile.records import ALIGNMENT, record_bytes, sound_headers
from seealso_flatfile.view import TRIES, Views

JOIN_GAP = 8 << 10
"""Two records are read at once where no more than this lies between them: from here on, reading over it costs more when
cached than it saves when not."""

BLOCK_BYTES = 512 << 10
"""Stays in the second-level cache of the processor while it is refined, and what is done once a block costs little."""

AHEAD = 24
"""Blocks that are fetched ahead of whoever takes them."""

FETCHERS = 1 if CAN_FETCH else 32
"""Threads that have blocks fetched. Where that needs no wait for each, one keeps the disk as busy as it gets; more only
contend for the interpreter."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What one block reads.

    Attributes:
        ids: int64 ``(n,)``, of the records, in the order of their places.
        starts: where each record starts in the block's buffer, int64 ``(n,)``.
        lengths: of their payloads, int64 ``(n,)``.
        segment: that all of them lie in.
        reads: place in it, place in the buffer, and number of bytes of each read, int64 ``(m, 3)``.
        size: of the buffer.
    """

    ids: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    segment: int
    reads: np.ndarray
    size: int

    def block(self, buffer: np.ndarray, bytes_read: int) -> Block:
        """What was read."""
        return Block(self.ids, buffer, self.starts, self.lengths, len(self.reads), bytes_read)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Records as they were read.

    Attributes:
        ids: int64 ``(n,)``.
        buffer: uint8; other things may lie between the records.
        starts: where each record starts in it, header and all, int64 ``(n,)``.
        lengths: of their payloads, int64 ``(n,)``.
        reads: how many separate reads it took.
        bytes_read: and how many bytes.
    """

    ids: np.ndarray
    buffer: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    reads: int
    bytes_read: int

    def only(self, chosen: np.ndarray) -> Block:
        """Only some of the records, by a bool ``(n,)``."""
        if chosen.all():
            return self
        chosen_rows = self.ids[chosen], self.buffer, self.starts[chosen], self.lengths[chosen]
        return Block(*chosen_rows, self.reads, self.bytes_read)


def plans(ids: np.ndarray, places: np.ndarray, block_bytes: int = BLOCK_BYTES) -> list[Plan]:
    """How to read records of which all are there; blocks of some ``block_bytes``, or of one record. O(n log n)."""
    if not ids.size:
        return []
    starts = places["start"].astype(np.int64) * ALIGNMENT
    segments = places["segment"].astype(np.int64)
    order = np.argsort(segments << 36 | starts)
    ids, starts, segments = ids[order], starts[order], segments[order]
    lengths = places["length"][order].astype(np.int64)
    stops = starts + record_bytes(lengths)
    gaps = np.append(0, starts[1:] - stops[:-1])
    other = np.append(True, segments[1:] != segments[:-1])
    apart = other | (gaps > JOIN_GAP) | (gaps < 0)
    # A block has room for a number of bytes, the gaps that are read over included.
    costs = np.cumsum(stops - starts + np.where(apart, 0, gaps))
    number = (costs - 1) // block_bytes
    new_block = other | np.append(True, number[1:] != number[:-1])
    first = np.flatnonzero(apart | new_block)
    last = np.append(first[1:], ids.size) - 1
    sizes = stops[last] - starts[first]
    ends = np.cumsum(sizes)
    block_of_read = (np.cumsum(new_block) - 1)[first]
    first_read = np.flatnonzero(np.append(True, block_of_read[1:] != block_of_read[:-1]))
    base = (ends - sizes)[first_read]
    at = ends - sizes - base[block_of_read]
    read_of = np.cumsum(apart | new_block) - 1
    inside = starts - starts[first][read_of] + at[read_of]
    reads = np.column_stack((starts[first], at, sizes))
    first_row = first[first_read]
    rows = np.append(first_row, ids.size).tolist()
    bounds = np.append(first_read, first.size).tolist()
    block_sizes = np.diff(np.append(base, ends[-1])).tolist()
    return [
        Plan(
            ids[rows[block] : rows[block + 1]],
            inside[rows[block] : rows[block + 1]],
            lengths[rows[block] : rows[block + 1]],
            segment,
            reads[bounds[block] : bounds[block + 1]],
            size,
        )
        for block, (segment, size) in enumerate(zip(segments[first_row].tolist(), block_sizes, strict=True))
    ]


def read(views: Views, plan: Plan) -> Block:
    """Read one block. What cannot be read is zeros: it is not taken for a record."""
    buffer, ready = _begin(views, plan)
    done = int(plan.reads[:ready, 2].sum())
    data = buffer.data
    for start, at, size in plan.reads[ready:].tolist():
        count = 0
        try:
            count = views.segment(plan.segment).read_into(data[at : at + size], start)
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno != errno.EIO:
                raise
        if count < size:
            buffer[at + count : at + size] = 0
        done += count
    return plan.block(buffer, done)


def _read_cached(views: Views, plan: Plan) -> Block | None:
    """Read one block without waiting for the disk; None where that is not possible."""
    buffer, ready = _begin(views, plan)
    return plan.block(buffer, plan.size) if ready == len(plan.reads) else None


def _begin(views: Views, plan: Plan) -> tuple[np.ndarray, int]:
    """A buffer for a block, and how many reads were done into it without waiting for the disk."""
    buffer = np.empty(plan.size, np.uint8)
    if not CAN_TELL:
        return buffer, 0
    from seealso_flatfile import kernels

    try:
        descriptor = views.segment(plan.segment).descriptor
    except FileNotFoundError:
        return buffer, 0
    return buffer, kernels.read_cached(descriptor, plan.reads, buffer, np.empty(2, np.int64))


def blocks(views: Views, ids: np.ndarray, damaged: list[int], block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """The records of ``ids`` (each once) that are there, with sound headers; the IDs of the others go to ``damaged``."""
    before = np.empty(0, PLACE)
    for turn in range(TRIES):
        # Again for what was moved or written anew between our looking for it and our reading it.
        _, places = views.lookup(ids, fresh=turn > 0)
        if turn > 1 and np.array_equal(places, before):
            break
        there = ~absent(places)
        failed: list[int] = []
        for block in _in_flight(views, plans(ids[there], places[there], block_bytes)):
            sound = sound_headers(block.buffer, block.starts, block.ids, block.lengths)
            failed += block.ids[~sound].tolist()
            if sound.any():
                yield block.only(sound)
        again = np.isin(ids, np.array(failed, np.int64))
        ids, before = ids[again], places[again]
        if not ids.size:
            return
    damaged += ids.tolist()


def _in_flight(views: Views, planned: list[Plan]) -> Iterator[Block]:
    """Read the blocks, in their order.

    As long as they are in the operating system's cache, that is all. From the first that is not, the disk is told ahead
    what will be wanted, and has many reads to do at once, while earlier blocks are read here and put to use.
    """
    waiting = iter(planned)
    flying: deque[tuple[Plan, Future[None]]] = deque()
    for plan in waiting:
        block = _read_cached(views, plan)
        if block is None:
            flying.append((plan, _pool().submit(_fetch, views, plan)))
            break
        yield block
    try:
        while flying:
            while len(flying) < AHEAD and (ahead := next(waiting, None)) is not None:
                flying.append((ahead, _pool().submit(_fetch, views, ahead)))
            plan, fetched = flying.popleft()
            fetched.result()
            yield read(views, plan)
    finally:
        for _, fetched in flying:
            fetched.cancel()


def _fetch(views: Views, plan: Plan) -> None:
    """Have a block's bytes brought into the operating system's cache."""
    for start, _, size in plan.reads.tolist():
        # It will be told when it is read.
        with suppress(OSError):
            views.segment(plan.segment).fetch(start, size)


# Shared by the stores of this process.
_pools: list[ThreadPoolExecutor] = []
_pools_lock = threading.Lock()


def _pool() -> ThreadPoolExecutor:
    with _pools_lock:
        if not _pools:
            _pools.append(ThreadPoolExecutor(FETCHERS, thread_name_prefix="flat-file"))
        return _pools[0]


def _forget_pool() -> None:
    """In a child process, where the threads of the parent are not."""
    global _pools_lock
    _pools.clear()
    _pools_lock = threading.Lock()


os.register_at_fork(after_in_child=_forget_pool)

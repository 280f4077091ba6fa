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

from seealso_flatfile.files import CAN_FETCH, CAN_TELL, File
from seealso_flatfile.places import PLACE, absent
from seealso_flatfile.records import ALIGNMENT, record_bytes, sound_headers
from seealso_flatfile.view import TRIES, Views

JOIN_GAP = 8 << 10
"""Two records are read at once where no more than this lies between them: from here on, reading over it costs more when
cached than it saves when not."""

BLOCK_BYTES = 1 << 20
"""Stays in a processor's cache until it was put to use; and what is done once a block costs little."""

IN_FLIGHT = 3 if CAN_FETCH else 32
"""Blocks of one request in memory at once: one is put to use, the others are being read."""

AHEAD = 8
"""Blocks that the operating system is told to fetch ahead, where it can be told."""

READERS = 32
"""Threads that read blocks, for all stores of this process; those that wait for the disk hold up nobody else."""


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


def blocks(views: Views, ids: np.ndarray, damaged: list[int]) -> Iterator[Block]:
    """The records of ``ids`` (each once) that are there, with sound headers; the IDs of the others go to ``damaged``."""
    before = np.empty(0, PLACE)
    for turn in range(TRIES):
        # Again for what was moved or written anew between our looking for it and our reading it.
        _, places = views.lookup(ids, fresh=turn > 0)
        if turn > 1 and np.array_equal(places, before):
            break
        there = ~absent(places)
        failed: list[int] = []
        for block in _in_flight(views, plans(ids[there], places[there])):
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
    """Read the blocks, in their order: the next ones in other threads while one is put to use in this."""
    reading = Reading(views, planned)
    if len(planned) == 1:
        yield reading.block(0)
        return
    flying: deque[Future[Block]] = deque()
    try:
        for number in range(len(planned)):
            flying.append(_pool().submit(reading.block, number))
            if len(flying) == IN_FLIGHT:
                yield flying.popleft().result()
        while flying:
            yield flying.popleft().result()
    finally:
        for block in flying:
            block.cancel()


class Reading:
    """The reading of the blocks of one request, by several threads.

    What lies in the operating system's cache is just copied. From the first block that does not, the system is told ahead
    what will be wanted, and so has many reads to do at once, without a thread that waits for each.
    """

    def __init__(self, views: Views, planned: list[Plan]) -> None:
        self._views = views
        self._planned = planned
        self._fetched = 0
        self._lock = threading.Lock()

    def block(self, number: int) -> Block:
        """Read one. What cannot be read is zeros: it is not taken for a record."""
        plan = self._planned[number]
        buffer = np.empty(plan.size, np.uint8)
        try:
            file = self._views.segment(plan.segment)
        except FileNotFoundError:
            buffer[:] = 0
            return plan.block(buffer, 0)
        ready = _read_cached(file, plan, buffer)
        done = int(plan.reads[:ready, 2].sum())
        if ready < len(plan.reads):
            self._fetch_from(number)
        for start, at, size in plan.reads[ready:].tolist():
            count = _read(file, buffer.data[at : at + size], start)
            buffer[at + count : at + size] = 0
            done += count
        return plan.block(buffer, done)

    def _fetch_from(self, number: int) -> None:
        """Have the operating system fetch this block and those that follow, where it has not been told yet."""
        if not CAN_FETCH:
            return
        with self._lock:
            first = max(number, self._fetched)
            self._fetched = max(first, min(number + AHEAD, len(self._planned)))
        for plan in self._planned[first : self._fetched]:
            # What goes wrong will be told when it is read.
            with suppress(OSError):
                self._views.segment(plan.segment).fetch(plan.reads)


def _read_cached(file: File, plan: Plan, buffer: np.ndarray) -> int:
    """Read a block up to the first read that would have to wait for the disk; returns how many reads were done."""
    if not CAN_TELL:
        return 0
    from seealso_flatfile import kernels

    return kernels.read_cached(file.descriptor, plan.reads, buffer, np.empty(2, np.int64))


def _read(file: File, buffer: memoryview, start: int) -> int:
    """Read from a place on; returns how many bytes there were: fewer where the file ends, and none where the disk fails."""
    try:
        return file.read_into(buffer, start)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return 0


# Shared by the stores of this process.
_pools: list[ThreadPoolExecutor] = []
_pools_lock = threading.Lock()


def _pool() -> ThreadPoolExecutor:
    with _pools_lock:
        if not _pools:
            _pools.append(ThreadPoolExecutor(READERS, thread_name_prefix="flat-file"))
        return _pools[0]


def _forget_pool() -> None:
    """In a child process, where the threads of the parent are not."""
    global _pools_lock
    _pools.clear()
    _pools_lock = threading.Lock()


os.register_at_fork(after_in_child=_forget_pool)

"""The writing anew of a store: only what lives, in the order in which it is best laid.

The new files do not count until the manifest names them, in one replacement: killed at any moment, the store is the old
one, or the new one, and the next writer removes what does not count.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from seealso import sync_directory
from seealso_flatfile.files import PREAMBLE_BYTES, File
from seealso_flatfile.manifest import SEGMENTS, Manifest, read_kind, write_manifest
from seealso_flatfile.places import PLACE, counts, made
from seealso_flatfile.reading import Block, blocks
from seealso_flatfile.records import HEADER_BYTES, headers, record_bytes
from seealso_flatfile.table import write_table
from seealso_flatfile.writer import Writer, make_segment

WORTH_IT = 0.25
"""The share of the segments that has to be free before they are written anew for the space."""

IN_ORDER = 0.75
"""Where this share of the records already follows its predecessor in the order, they are not written anew for it."""

BATCH_BYTES = 64 << 20
"""How much is read, sorted, and written at once."""


def compact(writer: Writer, order: np.ndarray | None, live: np.ndarray) -> bool:
    """Write the live records anew, within the writer's turn; False where little is to gain and nothing was done.

    Args:
        writer: of the store.
        order: IDs as they are best laid; those that it does not name come last.
        live: the IDs to keep, ascending.

    Raises:
        DiskFull: no space is left; the store is as it was.
    """
    view = writer.ready()
    writer.remove_others(view.manifest)
    view, ids, places = writer.views.everything()
    kept = np.isin(ids, live, assume_unique=True)
    ids, places = ids[kept], places[kept]
    ranks = _ranks(ids, order)
    sizes = record_bytes(places["length"].astype(np.int64))
    whole = sum(writer.views.segment(number).size() for number in view.manifest.segments)
    if whole - int(sizes.sum()) <= WORTH_IT * whole and (order is None or in_order(ranks, places) >= IN_ORDER):
        return False
    first = view.active + 1
    output = Output(writer, first)
    try:
        moved = np.empty(ids.size, PLACE)
        for batch in _batches(ranks, sizes):
            moved[batch] = output.copy(ids[batch], places[batch])
        output.finish()
        number, pages, keys_crc = write_table(writer.directory, view.manifest.table, ids, moved)
        manifest = Manifest(
            read_kind(writer.directory),
            tuple(range(first, output.number + 1)),
            output.end,
            *(number, pages, keys_crc),
            counts(moved),
            counted=output.end,
        )
        write_manifest(writer.directory, manifest)
    except BaseException:
        # On a full disk above all, what does not count must not stay.
        writer.remove_others(writer.views.current(fresh=True).manifest)
        raise
    writer.views.current()
    writer.remove_others(manifest)
    return True


def in_order(ranks: np.ndarray, places: np.ndarray) -> float:
    """The share of records that lie on the disk right behind the one before them in the order."""
    if ranks.size < 2:
        return 1.0
    position = np.empty(ranks.size, np.int64)
    position[np.argsort(places["segment"].astype(np.int64) << 32 | places["start"])] = np.arange(ranks.size)
    return float((np.diff(position[ranks]) == 1).mean())


def _ranks(ids: np.ndarray, order: np.ndarray | None) -> np.ndarray:
    """The numbers of ``ids`` (ascending) in the order wanted: int64, each once."""
    if order is None or not ids.size:
        return np.arange(ids.size)
    at = np.minimum(np.searchsorted(ids, order), ids.size - 1)
    at = at[ids[at] == order]
    _, firsts = np.unique(at, return_index=True)
    named = at[np.sort(firsts)]
    return np.append(named, np.setdiff1d(np.arange(ids.size), named, assume_unique=True))


def _batches(ranks: np.ndarray, sizes: np.ndarray) -> Iterator[np.ndarray]:
    """The numbers of the records that are handled together."""
    number = np.cumsum(sizes[ranks]) // BATCH_BYTES
    yield from np.split(ranks, np.flatnonzero(np.diff(number)) + 1) if ranks.size else ()


@dataclass(slots=True)
class Output:
    """The new segments as they are written.

    Attributes:
        writer: of the store.
        number: of the segment that is written to.
        end: where it ends.
    """

    writer: Writer
    number: int
    end: int = PREAMBLE_BYTES
    _file: File = field(init=False)

    def __post_init__(self) -> None:
        self._file = make_segment(self.writer.directory, self.number)

    def copy(self, ids: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Copy records in this order; returns their new places ``(n,)``."""
        lengths = places["length"].astype(np.int64)
        sizes = record_bytes(lengths)
        starts = np.cumsum(sizes) - sizes
        data = np.zeros(int(sizes.sum()), np.uint8)
        by_id = np.argsort(ids)
        there = np.zeros(ids.size, np.bool_)
        damaged: list[int] = []
        for block in blocks(self.writer.views, ids[by_id], damaged):
            rows = by_id[np.searchsorted(ids[by_id], block.ids)]
            there[rows] = True
            _lay(block, data, starts[rows])
        # A record whose header is damaged stays one that is named when it is read.
        lost = np.flatnonzero(~there)
        if lost.size:
            never = np.uint32(0xFFFF_FFFF) ^ np.array(
                [zlib.crc32(bytes(length)) for length in lengths[lost].tolist()], np.uint32
            )
            made_up = headers(ids[lost], lengths[lost], 0, never).view(np.uint8).reshape(-1, HEADER_BYTES)
            data[starts[lost][:, np.newaxis] + np.arange(HEADER_BYTES)] = made_up
        if self.end > PREAMBLE_BYTES and self.end + data.size > self.writer.segment_bytes:
            self._file.sync()
            self.number += 1
            self.end = PREAMBLE_BYTES
            self._file = make_segment(self.writer.directory, self.number)
        self._file.write(data.data, self.end)
        new = made(ids, self.number, starts + self.end, lengths)
        self.end += data.size
        return new

    def finish(self) -> None:
        """Force all to the disk."""
        self._file.sync()
        sync_directory(self.writer.directory / SEGMENTS)


def _lay(block: Block, data: np.ndarray, starts: np.ndarray) -> None:
    """Put the records of a block, as they are, where they belong."""
    sizes = record_bytes(block.lengths)
    for start, size, target in zip(block.starts.tolist(), sizes.tolist(), starts.tolist(), strict=True):
        data[target : target + size] = block.buffer[start : start + size]

"""Descriptors in append-only files."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from seealso import (
    Codec,
    ConfigError,
    CorruptRecord,
    EncodedBlock,
    FormatError,
    MissingObject,
    ObjectStore,
    PluginOptions,
    Records,
    SeealsoError,
    StoreContext,
    StoreError,
    StoreOptions,
    StoreReport,
    distinct,
)
from seealso_flatfile.compaction import compact
from seealso_flatfile.errors import translated
from seealso_flatfile.files import PREAMBLE_BYTES
from seealso_flatfile.manifest import SEGMENTS, Counts, Kind, read_kind
from seealso_flatfile.places import absent
from seealso_flatfile.reading import Block, blocks
from seealso_flatfile.records import HEADER_BYTES, joined, removals, sound_payloads
from seealso_flatfile.view import View, Views
from seealso_flatfile.writer import Writer

log = logging.getLogger("seealso")

RATIO_SAMPLE = 64  # records that are looked at to say how well they are compressed
PORTION = 1 << 16  # IDs handled at once where all are gone through


class FlatFileStore(ObjectStore):
    """Keeps descriptors in append-only files, and a mapped table of where each lies.

    A record that is put is appended, in one write for all of a call; `flush` syncs it. The files alone are the truth: the
    table is brought up to date now and then, and made again from them should it be lost. Readers never wait, and opening
    changes nothing.
    """

    name = "flat-file"
    preference = 20

    class Options(StoreOptions):
        """Options of the store flat-file."""

    options: Options

    def __init__(self, options: PluginOptions, context: StoreContext) -> None:
        super().__init__(options, context)
        self._dtype = np.dtype(context.dtype)
        self._views: Views | None = Views(context.directory)
        self._writer = Writer(self._views)
        self._codec: Codec | None = None
        self._lossy_error: float | None = None
        self._sampled: tuple[object, dict[str, int | float | str]] | None = None
        with translated(context.directory):
            if not self._known() and self.options.codec is not None:
                # Before a store is made that would be bound to a codec that there is not.
                context.codec(self.options.codec)
            self._open.current()

    @property
    def _open(self) -> Views:
        if self._views is None:
            raise StoreError(f"{self.context.directory}: the store is closed")
        return self._views

    # What it holds

    @property
    def codec(self) -> Codec:
        """How its descriptors are written.

        Raises:
            StoreError: there are none yet.
        """
        if not self._known():
            raise StoreError(f"{self.context.directory}: nothing was stored yet")
        assert self._codec is not None
        return self._codec

    def _known(self) -> bool:
        """Whether it is written down yet what the store holds; checked when it is first read."""
        if self._codec is None:
            kind = read_kind(self.context.directory)
            if kind is None:
                return False
            codec = self.context.codec(kind.choice())
            self._check_kind(kind, codec)
            self._lossy_error = kind.lossy_error
            self._codec = codec
        return True

    def _check_kind(self, kind: Kind, codec: Codec) -> None:
        where = self.context.directory
        if (kind.dim, kind.dtype) != (self.context.dim, self._dtype.name):
            raise FormatError(
                f"{where} holds {kind.dtype} descriptors of dimension {kind.dim}, "
                f"not {self._dtype.name} of {self.context.dim}"
            )
        # As they are made: the record may be of an earlier release, which called an option otherwise.
        asked = None if self.options.codec is None else self.context.codec(self.options.codec)
        if self.options.codec is not None and asked and (asked.name, asked.options) != (codec.name, codec.options):
            raise ConfigError(
                f"{where} was written with the codec {kind.codec}, not {self.options.codec.as_yaml()}; "
                f"take `codec:` out of the configuration, or run `seealso convert`"
            )

    # Writing

    def put_many(self, ids: np.ndarray, descriptors: np.ndarray) -> None:
        """One write: all of them, or on an error none."""
        self.context.check(ids, descriptors)
        self._check_writable()
        if not ids.size:
            return
        with translated(self.context.directory):
            try:
                if not self._known():
                    self._make(descriptors)
                encoded = self.codec.encode(descriptors)
            except ValueError as error:
                raise StoreError(f"{self.context.directory}: {error}") from error
            records, starts, lengths = joined(ids, encoded)
            with self._writer.turn():
                self._writer.append(ids, records, starts, lengths)

    def _check_writable(self) -> None:
        _ = self._open
        if self.context.read_only:
            raise StoreError(f"{self.context.directory}: the store was opened for reading only")

    def _make(self, descriptors: np.ndarray) -> None:
        choice = self.options.codec or self.context.choose_codec(descriptors)
        codec = self.context.codec(choice)
        error = None if codec.lossless else codec.error(descriptors)
        with self._writer.turn():
            self._writer.make(Kind(self.context.dim, self._dtype.name, choice.as_yaml(), error))

    def remove_many(self, ids: np.ndarray) -> None:
        """One write of 24 bytes for each that is there."""
        self.context.check_ids(ids)
        self._check_writable()
        if not self._known():
            return
        with self._writer.turn():
            self._remove(distinct(ids))

    def _remove(self, ids: np.ndarray) -> None:
        for start in range(0, ids.size, PORTION):
            portion = ids[start : start + PORTION]
            gone = portion[~absent(self._open.lookup(portion)[1])]
            if gone.size:
                starts = HEADER_BYTES * np.arange(gone.size)
                self._writer.append(gone, removals(gone), starts, np.full(gone.size, -1))

    def flush(self) -> None:
        """Sync what was appended."""
        _ = self._open
        self._writer.flush()

    # Reading

    def read_blocks(self, ids: np.ndarray) -> Iterator[EncodedBlock]:
        """In the order in which they lie on the disk. A record whose header is damaged is left out, with a warning."""
        self.context.check_ids(ids)
        return self._encoded(distinct(ids))

    def _encoded(self, ids: np.ndarray) -> Iterator[EncodedBlock]:
        damaged: list[int] = []
        with translated(self.context.directory):
            for block in blocks(self._open, ids, damaged):
                yield EncodedBlock(block.ids, _payloads(block), self.codec, block.reads, block.bytes_read)
        if damaged:
            log.warning("%s; they are left out of this search", CorruptRecord(damaged))

    def get_many(self, ids: np.ndarray) -> np.ndarray:
        """In the order asked; checksums checked."""
        self.context.check_ids(ids)
        wanted, places = np.unique(ids, return_inverse=True)
        descriptors = np.empty((wanted.size, self.context.dim), self._dtype)
        known = np.zeros(wanted.size, np.bool_)
        damaged: list[int] = []
        with translated(self.context.directory):
            for block in blocks(self._open, wanted, damaged):
                rows = np.searchsorted(wanted, block.ids)
                known[rows] = True
                damaged += self._decode_into(descriptors, rows, block)
        known[np.searchsorted(wanted, np.array(damaged, np.int64))] = True
        if not known.all():
            raise MissingObject(wanted[~known].tolist())
        if damaged:
            raise CorruptRecord(sorted(damaged))
        # The usual order, ascending and each once, needs no second copy.
        return descriptors if np.array_equal(wanted, ids) else descriptors[places]

    def _decode_into(self, descriptors: np.ndarray, rows: np.ndarray, block: Block) -> list[int]:
        """Decode a block into rows of an array, unless something in it is damaged; returns the IDs of that."""
        sound = sound_payloads(block.buffer, block.starts, block.lengths)
        damaged: list[int] = block.ids[~sound].tolist()
        if not damaged:
            try:
                descriptors[rows] = self.codec.decode(_payloads(block))
            except ValueError:
                damaged = self._undecodable(block)
        return damaged

    def _unusable(self, block: Block) -> list[int]:
        """The IDs of the records whose checksum fails, or that cannot be decoded."""
        sound = sound_payloads(block.buffer, block.starts, block.lengths)
        rest = block.only(sound)
        return sorted(block.ids[~sound].tolist() + self._undecodable(rest))

    def _undecodable(self, block: Block) -> list[int]:
        """The IDs of the records that the codec does not take."""
        places = self.codec.undecodable(_payloads(block))
        damaged: list[int] = block.ids[places].tolist() if places else []
        return damaged

    def ids(self) -> np.ndarray:
        """All IDs, ascending."""
        with translated(self.context.directory):
            return self._open.everything()[1]

    def verify(self) -> StoreReport:
        """Read every record once, in the order of the files; check each checksum, that each can be decoded, and that there are
        as many as the files say."""
        with translated(self.context.directory):
            view, ids, places = self._open.everything()
            miscounted = self._open.miscounted(view, places)
            damaged: list[int] = []
            for part in _along_the_files(places):
                for block in blocks(self._open, ids[part], damaged):
                    damaged += self._unusable(block)
        return StoreReport(int(ids.size), sorted(damaged), [miscounted] if miscounted else [])

    # Upkeep

    def statistics(self) -> dict[str, int | float | str]:
        """Objects, bytes of the files, bytes of what was replaced or removed, segments; the codec, its ratio, and how far off a
        lossy one was with the first descriptors. O(what came after the last checkpoint); in a store last written by a release
        that did not count, O(objects) once."""
        with translated(self.context.directory):
            view, counts = self._open.count()
            sizes = _sizes(self.context.directory)
        records = sum(size - PREAMBLE_BYTES for path, size in sizes.items() if path.parent.name == SEGMENTS)
        return {
            "objects": counts.objects,
            "bytes": sum(sizes.values()),
            "bytes_free": max(0, records - counts.bytes),
            "segments": len(view.manifest.segments),
            **self._codec_statistics(view, counts),
        }

    def _codec_statistics(self, view: View, counts: Counts) -> dict[str, int | float | str]:
        if not self._known():
            return {"codec": self.options.chosen()}
        # Some records, from everywhere, stand for all: until the next checkpoint, or until there are twice as many.
        sampled = view.seen, counts.objects.bit_length()
        if self._sampled is None or self._sampled[0] != sampled:
            with translated(self.context.directory):
                sample = self._open.some(RATIO_SAMPLE)
            records = [record for block in self.read_blocks(sample) for record in block.records]
            self._sampled = sampled, self.codec.statistics(records, self._lossy_error)
        return self._sampled[1]

    def compact(self, order: np.ndarray | None, live: np.ndarray) -> None:
        """Write the live records anew, in ``order``, where that gives back a good part of the space or saves reads.

        The other records are removed in any case.
        """
        self.context.check_ids(live)
        if order is not None:
            self.context.check_ids(order)
        self._check_writable()
        if not self._known():
            return
        with self._writer.turn():
            if not compact(self._writer, order, distinct(live)):
                self._remove(np.setdiff1d(self._open.everything()[1], live))
                self._writer.checkpoint(recount=True)

    def close(self) -> None:
        """Bring the table up to date, where something was written, and let go of the files."""
        views, self._views = self._views, None
        if views is None:
            return
        if self._writer.written:
            # The table can be brought up to date by whoever comes next; or the collection has left this store for another.
            with suppress(SeealsoError), self._writer.turn():
                self._writer.checkpoint()
        views.close()


def _along_the_files(places: np.ndarray) -> Iterator[np.ndarray]:
    """Numbers of places, int64: all of them in the order of the files, in bounded portions."""
    order = np.argsort(places["segment"].astype(np.int64) << 32 | places["start"])
    for start in range(0, order.size, PORTION):
        yield order[start : start + PORTION]


def _sizes(directory: Path) -> dict[Path, int]:
    """The files below a folder, and how large they are; some may be removed meanwhile."""
    found = {}
    for path in directory.rglob("*"):
        with suppress(FileNotFoundError):
            if path.is_file():
                found[path] = path.stat().st_size
    return found


def _payloads(block: Block) -> Records:
    return Records(block.buffer, block.starts + HEADER_BYTES, block.lengths)

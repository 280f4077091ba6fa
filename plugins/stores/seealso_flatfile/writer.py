"""The writing side of a store: records appended, checkpoints, and the turns that writers take."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from seealso import DiskFull, StoreError, sync_directory
from seealso_flatfile.errors import translated
from seealso_flatfile.files import PREAMBLE_BYTES, SEGMENT, File, preamble
from seealso_flatfile.manifest import (
    LOCK,
    REMEDY,
    SEGMENTS,
    Counts,
    Kind,
    Manifest,
    read_kind,
    segment_path,
    write_kind,
    write_manifest,
)
from seealso_flatfile.places import Places, made
from seealso_flatfile.records import HEADER_BYTES
from seealso_flatfile.table import Table, TableDamaged, TableWriter, keys_path, table_path, write_table
from seealso_flatfile.view import View, Views

SEGMENT_BYTES = 4 << 30
"""A segment that is this large is followed by the next; a place in one can be told up to eight times that."""

LARGEST_WRITE = 24 << 30

CHECKPOINT_BYTES = 64 << 20
CHECKPOINT_RECORDS = 1 << 16
"""So much is read, at most, when a store is opened that was not closed."""


class Writer:
    """Writes to a store. One thread at a time uses it; other processes, and other writers in this one, take turns."""

    segment_bytes = SEGMENT_BYTES
    checkpoint_bytes = CHECKPOINT_BYTES

    def __init__(self, views: Views) -> None:
        self.views = views
        self.directory = views.directory
        self._dirty: dict[int, File] = {}
        self._written = False
        self._tidy = False
        self._counted_on = False

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Alone among the writers of all processes. What one that was killed has left is mended first."""
        with translated(self.directory):
            lock = os.open(self.directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
            finally:
                os.close(lock)

    # Within a turn

    def make(self, kind: Kind) -> Kind:
        """Write down what the store holds, if that was not done; returns what is written."""
        found = read_kind(self.directory)
        if found is not None:
            return found
        write_kind(self.directory, kind)
        return kind

    def ready(self) -> View:
        """The newest view of a store that can be appended to.

        Raises:
            StoreError: the segment that is written to is missing.
        """
        view = self.views.current()
        self._count_on(view)
        if not self._tidy and view.manifest.table:
            self.remove_others(view.manifest)
            self._tidy = True
        if not view.active:
            return self._checkpoint(view, self._new_segment(1))
        active = self._active(view)
        if active.size() != view.end:
            # It is longer by what a writer that was killed has not finished: nobody was told that it is there. Or it has
            # lost its end: what comes next must not lie where the table knows something else.
            active.truncate(view.end)
        if not isinstance(view.table, Table):
            view = self._checkpoint(view)
        return view

    def append(self, ids: np.ndarray, records: bytes, starts: np.ndarray, lengths: np.ndarray) -> None:
        """Append records: all of them, or on an error none.

        Args:
            ids: int64 ``(n,)``, each once.
            records: as they are written.
            starts: where in these bytes each record starts.
            lengths: of the payloads; −1 for a removal.

        Raises:
            DiskFull: no space is left; the store is as it was.
        """
        if len(records) > LARGEST_WRITE:
            raise ValueError(f"{len(records)} bytes are too many to be stored at once")
        view = self.ready()
        if view.end > PREAMBLE_BYTES and view.end + len(records) > self.segment_bytes:
            view = self._checkpoint(view, self._new_segment(view.active + 1))
        file = self._active(view)
        try:
            file.write(records, view.end)
        except BaseException:
            file.truncate(view.end)
            raise
        self._dirty[view.active] = file
        self._written = True
        starts = starts + view.end
        tail = view.tail.then(Places.last(ids, made(ids, view.active, starts, lengths)))
        end = view.end + len(records)
        header = records[int(starts[-1]) - view.end :][:HEADER_BYTES]
        view = replace(view, tail=tail, end=end, looked=None, last=(int(starts[-1]), header))
        self.views.replace(view)
        if end - view.manifest.checkpoint >= self.checkpoint_bytes or tail.ids.size >= CHECKPOINT_RECORDS:
            # The records are there; the table can wait for a place on the disk.
            with suppress(DiskFull), translated(self.directory):
                self._checkpoint(view)

    def checkpoint(self, *, recount: bool = False) -> None:
        """Bring the table up to date, so that nothing has to be read when the store is opened; count anew all that is there
        where that is asked for."""
        view = self.ready()
        if recount:
            view = replace(view, counts=None)
        if view.tail.ids.size or view.counts is None:
            self._checkpoint(view)
        self._written = False

    @property
    def written(self) -> bool:
        """Whether this writer has appended anything since its last checkpoint that was asked for."""
        return self._written

    def flush(self) -> None:
        """Force to the disk what was appended by this writer, or by one that was killed before it could. Needs no turn."""
        with translated(self.directory):
            self._count_on(self.views.current())
            self._sync()

    def _count_on(self, view: View) -> None:
        """Force to the disk what a writer that was killed has left unsynced, before anything counts on it: records, files that it
        made, and their names. Once is enough."""
        if self._counted_on:
            return
        if view.active:
            # A compaction that has removed the segment meanwhile has synced what it held.
            with suppress(FileNotFoundError):
                self.views.segment(view.active).sync()
            sync_directory(self.directory / SEGMENTS)
        sync_directory(self.directory)
        self._counted_on = True

    def _sync(self) -> None:
        """Force to the disk what this writer has appended."""
        for number, file in list(self._dirty.items()):
            file.sync()
            del self._dirty[number]

    def remove_others(self, manifest: Manifest) -> None:
        """Remove the files that do not count: what a compaction that was killed has left, or one that is done."""
        directory = self.directory
        counting = {segment_path(directory, number) for number in manifest.segments}
        if manifest.table:
            counting |= {table_path(directory, manifest.table), keys_path(directory, manifest.table)}
        patterns = ("table-*.bin", "pages-*.bin", "*.new", f"{SEGMENTS}/????????.seg")
        for path in [path for pattern in patterns for path in directory.glob(pattern)]:
            if path not in counting:
                path.unlink(missing_ok=True)

    def _active(self, view: View) -> File:
        file = self._dirty.get(view.active)
        if file is None:
            try:
                file = File(segment_path(self.directory, view.active), os.O_RDWR)
            except FileNotFoundError as error:
                raise StoreError(f"{error.filename} is missing, and with it descriptors; {REMEDY}") from error
        return file

    def _new_segment(self, number: int) -> int:
        """Make an empty segment, durably; it counts once the manifest names it."""
        make_segment(self.directory, number).sync()
        sync_directory(self.directory / SEGMENTS)
        sync_directory(self.directory)
        return number

    def _checkpoint(self, view: View, following: int = 0) -> View:
        """Bring the table up to date; ``following`` is the segment that is written to from now on."""
        self._sync()
        if view.active:
            # What another process has appended, and is in the tail, may not have been synced.
            self._active(view).sync()
        manifest = view.manifest
        segments = (*manifest.segments, following) if following else manifest.segments
        checkpoint = PREAMBLE_BYTES if following else view.end
        try:
            counts = view.count()
            number, pages, keys_crc = self._write_table(view, counts)
        except TableDamaged:
            self.views.distrust(manifest)
            return self._checkpoint(self.views.current(), following)
        kind = read_kind(self.directory)
        table = (number, pages, keys_crc)
        write_manifest(self.directory, Manifest(kind, segments, checkpoint, *table, counts, counted=checkpoint))
        if number != manifest.table:
            self.remove_others(Manifest(kind, segments, table=number))
        return self.views.current()

    def _write_table(self, view: View, counts: Counts) -> tuple[int, int, int]:
        """Write the tail to the table, or the whole table anew; its number, its pages, and the CRC-32 of their keys.

        A table that is changed cannot tell any more what it held before. So what was counted with its help is written
        first, and an interrupted checkpoint leaves the right counts, too.
        """
        if isinstance(view.table, Table):
            view.table.lookup(view.tail.ids)  # damaged?
            if view.tail.ids.size:
                write_manifest(self.directory, replace(view.manifest, counts=counts, counted=view.end))
            number = view.manifest.table
            writer = TableWriter(self.directory, number, view.table)
            writer.put(view.tail.ids, view.tail.places)
            return number, *writer.finish()
        places = view.table.then(view.tail)
        return write_table(self.directory, view.manifest.table, *next(places.parts()))


def make_segment(directory: Path, number: int) -> File:
    """An empty segment."""
    (directory / SEGMENTS).mkdir(exist_ok=True)
    file = File(segment_path(directory, number), os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    file.write(preamble(SEGMENT), 0)
    return file

"""What a store holds at one moment, as one process sees it; and the noticing of what others have written since."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from seealso import StoreError, distinct
from seealso_flatfile.files import PREAMBLE_BYTES, SEGMENT, File
from seealso_flatfile.manifest import (
    REMEDY,
    Counts,
    Damaged,
    Manifest,
    read_manifest,
    segment_path,
    state,
)
from seealso_flatfile.places import Places, absent, counts
from seealso_flatfile.records import HEADER_BYTES, scan
from seealso_flatfile.table import Table, TableDamaged

log = logging.getLogger("seealso")

TRIES = 10


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A store at one moment. Nothing in it changes, but places in the table, which always lead to a record.

    Attributes:
        manifest: which files count.
        seen: the `state` of the manifest's file.
        table: the places as of the last checkpoint; in memory where the table on disk cannot be used.
        tail: those of what came since.
        end: where in the last segment the last sound record ends.
        looked: that segment's size and time of change when it was looked at; None for: look again.
        last: where its last record starts, and that record's header: should they change, the end was written anew.
        counts: how much there is in the table and in ``counted``; None where that is not known.
        counted: the places of the tail that ``counts`` takes in, as they were then.
    """

    manifest: Manifest
    seen: tuple[int, int, int] | None
    table: Table | Places
    tail: Places
    end: int
    looked: tuple[int, int] | None
    last: tuple[int, bytes]
    counts: Counts | None
    counted: Places

    def at_checkpoint(self) -> View:
        """The same without what came since the last checkpoint."""
        manifest = self.manifest
        known = manifest.counts if manifest.counted == manifest.checkpoint else None
        nothing = Places.none()
        return replace(self, tail=nothing, end=manifest.checkpoint, last=(0, b""), counts=known, counted=nothing)

    @property
    def active(self) -> int:
        """The number of the segment that is written to; 0 where there is none yet."""
        return self.manifest.segments[-1] if self.manifest.segments else 0

    def lookup(self, ids: np.ndarray) -> np.ndarray:
        """The places ``(n,)`` of IDs; all zeros where there is none.

        Raises:
            TableDamaged: one fails its check.
        """
        known, places = self.tail.find(ids)
        if not known.all():
            places[~known] = self.table.lookup(ids[~known])
        return places

    def parts(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """All IDs that are there, in no order, and their places; a good many at a time.

        Raises:
            TableDamaged: a place fails its check.
        """
        for ids, places in self.table.parts():
            if ids.size and self.tail.ids.size:
                at = np.minimum(np.searchsorted(ids, self.tail.ids), ids.size - 1)
                old = np.ones(ids.size, np.bool_)
                old[at[ids[at] == self.tail.ids]] = False
                ids, places = ids[old], places[old]
            yield ids, places
        yield from self.tail.parts()

    def count(self) -> Counts:
        """How much there is: O(what is not counted yet) where the manifest tells how much there was, else O(everything).

        It is right only if no checkpoint was begun meanwhile: that writes to the table.

        Raises:
            TableDamaged: a place fails its check.
        """
        if self.counts is None:
            return sum((counts(places) for _, places in self.parts()), start=Counts(0, 0))
        if self.counted is self.tail:
            return self.counts
        known, before = self.counted.find(self.tail.ids)
        before[~known] = self.table.lookup(self.tail.ids[~known])
        return self.counts + counts(self.tail.places) - counts(before)

    def some(self, count: int) -> np.ndarray:
        """Up to ``count`` IDs that are there, from all over the store, int64, ascending; O(count).

        Raises:
            TableDamaged: a place fails its check.
        """
        ids = distinct(self.table.some(count), self.tail.some(count))
        ids = ids[~absent(self.lookup(ids))]
        some: np.ndarray = ids[:: max(1, -(-ids.size // count))]
        return some


NOTHING = View(
    *(Manifest(None, ()), None, Places.none(), Places.none(), PREAMBLE_BYTES, None, (0, b"")),
    *(Counts(0, 0), Places.none()),
)
"""The view of a folder in which there is no store yet."""


class Views:
    """The files of a store's folder as this process has them open, and the newest view of them.

    Every method may be called from several threads at once: a view is replaced as a whole, and never waited for.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._view = NOTHING
        self._segments: dict[int, File] = {}
        self._distrusted: set[int] = set()

    def segment(self, number: int) -> File:
        """A segment, open for reading.

        Raises:
            FileNotFoundError: it is not there.
        """
        file = self._segments.get(number)
        if file is None:
            file = File(segment_path(self.directory, number))
            file.is_of(SEGMENT)
            self._segments[number] = file
        return file

    def close(self) -> None:
        """Let go of the files; those that are being read are closed afterwards."""
        self._segments = {}
        self._view = NOTHING

    def replace(self, view: View) -> None:
        """Take what this process has just written for the newest view."""
        self._view = view
        numbers = set(view.manifest.segments)
        # Other threads open segments meanwhile.
        self._segments = {number: file for number, file in list(self._segments.items()) if number in numbers}

    def current(self, *, fresh: bool = False) -> View:
        """The newest view; costs two ``stat`` when nothing was written since. ``fresh``: look at everything again.

        Raises:
            StoreError: a file is missing without which nothing can be read.
        """
        for _ in range(TRIES):
            seen = state(self.directory)
            try:
                view = self._view
                if fresh or view.seen != seen or (seen is None and not view.active):
                    view = self._open(seen, NOTHING if fresh else view)
                view = self._follow(view)
            except FileNotFoundError as error:
                if state(self.directory) == seen:
                    raise StoreError(f"{error.filename} is missing, and with it descriptors; {REMEDY}") from error
                continue
            if view is not self._view:
                self.replace(view)
            return view
        raise StoreError(f"{self.directory}: the store flat-file keeps being replaced; try again")

    def lookup(self, ids: np.ndarray, *, fresh: bool = False) -> tuple[View, np.ndarray]:
        """The newest view, and the places ``(n,)`` of IDs in it; all zeros where there is none."""
        while True:
            view = self.current(fresh=fresh)
            try:
                return view, view.lookup(ids)
            except TableDamaged:
                self.distrust(view.manifest)

    def everything(self) -> tuple[View, np.ndarray, np.ndarray]:
        """The newest view, all IDs that are there, int64 ``(n,)``, ascending, and their places ``(n,)``."""
        while True:
            view = self.current()
            try:
                parts = list(view.parts())
            except TableDamaged:
                self.distrust(view.manifest)
                continue
            ids = np.concatenate([part[0] for part in parts])
            places = np.concatenate([part[1] for part in parts])
            if (ids[1:] < ids[:-1]).any():
                order = np.argsort(ids)
                ids, places = ids[order], places[order]
            return view, ids, places

    def count(self) -> tuple[View, Counts]:
        """The newest view, and how much there is in it; see `View.count` for what it costs."""
        while True:
            view = self.current()
            try:
                found = view.count()
            except TableDamaged:
                self.distrust(view.manifest)
                continue
            if state(self.directory) == view.seen:
                if self._view is view:
                    self._view = replace(view, counts=found, counted=view.tail)
                return view, found

    def miscounted(self, view: View, places: np.ndarray) -> str | None:
        """What is wrong with how much the files say that there is, where these places ``(n,)`` are all that are there."""
        told, found = view.count(), counts(places)
        if told == found or state(self.directory) != view.seen:
            return None
        return (
            f"{self.directory}: {found.objects} descriptors of {found.bytes} bytes are there, and {told.objects} of "
            f"{told.bytes} are counted; `seealso maintain` counts anew"
        )

    def some(self, count: int) -> np.ndarray:
        """Up to ``count`` IDs that are there, from all over the store, int64, ascending; O(count)."""
        while True:
            view = self.current()
            try:
                return view.some(count)
            except TableDamaged:
                self.distrust(view.manifest)

    def distrust(self, manifest: Manifest) -> None:
        """Use this table no more: its places are found by reading the segments. The next writer makes it anew."""
        self._distrusted.add(manifest.table)
        self._view = NOTHING

    def _open(self, seen: tuple[int, int, int] | None, before: View) -> View:
        manifest = self._manifest()
        if not manifest.segments:
            return replace(NOTHING, seen=seen)
        if manifest == replace(before.manifest, counts=manifest.counts, counted=manifest.counted) and (
            before.manifest.counted < before.end <= manifest.counted
        ):
            # A checkpoint was begun: only the counts are new so far, and what came since the last need not be read again.
            known = manifest.counts if before.end == manifest.counted else None
            return replace(before, manifest=manifest, seen=seen, looked=None, counts=known, counted=before.tail)
        if manifest.table and manifest.table not in self._distrusted:
            try:
                table = Table.open(self.directory, manifest.table, manifest.pages, manifest.keys_crc)
                return replace(NOTHING, manifest=manifest, seen=seen, table=table).at_checkpoint()
            except (TableDamaged, FileNotFoundError):
                if state(self.directory) != seen:
                    raise FileNotFoundError from None
                self._distrusted.add(manifest.table)
        log.warning("%s: the table of the store is damaged; reading all that it holds instead", self.directory)
        places = Places.none()
        for number in manifest.segments[:-1]:
            file = self.segment(number)
            places = places.then(Places.of_scan(number, scan(file, PREAMBLE_BYTES, file.size())))
        # The last segment is read as what came since.
        manifest = replace(manifest, checkpoint=PREAMBLE_BYTES, counts=None)
        return replace(NOTHING, manifest=manifest, seen=seen, table=places).at_checkpoint()

    def _manifest(self) -> Manifest:
        try:
            return read_manifest(self.directory)
        except FileNotFoundError:
            manifest = Manifest.of_what_is_there(self.directory)
        except Damaged:
            log.warning("%s: the manifest of the store is damaged", self.directory)
            manifest = Manifest.of_what_is_there(self.directory)
        return manifest

    def _follow(self, view: View) -> View:
        """With what was appended to the last segment since."""
        if not view.active:
            return view
        file = self.segment(view.active)
        looked = file.state()
        if looked == view.looked:
            return view
        size = looked[0]
        start, header = view.last
        if size < view.end or file.read(len(header), start) != header:
            # What a writer had to take back was read, or the file has lost its end.
            view = view.at_checkpoint()
        counted = view.manifest.counted
        if view.end < counted <= size:
            # Since the counts were written the table may hold any part of what they count: only what comes behind can be
            # counted by a look into it.
            view = self._read_on(view, file, counted)
            if view.end == counted:
                view = replace(view, counts=view.manifest.counts, counted=view.tail)
        return replace(self._read_on(view, file, size), looked=looked)

    def _read_on(self, view: View, file: File, size: int) -> View:
        """With what lies in the last segment from where the view ends up to ``size``."""
        found = scan(file, view.end, size)
        last = view.last
        if found.ids.size:
            last = (int(found.starts[-1]), file.read(HEADER_BYTES, int(found.starts[-1])))
        tail = view.tail.then(Places.of_scan(view.active, found))
        return replace(view, tail=tail, end=found.end, last=last)

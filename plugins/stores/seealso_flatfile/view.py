"""What a store holds at one moment, as one process sees it; and the noticing of what others have written since."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from seealso import StoreError
from seealso_flatfile.files import PREAMBLE_BYTES, SEGMENT, File
from seealso_flatfile.manifest import (
    REMEDY,
    Damaged,
    Manifest,
    read_manifest,
    segment_path,
    state,
)
from seealso_flatfile.places import Places
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
    """

    manifest: Manifest
    seen: tuple[int, int, int] | None
    table: Table | Places
    tail: Places
    end: int
    looked: tuple[int, int] | None
    last: tuple[int, bytes]

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


NOTHING = View(Manifest(None, ()), None, Places.none(), Places.none(), PREAMBLE_BYTES, None, (0, b""))
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
                    view = self._open(seen)
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

    def distrust(self, manifest: Manifest) -> None:
        """Use this table no more: its places are found by reading the segments. The next writer makes it anew."""
        self._distrusted.add(manifest.table)
        self._view = NOTHING

    def _open(self, seen: tuple[int, int, int] | None) -> View:
        manifest = self._manifest()
        if not manifest.segments:
            return replace(NOTHING, seen=seen)
        if manifest.table and manifest.table not in self._distrusted:
            try:
                table = Table.open(self.directory, manifest.table, manifest.pages, manifest.keys_crc)
                return replace(NOTHING, manifest=manifest, seen=seen, table=table, end=manifest.checkpoint)
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
        manifest = replace(manifest, checkpoint=PREAMBLE_BYTES)
        return replace(NOTHING, manifest=manifest, seen=seen, table=places)

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
            view = replace(view, tail=Places.none(), end=view.manifest.checkpoint, last=(0, b""))
        found = scan(file, view.end, size)
        last = view.last
        if found.ids.size:
            last = (int(found.starts[-1]), file.read(HEADER_BYTES, int(found.starts[-1])))
        tail = view.tail.then(Places.of_scan(view.active, found))
        return replace(view, tail=tail, end=found.end, looked=looked, last=last)

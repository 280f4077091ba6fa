"""The table: ID → place, on disk, mapped and never read whole to answer a query.

Pages of 512 places, one for every 512 consecutive IDs of which one was ever there; ``pages-…`` holds the numbers of these
groups (their keys) in the order in which their pages came. The table can be made again from the segments.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from seealso import sync_directory
from seealso_flatfile.files import PAGES, PREAMBLE_BYTES, TABLE, File, preamble
from seealso_flatfile.places import PLACE, absent, checks

PAGE_BITS = 9
PAGE_PLACES = 1 << PAGE_BITS
PAGE_BYTES = PAGE_PLACES * PLACE.itemsize
HEAD_BYTES = 4096  # so that pages lie on the pages of the disk
CHUNK = 1024  # pages handled at once where many are

_LOOKS = 5


class TableDamaged(Exception):
    """The table is missing, or something in it is not as it was written."""


def table_path(directory: Path, number: int) -> Path:
    """The file of the places."""
    return directory / f"table-{number:06d}.bin"


def keys_path(directory: Path, number: int) -> Path:
    """The file of the pages' keys."""
    return directory / f"pages-{number:06d}.bin"


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table as it is open for reading; its places change under it as the writer goes on.

    Attributes:
        keys: of its pages, int64 ``(pages,)``, in the order of the pages.
        ascending: the same, ascending.
        order: the number of the page of each of those.
        places: `PLACE` ``(pages, 512)``, mapped.
    """

    keys: np.ndarray
    ascending: np.ndarray
    order: np.ndarray
    places: np.ndarray

    @classmethod
    def open(cls, directory: Path, number: int, pages: int, keys_crc: int) -> Self:
        """Map a table; O(pages log pages).

        Raises:
            FileNotFoundError: one of its files is not there.
            TableDamaged: they are not as they were written.
        """
        table, keys_file = File(table_path(directory, number)), File(keys_path(directory, number))
        raw = keys_file.read(8 * pages, PREAMBLE_BYTES)
        whole = table.size() >= HEAD_BYTES + pages * PAGE_BYTES and len(raw) == 8 * pages
        if not (whole and table.is_of(TABLE) and keys_file.is_of(PAGES) and zlib.crc32(raw) == keys_crc):
            raise TableDamaged
        keys = np.frombuffer(raw, "<i8")
        order = np.argsort(keys)
        places = np.empty((0, PAGE_PLACES), PLACE)
        if pages:
            path = table_path(directory, number)
            places = np.memmap(path, PLACE, "r", HEAD_BYTES, (pages, PAGE_PLACES)).view(np.ndarray)
        return cls(keys, keys[order], order, places)

    def pages(self, keys: np.ndarray) -> np.ndarray:
        """The numbers ``(n,)`` of the pages with these keys; −1 for none."""
        if not self.keys.size:
            return np.full(keys.size, -1, np.int64)
        at = np.minimum(np.searchsorted(self.ascending, keys), self.keys.size - 1)
        return np.where(self.ascending[at] == keys, self.order[at], -1)

    def lookup(self, ids: np.ndarray) -> np.ndarray:
        """The places ``(n,)`` of IDs; all zeros where there is none.

        Raises:
            TableDamaged: one fails its check.
        """
        pages = self.pages(ids >> PAGE_BITS)
        found = np.zeros(ids.size, PLACE)
        there = np.flatnonzero(pages >= 0)
        pages, slots = pages[there], ids[there] & (PAGE_PLACES - 1)
        for look in range(_LOOKS):
            found[there] = self.places[pages, slots]
            if _sound(ids, found):
                return found
            # It may be just being written.
            time.sleep(0.001 * look)
        raise TableDamaged

    def some(self, count: int) -> np.ndarray:
        """IDs from all over the table, ascending, int64: a few times ``count``, and more where there are so many pages;
        not all need be there."""
        keys = self.ascending[:: max(1, self.ascending.size // count)]
        slots = np.arange(0, PAGE_PLACES, max(1, PAGE_PLACES * keys.size // (4 * count)))
        return ((keys[:, np.newaxis] << PAGE_BITS) + slots).ravel()

    def parts(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The IDs that are there, ascending, and their places; a good many at a time.

        Raises:
            TableDamaged: one fails its check.
        """
        for start in range(0, self.keys.size, CHUNK):
            firsts = self.ascending[start : start + CHUNK] << PAGE_BITS
            ids = (firsts[:, np.newaxis] + np.arange(PAGE_PLACES)).ravel()
            for look in range(_LOOKS):
                places = self.places[self.order[start : start + CHUNK]].ravel()
                if _sound(ids, places):
                    break
                time.sleep(0.001 * look)
            else:
                raise TableDamaged
            there = ~absent(places)
            yield ids[there], places[there]


def _sound(ids: np.ndarray, places: np.ndarray) -> bool:
    there = ~absent(places)
    return bool((places["check"][there] == checks(ids[there], places[there])).all())


class TableWriter:
    """Changes a table, or makes a new one.

    Args:
        directory: the store's folder.
        number: the table's.
        table: as it is; None to make it.
    """

    def __init__(self, directory: Path, number: int, table: Table | None) -> None:
        self._table = table
        flags = os.O_RDWR | (os.O_CREAT | os.O_TRUNC if table is None else 0)
        self._places_file = File(table_path(directory, number), flags)
        self._keys_file = File(keys_path(directory, number), flags)
        self.keys = np.empty(0, np.int64) if table is None else table.keys
        if table is None:
            self._places_file.write(preamble(TABLE).ljust(HEAD_BYTES, b"\0"), 0)
            self._keys_file.write(preamble(PAGES), 0)

    def put(self, ids: np.ndarray, places: np.ndarray) -> None:
        """Write places of ascending IDs; where they are all zeros, the ID is gone.

        The IDs of a new table come in one ascending order over all calls, those of one page in one call.
        """
        keys, firsts = np.unique(ids >> PAGE_BITS, return_index=True)
        bounds = np.append(firsts, ids.size)
        for start in range(0, keys.size, CHUNK):
            part = slice(bounds[start], bounds[min(start + CHUNK, keys.size)])
            self._put(keys[start : start + CHUNK], ids[part], places[part])

    def _put(self, keys: np.ndarray, ids: np.ndarray, places: np.ndarray) -> None:
        numbers = np.full(keys.size, -1) if self._table is None else self._table.pages(keys)
        pages = np.zeros((keys.size, PAGE_PLACES), PLACE)
        old = numbers >= 0
        if self._table is not None:
            pages[old] = self._table.places[numbers[old]]
        pages[np.searchsorted(keys, ids >> PAGE_BITS), ids & (PAGE_PLACES - 1)] = places
        # A new page is written whole: what an interrupted checkpoint has left there is of other IDs.
        numbers[~old] = self.keys.size + np.arange(np.count_nonzero(~old))
        new = keys[~old].astype("<i8")
        self._keys_file.write(new.tobytes(), PREAMBLE_BYTES + 8 * self.keys.size)
        self.keys = np.append(self.keys, new)
        order = np.argsort(numbers)
        runs = np.flatnonzero(np.diff(numbers[order]) != 1) + 1
        for run in np.split(order, runs):
            self._places_file.write(pages[run].tobytes(), HEAD_BYTES + int(numbers[run[0]]) * PAGE_BYTES)

    def finish(self) -> tuple[int, int]:
        """Force all to the disk; returns how many pages there are, and the CRC-32 of their keys."""
        self._places_file.sync()
        self._keys_file.sync()
        return self.keys.size, zlib.crc32(self.keys.astype("<i8").tobytes())


def write_table(directory: Path, after: int, ids: np.ndarray, places: np.ndarray) -> tuple[int, int, int]:
    """Write a new table of ascending IDs, durably; its number (beyond ``after``), its pages, and the CRC-32 of their keys."""
    numbers = [int(path.stem.removeprefix("table-")) for path in directory.glob("table-??????.bin")]
    number = max([after, *numbers]) + 1
    writer = TableWriter(directory, number, None)
    writer.put(ids, places)
    found = writer.finish()
    sync_directory(directory)
    return number, *found

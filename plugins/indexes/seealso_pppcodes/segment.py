"""An immutable part of the index: the codes of some objects, and where those of each cell are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from seealso_pppcodes.ids import AscendingIds

CAPACITY = 1 << 24
"""Objects in a segment, at most: a place is written in three bytes."""

CELL_SYMBOLS = 2
"""So many symbols of a code say in which cell an object lies."""

PARTS = ("firsts", "run_starts", "codes", "starts", "low", "high")
"""The arrays of a segment, as they are named on disk; ``codes`` only where codes are kept."""


@dataclass(frozen=True, slots=True)
class CodeShape:
    """The form of the codes: how many spaces, symbols a space, and bits a symbol; and whether they are kept.

    Where they are not, they have only the symbols that say in which cell an object lies, and a segment knows them by its cells.
    """

    spaces: int
    length: int
    bits: int
    kept: bool = True

    @classmethod
    def of(cls, spaces: int, pivots: int, prefix: int) -> Self:
        """Codes of so many pivots a space and so many symbols, of which there are never more than pivots; 0: codes that are not kept."""
        return cls(spaces, min(prefix or CELL_SYMBOLS, pivots), max(1, (pivots - 1).bit_length()), prefix > 0)

    @property
    def prefix(self) -> int:
        """How many symbols of each space are kept."""
        return self.length if self.kept else 0

    @property
    def dtype(self) -> np.dtype:
        """The type of a symbol."""
        return np.dtype(np.uint8 if self.bits <= 8 else np.uint16)

    @property
    def cells(self) -> int:
        """How many cells a space has: one for each of its first two symbols (its first, where there is only one)."""
        return 1 << self.bits * min(CELL_SYMBOLS, self.length)

    def empty(self, count: int) -> np.ndarray:
        """Room for so many codes: ``(count, spaces × length)``."""
        return np.empty((count, self.spaces * self.length), self.dtype)

    def count(self, codes: np.ndarray) -> np.ndarray:
        """How many of the codes ``(n, spaces × length)`` are in each cell: uint32 ``(spaces, cells)``."""
        from seealso_pppcodes import kernels

        counts = np.zeros((self.spaces, self.cells), np.uint32)
        kernels.count_cells(codes, self.length, self.bits, counts)
        return counts


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Objects in the order of their IDs; the number of one in this order is its place.

    Attributes:
        shape: of the codes.
        ids: the IDs, by place.
        codes: symbols, ``(n, spaces × length)``, by place; ``(n, 0)`` where codes are not kept.
        starts: where each cell of each space starts in ``low`` and ``high``: uint32 ``(spaces, cells + 1)``.
        low: the places in each cell, ascending: their lower 16 bits, uint16 ``(spaces, n)``.
        high: and their upper 8, uint8 ``(spaces, n)``.
    """

    shape: CodeShape
    ids: AscendingIds
    codes: np.ndarray
    starts: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def build(cls, shape: CodeShape, ids: np.ndarray, codes: np.ndarray) -> Self:
        """From ascending IDs ``(n,)`` and their codes; O(n × spaces)."""
        from seealso_pppcodes import kernels

        starts = np.zeros((shape.spaces, shape.cells + 1), np.uint32)
        starts[:, 1:] = shape.count(codes)
        low = np.empty((shape.spaces, ids.size), np.uint16)
        high = np.empty((shape.spaces, ids.size), np.uint8)
        kernels.sort_into_cells(codes, shape.length, shape.bits, starts, low, high)
        kept = codes if shape.kept else _no_codes(shape, ids.size)
        return cls(shape, AscendingIds.of(ids), *map(frozen, (kept, starts, low, high)))

    @classmethod
    def merge(cls, parts: Sequence[tuple[Segment, np.ndarray]]) -> Self | None:
        """One segment of several, each with a bit set of the places to leave out; None when nothing is left.

        Where their IDs do not overlap, as is usual, their rows are only copied.
        """
        parts = sorted(parts, key=lambda part: int(part[0].ids.firsts[0]))
        kept = [np.flatnonzero(~unpacked(hidden, segment.size)) for segment, hidden in parts]
        ids = np.concatenate([segment.ids.at(places) for (segment, _), places in zip(parts, kept, strict=True)])
        if not ids.size:
            return None
        shape = parts[0][0].shape
        codes = shape.empty(ids.size)
        end = 0
        for (segment, _), places in zip(parts, kept, strict=True):
            segment.copy_codes(places, codes[end : end + places.size])
            end += places.size
        if np.any(ids[1:] < ids[:-1]):
            order = np.argsort(ids)
            ids, codes = ids[order], codes[order]
        return cls.build(shape, ids, codes)

    @property
    def size(self) -> int:
        """How many objects it holds, those that were removed since included."""
        return self.ids.size

    def codes_at(self, places: np.ndarray) -> np.ndarray:
        """The codes of the objects at places, int64 ``(m,)``, each once: ``(m, spaces × length)``; see `copy_codes`."""
        codes = self.shape.empty(places.size)
        self.copy_codes(places, codes)
        return codes

    def copy_codes(self, places: np.ndarray, out: np.ndarray) -> None:
        """Write the codes of the objects at places, int64 ``(m,)``, each once, to ``out`` ``(m, spaces × length)``.

        Where codes are not kept they are looked up in the cells. All of these are gone through for it, O(n × spaces).
        """
        from seealso_pppcodes import kernels

        if self.shape.kept:
            kernels.copy_rows(self.codes, places, out)
        elif places.size:
            rows = np.full(self.size, -1, np.int32)
            rows[places] = np.arange(places.size, dtype=np.int32)
            # In a damaged file a place may be missing.
            out[:] = 0
            kernels.codes_of_cells(self.starts, self.low, self.high, self.shape.length, self.shape.bits, rows, out)

    def bytes_by_part(self) -> dict[str, int]:
        """What it takes in memory, in bytes."""
        return {
            "ids": self.ids.nbytes,
            "codes": int(self.codes.nbytes),
            "cells": int(self.starts.nbytes + self.low.nbytes + self.high.nbytes),
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """What is written to disk, under the names of `parts_of`."""
        values = (self.ids.firsts, self.ids.starts, self.codes, self.starts, self.low, self.high)
        arrays = dict(zip(PARTS, values, strict=True))
        return {name: arrays[name] for name in parts_of(self.shape)}

    @classmethod
    def of_arrays(cls, shape: CodeShape, arrays: dict[str, np.ndarray]) -> Self:
        """From what was on disk.

        What could lead out of an array, or to an ID twice, is checked; places and symbols are, wherever they are used.

        Raises:
            ValueError: the arrays do not fit together.
        """
        size = arrays["low"].shape[1] if arrays["low"].ndim == 2 else 0
        codes = arrays["codes"] if shape.kept else _no_codes(shape, size)
        firsts, run_starts, starts, low, high = (arrays[name] for name in PARTS if name != "codes")
        wanted = {
            "firsts": (np.dtype(np.int64), (firsts.size,)),
            "run_starts": (np.dtype(np.int64), (firsts.size,)),
            "codes": (shape.dtype, (size, shape.spaces * shape.length)),
            "starts": (np.dtype(np.uint32), (shape.spaces, shape.cells + 1)),
            "low": (np.dtype(np.uint16), (shape.spaces, size)),
            "high": (np.dtype(np.uint8), (shape.spaces, size)),
        }
        for name in parts_of(shape):
            dtype, form = wanted[name]
            if (arrays[name].dtype, arrays[name].shape) != (dtype, form):
                raise ValueError(f"{name} is {arrays[name].dtype} of shape {arrays[name].shape}, not {dtype} {form}")
        lengths = np.diff(run_starts, append=size)
        if not 0 < size <= CAPACITY or run_starts[0] != 0 or (lengths <= 0).any() or (firsts < 0).any():
            raise ValueError("the runs of IDs are damaged")
        if (firsts[1:] - firsts[:-1] <= lengths[:-1]).any():
            raise ValueError("the IDs do not ascend")
        if starts[:, 0].any() or (starts[:, -1] != size).any() or (starts[:, 1:] < starts[:, :-1]).any():
            raise ValueError("the starts of the cells are damaged")
        return cls(shape, AscendingIds(firsts, run_starts, size), *map(frozen, (codes, starts, low, high)))


def parts_of(shape: CodeShape) -> tuple[str, ...]:
    """Those of `PARTS` that a segment with codes of this form has."""
    return tuple(name for name in PARTS if shape.kept or name != "codes")


def _no_codes(shape: CodeShape, size: int) -> np.ndarray:
    return np.empty((size, 0), shape.dtype)


def frozen(array: np.ndarray) -> np.ndarray:
    """The same array, read-only: so kernels are compiled once for what was built and what was mapped from disk."""
    array = array.view(np.ndarray)
    array.flags.writeable = False
    return array


def packed(places: np.ndarray, size: int) -> np.ndarray:
    """A bit set with these of ``size`` places in it."""
    chosen = np.zeros(size, np.bool_)
    chosen[places] = True
    return np.packbits(chosen, bitorder="little")


def unpacked(bits: np.ndarray, size: int) -> np.ndarray:
    """The places of a bit set: bool ``(size,)``."""
    return np.unpackbits(bits, count=size, bitorder="little").view(np.bool_)

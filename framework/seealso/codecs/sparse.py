"""Descriptors without their zeros, of which networks that end in a rectifier give many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seealso.codecs.half import HALF, check_floats, from_half, half_values, to_half
from seealso.errors import ConfigError
from seealso.interfaces.codec import Codec, CodecContext, Record, Records
from seealso.interfaces.distance import Distance
from seealso.interfaces.plugin import PluginOptions

CANCELLED = 1e-4
"""Below this share of |q|² a squared distance that was computed as |q|² + Σ x(x − 2q) may have lost digits of float32 to
cancellation; float64 loses no more than two thirds of its own digits above it."""

PARALLEL = 1 - 1e-6
"""Beyond this cosine, or below its negative, the arc cosine may have lost digits of float32, even of a cosine in float64."""

_UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


class Sparse(Codec):
    """A bitmap of the values that are not zero, then those values, little-endian; lossless to the bit.

    The bitmap has a bit for each value, the first one lowest, and is filled up to a multiple of 64 bits. Only a value
    whose bits are all zero is left out, and so −0.0 is kept. Euclidean distances and angles are computed from this form.

    Raises:
        ConfigError: the values are not of one, two, four or eight bytes.
    """

    name = "sparse"
    preference = 5
    handicap = 1.1

    def __init__(self, options: PluginOptions, context: CodecContext) -> None:
        super().__init__(options, context)
        self._dtype = context.dtype.newbyteorder("<")
        if self._dtype.itemsize not in _UNSIGNED:
            raise ConfigError(
                f"the codec {self.name} takes values of up to 8 bytes, not {context.dtype.name}; choose `codec: raw`"
            )

    @property
    def _unsigned(self) -> np.dtype:
        """Integers as wide as the values that are written."""
        return np.dtype(_UNSIGNED[self._dtype.itemsize])

    def encode(self, descriptors: np.ndarray) -> list[bytes]:
        """``(n, dim)`` → n records of a bit for each value (in words of 64), and ``itemsize`` bytes for each non-zero."""
        values = np.ascontiguousarray(descriptors, dtype=self._dtype)
        held = values.view(self._unsigned) != 0
        bitmaps = np.zeros((len(values), 8 * _words(self.context.dim)), np.uint8)
        packed = np.packbits(held, axis=1, bitorder="little")
        bitmaps[:, : packed.shape[1]] = packed
        return [bitmap.tobytes() + row[kept].tobytes() for bitmap, row, kept in zip(bitmaps, values, held, strict=True)]

    def decode(self, records: Sequence[Record]) -> np.ndarray:
        """N records → ``(n, dim)``, by a compiled loop.

        Raises:
            ValueError: a record's bitmap does not fit its length, or the dimension.
        """
        from seealso.codecs import kernels

        bits = np.empty((len(records), self.context.dim), self._unsigned)
        self._refuse(kernels.decode_sparse(*arrays(Records.of(records)), bits))
        values = bits.view(self._dtype)
        return values.astype(self.context.dtype, copy=False) if self.lossless else from_half(values, self.context.dtype)

    def distances(self, distance: Distance, query: np.ndarray, records: Sequence[Record]) -> np.ndarray:
        """Float32 ``(n,)``. Euclidean ones and angles of float32 descriptors from the non-zeros alone; others decoded, a block at a time.

        Raises:
            ValueError: a record's bitmap does not fit its length, or the dimension.
        """
        fits = query.dtype == self.context.dtype == np.float32 and query.shape == (self.context.dim,)
        if distance.kind not in ("l2", "angle") or not fits:
            return super().distances(distance, query, records)
        found = Records.of(records)
        wide = query.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            exact, sure = self._angles(wide, found) if distance.kind == "angle" else self._lengths(wide, found)
            distances: np.ndarray = exact.astype(np.float32)
        doubtful = np.flatnonzero(~sure)
        if doubtful.size:
            distances[doubtful] = super().distances(distance, query, found.take(doubtful))
        return distances

    def _lengths(self, query: np.ndarray, records: Records) -> tuple[np.ndarray, np.ndarray]:
        """Euclidean distances from a query, float64 ``(dim,)``: ``(n,)``; and which of them have kept their digits, bool."""
        from seealso.codecs import kernels

        squares = np.empty(len(records))
        self._refuse(kernels.squares_sparse(*arrays(records), query, *self._values(), squares))
        return np.sqrt(squares), squares >= CANCELLED * (query @ query)

    def _angles(self, query: np.ndarray, records: Records) -> tuple[np.ndarray, np.ndarray]:
        """Angles to a query, float64 ``(dim,)``: ``(n,)``; and which of them have kept their digits, bool."""
        from seealso.codecs import kernels

        cosines, squares = np.empty(len(records)), np.empty(len(records))
        self._refuse(kernels.products_sparse(*arrays(records), query, *self._values(), cosines, squares))
        cosines /= np.sqrt(squares * (query @ query))
        return np.arccos(cosines), np.abs(cosines) < PARALLEL

    def _values(self) -> tuple[np.ndarray, np.ndarray | None]:
        """For kernels: an array of the type of the values, and what those mean that are the bits of float16."""
        if self.lossless:
            return np.empty(0, np.float32), None
        return np.empty(0, np.uint16), half_values()

    def _refuse(self, damaged: int) -> None:
        if damaged >= 0:
            raise ValueError(
                f"record {damaged} is none of the codec {self.name}: its bitmap, length and dimension differ"
            )


class SparseHalf(Sparse):
    """As `Sparse`, with the values as float16: off by 2⁻¹¹ of themselves at most, and below 6.1e-5 by 3e-8.

    Raises:
        ConfigError: the descriptors are not of floating-point numbers.
    """

    name = "sparse-f16"
    preference = 0
    lossless = False

    def __init__(self, options: PluginOptions, context: CodecContext) -> None:
        check_floats(self, context)
        super().__init__(options, context)
        self._dtype = HALF

    def encode(self, descriptors: np.ndarray) -> list[bytes]:
        """``(n, dim)`` → n records of a bit for each value (in words of 64), and two bytes for each non-zero.

        Raises:
            ValueError: a value is too large for float16.
        """
        return super().encode(to_half(self, descriptors))


def arrays(records: Records) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Buffer, starts and lengths, always of the same types, so that kernels are compiled once."""
    buffer = np.asarray(records.buffer).view()
    buffer.flags.writeable = False
    starts, lengths = (np.ascontiguousarray(array, np.int64) for array in (records.starts, records.lengths))
    return buffer, starts, lengths


def _words(dim: int) -> int:
    return (dim + 63) // 64

"""Descriptors without their zeros, and of each other value a byte."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from seealso.codecs.half import check_floats
from seealso.codecs.sparse import CANCELLED, PARALLEL, Sparse, arrays
from seealso.interfaces.codec import CodecContext, Record, Records
from seealso.interfaces.plugin import PluginOptions

STEP = np.dtype("<f4")
CODES, SIGNED_CODES = 255, 127
"""The largest code where no value is negative, and where some are."""

BITS = 16
"""Significant bits of a step: with the eight of a code the product is exact in float32, so what was decoded is encoded again unchanged."""

LEAST_STEP = float(np.finfo(np.float32).smallest_normal)
LARGEST = 3.4e38
"""The largest absolute value; a little below that of float32, so that no multiple of a step is beyond it."""

MOST = float(np.finfo(np.float32).max)

MEANS = np.arange(256, dtype=np.float32)
SIGNED_MEANS = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.float32)
"""What a byte of a record stands for, in steps."""


class SparseByte(Sparse):
    """As `Sparse`, with a byte for each value: its multiple of a step, a 255th of the descriptor's largest value.

    Where some values are negative, the step is a 127th of the largest absolute one. A value is off by half a step at most, and
    one that is smaller than that becomes 0. Euclidean distances and angles are computed from this form.

    Raises:
        ConfigError: the descriptors are not of floating-point numbers.
    """

    name = "sparse-u8"
    preference = 0
    lossless = False

    def __init__(self, options: PluginOptions, context: CodecContext) -> None:
        check_floats(self, context)
        super().__init__(options, context)
        self._dtype = np.dtype(np.uint8)

    def encode(self, descriptors: np.ndarray) -> list[bytes]:
        """``(n, dim)`` → n records: the step (float32, negative where codes have signs), a bit for each value (in words of 64), and a byte
        for each non-zero.

        Raises:
            ValueError: a value is too large.
        """
        with np.errstate(over="ignore"):
            values = np.asarray(descriptors).astype(np.float32, copy=False)
        largest = np.abs(values).max(axis=1, initial=0)
        if not (largest <= LARGEST).all():
            raise ValueError(f"the codec {self.name} holds values up to {LARGEST:g}, and there is one beyond")
        steps = _steps(largest, SIGNED_CODES)
        # What becomes 0 has no sign: else what was decoded would be encoded with another step.
        signed = np.rint(values.min(axis=1, initial=0) / steps) < 0
        steps[~signed] = _steps(largest[~signed], CODES)
        codes = np.rint(values / steps[:, np.newaxis])
        codes = np.where(signed[:, np.newaxis], codes, np.maximum(codes, 0)).astype(np.int16).astype(np.uint8)
        stated = np.where(signed, -steps, steps).astype(STEP)
        return [step.tobytes() + record for step, record in zip(stated, super().encode(codes), strict=True)]

    def decode(self, records: Sequence[Record]) -> np.ndarray:
        """N records → ``(n, dim)``.

        Raises:
            ValueError: a record's step is none, or its bitmap does not fit its length, or the dimension.
        """
        from seealso.codecs import kernels

        found, steps = self._parted(Records.of(records))
        codes = np.empty((len(found), self.context.dim), np.uint8)
        self._refuse(kernels.decode_sparse(*arrays(found), codes))
        values = codes.astype(np.float32)
        signed = steps < 0
        values[signed] = codes[signed].view(np.int8)
        with np.errstate(over="ignore"):  # of what is damaged
            values *= np.abs(steps)[:, np.newaxis]
            return values.astype(self.context.dtype, copy=False)

    def _lengths(self, query: np.ndarray, records: Records) -> tuple[np.ndarray, np.ndarray]:
        products, lengths = self._sums(query, records)
        squares = query @ query - 2 * products + lengths
        return np.sqrt(squares), squares >= CANCELLED * (query @ query)

    def _angles(self, query: np.ndarray, records: Records) -> tuple[np.ndarray, np.ndarray]:
        products, lengths = self._sums(query, records)
        cosines = products / np.sqrt(lengths * (query @ query))
        return np.arccos(cosines), np.abs(cosines) < PARALLEL

    def _sums(self, query: np.ndarray, records: Records) -> tuple[np.ndarray, np.ndarray]:
        """The products of a query, float64 ``(dim,)``, with what records stand for, and the squared lengths of that: float64 ``(n,)``."""
        from seealso.codecs import kernels

        found, steps = self._parted(records)
        products, lengths = np.empty(len(found)), np.empty(len(found))
        for which, means in ((np.flatnonzero(steps > 0), MEANS), (np.flatnonzero(steps < 0), SIGNED_MEANS)):
            some = np.empty(which.size), np.empty(which.size)
            damaged = kernels.products_sparse(*arrays(found.take(which)), query, np.empty(0, np.uint8), means, *some)
            self._refuse(int(which[damaged]) if damaged >= 0 else damaged)
            products[which], lengths[which] = some
        sizes = np.abs(steps).astype(np.float64)
        return products * sizes, lengths * sizes * sizes

    def _parted(self, records: Records) -> tuple[Records, np.ndarray]:
        """What stands behind the steps of records, and the steps, float32 ``(n,)``.

        Raises:
            ValueError: a record has none that can be.
        """
        if not records.inside() or (records.lengths < STEP.itemsize).any():
            raise ValueError(f"a record of the codec {self.name} is too short, or does not lie in its buffer")
        steps = np.empty(0, np.float32)
        if len(records):
            read: np.ndarray = sliding_window_view(records.buffer, STEP.itemsize)[records.starts]
            steps = read.view(STEP)[:, 0].astype(np.float32, copy=False)
        sizes = np.abs(steps)
        most = np.where(steps < 0, MOST / SIGNED_CODES, MOST / CODES)
        wrong = np.flatnonzero(~((sizes >= LEAST_STEP) & (sizes <= most)))
        if wrong.size:
            raise ValueError(f"record {wrong[0]} is none of the codec {self.name}: its step cannot be")
        return Records(records.buffer, records.starts + STEP.itemsize, records.lengths - STEP.itemsize), steps


def _steps(largest: np.ndarray, codes: int) -> np.ndarray:
    """The steps, float32 ``(n,)``, of which so many reach as far as the largest values: of `BITS` significant bits, rounded up."""
    parts, exponents = np.frexp(largest.astype(np.float64) / codes)
    wanted = np.ldexp(np.ceil(np.ldexp(parts, BITS)), exponents - BITS)
    steps: np.ndarray = np.maximum(wanted, LEAST_STEP).astype(np.float32)
    return steps

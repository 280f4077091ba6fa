"""The code: how values become a row of bytes, and how a query is compared with rows.

A row is two float32 factors, the squared length of the values and a scale, then the bits of the code: first the lowest bit of every
value, 64 to a word, then the next one of every value, and so on. A word that is left over is zero.

The code of a value is one of 2ᵇ steps, centred at zero. For the rotated values y of an object and their steps o, ⟨q, y⟩ ≈ s ⟨q, o⟩ with
s = |y|² / ⟨o, y⟩, which is right on the average over all rotations (Gao and Long, *RaBitQ*, SIGMOD 2024; Gao and others, SIGMOD 2025, for
more than one bit).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seealso import SketchQuery

BITS = (1, 2, 4)
"""Bits that a value may take."""

FACTORS = 8
"""Bytes of the two factors."""

WORD = 64

QUERY_BITS = {1: 4, 2: 6, 4: 8}
"""Bits of a value of the query, by those of a value of an object: so many that its own rounding hardly counts."""


def values_of(size: int, bits: int) -> int:
    """How many values fit into rows of so many bytes, with so many bits each; 0: they do not fit."""
    return (size - FACTORS) // (WORD // 8) // bits * WORD


@dataclass(frozen=True, slots=True)
class Code:
    """Rows of ``size`` bytes, with so many ``bits`` a value."""

    size: int
    bits: int

    @property
    def values(self) -> int:
        """How many values are encoded."""
        return values_of(self.size, self.bits)

    @property
    def words(self) -> int:
        """Words of a row's code, one that is left over included."""
        return (self.size - FACTORS) // (WORD // 8)

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Float32 values ``(n, values)`` → rows, uint8 ``(n, size)``."""
        from seealso_rabitq import kernels

        words = np.zeros((len(values), 1 + self.words), np.uint64)
        kernels.encode(values, self.bits, words, words.view(np.float32))
        return words.view(np.uint8)

    def query(self, values: np.ndarray) -> CodeQuery:
        """Prepare a query of float32 values ``(values,)``."""
        bits = QUERY_BITS[self.bits]
        low, levels = values.min(), (1 << bits) - 1
        step = (values.max() - low) / levels
        rounded = (
            np.rint((values - low) / step).clip(0, levels).astype(np.uint8)
            if step > 0
            else np.zeros_like(values, np.uint8)
        )
        planes = np.packbits([(rounded >> bit) & 1 for bit in range(bits)], axis=1, bitorder="little").view(np.uint64)
        # A word for each word of a row's code, lowest bits first; to one that is left over nothing belongs.
        repeated = np.zeros((self.words, bits), np.uint64)
        repeated[: self.bits * planes.shape[1]] = np.tile(planes.T, (self.bits, 1))
        # Of the values as they are written: what is lost of them by that is then lost evenly.
        middle = ((1 << self.bits) - 1) / 2 * (float(low) * values.size + float(step) * int(rounded.sum()))
        return CodeQuery(self, repeated, np.array([step, low, middle, np.vecdot(values, values)], np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class CodeQuery(SketchQuery):
    """A query that is compared with rows.

    Attributes:
        code: of the rows.
        planes: for each word of a row's code, the bits of the query's values that belong to it: uint64 ``(words, bits)``.
        factors: float32: what the lowest of these bits is worth; the value that is written as 0; what is taken from the product with the
            steps, since these are centred at zero; and the squared length of the query's values.
    """

    code: Code
    planes: np.ndarray
    factors: np.ndarray

    def scores(self, rows: np.ndarray, places: np.ndarray, out: np.ndarray) -> None:
        """Squared distances between the query's values and those of objects; see `SketchQuery`."""
        from seealso_rabitq import kernels

        score = kernels.scorer(self.code.words, self.code.values // WORD, self.planes.shape[1])
        score(rows.view(np.uint64), rows.view(np.float32), places, self.planes, self.factors, out)

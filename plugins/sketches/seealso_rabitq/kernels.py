"""Loops over arrays and nothing else; types, checks and threads stay outside.

Numba is heavy: this module is imported where a kernel is first needed. Compiled when first called, and kept on disk. None
holds the interpreter's lock. Of what a row holds see `seealso_rabitq.code`.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

Array = np.ndarray

BLOCK = 256  # rows that are touched before they are read; they stay in the first-level cache

SCALES = 25
"""So many scales of the steps are tried for each row, where a value has more than one bit."""

TINY = np.float32(1e-18)
"""Where no value is larger than this, their squares vanish in float32: they count as zero."""

# Sums may be added up in any order; what is not finite stays so.
_kernel = njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
_intrinsic: Any = intrinsic  # its own types know nothing of what it makes


@_intrinsic
def _ones(typing_context: Any, word: Any) -> Any:
    """How many bits of a word are one."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@_kernel
def best_scale(values: Array, half: Any, top: Any) -> Any:
    """The scale of the steps at which these point most nearly where the values do.

    Args:
        values: float32 ``(d,)``.
        half: steps on either side of zero.
        top: the largest absolute value, more than zero.
    """
    best, found = np.float32(-1), np.float32(0)
    for number in range(SCALES):
        share = np.float32(0.25) + np.float32(0.75) * np.float32(number) / np.float32(SCALES - 1)
        scale = np.float32(half) / (share * np.float32(top))
        product, square = np.float32(0), np.float32(0)
        for at in range(values.size):
            size = abs(values[at])
            level = np.float32(min(np.int64(size * scale), half - 1)) + np.float32(0.5)
            product += level * size
            square += level * level
        cosine = product / np.sqrt(square)
        if cosine > best:
            best, found = cosine, scale
    return found


@_kernel
def encode(values: Array, bits: Any, words: Array, factors: Array) -> None:
    """Encode values into zeroed rows.

    Args:
        values: float32 ``(n, d)``, d a multiple of 64.
        bits: of each value.
        words: the rows, uint64 ``(n, words)``.
        factors: the same memory as float32 ``(n, 2 × words)``.
    """
    dims = values.shape[1]
    half = 1 << (bits - 1)
    steps = np.empty(dims, np.int64)
    for row in range(values.shape[0]):
        square, top = np.float32(0), np.float32(0)
        for at in range(dims):
            square += values[row, at] * values[row, at]
            top = max(top, abs(values[row, at]))
        if top <= TINY:
            continue
        scale = best_scale(values[row], half, top) if bits > 1 else np.float32(0)
        product = np.float32(0)
        for at in range(dims):
            size = abs(values[row, at])
            level = min(np.int64(size * scale), half - 1)
            product += size * (np.float32(level) + np.float32(0.5))
            steps[at] = half + level if values[row, at] >= 0 else half - 1 - level
        factors[row, 0] = square
        factors[row, 1] = square / product
        at = 1
        for bit in range(bits):
            for start in range(0, dims, 64):
                word = np.uint64(0)
                for number in range(64):
                    word |= np.uint64((steps[start + number] >> bit) & 1) << np.uint64(number)
                words[row, at] = word
                at += 1


@cache
def scorer(words: int, plane: int, bits: int) -> Callable[..., Any]:
    """The kernel for rows whose code has so many words, ``plane`` of them for one bit of every value, and queries of so many bits a value.

    These are constants to it: no loop over the words of a row is left.
    """

    @_kernel
    def score(rows: Array, factors: Array, places: Array, planes: Array, query: Array, out: Array) -> Any:
        """Estimate squared distances.

        Args:
            rows: uint64 ``(n, 1 + words)``.
            factors: the same memory as float32.
            places: which rows, int64 ``(m,)``.
            planes: the query's bits, uint64 ``(words, bits)``.
            query: its factors, see `CodeQuery`.
            out: float32 ``(m,)``.

        Returns:
            Nothing of use; but it keeps the compiler from leaving out the first look at rows, by which many are fetched at once.
        """
        step, low, middle, own = query[0], query[1], query[2], query[3]
        touched = np.uint64(0)
        for start in range(0, places.size, BLOCK):
            end = min(places.size, start + BLOCK)
            # Those that lie side by side the processor fetches by itself.
            if places[end - 1] - places[start] != end - 1 - start:
                for number in range(start, end):
                    touched += rows[places[number], 0] + rows[places[number], words]
            for number in range(start, end):
                row = np.uint64(places[number])  # it is never counted from the end
                product, ones = np.uint64(0), np.uint64(0)
                for word in range(words):
                    code = rows[row, 1 + word]
                    here = np.uint64(0)
                    for bit in range(bits):
                        here += _ones(code & planes[word, bit]) << np.uint64(bit)
                    product += here << np.uint64(word // plane)
                    ones += _ones(code) << np.uint64(word // plane)
                steps = step * np.float32(product) + low * np.float32(ones) - middle
                out[number] = factors[row, 0] + own - np.float32(2) * factors[row, 1] * steps
        return touched

    kernel: Callable[..., Any] = score
    return kernel

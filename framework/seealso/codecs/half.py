"""Descriptors as float16: half the bytes, eleven of the bits."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from seealso.codecs.raw import Raw
from seealso.errors import ConfigError
from seealso.interfaces.codec import Codec, CodecContext, Record
from seealso.interfaces.distance import Distance
from seealso.interfaces.plugin import PluginOptions

HALF = np.dtype("<f2")


class Half(Raw):
    """The values as float16, little-endian: off by 2⁻¹¹ of themselves at most, and below 6.1e-5 by 3e-8.

    Raises:
        ConfigError: the descriptors are not of floating-point numbers.
    """

    name = "f16"
    preference = 0
    lossless = False

    def __init__(self, options: PluginOptions, context: CodecContext) -> None:
        super().__init__(options, context)
        check_floats(self, context)
        self._dtype = HALF

    def encode(self, descriptors: np.ndarray) -> list[bytes]:
        """``(n, dim)`` → n records of ``2 × dim`` bytes.

        Raises:
            ValueError: a value is too large for float16.
        """
        return super().encode(to_half(self, descriptors))

    def _as_descriptors(self, values: np.ndarray) -> np.ndarray:
        return from_half(values, self.context.dtype)

    def distances(self, distance: Distance, query: np.ndarray, records: Sequence[Record]) -> np.ndarray:
        """Float32 ``(n,)``: decoded a block at a time."""
        return Codec.distances(self, distance, query, records)


def check_floats(codec: Codec, context: CodecContext) -> None:
    """Refuse descriptors that float16 cannot stand for.

    Raises:
        ConfigError: they are not of floating-point numbers.
    """
    if context.dtype.kind != "f":
        raise ConfigError(
            f"the codec {codec.name} takes descriptors of floating-point numbers, not {context.dtype.name}; "
            "choose a lossless one: `codec: sparse`, or `codec: raw`"
        )


def to_half(codec: Codec, descriptors: np.ndarray) -> np.ndarray:
    """The same values as float16, rounded to the nearest.

    Raises:
        ValueError: a value is too large for float16.
    """
    with np.errstate(over="ignore", under="ignore"):
        halves = np.asarray(descriptors).astype(HALF)
    if not np.isfinite(halves).all():
        largest = np.abs(descriptors).max()
        raise ValueError(
            f"the codec {codec.name} holds values up to 65504, and there is one of {largest:g}; "
            "index into a new collection with a lossless codec: `codec: sparse`, or `codec: raw`"
        )
    return halves


def from_half(halves: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Float16 in a contiguous array → the same values in another type; for float32 by a compiled loop, five times as fast."""
    if dtype != np.float32:
        return halves.astype(dtype, copy=False)
    from seealso.codecs import kernels

    out = np.empty(halves.shape, np.float32)
    kernels.look_up(halves.reshape(-1).view(np.uint16), half_values(), out.reshape(-1))
    return out


@cache
def half_values() -> np.ndarray:
    """The float32 value of each float16, by its bits."""
    return np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)

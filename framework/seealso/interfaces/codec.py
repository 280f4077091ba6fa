"""The codec: how a descriptor is written."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, overload

import numpy as np

from seealso.interfaces.distance import Distance
from seealso.interfaces.plugin import Plugin, PluginOptions

Record = bytes | memoryview
"""One encoded descriptor."""


class Records(Sequence[memoryview]):
    """Encoded descriptors in one buffer, so that a kernel can go through them without a Python object for each.

    Args:
        buffer: uint8 ``(bytes,)``; other things may lie between the records.
        starts: where each record starts in it, int64 ``(n,)``.
        lengths: its length in bytes, int64 ``(n,)``.
    """

    __slots__ = ("buffer", "lengths", "starts")

    def __init__(self, buffer: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> None:
        self.buffer = buffer
        self.starts = starts
        self.lengths = lengths

    @classmethod
    def of(cls, records: Sequence[Record]) -> Records:
        """The same records in one buffer: as they are where they are in one already, else copied."""
        if isinstance(records, Records):
            return records
        lengths = np.fromiter(map(len, records), np.int64, len(records))
        buffer = np.frombuffer(bytearray().join(records), np.uint8)
        return cls(buffer, np.cumsum(lengths) - lengths, lengths)

    def __len__(self) -> int:
        return self.starts.size

    @overload
    def __getitem__(self, which: int) -> memoryview: ...

    @overload
    def __getitem__(self, which: slice) -> Records: ...

    def __getitem__(self, which: int | slice) -> memoryview | Records:
        if isinstance(which, slice):
            return Records(self.buffer, self.starts[which], self.lengths[which])
        start = int(self.starts[which])
        return self.buffer[start : start + int(self.lengths[which])].data


@dataclass(frozen=True, slots=True)
class CodecContext:
    """What is encoded: descriptors of ``dim`` values of ``dtype``."""

    dim: int
    dtype: np.dtype


class Codec(Plugin):
    """Encodes descriptors to records and back. Every method may be called from several threads at once.

    A record holds nothing of its own length or ID: the store knows both.
    """

    lossless: ClassVar[bool] = True
    """Whether `decode` returns, bit for bit, what `encode` was given."""

    def __init__(self, options: PluginOptions, context: CodecContext) -> None:
        self.options = options
        self.context = context

    @abstractmethod
    def encode(self, descriptors: np.ndarray) -> list[bytes]:
        """``(n, dim)`` → n records."""

    @abstractmethod
    def decode(self, records: Sequence[Record]) -> np.ndarray:
        """N records → ``(n, dim)``.

        Raises:
            ValueError: a record is not one of this codec's.
        """

    def distances(self, distance: Distance, query: np.ndarray, records: Sequence[Record]) -> np.ndarray:
        """Float32 distances ``(n,)`` from ``query`` to the encoded descriptors.

        The base decodes them; a codec that can work on the encoded form for some distances does better.
        """
        return distance.one_to_many(query, self.decode(records))

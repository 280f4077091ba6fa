"""The codec: how a descriptor is written."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, overload

import numpy as np

from seealso.blocks import row_blocks
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

    def take(self, which: np.ndarray) -> Records:
        """Some of them, by their numbers, in the same buffer."""
        return Records(self.buffer, self.starts[which], self.lengths[which])

    def inside(self) -> bool:
        """Whether all of them lie in the buffer."""
        if (self.starts < 0).any() or (self.lengths < 0).any():
            return False
        return not (self.starts > self.buffer.size - self.lengths).any()

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

    handicap: ClassVar[float] = 1.0
    """Where the configuration names no codec, a lossless one that offers itself (`preference` above zero) is chosen by the
    bytes of its records times this number: a codec that is slow to read asks more of itself."""

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

        The base decodes them, a block that stays in the processor's cache at a time. A codec that can work on the
        encoded form does better, for the distances that say what they are: see `Distance.kind`.

        Raises:
            ValueError: a record is not one of this codec's.
        """
        out = np.empty(len(records), np.float32)
        for rows in row_blocks(len(records), self.context.dim * self.context.dtype.itemsize):
            out[rows] = distance.one_to_many(query, self.decode(records[rows]))
        return out

    def undecodable(self, records: Sequence[Record]) -> list[int]:
        """The numbers of the records that `decode` refuses, ascending."""
        if not len(records):
            return []
        try:
            self.decode(records)
        except ValueError:
            if len(records) == 1:
                return [0]
            middle = len(records) // 2
            later = self.undecodable(records[middle:])
            return self.undecodable(records[:middle]) + [middle + place for place in later]
        return []

    def error(self, descriptors: np.ndarray) -> float:
        """How far these ``(n, dim)`` are off once they are decoded: the largest |decoded − x| / |x|; 0 if lossless.

        Raises:
            ValueError: a value cannot be encoded.
        """
        if self.lossless or not descriptors.size:
            return 0.0
        exact = descriptors.astype(np.float64)
        difference = self.decode(self.encode(descriptors)) - exact
        lengths = np.sqrt(np.vecdot(exact, exact))
        offs = np.sqrt(np.vecdot(difference, difference))
        return float(np.divide(offs, lengths, out=np.zeros_like(offs), where=lengths > 0).max())

    def statistics(self, sample: Sequence[Record], lossy_error: float | None = None) -> dict[str, int | float | str]:
        """What there is to say of how a store's descriptors are written: its name; from a sample of their records the ratio
        of what they would take as they are to what they take; the `error` that a store has noted of a lossy one."""
        said: dict[str, int | float | str] = {"codec": self.name}
        written = sum(map(len, sample))
        if written:
            size = self.context.dim * self.context.dtype.itemsize
            said["ratio"] = round(len(sample) * size / written, 2)
        if lossy_error is not None:
            said["lossy_error"] = float(f"{lossy_error:.3g}")
        return said

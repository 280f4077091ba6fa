"""The codec ``acme``: the bytes of the values, shuffled, through zlib."""

import zlib
from collections.abc import Sequence

import numpy as np
from pydantic import Field

import seealso


class AcmeOptions(seealso.PluginOptions):
    """The options of the codec acme."""

    level: int = Field(default=6, ge=0, le=9, description="higher is smaller and slower to write")


class Acme(seealso.Codec):
    """All first bytes of the values, then all second ones, and so on, which deflate better than the values as they are."""

    name = "acme"
    lossless = True
    Options = AcmeOptions
    options: AcmeOptions

    def encode(self, descriptors: np.ndarray) -> list[bytes]:
        """``(n, dim)`` → n records."""
        count, size = len(descriptors), self.context.dtype.itemsize
        values = np.ascontiguousarray(descriptors).view(np.uint8).reshape(count, self.context.dim, size)
        shuffled = np.ascontiguousarray(values.transpose(0, 2, 1))
        return [zlib.compress(each, self.options.level) for each in shuffled]

    def decode(self, records: Sequence[bytes | memoryview]) -> np.ndarray:
        """N records → ``(n, dim)``.

        Raises:
            ValueError: a record is not one of this codec's.
        """
        dim, size = self.context.dim, self.context.dtype.itemsize
        shuffled = np.empty((len(records), size, dim), np.uint8)
        for place, record in zip(shuffled, records, strict=True):
            place[...] = np.frombuffer(self._inflated(record), np.uint8).reshape(size, dim)
        values = np.ascontiguousarray(shuffled.transpose(0, 2, 1))
        return values.view(self.context.dtype).reshape(len(records), dim)

    def _inflated(self, record: bytes | memoryview) -> bytes:
        """The bytes of one descriptor; never more, whatever the record says."""
        expected = self.context.dim * self.context.dtype.itemsize
        inflating = zlib.decompressobj()
        try:
            data = inflating.decompress(record, expected + 1)
        except zlib.error as error:
            raise ValueError(f"a damaged record: {error}") from None
        if len(data) != expected or not inflating.eof or inflating.unused_data:
            raise ValueError("a damaged record: it is of another length")
        return data

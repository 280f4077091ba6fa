"""Descriptors compressed by Zstandard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field, StrictInt

from seealso.interfaces.codec import Codec, Record
from seealso.interfaces.plugin import PluginOptions


class Zstd(Codec):
    """A Zstandard frame for each descriptor, of its values, little-endian.

    Slow to read: distances take some twenty times as long as with `Sparse`.
    """

    name = "zstd"
    preference = 1
    handicap = 3.0  # what it saves of the disk has to make up for the time that it takes

    class Options(PluginOptions):
        """Options of the codec zstd."""

        level: StrictInt = Field(default=3, ge=1, le=22, description="higher is smaller and slower to write")

    options: Options

    def encode(self, descriptors: np.ndarray) -> list[bytes]:
        """``(n, dim)`` → n frames that state their content's size."""
        import zstandard

        values = np.ascontiguousarray(descriptors, dtype=self.context.dtype.newbyteorder("<"))
        compress = zstandard.ZstdCompressor(self.options.level).compress
        return [compress(row.tobytes()) for row in values]

    def decode(self, records: Sequence[Record]) -> np.ndarray:
        """N records → ``(n, dim)``. A frame that states another size than a descriptor's is not decompressed.

        Raises:
            ValueError: a record is no frame, or not of one descriptor.
        """
        import zstandard

        size = self.context.dim * self.context.dtype.itemsize
        decompress = zstandard.ZstdDecompressor().decompress
        parts = []
        for record in records:
            try:
                stated = zstandard.get_frame_parameters(record).content_size
                # An empty frame's size is stated as none.
                content = decompress(record, allow_extra_data=False) if stated == size and size else b""
            except zstandard.ZstdError as error:
                raise ValueError(f"a record of the codec zstd is damaged: {error}") from None
            if stated != size or len(content) != size:
                raise ValueError(f"a record of the codec zstd is not of {size} bytes")
            parts.append(content)
        values = np.frombuffer(bytearray().join(parts), dtype=self.context.dtype.newbyteorder("<"))
        return values.reshape(len(parts), self.context.dim).astype(self.context.dtype, copy=False)

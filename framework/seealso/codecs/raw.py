"""Descriptors as they are."""

from collections.abc import Sequence

import numpy as np

from seealso.interfaces.codec import Codec, Record


class Raw(Codec):
    """The values themselves, little-endian."""

    name = "raw"
    preference = 10

    def encode(self, descriptors: np.ndarray) -> list[bytes]:
        """``(n, dim)`` → n records of ``dim × itemsize`` bytes."""
        little = np.ascontiguousarray(descriptors, dtype=self.context.dtype.newbyteorder("<"))
        return [row.tobytes() for row in little]

    def decode(self, records: Sequence[Record]) -> np.ndarray:
        """N records → ``(n, dim)``: one copy of the bytes.

        Raises:
            ValueError: a record is of another length.
        """
        size = self.context.dim * self.context.dtype.itemsize
        if set(map(len, records)) - {size}:
            raise ValueError(f"a record of the codec raw is not of {size} bytes")
        values = np.frombuffer(bytearray().join(records), dtype=self.context.dtype.newbyteorder("<"))
        return values.reshape(len(records), self.context.dim).astype(self.context.dtype, copy=False)

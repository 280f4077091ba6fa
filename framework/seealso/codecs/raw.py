"""Descriptors as they are, value after value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from seealso.interfaces.codec import Codec, CodecContext, Record, Records
from seealso.interfaces.distance import Distance
from seealso.interfaces.plugin import PluginOptions


class Raw(Codec):
    """The values themselves, little-endian."""

    name = "raw"
    preference = 10

    def __init__(self, options: PluginOptions, context: CodecContext) -> None:
        super().__init__(options, context)
        self._dtype = context.dtype.newbyteorder("<")

    def encode(self, descriptors: np.ndarray) -> list[bytes]:
        """``(n, dim)`` → n records of ``dim × itemsize`` bytes."""
        return [row.tobytes() for row in np.ascontiguousarray(descriptors, dtype=self._dtype)]

    def decode(self, records: Sequence[Record]) -> np.ndarray:
        """N records → ``(n, dim)``: one copy of the bytes.

        Raises:
            ValueError: a record is of another length.
        """
        found = self._checked(records)
        view = self._view(found)
        return self._as_descriptors(self._gathered(found) if view is None else view.copy())

    def _as_descriptors(self, values: np.ndarray) -> np.ndarray:
        """What was written ``(n, dim)``, in the type of the descriptors."""
        return values.astype(self.context.dtype, copy=False)

    def distances(self, distance: Distance, query: np.ndarray, records: Sequence[Record]) -> np.ndarray:
        """Float32 ``(n,)``, without a copy of the records where they lie in one buffer, equally far apart.

        Raises:
            ValueError: a record is of another length.
        """
        found = self._checked(records)
        view = self._view(found)
        return super().distances(distance, query, found) if view is None else distance.one_to_many(query, view)

    def _checked(self, records: Sequence[Record]) -> Records:
        """The records in one buffer, each of the right length and within it."""
        found = Records.of(records)
        size = self.context.dim * self._dtype.itemsize
        if (found.lengths != size).any():
            raise ValueError(f"a record of the codec {self.name} is not of {size} bytes")
        if not found.inside():
            raise ValueError(f"a record of the codec {self.name} does not lie in its buffer")
        return found

    def _view(self, records: Records) -> np.ndarray | None:
        """The values ``(n, dim)`` of records that lie equally far apart, where they lie, maybe unaligned; None if they do not."""
        size = self.context.dim * self._dtype.itemsize
        if not (len(records) and size):
            return np.empty((len(records), self.context.dim), self._dtype)
        steps = np.diff(records.starts)
        if (steps != steps[:1]).any() or (steps < 0).any():
            return None
        strides = (int(steps[0]) if steps.size else size, self._dtype.itemsize)
        shape = (len(records), self.context.dim)
        return np.ndarray(shape, self._dtype, records.buffer.data, int(records.starts[0]), strides)

    def _gathered(self, records: Records) -> np.ndarray:
        """The values ``(n, dim)``, copied together."""
        windows = sliding_window_view(records.buffer, self.context.dim * self._dtype.itemsize)
        gathered: np.ndarray = windows[records.starts]
        return gathered.view(self._dtype)

"""Metrics on sets of bits: uint8 arrays, eight bits a value."""

import numpy as np

from seealso.distances.blocks import check_pair, output, row_blocks
from seealso.interfaces.distance import Distance


class Hamming(Distance):
    """The Hamming distance: how many bits differ."""

    name = "hamming"
    dtypes = ("uint8",)
    zero_vector = "the empty set"

    def one_to_many(self, query: np.ndarray, descriptors: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Eight bytes at a time where the dimension allows; limited by memory bandwidth."""
        check_pair(query, descriptors, (1, 2))
        out = output(descriptors.shape[:1], out)
        query, descriptors = _widest(query[np.newaxis])[0], _widest(descriptors)
        for rows in row_blocks(descriptors.shape[0], descriptors.shape[1] * descriptors.itemsize):
            out[rows] = np.bitwise_count(descriptors[rows] ^ query).sum(axis=1, dtype=np.uint32)
        return out

    def many_to_many(self, a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """One row of ``a`` after the other."""
        check_pair(a, b, (2, 2))
        out = output((a.shape[0], b.shape[0]), out)
        for row, descriptor in enumerate(a):
            self.one_to_many(descriptor, b, out[row])
        return out


def _widest(bits: np.ndarray) -> np.ndarray:
    """The same bits in the widest integers that the dimension divides into."""
    if bits.dtype != np.uint8:
        raise ValueError(f"bit sets have to be uint8, not {bits.dtype}")
    bits = np.ascontiguousarray(bits)
    for width in (np.uint64, np.uint32, np.uint16):
        if bits.shape[1] and bits.shape[1] % np.dtype(width).itemsize == 0:
            return bits.view(width)
    return bits

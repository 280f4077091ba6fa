"""Metrics on sets of bits: uint8 arrays, eight bits a value."""

import numpy as np

from seealso.blocks import check_pair, output, row_blocks
from seealso.interfaces.distance import Distance


class Hamming(Distance):
    """The Hamming distance: how many bits differ."""

    name = "hamming"
    dtypes = ("uint8",)
    kind = "hamming"
    zero_vector = "the empty set"

    def one_to_many(self, query: np.ndarray, descriptors: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Eight bytes at a time where the dimension allows; limited by memory bandwidth."""
        check_pair(query, descriptors, (1, 2))
        out = output(descriptors.shape[:1], out)
        self.many_to_many(query[np.newaxis], descriptors, out[np.newaxis])
        return out

    def many_to_many(self, a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Each block of ``b``, while it is in the cache, against all of ``a``."""
        check_pair(a, b, (2, 2))
        _check_bits(a, b)
        out = output((a.shape[0], b.shape[0]), out)
        for columns in row_blocks(b.shape[0], b.shape[1]):
            block = _widest(b[columns])
            for row in range(a.shape[0]):
                differing = np.bitwise_count(block ^ _widest(a[row : row + 1]))
                out[row, columns] = differing.sum(axis=1, dtype=np.uint32)
        return out


def _check_bits(*arrays: np.ndarray) -> None:
    for bits in arrays:
        if bits.dtype != np.uint8:
            raise ValueError(f"bit sets have to be uint8, not {bits.dtype}")


def _widest(bits: np.ndarray) -> np.ndarray:
    """The same bits in the widest integers that the dimension divides into."""
    bits = np.ascontiguousarray(bits)
    for width in (np.uint64, np.uint32, np.uint16):
        if bits.shape[1] and bits.shape[1] % np.dtype(width).itemsize == 0:
            return bits.view(width)
    return bits

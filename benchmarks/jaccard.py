"""The distance ``jaccard``: what two sets, each the bits of a descriptor, do not share of all that they hold. A plugin of one file."""

import numpy as np

import seealso

BLOCK = 1024


class Jaccard(seealso.Distance):
    """One minus the share of the common bits among those of either; a metric (Levandowsky and Winter, 1971)."""

    name = "jaccard"
    dtypes = ("uint8",)
    zero_vector = "the empty set"

    def many_to_many(self, a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        found = np.empty((len(a), len(b)), np.float32) if out is None else out
        right = np.unpackbits(b, axis=1).astype(np.float32)
        sizes = right.sum(axis=1)
        for start in range(0, len(a), BLOCK):
            left = np.unpackbits(a[start : start + BLOCK], axis=1).astype(np.float32)
            common = left @ right.T
            found[start : start + BLOCK] = _apart(common, left.sum(axis=1)[:, np.newaxis] + sizes - common)
        return found

    def one_to_many(self, query: np.ndarray, descriptors: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        common = np.bitwise_count(descriptors & query).sum(axis=1, dtype=np.float32)
        either = np.bitwise_count(descriptors | query).sum(axis=1, dtype=np.float32)
        found = _apart(common, either)
        if out is None:
            return found
        out[...] = found
        return out


def _apart(common: np.ndarray, either: np.ndarray) -> np.ndarray:
    """Two empty sets are the same."""
    share: np.ndarray = np.divide(common, either, out=np.ones_like(common), where=either > 0)
    return 1 - share


@seealso.hookimpl
def register_distances() -> list[type[seealso.Distance]]:
    return [Jaccard]

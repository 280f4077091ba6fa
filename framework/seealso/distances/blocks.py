"""What the metrics share: checking shapes, and working through rows in blocks that fit the processor's cache."""

from collections.abc import Iterator

import numpy as np

CACHE_BYTES = 1 << 19
"""Bytes of a block: a temporary of this size stays in the second-level cache, so a pass over it costs little."""


def check_pair(a: np.ndarray, b: np.ndarray, dims: tuple[int, int]) -> None:
    """Refuse arrays that do not fit together: ``dims`` says how many dimensions each has to have.

    Raises:
        ValueError: says which shapes came.
    """
    if (a.ndim, b.ndim) != dims or a.shape[-1] != b.shape[-1]:
        raise ValueError(f"descriptors of shapes {a.shape} and {b.shape} cannot be compared")


def output(shape: tuple[int, ...], out: np.ndarray | None) -> np.ndarray:
    """``out`` where it is given and fits, else a new float32 array.

    Raises:
        ValueError: it does not fit.
    """
    if out is None:
        return np.empty(shape, np.float32)
    if out.shape != shape or out.dtype != np.float32:
        raise ValueError(f"out has to be float32 of shape {shape}, not {out.dtype} of shape {out.shape}")
    return out


def row_blocks(rows: int, row_bytes: int) -> Iterator[slice]:
    """Slices that cover ``rows`` rows, each about `CACHE_BYTES` large."""
    step = max(1, CACHE_BYTES // max(1, row_bytes))
    for start in range(0, rows, step):
        yield slice(start, min(rows, start + step))


def working_dtype(dtype: np.dtype) -> type[np.floating]:
    """The type to compute in: float64 for float64 and wide integers, float32 for everything narrower."""
    return np.float64 if np.promote_types(dtype, np.float32) == np.float64 else np.float32

"""What the metrics share: checking shapes, and working in blocks that fit the processor's cache."""

from collections.abc import Callable, Iterator

import numpy as np

CACHE_BYTES = 1 << 19
"""Bytes of a block: a temporary of this size stays in the second-level cache, so a pass over it costs little."""

TILE_SIDE = 1536
"""Rows and columns of a tile of distances: large enough for fast matrix products, small enough to bound the memory."""


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
    yield from spans(rows, max(1, CACHE_BYTES // max(1, row_bytes)))


def spans(rows: int, step: int) -> Iterator[slice]:
    """Slices that cover ``rows`` rows, ``step`` at a time."""
    for start in range(0, rows, step):
        yield slice(start, min(rows, start + step))


def recompute(
    out: np.ndarray,
    doubtful: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    of_pairs: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> None:
    """Replace the ``doubtful`` entries (a bool array of the shape of ``out``, ``(n, m)``) by what float64 gives.

    ``of_pairs`` takes float64 arrays ``(p, dim)``, rows of ``a`` and of ``b``, and returns their p distances.
    """
    if not doubtful.any():  # far cheaper than to look for them
        return
    # In one dimension NumPy looks through them several times as fast.
    rows, columns = np.divmod(np.flatnonzero(doubtful), doubtful.shape[1])
    for pairs in row_blocks(rows.size, 8 * a.shape[1]):
        i, j = rows[pairs], columns[pairs]
        out[i, j] = of_pairs(a[i].astype(np.float64), b[j].astype(np.float64))


def working_dtype(dtype: np.dtype) -> type[np.floating]:
    """The type to compute in: float64 for float64 and wide integers, float32 for everything narrower."""
    return np.float64 if np.promote_types(dtype, np.float32) == np.float64 else np.float32

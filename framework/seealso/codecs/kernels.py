"""Loops over arrays and nothing else; types, checks and threads stay outside.

Numba is heavy: this module is imported where a kernel is first needed. Compiled when first called, and kept on disk. None
holds the interpreter's lock.

A *sparse record* is a bitmap of the values that are not zero, 64 to a word, followed by those values. Records may start
anywhere, aligned or not. What does not fit is never read: each is checked against the buffer, and its bitmap against its
length, before anything is made of it.
"""

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

Array = np.ndarray

_kernel = njit(nogil=True, cache=True)
_intrinsic: Any = intrinsic  # its own types know nothing of what it makes
_WORD = np.empty(0, np.uint64)


@_intrinsic
def _trailing_zeros(typing_context: Any, word: Any) -> Any:
    """How many bits of a word, not zero, stand below its lowest one."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], context.get_constant(types.boolean, True))

    return types.uint64(types.uint64), generate


@_intrinsic
def _ones(typing_context: Any, word: Any) -> Any:
    """How many bits of a word are one."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@_intrinsic
def _load(typing_context: Any, buffer: Any, at: Any, like: Any) -> Any:
    """What lies at a byte of a uint8 buffer, aligned or not, of the type of the array ``like``; unchecked."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        typed = builder.bitcast(place, context.get_data_type(like.dtype).as_pointer())
        return builder.load(typed, align=1)

    return like.dtype(buffer, types.int64, like), generate


@njit(nogil=True)
def _is_sparse(buffer: Array, start: int, length: int, dim: int, width: int) -> bool:
    """Whether there is a sparse record of ``dim`` values of ``width`` bytes, of that length and within the buffer."""
    words = (dim + 63) >> 6
    if start < 0 or length < 8 * words or start > buffer.size - length:
        return False
    values = np.int64(0)
    bits = np.uint64(0)
    for word in range(words):
        bits = _load(buffer, start + 8 * word, _WORD)
        values += np.int64(_ones(bits))
    if dim & 63 and bits >> np.uint64(dim & 63):
        return False
    return values * width == length - 8 * words


@_kernel
def decode_sparse(buffer: Array, starts: Array, lengths: Array, out: Array) -> int:
    """Sparse records → ``out`` ``(n, dim)``, unsigned integers as wide as the values.

    Returns the number of the first record that is none, or −1.
    """
    dim = out.shape[1]
    words = (dim + 63) >> 6
    one = np.uint64(1)
    for row in range(starts.size):
        start = starts[row]
        if not _is_sparse(buffer, start, lengths[row], dim, out.itemsize):
            return row
        for column in range(dim):
            out[row, column] = 0
        at = start + 8 * words
        for word in range(words):
            bits = _load(buffer, start + 8 * word, _WORD)
            while bits:
                out[row, 64 * word + np.int64(_trailing_zeros(bits))] = _load(buffer, at, out)
                bits &= bits - one
                at += out.itemsize
    return -1


@_kernel
def squares_sparse(
    buffer: Array, starts: Array, lengths: Array, query: Array, like: Array, numbers: Array | None, squares: Array
) -> int:
    """Squared Euclidean distances from ``query`` (float64 ``(dim,)``) to sparse records, written to ``squares``, float64 ``(n,)``.

    Only what is not zero is gone through: d² = |q|² + Σ x(x − 2q).

    Args:
        buffer: holds the records.
        starts: where each starts.
        lengths: and how many bytes it has.
        query: one end of each distance.
        like: an array of the type of the values: float32, or uint16 where they are the bits of float16.
        numbers: the float32 value of each float16, by its bits; None where the values are float32.
        squares: takes the result.

    Returns the number of the first record that is none, or −1.
    """
    dim = query.size
    words = (dim + 63) >> 6
    one = np.uint64(1)
    doubled = np.empty(dim, np.float64)
    length = 0.0
    for column in range(dim):
        length += query[column] * query[column]
        doubled[column] = 2 * query[column]
    for row in range(starts.size):
        start = starts[row]
        if not _is_sparse(buffer, start, lengths[row], dim, like.itemsize):
            return row
        total = length
        at = start + 8 * words
        for word in range(words):
            bits = _load(buffer, start + 8 * word, _WORD)
            while bits:
                value = _load(buffer, at, like)
                if numbers is None:
                    x = np.float64(value)
                else:
                    x = np.float64(numbers[value])
                total += x * (x - doubled[64 * word + np.int64(_trailing_zeros(bits))])
                bits &= bits - one
                at += like.itemsize
        squares[row] = total
    return -1


@_kernel
def products_sparse(
    buffer: Array,
    starts: Array,
    lengths: Array,
    query: Array,
    like: Array,
    numbers: Array | None,
    products: Array,
    squares: Array,
) -> int:
    """Scalar products of ``query`` (float64 ``(dim,)``) with sparse records, and the squared lengths of these, written to
    ``products`` and ``squares``, float64 ``(n,)``. Only what is not zero is gone through.

    The other arguments, and what it returns, are those of `squares_sparse`.
    """
    dim = query.size
    words = (dim + 63) >> 6
    one = np.uint64(1)
    for row in range(starts.size):
        start = starts[row]
        if not _is_sparse(buffer, start, lengths[row], dim, like.itemsize):
            return row
        product = 0.0
        square = 0.0
        at = start + 8 * words
        for word in range(words):
            bits = _load(buffer, start + 8 * word, _WORD)
            while bits:
                value = _load(buffer, at, like)
                if numbers is None:
                    x = np.float64(value)
                else:
                    x = np.float64(numbers[value])
                product += x * query[64 * word + np.int64(_trailing_zeros(bits))]
                square += x * x
                bits &= bits - one
                at += like.itemsize
        products[row] = product
        squares[row] = square
    return -1


@_kernel
def look_up(places: Array, values: Array, out: Array) -> None:
    """``values`` ``(65536,)`` at each of ``places``, uint16 ``(n,)``, written to ``out`` ``(n,)``."""
    for row in range(places.size):
        out[row] = values[places[row]]

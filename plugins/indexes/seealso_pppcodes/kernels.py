"""Loops over arrays and nothing else; types, checks and threads stay outside.

Numba is heavy: this module is imported where a kernel is first needed. Compiled when first called, and kept on disk. None
holds the interpreter's lock. A *symbol* is the number of a pivot in its space; a *code* is the row of an object's symbols,
space after space; a *place* is the number of a row in a segment.
"""

from typing import Any

import numpy as np
from numba import njit

Array = np.ndarray

BLOCK = 256  # rows that are touched before they are read; they stay in the first-level cache

_kernel = njit(nogil=True, cache=True)


@_kernel
def nearest_pivots(distances: Array, spaces: int, length: int, codes: Array) -> None:
    """Distances ``(n, spaces × pivots)`` → codes ``(n, spaces × length)``: in each space the nearest pivots, nearest first.

    Ties by the number of the pivot; what is infinite or not a number comes last.
    """
    pivots = distances.shape[1] // spaces
    best = np.empty(length, np.float32)
    symbols = np.empty(length, np.int64)
    for row in range(distances.shape[0]):
        for space in range(spaces):
            here = distances[row, space * pivots : (space + 1) * pivots]
            best[:] = np.inf
            symbols[:] = -1
            worst = best[length - 1]
            for pivot in range(pivots):
                distance = here[pivot]
                if distance < worst:
                    at = length - 1
                    while at > 0 and best[at - 1] > distance:
                        best[at] = best[at - 1]
                        symbols[at] = symbols[at - 1]
                        at -= 1
                    best[at] = distance
                    symbols[at] = pivot
                    worst = best[length - 1]
            if symbols[length - 1] < 0:
                complete_prefix(symbols)
            for at in range(length):
                codes[row, space * length + at] = symbols[at]


@njit(nogil=True)
def complete_prefix(symbols: Array) -> None:
    """Put the pivots with the lowest numbers that are not there yet in the place of the −1 at the end."""
    filled = 0
    while filled < symbols.size and symbols[filled] >= 0:
        filled += 1
    pivot = 0
    while filled < symbols.size:
        if not (symbols[:filled] == pivot).any():
            symbols[filled] = pivot
            filled += 1
        pivot += 1


@_kernel
def count_cells(codes: Array, length: int, bits: int, counts: Array) -> None:
    """Add to ``counts`` ``(spaces, cells)`` how many codes fall into each cell of each space."""
    for row in range(codes.shape[0]):
        for space in range(counts.shape[0]):
            counts[space, cell_of(codes, row, space * length, length, bits)] += 1


@njit(inline="always")
def cell_of(codes: Array, row: int, first: int, length: int, bits: int) -> Any:
    """The cell of a code in the space whose symbols begin at ``first``; where codes have one symbol, that symbol."""
    mask = (1 << bits) - 1
    cell = np.int64(codes[row, first]) & mask
    return (cell << bits) | (np.int64(codes[row, first + 1]) & mask) if length > 1 else cell


@_kernel
def sort_into_cells(codes: Array, length: int, bits: int, starts: Array, low: Array, high: Array) -> None:
    """Counting sort of the places of ``codes`` by their cell, ascending within a cell; each space by itself.

    ``starts`` ``(spaces, cells + 1)`` comes as the counts of `count_cells`, moved one to the right; it leaves as where
    each cell starts. A place is written as its lower 16 and its upper 8 bits, to ``low`` and ``high`` ``(spaces, n)``.
    """
    for space in range(starts.shape[0]):
        following = np.empty(starts.shape[1] - 1, np.int64)
        total = 0
        for cell in range(starts.shape[1] - 1):
            following[cell] = total
            total += starts[space, cell + 1]
            starts[space, cell + 1] = total
        for row in range(codes.shape[0]):
            cell = cell_of(codes, row, space * length, length, bits)
            at = following[cell]
            low[space, at] = row & 0xFFFF
            high[space, at] = row >> 16
            following[cell] = at + 1


@_kernel
def codes_of_cells(starts: Array, low: Array, high: Array, length: int, bits: int, rows: Array, codes: Array) -> None:
    """The reverse of `sort_into_cells`: the symbols of the objects in the cells.

    ``rows`` int32 ``(n,)`` says to which row of ``codes`` the symbols of each place go; -1: nowhere.
    """
    mask = (1 << bits) - 1
    for space in range(starts.shape[0]):
        for cell in range(starts.shape[1] - 1):
            for at in range(starts[space, cell], starts[space, cell + 1]):
                place = np.int64(low[space, at]) | (np.int64(high[space, at]) << 16)
                # A damaged file must not make us read outside of the arrays.
                row = rows[place] if place < rows.size else -1
                if row >= 0:
                    if length > 1:
                        codes[row, space * length] = cell >> bits
                        codes[row, space * length + 1] = cell & mask
                    else:
                        codes[row, space] = cell


@_kernel
def copy_rows(source: Array, places: Array, target: Array) -> None:
    """Copy the rows at ``places`` of ``source`` to ``target``, one after another."""
    for number in range(places.size):
        for column in range(source.shape[1]):
            target[number, column] = source[places[number], column]


@_kernel
def count_by_bound(
    rows: Array, seconds: Array, sizes: Array, tables: Array, lows: Array, shifts: Array, held: Array
) -> None:
    """Add the objects of every cell to ``held`` ``(spaces, buckets)``, by the bound of the cell: ``(bound − low) >> shift``.

    The bound of a cell is what its two symbols add to a score (its first, where codes have one). ``rows``, ``seconds`` and ``sizes`` are
    those of `FilledCells`, ``tables`` as in `score`; ``lows`` and ``shifts`` int64 ``(spaces,)``.
    """
    spaces, symbols = tables.shape[0], tables.shape[2]
    second = np.zeros(symbols, np.int64)
    for space in range(spaces):
        if tables.shape[1] > 1:
            second[:] = tables[space, 1]
        for first in range(symbols):
            base = tables[space, 0, first] - lows[space]
            row = space * symbols + first
            for at in range(rows[row], rows[row + 1]):
                held[space, (base + second[seconds[at]]) >> shifts[space]] += sizes[at]


@_kernel
def cells_between(
    rows: Array, seconds: Array, tables: Array, lows: Array, highs: Array, cells: Array, starts: Array
) -> None:
    """Write the cells whose bound is from ``lows`` to below ``highs``, int64 ``(spaces,)`` each, to ``cells``, space after space.

    ``rows`` and ``seconds`` are those of `FilledCells`; ``starts`` ``(spaces + 1,)`` leaves as where each space begins in ``cells``.
    """
    spaces, symbols = tables.shape[0], tables.shape[2]
    width = symbols if tables.shape[1] > 1 else 1
    second = np.zeros(symbols, np.int64)
    found = 0
    for space in range(spaces):
        if tables.shape[1] > 1:
            second[:] = tables[space, 1]
        least = second.min()
        for first in range(symbols):
            base = np.int64(tables[space, 0, first])
            if base + least >= highs[space]:
                continue
            row = space * symbols + first
            for at in range(rows[row], rows[row + 1]):
                bound = base + second[seconds[at]]
                if lows[space] <= bound < highs[space]:
                    cells[found] = first * width + np.int64(seconds[at])
                    found += 1
        starts[space + 1] = found


@_kernel
def visit_cells(
    cells: Array,
    bounds: Array,
    starts: Array,
    low: Array,
    high: Array,
    seen: Array,
    hidden: Array,
    places: Array,
) -> int:
    """Come across the places in cells of all spaces; returns how many are written to ``places``.

    ``bounds`` ``(spaces + 1,)`` says where each space begins in ``cells``. ``hidden`` is a bit set of places to pass over. A place that
    is in the bit set ``seen`` is written to ``places``, and from then on hidden; any other is added to ``seen``. Where ``seen`` is empty,
    every place counts as seen.
    """
    rows, found = low.shape[1], 0
    for space in range(starts.shape[0]):
        for number in range(bounds[space], bounds[space + 1]):
            cell = cells[number]
            for at in range(starts[space, cell], starts[space, cell + 1]):
                place = np.int64(low[space, at]) | (np.int64(high[space, at]) << 16)
                # A damaged file must not make us read or write outside of the arrays.
                if place >= rows or found >= places.size:
                    continue
                byte, bit = place >> 3, np.uint8(1 << (place & 7))
                if seen.size and not seen[byte] & bit:
                    seen[byte] |= bit
                elif not hidden[byte] & bit:
                    hidden[byte] |= bit
                    places[found] = place
                    found += 1
    return found


@_kernel
def visit_rows(codes: Array, tables: Array, limits: Array, least: int, hidden: Array, places: Array) -> int:
    """The same for rows that are in no order: those with a bound below the limit in ``least`` spaces or more.

    ``tables`` as in `score`, ``limits`` int64 ``(spaces,)``, ``hidden`` a bool a row.
    """
    spaces, length, mask = tables.shape[0], tables.shape[1], tables.shape[2] - 1
    found = 0
    for row in range(codes.shape[0]):
        if hidden[row]:
            continue
        seen = 0
        for space in range(spaces):
            bound = np.int64(0)
            for at in range(min(2, length)):
                bound += tables[space, at, codes[row, space * length + at] & mask]
            seen += bound < limits[space]
        if seen >= least:
            hidden[row] = True
            places[found] = row
            found += 1
    return found


@_kernel
def score(codes: Array, places: Array, tables: Array, inversions: int, scores: Array) -> int:
    """Add the scores of the rows at ``places`` to ``scores``: in each space ``(n, spaces)``, or in all ``(n, 1)``.

    The lower the better. A score is the sum of ``tables`` ``(spaces, length, 2 ** bits)`` over the symbols of the prefix;
    with ``inversions`` the number of its pairs of symbols that the first of the tables orders the other way round is added,
    that many times each.

    The rows are scattered over memory, so the time is that of waiting for them. A block of them is touched first: loads
    that depend on nothing wait all at once. Returns what was read there, so that no compiler leaves it out.
    """
    spaces, length, mask = tables.shape[0], tables.shape[1], tables.shape[2] - 1
    touched = 0
    for start in range(0, places.size, BLOCK):
        end = min(places.size, start + BLOCK)
        for number in range(start, end):
            row = places[number]
            touched += codes[row, 0] + codes[row, codes.shape[1] - 1]
        for number in range(start, end):
            row = places[number]
            for space in range(spaces):
                total = np.int32(0)
                for at in range(length):
                    total += tables[space, at, codes[row, space * length + at] & mask]
                if inversions:
                    for at in range(length):
                        rank = tables[space, 0, codes[row, space * length + at] & mask]
                        for after in range(at + 1, length):
                            if rank > tables[space, 0, codes[row, space * length + after] & mask]:
                                total += inversions
                scores[number, space if scores.shape[1] > 1 else 0] += total
    return touched

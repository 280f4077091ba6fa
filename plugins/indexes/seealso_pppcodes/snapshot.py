"""The index on disk: arrays in files of their own, and a header that says what they are, with their checksums.

What is large (codes, and where they are) is mapped, not read: its checksums are checked by `verify`. All else is read and
checked when it is opened.
"""

from __future__ import annotations

import json
import tokenize
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seealso import FormatError
from seealso_pppcodes.segment import PARTS, CodeShape, Segment
from seealso_pppcodes.state import State, Tail

HEADER = "ppp-codes.json"
MAGIC = "seealso-ppp-codes"
FORMAT_VERSION = 1
MAPPED = frozenset({"codes", "starts", "low", "high"})
"""The parts of a segment that are mapped. Of these ``starts`` is looked through too."""


DAMAGED = (
    *(OSError, ValueError, KeyError, TypeError, EOFError, OverflowError, RecursionError, MemoryError),
    # The head of an array's file is a line of Python.
    *(SyntaxError, tokenize.TokenError),
)
"""What reading a damaged file may raise."""


def save(directory: Path, pivots: np.ndarray, trained_on: int, state: State) -> None:
    """Write a state, and the pivots ``(spaces, pivots, dim)`` that gave its codes, into an empty folder."""
    ids, codes = state.tail.live()
    arrays: dict[str, np.ndarray] = {"pivots": pivots, "tail_ids": ids, "tail_codes": codes, "counts": state.counts}
    for number, (segment, hidden) in enumerate(zip(state.segments, state.hidden, strict=True)):
        arrays[f"{number}_hidden"] = hidden
        arrays |= {f"{number}_{name}": array for name, array in segment.arrays().items()}
    for name, array in arrays.items():
        np.save(directory / f"{name}.npy", array, allow_pickle=False)
    header = {
        "magic": MAGIC,
        "version": FORMAT_VERSION,
        "length": state.shape.length,
        "trained_on": trained_on,
        "segments": len(state.segments),
        "objects": state.objects,
        "crc32": {name: _checksum(array) for name, array in arrays.items()},
    }
    text = json.dumps(header)
    (directory / HEADER).write_text(f"{zlib.crc32(text.encode()):08x} {text}")


def load(directory: Path, dim: int, dtype: np.dtype) -> tuple[np.ndarray, int, int, State]:
    """What `save` wrote: pivots, the number of objects that they were drawn from, symbols in a prefix, and the state.

    Raises:
        FormatError: it is not such a folder, damaged, or of a newer format.
    """
    try:
        return _load(directory, dim, dtype)
    except DAMAGED as error:
        raise FormatError(f"{directory}: not a sound snapshot of the index ppp-codes: {error}") from error


def _load(directory: Path, dim: int, dtype: np.dtype) -> tuple[np.ndarray, int, int, State]:
    header = _header(directory)
    sums = header["crc32"]

    pivots = _read(directory, "pivots", sums)
    if pivots.ndim != 3 or pivots.shape[2] != dim or pivots.dtype != dtype or not 0 < pivots.shape[1] <= 1 << 16:
        raise ValueError(f"pivots are {pivots.dtype} of shape {pivots.shape}")
    spaces, count = pivots.shape[:2]
    length, objects, trained_on = int(header["length"]), int(header["objects"]), int(header["trained_on"])
    shape = CodeShape.of(spaces, count, length)
    if shape.length != length or objects < 0 or trained_on < 1:
        raise ValueError("the header does not fit the pivots")

    segments, hidden = [], []
    for number in range(int(header["segments"])):
        arrays = {name: _open(directory, f"{number}_{name}", sums, mapped=name in MAPPED) for name in PARTS}
        segments.append(Segment.of_arrays(shape, arrays))
        hidden.append(_read(directory, f"{number}_hidden", sums))
        if hidden[-1].dtype != np.uint8 or hidden[-1].shape != (-(-segments[-1].size // 8),):
            raise ValueError("the removed objects are damaged")
    counts, ids, codes = (_read(directory, name, sums) for name in ("counts", "tail_ids", "tail_codes"))
    if counts.dtype != np.uint32 or counts.shape != (shape.spaces, shape.cells):
        raise ValueError("the sizes of the cells are damaged")
    if ids.dtype != np.int64 or codes.dtype != shape.dtype or codes.shape != (ids.size, shape.spaces * shape.length):
        raise ValueError("the newest objects are damaged")
    tail = Tail.empty(shape).appended(ids, codes)
    return pivots, trained_on, length, State(shape, tuple(segments), tuple(hidden), tail, counts, objects)


def verify(directory: Path) -> list[str]:
    """Check every checksum, by reading everything; what is wrong, one line each."""
    try:
        sums: Mapping[str, int] = _header(directory)["crc32"]
    except DAMAGED as error:
        return [f"{directory / HEADER}: {error}"]
    problems = []
    for name in sums:
        try:
            _open(directory, name, sums, mapped=False)
        except DAMAGED as error:
            problems.append(f"{directory / name}.npy: {error}")
    return problems


def _header(directory: Path) -> dict[str, Any]:
    checksum, _, text = (directory / HEADER).read_text().partition(" ")
    if int(checksum, 16) != zlib.crc32(text.encode()):
        raise ValueError("its header fails its checksum")
    header: dict[str, Any] = json.loads(text)
    if header["magic"] != MAGIC:
        raise ValueError("it is something else")
    if header["version"] > FORMAT_VERSION:
        raise ValueError(f"it is of format {header['version']}, and this release reads up to {FORMAT_VERSION}")
    return header


def _checksum(array: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def _read(directory: Path, name: str, sums: Mapping[str, int]) -> np.ndarray:
    return _open(directory, name, sums, mapped=False)


def _open(directory: Path, name: str, sums: Mapping[str, int], *, mapped: bool) -> np.ndarray:
    """An array of the snapshot; mapped, or read and checked.

    Raises:
        ValueError: it fails its checksum.
    """
    array: np.ndarray = np.load(directory / f"{name}.npy", mmap_mode="r" if mapped else None, allow_pickle=False)
    if not mapped and _checksum(array) != sums[name]:
        raise ValueError(f"{name} fails its checksum")
    return array

"""The index on disk: arrays in files of their own, and a header that says what they are, with their checksums.

What is large (codes, and where they are) is mapped, not read: its checksums are checked by `verify`. All else is read and
checked when it is opened.

Nothing in a snapshot is ever changed. So what the one before holds already is not written again: the new one gets a hard link
to the same file. Each is whole without the other.
"""

from __future__ import annotations

import json
import os
import tokenize
import uuid
import weakref
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from seealso import FormatError
from seealso_pppcodes.segment import CodeShape, Segment, parts_of
from seealso_pppcodes.state import State, Tail

HEADER = "ppp-codes.json"
MAGIC = "seealso-ppp-codes"
FORMAT_VERSION = 2
"""Of a snapshot without codes. With codes it is 1 as ever, so that earlier releases read it."""

MAPPED = frozenset({"codes", "starts", "low", "high"})
"""The parts of a segment that are mapped. Of these ``starts`` is looked through too."""


DAMAGED = (
    *(OSError, ValueError, KeyError, TypeError, EOFError, OverflowError, RecursionError, MemoryError),
    # The head of an array's file is a line of Python.
    *(SyntaxError, tokenize.TokenError),
)
"""What reading a damaged file may raise."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A snapshot that an index was saved to or loaded from, and which of the index' arrays are in it.

    Attributes:
        directory: where it was then.
        header: its header, which no other snapshot has.
        arrays: the arrays by name, as long as the index holds them: none of them ever changes.
        crc32: their checksums by name.
    """

    directory: Path
    header: str
    arrays: Mapping[str, weakref.ref[np.ndarray]]
    crc32: Mapping[str, int]

    @classmethod
    def of(cls, directory: Path, header: str, arrays: Mapping[str, np.ndarray], crc32: Mapping[str, int]) -> Self:
        """The snapshot that holds these arrays."""
        return cls(directory, header, {name: weakref.ref(array) for name, array in arrays.items()}, crc32)

    def names(self) -> dict[int, str]:
        """The names of the arrays that are still held, by their `id`."""
        held = ((name, array()) for name, array in self.arrays.items())
        return {id(array): name for name, array in held if array is not None}

    def find(self, beside: Path) -> Path | None:
        """Where the snapshot is now: it may have been renamed since, or be gone.

        Args:
            beside: the folder of another snapshot of the same index.
        """
        for folder in (self.directory, *beside.parent.iterdir()):
            with suppress(OSError, ValueError):
                if (folder / HEADER).read_text() == self.header:
                    return folder
        return None


def save(directory: Path, pivots: np.ndarray, trained_on: int, state: State, before: Saved | None = None) -> Saved:
    """Write a state, and the pivots ``(spaces, pivots, dim)`` that gave its codes, into an empty folder.

    What is in the snapshot ``before`` is linked from there; where that cannot be, it is written again.
    """
    arrays = _arrays(pivots, state)
    known = {} if before is None else before.names()
    source = None if before is None else before.find(directory)
    sums: dict[str, int] = {}
    for name, array in arrays.items():
        old = known.get(id(array))
        # Not computed anew: should the file have been damaged since, its checksum has to go on telling.
        sums[name] = _checksum(array) if before is None or old is None else before.crc32[old]
        if source is None or old is None or not _linked(source / f"{old}.npy", directory / f"{name}.npy"):
            np.save(directory / f"{name}.npy", array, allow_pickle=False)
    header = {
        "magic": MAGIC,
        "version": _version(state.shape.prefix),
        "length": state.shape.prefix,
        "trained_on": trained_on,
        "segments": len(state.segments),
        "objects": state.objects,
        "unique": uuid.uuid4().hex,
        "crc32": sums,
    }
    text = json.dumps(header)
    text = f"{zlib.crc32(text.encode()):08x} {text}"
    (directory / HEADER).write_text(text)
    return Saved.of(directory, text, arrays, sums)


def _version(prefix: int) -> int:
    """The version of the format in which so many symbols of each space are kept."""
    return 1 if prefix else FORMAT_VERSION


def _arrays(pivots: np.ndarray, state: State) -> dict[str, np.ndarray]:
    """All that a snapshot holds, by name."""
    ids, codes = state.tail.live()
    arrays: dict[str, np.ndarray] = {"pivots": pivots, "tail_ids": ids, "tail_codes": codes, "counts": state.counts}
    for number, (segment, hidden) in enumerate(zip(state.segments, state.hidden, strict=True)):
        arrays[f"{number}_hidden"] = hidden
        arrays |= {f"{number}_{name}": array for name, array in segment.arrays().items()}
    return arrays


def _linked(old: Path, new: Path) -> bool:
    """Make a hard link to a file; False where that cannot be: it is gone by now, or its file system allows none (any more)."""
    try:
        os.link(old, new)
    except OSError:
        return False
    return True


def load(directory: Path, dim: int, dtype: np.dtype) -> tuple[np.ndarray, int, int, State, Saved]:
    """What `save` wrote: pivots, the number of objects that they were drawn from, symbols kept of a prefix, the state; and
    what `save` can use again.

    Raises:
        FormatError: it is not such a folder, damaged, or of a newer format.
    """
    try:
        return _load(directory, dim, dtype)
    except DAMAGED as error:
        raise FormatError(f"{directory}: not a sound snapshot of the index ppp-codes: {error}") from error


def _load(directory: Path, dim: int, dtype: np.dtype) -> tuple[np.ndarray, int, int, State, Saved]:
    text = (directory / HEADER).read_text()
    header = _header(text)
    sums = header["crc32"]

    pivots = _read(directory, "pivots", sums)
    if pivots.ndim != 3 or pivots.shape[2] != dim or pivots.dtype != dtype or not 0 < pivots.shape[1] <= 1 << 16:
        raise ValueError(f"pivots are {pivots.dtype} of shape {pivots.shape}")
    spaces, count = pivots.shape[:2]
    length, objects, trained_on = int(header["length"]), int(header["objects"]), int(header["trained_on"])
    shape = CodeShape.of(spaces, count, length)
    if (shape.prefix, _version(length)) != (length, header["version"]) or objects < 0 or trained_on < 1:
        raise ValueError("the header does not fit the pivots")

    segments, hidden = [], []
    for number in range(int(header["segments"])):
        arrays = {name: _open(directory, f"{number}_{name}", sums, mapped=name in MAPPED) for name in parts_of(shape)}
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
    state = State(shape, tuple(segments), tuple(hidden), tail, counts, objects)
    return pivots, trained_on, length, state, Saved.of(directory, text, _arrays(pivots, state), sums)


def verify(directory: Path) -> list[str]:
    """Check every checksum, by reading everything; what is wrong, one line each."""
    try:
        sums: Mapping[str, int] = _header((directory / HEADER).read_text())["crc32"]
    except DAMAGED as error:
        return [f"{directory / HEADER}: {error}"]
    problems = []
    for name in sums:
        try:
            _open(directory, name, sums, mapped=False)
        except DAMAGED as error:
            problems.append(f"{directory / name}.npy: {error}")
    return problems


def _header(content: str) -> dict[str, Any]:
    checksum, _, text = content.partition(" ")
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

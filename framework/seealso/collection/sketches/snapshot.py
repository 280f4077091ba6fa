"""The table of sketches on disk: the rows in files of their own, and a header that says what they are.

The framework keeps the checksums of all files of a snapshot, so there are none here. Rows are mapped, not read. Nothing in a snapshot
is ever changed, so a part that is full is not written again: the next snapshot gets a hard link to the same file.
"""

from __future__ import annotations

import json
import os
import re
import threading
import tokenize
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seealso.collection.sketches import rows as rows_module
from seealso.collection.sketches.rows import Part, Rows
from seealso.collection.sketches.runs import Runs
from seealso.errors import FormatError

HEADER = "sketches.json"
RUNS = "runs.bin"
MAGIC = "seealso-sketches"
FORMAT_VERSION = 1
NAME = re.compile("[0-9a-f]{32}")  # of a part

DAMAGED = (
    *(OSError, ValueError, KeyError, TypeError, EOFError, OverflowError, RecursionError, MemoryError),
    # The head of an array's file is a line of Python.
    *(SyntaxError, tokenize.TokenError),
)
"""What reading a damaged file may raise."""


class Loaded(NamedTuple):
    """What a snapshot holds.

    Attributes:
        parameters: what the sketch has learned.
        rows: the rows, mapped.
        files: where these are.
    """

    parameters: dict[str, np.ndarray]
    rows: Rows
    files: tuple[Path, ...]


def save(directory: Path, parameters: Mapping[str, np.ndarray], rows: Rows) -> None:
    """Write what a sketch has learned, and its rows, into an empty folder beside the snapshots before."""
    for name, array in parameters.items():
        np.save(directory / f"{name}.npy", array, allow_pickle=False)
    runs = np.stack([rows.runs.firsts, rows.runs.lengths, rows.runs.places]).astype("<i8")
    runs.tofile(directory / RUNS)
    parts = []
    for number, (part, size) in enumerate(rows.sizes()):
        name = _file_of(part.name, number)
        if part.name is None or not _linked(name, directory):
            part.rows[:size].tofile(directory / name)
        parts.append({"name": part.name, "rows": size})
    header = {
        "magic": MAGIC,
        "version": FORMAT_VERSION,
        "width": rows.width,
        "part": rows_module.PART,
        "parts": parts,
        "runs": int(runs.shape[1]),
        "parameters": sorted(parameters),
    }
    (directory / HEADER).write_text(json.dumps(header))


def _file_of(name: str | None, number: int) -> str:
    """The file of a part: by its own name, or by its number in a snapshot, where it has none.

    Raises:
        ValueError: it is no name of a part.
    """
    if name is not None and not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is the name of no part")
    return f"{number if name is None else name}.rows"


def _linked(name: str, directory: Path) -> bool:
    """Make a hard link to a file of another snapshot; False where there is none, or its file system allows none."""
    for folder in directory.parent.iterdir():
        if folder != directory:
            with suppress(OSError):
                os.link(folder / name, directory / name)
                return True
    return False


def load(directory: Path, width: int) -> Loaded:
    """What `save` wrote.

    Args:
        directory: the snapshot's folder.
        width: the bytes of a row, as the sketch says.

    Raises:
        FormatError: it is not such a folder, damaged, of a newer format, or of rows of another width.
    """
    try:
        return _loaded(directory, width)
    except DAMAGED as error:
        raise FormatError(f"{directory}: not a snapshot of sketches: {error}") from error


def _loaded(directory: Path, width: int) -> Loaded:
    header = _header(directory / HEADER)
    if header["width"] != width:
        raise ValueError(f"its rows have {header['width']} bytes, and those of the sketch have {width}")
    if header["part"] != rows_module.PART:
        raise ValueError(f"its parts have {header['part']} rows")
    parts, files, used = [], [], 0
    for number, said in enumerate(header["parts"]):
        size, name = int(said["rows"]), said["name"]
        if not 0 < size <= rows_module.PART or used % rows_module.PART or (name is None) != (size < rows_module.PART):
            raise ValueError("the parts of it are damaged")
        file = directory / _file_of(name, number)
        parts.append(Part(_mapped(file, size, width), name))
        files.append(file)
        used += size
    runs = Runs(*_read_runs(directory / RUNS, int(header["runs"])))
    runs.check(used)
    parameters = {}
    for name in header["parameters"]:
        if not str(name).isidentifier():
            raise ValueError(f"{name!r} is the name of no parameter")
        parameters[name] = np.load(directory / f"{name}.npy", allow_pickle=False)
    return Loaded(parameters, Rows(width, runs, tuple(parts), used), tuple(files))


def _header(file: Path) -> dict[str, Any]:
    header: dict[str, Any] = json.loads(file.read_text())
    if header["magic"] != MAGIC:
        raise ValueError("it is something else")
    if header["version"] > FORMAT_VERSION:
        raise ValueError(f"it is of format {header['version']}, and this release reads up to {FORMAT_VERSION}")
    return header


def _read_runs(file: Path, count: int) -> np.ndarray:
    """Firsts, lengths, and places of runs."""
    values = np.fromfile(file, "<i8").astype(np.int64)
    if values.size != 3 * count or file.stat().st_size != 8 * values.size:
        raise ValueError("the runs of IDs are damaged")
    return values.reshape(3, count)


def _mapped(file: Path, size: int, width: int) -> np.ndarray:
    """So many rows of a file, which holds nothing else."""
    if file.stat().st_size != size * width:
        raise ValueError(f"{file.name} is of another length")
    return np.memmap(file, np.uint8, "r", shape=(size, width)).view(np.ndarray)


def ask_for(files: Sequence[Path]) -> None:
    """Have the operating system read files into its memory. Returns at once: a thread asks for it, and nobody waits for that."""
    if files and hasattr(os, "posix_fadvise"):
        threading.Thread(target=_ask_for, args=(files,), name="ask for sketches", daemon=True).start()


def _ask_for(files: Sequence[Path]) -> None:
    for file in files:
        # It may be gone by now, or lie where it cannot be asked for: then the rows are read when they are looked at.
        with suppress(OSError):
            descriptor = os.open(file, os.O_RDONLY)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_WILLNEED)
            finally:
                os.close(descriptor)

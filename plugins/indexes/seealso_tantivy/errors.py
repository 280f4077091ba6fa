"""What tantivy says, as errors that say what to do."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seealso import DiskFull, FormatError

REMEDY = "run `seealso rebuild`"

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def room_in(directory: Path) -> Iterator[None]:
    """Tell what Python raises when no space is left for files in a directory from all else.

    Raises:
        DiskFull: no space is left.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise _full(directory) from error
        raise


def _full(directory: Path) -> DiskFull:
    return DiskFull(f"{directory}: the disk is full; make room and run the command again, nothing is lost")


@contextmanager
def translated(directory: Path, links: Path | None = None) -> Iterator[None]:
    """Turn what tantivy raises while it works on the files in a directory, or by way of links, into one of our errors.

    Raises:
        DiskFull: no space is left.
        FormatError: anything else: the files are damaged, of another schema, or of another format.
    """
    try:
        yield
    # A panic of Rust arrives as pyo3_runtime.PanicException, which is no Exception and cannot be imported.
    except BaseException as error:
        # Where a column is damaged, None takes the place of a number, which is a TypeError.
        if (
            not isinstance(error, ValueError | OSError | RuntimeError | TypeError)
            and type(error).__name__ != "PanicException"
        ):
            raise
        told = " ".join(str(error).split()).replace(str(links or directory), str(directory))
        if any(os.strerror(code) in told for code in _FULL):
            raise _full(directory) from error
        raise FormatError(f"{directory}: the text index cannot be used ({told}); {REMEDY}") from error

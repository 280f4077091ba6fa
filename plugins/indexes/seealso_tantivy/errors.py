"""What tantivy says, as errors that say what to do."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seealso import CollectionBusy, DiskFull, FormatError

REMEDY = "run `seealso rebuild`"


@contextmanager
def translated(directory: Path, links: Path | None = None) -> Iterator[None]:
    """Turn what tantivy raises while it works on the files in a directory, or by way of links, into one of our errors.

    Raises:
        DiskFull: no space is left.
        CollectionBusy: another process has the writer's lock.
        FormatError: anything else: the files are damaged, of another schema, or of another format.
    """
    try:
        yield
    # A panic of Rust arrives as pyo3_runtime.PanicException, which is no Exception and cannot be imported.
    except BaseException as error:
        if not isinstance(error, ValueError | OSError | RuntimeError) and type(error).__name__ != "PanicException":
            raise
        told = " ".join(str(error).split()).replace(str(links or directory), str(directory))
        if any(os.strerror(code) in told for code in (errno.ENOSPC, errno.EDQUOT)):
            raise DiskFull(
                f"{directory}: the disk is full; make room and run the command again, nothing is lost"
            ) from error
        if "LockBusy" in told:
            raise CollectionBusy(f"{directory}: another process is writing to the text index; wait for it") from error
        raise FormatError(f"{directory}: the text index cannot be used ({told}); {REMEDY}") from error

"""What the operating system refuses, as errors that say what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seealso import DiskFull, StoreError


@contextmanager
def translated(directory: Path) -> Iterator[None]:
    """Turn an OSError below a store's directory into one of our errors."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                f"{directory}: the disk is full; make room and run the command again, nothing is lost"
            ) from error
        raise StoreError(f"{directory}: the store flat-file failed: {error}") from error

"""One writer at a time: a lock file that names its holder."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from seealso.durability import writing_in
from seealso.errors import CollectionBusy
from seealso.layout import LOCK

_held_here: dict[str, int] = {}
"""The lock files that this process holds, and its number: a child that was forked meanwhile holds none of them."""


@contextmanager
def write_lock(directory: Path) -> Iterator[None]:
    """Hold the right to write to a collection. The kernel ends it with the process, however that ends.

    Raises:
        CollectionBusy: another has it; the message says who.
        CollectionReadOnly: nothing can be written there.
    """
    file = directory / LOCK
    here = os.path.realpath(file)
    if _held_here.get(here) == os.getpid():
        raise CollectionBusy(
            f"{directory} is being written to by this very process; wait until that is done: a hook that is called meanwhile, "
            "as `ingested` is, cannot write to the collection itself"
        )
    lock = FileLock(file, timeout=0, thread_local=False)
    try:
        with writing_in(directory):
            lock.acquire()
    except Timeout:
        raise CollectionBusy(
            f"{directory} is being written to by {_holder(file)}; wait until it is done, or stop it"
        ) from None
    try:
        _held_here[here] = os.getpid()
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time(), "command": sys.argv[:2]}
        # Only information: a disk too full for it is no reason to stop here.
        with suppress(OSError):
            file.write_text(json.dumps(holder))
        yield
    finally:
        _held_here.pop(here, None)
        lock.release()


def _holder(file: Path) -> str:
    try:
        holder = json.loads(file.read_text())
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(float(holder["since"])))
        return f"process {int(holder['pid'])} on {holder['host']} (since {since})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"

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

from seealso.durability import refuse_without_locks, writing_in
from seealso.errors import CollectionBusy
from seealso.layout import LOCK

ATTEMPTS = 20  # to read who holds the lock
PAUSE = 0.02  # seconds between them
MOST = 4096  # bytes of what says who

_held_here: dict[str, int] = {}
"""The lock files that this process holds, and its number: a child that was forked meanwhile holds none of them."""


@contextmanager
def write_lock(directory: Path) -> Iterator[None]:
    """Hold the right to write to a collection. The kernel ends it with the process, however that ends.

    Raises:
        CollectionBusy: another has it; the message says who.
        CollectionReadOnly: nothing can be written there.
        CollectionError: its file system has no locks.
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
            file.touch()
            refuse_without_locks(file)
            lock.acquire()
    except Timeout:
        raise CollectionBusy(
            f"{directory} is being written to by {_holder(file)}; wait until it is done, or stop it"
        ) from None
    try:
        _held_here[here] = os.getpid()
        # Only information: a disk too full for it is no reason to stop here.
        with suppress(OSError):
            holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time(), "command": sys.argv[:2]}
            file.write_text(json.dumps(holder))
        yield
    finally:
        _held_here.pop(here, None)
        # Nobody should be told of this one any more.
        with suppress(OSError):
            os.truncate(file, 0)
        lock.release()


def _holder(file: Path) -> str:
    """Who holds the lock. It is held a moment before its holder is written."""
    for _ in range(ATTEMPTS):
        with suppress(OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            holder = json.loads(file.read_bytes()[:MOST])
            pid, host, since = int(holder["pid"]), str(holder["host"]), time.localtime(float(holder["since"]))
            if host != socket.gethostname() or _runs(pid):
                return f"process {pid} on {host} (since {time.strftime('%Y-%m-%d %H:%M:%S', since)})"
        time.sleep(PAUSE)
    return "another process"


def _runs(pid: int) -> bool:
    """Whether there is such a process: one that was killed cannot take back what it has written."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return pid > 0

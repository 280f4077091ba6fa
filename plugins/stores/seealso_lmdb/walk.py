"""Goes through everything in a generation of a store, in a process of its own.

Where the pages of its tree are damaged, LMDB does not raise an error but ends the process, or reads beyond the file, which ends it
too. So who is about to go through everything lets another process do it first.

Run as a program, ``walk.py FOLDER``, this file needs nothing but LMDB: it starts in a few hundredths of a second.
"""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import lmdb

DAMAGE = (lmdb.InvalidError, lmdb.CorruptedError, lmdb.NotFoundError, lmdb.PageNotFoundError, lmdb.VersionMismatchError)
"""Errors by which LMDB says that its file is damaged."""

DEATHS = (signal.SIGABRT, signal.SIGBUS, signal.SIGSEGV, signal.SIGILL, signal.SIGFPE)
"""How a process ends that comes across damage."""

DATABASES = (b"descriptors", b"meta")
PAGE = 10_000  # entries a transaction: a slow reader should pin no old pages


def fault(folder: Path) -> str:
    """What is wrong with the tree of a generation; empty where nothing is.

    Raises:
        OSError: the other process could not do it.
    """
    program = [sys.executable, "-P", __file__, str(folder)]
    ended = subprocess.run(  # noqa: S603 - this very file
        program, capture_output=True, text=True, errors="replace", check=False
    )
    if -ended.returncode in DEATHS:
        return f"reading all of it ends the process ({signal.Signals(-ended.returncode).name})"
    if ended.returncode:
        said = ended.stderr.strip().splitlines()[-1:]
        raise OSError(f"{folder} could not be gone through: {' '.join(said) or ended.returncode}")
    return ended.stdout.strip()


def walk(folder: str) -> str:
    """Touch every key and the end of every value; what is wrong, or an empty text."""
    try:
        environment = lmdb.open(folder, readonly=True, max_dbs=len(DATABASES))
    except lmdb.Error:
        # The lock file cannot be written.
        environment = lmdb.open(folder, readonly=True, lock=False, max_dbs=len(DATABASES))
    faults = (_walk(environment, environment.open_db(name, create=False)) for name in DATABASES)
    return next(filter(None, faults), "")


def _walk(environment: Any, database: Any) -> str:
    last = b""
    while True:
        with _reading(environment) as transaction:
            cursor = transaction.cursor(database)
            if not cursor.set_range(last + b"\0"):
                return ""
            for _, (key, value) in zip(range(PAGE), cursor, strict=False):
                if bytes(key) <= last:
                    return "its keys are not in order"
                last = bytes(key)
                if len(value):
                    value[-1]


def _reading(environment: Any) -> Any:
    try:
        return environment.begin(buffers=True)
    except lmdb.MapResizedError:
        # Another process has enlarged it.
        environment.set_mapsize(0)
        return environment.begin(buffers=True)


if __name__ == "__main__":
    # Nobody needs its memory on the disk when it ends so.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        print(walk(sys.argv[1]))
    # Of a transaction that came across damage LMDB says no more than that it is none any longer.
    except (*DAMAGE, lmdb.BadTxnError) as error:
        print(error)

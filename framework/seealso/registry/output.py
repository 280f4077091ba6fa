"""Standard output is the program's: it may be one JSON document, or what a protocol lays down. What plugins write there goes to
standard error.

A program that answers on standard output takes it for itself (`take_stdout`, `own_stdout`). Where seealso is a library, standard output
is the caller's, and only what plugins print while they are imported or in hooks is sent elsewhere (`stdout_at_stderr`).
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast


class _Shared:
    """Standard output while plugins run: for their threads it is standard error, for all others what it was."""

    def __init__(self, own: TextIO) -> None:
        self.own = own

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr if _in_plugin() else self.own, name)


_depth = threading.local()
_lock = threading.Lock()
_running = 0
_owners: list[TextIO] = []  # for each who has taken standard output, what it was before anybody had


def _in_plugin() -> bool:
    return getattr(_depth, "count", 0) > 0


@contextmanager
def stdout_at_stderr() -> Iterator[None]:
    """Point ``sys.stdout`` at standard error, for this thread alone; other threads may do the same meanwhile, or print."""
    global _running
    with _lock:
        _running += 1
        if not isinstance(sys.stdout, _Shared):
            sys.stdout = cast(TextIO, _Shared(sys.stdout))
    _depth.count = getattr(_depth, "count", 0) + 1
    try:
        yield
    finally:
        _depth.count -= 1
        with _lock:
            _running -= 1
            if not _running and isinstance(sys.stdout, _Shared):
                sys.stdout = sys.stdout.own


@contextmanager
def own_stdout() -> Iterator[TextIO]:
    """Take standard output for oneself; gives the stream. Whatever anybody else in the process writes to ``sys.stdout`` meanwhile,
    a plugin's class in another thread for example, goes to standard error.

    For a program, and for a frontend that answers on standard output. Within another one it gives the same stream.
    """
    with _lock:
        before = sys.stdout
        stream = _owners[0] if _owners else before
        _owners.append(stream)
        sys.stdout = sys.stderr
    try:
        yield stream
    finally:
        with _lock:
            _owners.pop()
            # Threads need not leave in the order in which they came; the last one leaves it as the first one found it.
            sys.stdout = before if _owners else stream


def take_stdout() -> None:
    """Give ``sys.stdout`` a descriptor of its own, and standard error the descriptor 1, for as long as the process lives.

    What a library in C writes to descriptor 1 is then no part of an answer, and neither is what a process writes that somebody starts
    without saying where its output goes. For the beginning of a program; a library must not do this to its caller.
    """
    before = sys.stdout
    if not isinstance(before, io.TextIOWrapper):
        return
    before.flush()
    try:
        own = os.dup(before.fileno())
        os.dup2(sys.stderr.fileno(), before.fileno())
    except (OSError, ValueError):
        # No descriptor is left, or a stream has none: then it stays as it is.
        return
    # Not to be closed: Python flushes it at the very end.
    stream = open(own, "w", encoding=before.encoding, errors=before.errors, closefd=False)  # noqa: SIM115
    stream.reconfigure(line_buffering=before.line_buffering or before.write_through)
    sys.stdout = stream

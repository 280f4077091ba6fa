"""Where the standard output of a plugin goes: to standard error, as long as it runs because seealso called it.

Standard output is the program's: it may be one JSON document, or what a protocol lays down.
"""

from __future__ import annotations

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

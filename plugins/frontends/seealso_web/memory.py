"""What the C library (glibc) is told of memory in a server; with another one nothing happens."""

from __future__ import annotations

import ctypes
import os
from typing import Any

M_ARENA_MAX = -8
"""The option of glibc's ``mallopt`` (malloc.h)."""

ARENAS = 2
"""Heaps that all threads share."""


def share_heaps() -> None:
    """Have all threads share two heaps, unless the environment says otherwise (``MALLOC_ARENA_MAX``).

    Left alone glibc makes eight heaps a core, and each keeps what its busiest moment took: a server with 20 threads holds nearly twice
    the memory, and more with every hour. To be called before the threads begin.
    """
    tell = _of_glibc("mallopt")
    if tell is not None and "MALLOC_ARENA_MAX" not in os.environ:
        tell(M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Give the system back what is free and would be kept for the next time. Takes milliseconds."""
    trim = _of_glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _of_glibc(function: str) -> Any:
    """A function that glibc alone has; None elsewhere."""
    try:
        library = ctypes.CDLL(None)
        return getattr(library, function) if hasattr(library, "gnu_get_libc_version") else None
    except (AttributeError, OSError, TypeError):
        return None

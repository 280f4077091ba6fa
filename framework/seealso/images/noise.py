"""What libtiff would print while it decodes: kept for the reason why a file failed, and shown to nobody else.

Pillow leaves libtiff's own handlers of errors and warnings, which write to standard error, one line for each damaged row of a picture.
They are replaced once in a process. What libtiff says to a thread that does not decode here goes on to the handler that was there before.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from PIL import _imaging

LONGEST = 200
"""Bytes of a line that are kept."""

# The name of a function or a file, a format of C, and its arguments: a `va_list`, which is handed over as a pointer on all common machines.
_Handler = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)


class _Here(threading.local):
    """Whether this thread decodes, and what it was told first."""

    decoding = False
    said = ""


_here = _Here()


@contextmanager
def listening() -> Iterator[None]:
    """Keep what libtiff says to this thread from the terminal."""
    _replace_handlers()
    _here.decoding, _here.said = True, ""
    try:
        yield
    finally:
        _here.decoding = False


def heard() -> str:
    """What libtiff said first to this thread, since it last began to listen; empty where it said nothing."""
    return _here.said


@cache
def _replace_handlers() -> tuple[Any, ...]:
    """Put ours in the place of libtiff's, and keep them for as long as the process lives; nothing where Pillow has no libtiff."""
    try:
        # What Pillow is linked with is found by way of it, wherever that lies.
        pillow = ctypes.CDLL(_imaging.__file__)
        return tuple(_replaced(pillow, name) for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"))
    except (AttributeError, OSError):
        return ()


def _replaced(pillow: Any, name: str) -> Any:
    replace = getattr(pillow, name)
    replace.restype, replace.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    print_to = pillow.vsnprintf
    print_to.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_void_p]

    def hear(of: bytes | None, pattern: bytes | None, arguments: int) -> None:
        if not _here.decoding:
            if before:
                _Handler(before)(of, pattern, arguments)
        elif not _here.said and pattern:
            line = ctypes.create_string_buffer(LONGEST)
            print_to(line, LONGEST, pattern, arguments)
            _here.said = f"{(of or b'libtiff').decode(errors='replace')}: {line.value.decode(errors='replace')}"

    handler = _Handler(hear)
    before: int | None = replace(ctypes.cast(handler, ctypes.c_void_p))
    return handler

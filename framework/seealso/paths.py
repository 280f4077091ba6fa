"""How paths, which are bytes, are shown and told; and what may be read of the files that they name."""

import os
import stat
from pathlib import Path
from urllib.parse import quote

from seealso.errors import FileError


def shown_path(path: bytes) -> str:
    r"""A path as text: bytes that are not UTF-8 as ``\xNN``."""
    return path.decode("utf-8", "backslashreplace")


def uri_of_path(path: bytes) -> str:
    """A path as a ``file:`` URI, exact whatever its bytes."""
    return "file://" + quote(path)


def is_below(path: bytes, above: bytes) -> bool:
    """Whether a path is another one, or below it."""
    return path == above or path.startswith(above.rstrip(b"/") + b"/")


PathLike = str | bytes | os.PathLike[str] | os.PathLike[bytes]


def can_be_a_path(path: PathLike) -> bool:
    """Whether the operating system can be asked for a path, be there a file or not."""
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False


def absolute(path: PathLike) -> bytes:
    """A path as the catalogue knows it: absolute, ``~`` expanded, links kept.

    Raises:
        FileError: it is empty (that would be the current folder, which nobody means by it), or no path at all.
    """
    if not can_be_a_path(path):
        raise FileError(f"{os.fspath(path)!r} is no path: a path holds neither NUL nor halves of a character")
    encoded = os.fsencode(path)
    if not encoded:
        raise FileError("a path is empty")
    return os.path.abspath(os.path.expanduser(encoded))


def unreadable(path: Path, largest: int | None = None) -> str:
    """Why a path that somebody named cannot be read as a file; empty where it can.

    Opening a pipe may wait for ever, and a device has no end: only a regular file will do, of at most ``largest`` bytes.
    """
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        return f"it cannot be read: {getattr(error, 'strerror', None) or error}"
    if not stat.S_ISREG(found.st_mode):
        return "it is no regular file; write what it gives to one first"
    if largest is not None and found.st_size > largest:
        return f"it has {found.st_size:,} bytes, and more than {largest:,} are not read"
    return ""


def state_of(file: Path) -> tuple[int, ...] | None:
    """By what a file is known to be the same still; None where there is none, or it cannot be looked at."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

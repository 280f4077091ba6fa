"""How paths, which are bytes, are shown and told."""

import os
from urllib.parse import quote


def shown_path(path: bytes) -> str:
    r"""A path as text: bytes that are not UTF-8 as ``\xNN``."""
    return path.decode("utf-8", "backslashreplace")


def uri_of_path(path: bytes) -> str:
    """A path as a ``file:`` URI, exact whatever its bytes."""
    return "file://" + quote(path)


PathLike = str | bytes | os.PathLike[str] | os.PathLike[bytes]


def absolute(path: PathLike) -> bytes:
    """A path as the catalogue knows it: absolute, ``~`` expanded, links kept.

    Raises:
        ValueError: it is empty (that would be the current folder, which nobody means by it).
    """
    encoded = os.fsencode(path)
    if not encoded:
        raise ValueError("a path is empty")
    return os.path.abspath(os.path.expanduser(encoded))

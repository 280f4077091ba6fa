"""A cache of bytes on disk, with a limit on its size, which never unpickles anything."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import diskcache
from diskcache.core import MODE_BINARY, MODE_RAW

from seealso import ConfigError
from seealso_web.checksums import sealed, unsealed

FAILURES = (OSError, sqlite3.Error, diskcache.Timeout, ValueError)
FILES = ("cache.db", "cache.db-wal", "cache.db-shm", "[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*.val")
"""How the files are called in which diskcache keeps what it has."""


class BytesDisk(diskcache.Disk):  # type: ignore[misc]
    """What diskcache keeps, held to keys that are text and values that are bytes.

    diskcache's own class unpickles whatever a row says is a pickle; whoever can write to the cache's folder could thus run
    code. Here such a row is damage.
    """

    def put(self, key: Any) -> tuple[Any, bool]:
        """A key, for the database."""
        if type(key) is not str:
            raise TypeError("the keys of this cache are text")
        return key, True

    def get(self, key: Any, raw: Any) -> Any:
        """A key, from the database."""
        if not raw or type(key) is not str:
            raise ValueError("a key that this cache did not write")
        return key

    def store(self, value: Any, read: bool, key: Any = diskcache.UNKNOWN) -> Any:
        """A value, for the database."""
        if read or type(value) is not bytes:
            raise TypeError("the values of this cache are bytes")
        return super().store(value, False, key)

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> Any:
        """A value, from the database."""
        if mode not in (MODE_RAW, MODE_BINARY) or read:
            raise ValueError("a value that this cache did not write")
        found = super().fetch(mode, self._inside(filename), value, False)
        if type(found) is not bytes:
            raise ValueError("a value that this cache did not write")
        return found

    def remove(self, file_path: str) -> None:
        """Remove a value's file."""
        super().remove(self._inside(file_path))

    def _inside(self, filename: str | None) -> str | None:
        if filename is not None and (os.path.isabs(filename) or ".." in Path(filename).parts):
            raise ValueError("a value that this cache did not write")
        return filename


class BytesCache:
    """Text → bytes, each with a checksum. May be used from several threads and processes at once.

    One whose database is damaged is made anew, empty: whatever was in it can be made again.

    Args:
        folder: where it is; made where it is missing.
        megabytes: its size, at most; the oldest values give way.

    Raises:
        ConfigError: nothing can be written there.
    """

    def __init__(self, folder: Path, megabytes: int) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._cache = _opened(folder, megabytes) or _made_anew(folder, megabytes)
        except FAILURES as error:
            raise ConfigError(
                f"{folder}: cannot be used as a cache: {error}; name another folder with `cache:`"
            ) from None

    def get(self, key: str) -> bytes | None:
        """A value, or None; also where what is there was damaged."""
        try:
            value: bytes | None = self._cache.get(key)
        except FAILURES:
            return None
        return None if value is None else unsealed(value)

    def put(self, key: str, value: bytes, seconds: float | None = None) -> bool:
        """Keep a value, for so long at most; whether it could be kept: a full disk is no reason to fail."""
        try:
            return bool(self._cache.set(key, sealed(value), expire=seconds))
        except FAILURES:
            return False

    def close(self) -> None:
        """Close its files."""
        self._cache.close()


def _opened(folder: Path, megabytes: int) -> diskcache.Cache | None:
    """The cache in a folder; None where its database is damaged.

    Raises:
        OSError, sqlite3.Error, diskcache.Timeout: it cannot be used, for another reason.
    """
    try:
        cache = diskcache.Cache(str(folder), disk=BytesDisk, size_limit=megabytes << 20)
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", None) or ""
        # Its statements are right, so an error in one is damage as well.
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or name in ("SQLITE_ERROR", ""):
            return None
        raise
    except (ValueError, TypeError, AttributeError, KeyError):
        return None
    return cache


def _made_anew(folder: Path, megabytes: int) -> diskcache.Cache:
    for pattern in FILES:
        for file in folder.glob(pattern):
            file.unlink(missing_ok=True)
    return diskcache.Cache(str(folder), disk=BytesDisk, size_limit=megabytes << 20)

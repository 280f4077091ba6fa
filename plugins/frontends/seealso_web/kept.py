"""Thumbnails that stay in a collection's directory, for when the originals are away."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

from PIL import Image

from seealso_web.rendering import THUMBNAIL, is_whole, shrink


class KeptThumbnails:
    """SHA-256 of an image file → its thumbnail, a file each: ``thumbnails/ab/ab….webp``.

    They can be made again, so none is synced; what a power cut has left half written is as if it were not there.
    """

    def __init__(self, directory: Path) -> None:
        self._folder = directory / "thumbnails"

    def get(self, digest: bytes) -> bytes | None:
        """A thumbnail, or None."""
        try:
            data = self._file(digest).read_bytes()
        except OSError:
            return None
        return data if is_whole(data) else None

    def put(self, digest: bytes, thumbnail: bytes) -> None:
        """Keep a thumbnail.

        Raises:
            OSError: it cannot be written.
        """
        file = self._file(digest)
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_name(f".{file.name}.{os.getpid()}-{threading.get_ident()}.new")
        try:
            new.write_bytes(thumbnail)
            new.replace(file)
        finally:
            with contextlib.suppress(OSError):
                new.unlink()

    def make(self, digest: bytes, image: Image.Image) -> None:
        """Make a thumbnail of an image, and keep it, unless there is one.

        Raises:
            OSError: it cannot be written.
        """
        if self.get(digest) is None:
            self.put(digest, shrink(image, THUMBNAIL))

    def _file(self, digest: bytes) -> Path:
        name = digest.hex()
        return self._folder / name[:2] / f"{name}.webp"

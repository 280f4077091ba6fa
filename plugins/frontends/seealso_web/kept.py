"""Thumbnails that stay in a collection's directory, for when the originals are away."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from seealso import DecodedImage, ImageLimits
from seealso_web.rendering import THUMBNAIL, is_whole, render, shrink


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

    def make(self, digest: bytes, data: bytes, decoded: DecodedImage, limits: ImageLimits) -> None:
        """Make a thumbnail of an image, and keep it, unless there is one.

        Args:
            digest: SHA-256 of its file.
            data: the file's bytes.
            decoded: the image, perhaps at a reduced size; it is decoded again where that is too small.
            limits: on the image.

        Raises:
            OSError: it cannot be written.
        """
        if self.get(digest) is not None:
            return
        large_enough = decoded.image.size >= THUMBNAIL.fit(decoded.width, decoded.height)
        self.put(digest, shrink(decoded.image, THUMBNAIL) if large_enough else render(data, THUMBNAIL, limits))

    def let_go(self, known: Callable[[Iterable[bytes]], set[bytes]]) -> None:
        """Remove the thumbnails of what is known no more, and what an interrupted run has left half written.

        Args:
            known: digests → those of images that are still there.

        Raises:
            OSError: one cannot be removed.
        """
        for folder in self._folder.iterdir() if self._folder.is_dir() else ():
            files = {file: _digest(file) for file in folder.iterdir()} if folder.is_dir() else {}
            living = known(digest for digest in files.values() if digest is not None)
            for file, digest in files.items():
                if digest not in living:
                    file.unlink(missing_ok=True)

    def _file(self, digest: bytes) -> Path:
        name = digest.hex()
        return self._folder / name[:2] / f"{name}.webp"


def _digest(file: Path) -> bytes | None:
    """What a file of ours is a thumbnail of; None where it is none."""
    try:
        return bytes.fromhex(file.stem)
    except ValueError:
        return None

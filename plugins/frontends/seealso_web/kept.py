"""Thumbnails that stay in a collection's directory, for when the originals are away."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from seealso import DecodedImage, ImageLimits, Observed
from seealso_web.checksums import sealed, unsealed
from seealso_web.rendering import THUMBNAIL, is_whole, render, shrink


class KeptThumbnails:
    """SHA-256 of an image file → its thumbnail, a file each: ``extras/web/thumbnails/ab/ab….webp``.

    Behind the image stands a checksum: what is damaged is as if it were not there. Nor is what a power cut has left half written; they can
    be made again, so none is synced. Earlier releases kept them without a checksum, which are believed as long as they are of the right
    length; and in ``thumbnails/``, where they are read too, until `bring_home`.
    """

    def __init__(self, of: Observed) -> None:
        self._folder = of.folder_for("web") / "thumbnails"
        self._earlier = of.path / "thumbnails"

    def get(self, digest: bytes) -> bytes | None:
        """A thumbnail, or None."""
        for folder in (self._folder, self._earlier):
            with contextlib.suppress(OSError):
                thumbnail = _checked(_file(folder, digest).read_bytes())
                if thumbnail is not None:
                    return thumbnail
        return None

    def put(self, digest: bytes, thumbnail: bytes) -> None:
        """Keep a thumbnail.

        Raises:
            OSError: it cannot be written.
        """
        file = _file(self._folder, digest)
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_name(f".{file.name}.{os.getpid()}-{threading.get_ident()}.new")
        try:
            new.write_bytes(sealed(thumbnail))
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

    def bring_home(self) -> None:
        """Move what an earlier release has kept to where it is kept now. Interrupted, it goes on the next time.

        Raises:
            OSError: one cannot be moved.
        """
        for folder in self._earlier.iterdir() if self._earlier.is_dir() else ():
            for file in folder.iterdir() if folder.is_dir() else ():
                digest = _digest(file)
                if file.suffix == ".new" or (digest is not None and self._is_home(digest)):
                    file.unlink(missing_ok=True)
                elif digest is not None:
                    home = _file(self._folder, digest)
                    home.parent.mkdir(parents=True, exist_ok=True)
                    file.replace(home)
            _remove_empty(folder)
        _remove_empty(self._earlier)

    def _is_home(self, digest: bytes) -> bool:
        with contextlib.suppress(OSError):
            return _checked(_file(self._folder, digest).read_bytes()) is not None
        return False


def _checked(data: bytes) -> bytes | None:
    """The thumbnail that a file holds; None where it is damaged."""
    thumbnail = unsealed(data)
    if thumbnail is not None:
        return thumbnail
    return data if is_whole(data) else None


def _file(folder: Path, digest: bytes) -> Path:
    name = digest.hex()
    return folder / name[:2] / f"{name}.webp"


def _remove_empty(folder: Path) -> None:
    """Remove a folder with nothing in it; what somebody else has put there stays."""
    with contextlib.suppress(OSError):
        folder.rmdir()


def _digest(file: Path) -> bytes | None:
    """What a file of ours is a thumbnail of; None where it is none."""
    try:
        return bytes.fromhex(file.stem) if file.suffix == ".webp" else None
    except ValueError:
        return None

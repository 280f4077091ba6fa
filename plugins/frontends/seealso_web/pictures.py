"""The images that are shown: from the collection's directory, from the cache, or made just now."""

from __future__ import annotations

import contextlib

from seealso import Collection, ImageLimits, ObjectRecord
from seealso_web.cache import BytesCache
from seealso_web.kept import KeptThumbnails
from seealso_web.metrics import Metrics
from seealso_web.rendering import THUMBNAIL, Size, render


class Pictures:
    """Makes what is shown, and remembers it by content. May be called from several threads at once.

    Args:
        cache: where it is remembered.
        keep: thumbnails stay in the collection's directory.
        metrics: told where each came from.
    """

    def __init__(self, cache: BytesCache, *, keep: bool, metrics: Metrics) -> None:
        self._cache = cache
        self._keep = keep
        self._metrics = metrics

    def of_object(self, collection: Collection, record: ObjectRecord, size: Size) -> bytes:
        """An object, as WebP.

        Raises:
            FileError: its file is away, and it was not made before.
            ImageError: its file cannot be decoded any more.
        """
        kept = KeptThumbnails(collection) if size is THUMBNAIL else None
        picture = kept.get(record.hash) if kept is not None else None
        if picture is not None:
            self._metrics.pictures.labels("kept").inc()
            return picture
        key = f"{record.hash.hex()}-{size.name}"
        picture = self._cache.get(key)
        if picture is not None:
            self._metrics.pictures.labels("cache").inc()
        else:
            picture = render(collection.read(record.id), size, collection.limits)
            self._metrics.pictures.labels("made").inc()
            if kept is None or not self._keep:
                self._cache.put(key, picture)
        if kept is not None and self._keep:
            # Where nothing can be written it is made again the next time.
            with contextlib.suppress(OSError):
                kept.put(record.hash, picture)
        return picture

    def of_upload(self, name: str, data: bytes, size: Size, limits: ImageLimits) -> bytes:
        """An upload, as WebP.

        Raises:
            ImageError: it cannot be decoded.
        """
        key = f"{name}-{size.name}"
        picture = self._cache.get(key)
        if picture is None:
            picture = render(data, size, limits)
            self._cache.put(key, picture)
        self._metrics.pictures.labels("upload").inc()
        return picture

"""Image → descriptor. The latest are remembered, so that more of the neighbours of an upload cost no second extraction."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from seealso import Collection, ImageLimits, ObjectRecord, Region
from seealso_web.uploads import Upload

REMEMBERED = 256
"""Descriptors; of 4096 values they take 4 MB."""

Key = tuple[str, str, Region | None]
"""A collection, the hash of an image file, and a part of the image."""


class Describer:
    """Describes uploads and parts of images. May be called from several threads at once.

    Args:
        limits: on what visitors send.
    """

    def __init__(self, limits: ImageLimits) -> None:
        self._limits = limits
        self._latest: OrderedDict[Key, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def upload(self, collection: Collection, upload: Upload, part: Region | None = None) -> np.ndarray:
        """The descriptor ``(dim,)`` of what a visitor sent, or of a part of it.

        Raises:
            ImageError: it cannot be used as an image.
        """
        return self._remembered(
            (collection.name, upload.version, part),
            lambda: collection.describe(upload.data, region=part, limits=self._limits)[0],
        )

    def part(self, collection: Collection, record: ObjectRecord, part: Region) -> np.ndarray:
        """The descriptor ``(dim,)`` of a part of an object.

        Raises:
            QueryError: no place holds its file any more.
            ImageError: it cannot be used as an image.
        """
        return self._remembered(
            (collection.name, record.hash.hex(), part),
            lambda: collection.describe(collection.read(record.id), region=part)[0],
        )

    def _remembered(self, key: Key, describe: Callable[[], np.ndarray]) -> np.ndarray:
        with self._lock:
            if key in self._latest:
                self._latest.move_to_end(key)
                return self._latest[key]
        # Two threads may describe one image at once: rarely, and to the same end.
        descriptor = describe()
        with self._lock:
            self._latest[key] = descriptor
            if len(self._latest) > REMEMBERED:
                self._latest.popitem(last=False)
        return descriptor

"""From an example to its descriptor: from the store where it is there, else extracted."""

from __future__ import annotations

import hashlib
import math
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np

from seealso.collection.intake.reading import read_file
from seealso.collection.parts.opened import Opened
from seealso.collection.parts.reading_words import check_words
from seealso.collection.parts.resolved import Parts
from seealso.collection.search.content import read_content
from seealso.collection.search.measures import FromDescriptor, FromWords, Measure, Together, Weighted
from seealso.collection.search.stopwatch import Stopwatch
from seealso.collection.search.stored import NONE, Stored
from seealso.errors import FileError, ImageError, NoObject, QueryError
from seealso.images.decoding import decode_image
from seealso.interfaces.answer import Asked
from seealso.interfaces.example import Example, Region
from seealso.interfaces.extractor import Provenance
from seealso.interfaces.image_limits import ImageLimits
from seealso.interfaces.records import ObjectRecord
from seealso.paths import shown_path

REMEMBERED = 256
"""Descriptors of images that the collection does not hold; of 4,096 values they take 4 MB."""

Key = tuple[bytes, Region | None]
"""The SHA-256 of an image file (or words), and a part of the image."""


class Examples:
    """Finds the descriptors of examples. May be used from several threads at once.

    The latest that were extracted are remembered, so that the next page of an answer costs no second extraction.

    Args:
        name: the collection's.
        parts: extracts, and says what an image may be.
    """

    def __init__(self, name: str, parts: Parts) -> None:
        self._name = name
        self._parts = parts
        self._latest: OrderedDict[Key, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def measure(
        self, opened: Opened, examples: Sequence[Example], watch: Stopwatch, stored: Stored = NONE
    ) -> tuple[tuple[Asked, ...], Measure]:
        """What examples turn out to be, and how far objects are from them together; the arguments and errors are those of `find`.

        Raises:
            QueryError: the hits shall be both like and unlike the same thing.
        """
        asked, parts = [], []
        for example in examples:
            found, descriptor = self.find(opened, example, watch, stored)
            nearest = FromDescriptor(opened.distance, descriptor)
            words = example.words
            measure = nearest if words is None else FromWords(self._parts, words, nearest)
            asked.append(found)
            parts.append(Weighted(measure, example.weight))
        _check_agreement(examples, asked)
        return tuple(asked), parts[0].measure if len(parts) == 1 else Together(parts)

    def find(
        self, opened: Opened, example: Example, watch: Stopwatch, stored: Stored = NONE
    ) -> tuple[Asked, np.ndarray]:
        """What an example turns out to be, and its descriptor ``(dim,)``.

        Args:
            opened: the collection.
            example: what is asked.
            watch: books what the store reads as ``read``, and everything else as ``extract``.
            stored: objects that were looked up before.

        Raises:
            NoObject: there is no such object.
            QueryError: the descriptor is none of the collection's; or there are words, and the
                extractor reads none.
            ImageError: a file cannot be read as an image.
            ProvenanceMismatch: a descriptor would have to be extracted, by another extractor than made the collection.
        """
        if example.id is not None:
            return self._of_object(opened, example.id, example, watch, stored)
        if example.path is not None:
            assert isinstance(example.path, bytes)
            return self._of_path(opened, example.path, example, watch)
        if example.image is not None:
            return self._of_image(opened, example.image, example, watch)
        if example.words is not None:
            return Asked(), self._of_words(opened, example.words)
        descriptor = np.asarray(example.descriptor)
        check_descriptor(descriptor, opened.provenance)
        return Asked(), descriptor

    def _of_object(
        self, opened: Opened, id_: int, example: Example, watch: Stopwatch, stored: Stored = NONE
    ) -> tuple[Asked, np.ndarray]:
        record = stored.records.get(id_) or self.record(opened, id_)
        asked = Asked(id_, record.paths[0])
        if example.region is None:
            known = stored.descriptors.get(id_)
            return asked, _stored(opened, id_, watch) if known is None else known
        return asked, self._extracted(opened, record.hash, lambda: read_content(record, self._parts.limits), example)

    def _of_path(self, opened: Opened, path: bytes, example: Example, watch: Stopwatch) -> tuple[Asked, np.ndarray]:
        # What was imported has a place, and no file.
        placed = opened.catalog.objects_at([path]) if not self._parts.takes_images(opened.provenance) else {}
        if path in placed:
            return self._of_object(opened, placed[path], example, watch)
        data = read_query(path, self._limits_on(example))
        try:
            asked, descriptor = self._of_image(opened, data, example, watch)
        except ImageError as error:
            raise type(error)(f"{shown_path(path)}: {error}") from None
        return Asked(asked.id, path), descriptor

    def _of_image(self, opened: Opened, data: bytes, example: Example, watch: Stopwatch) -> tuple[Asked, np.ndarray]:
        digest = hashlib.sha256(data).digest()
        id_ = opened.catalog.id_of_hash(digest)
        if id_ is not None and example.region is None:
            return Asked(id_), _stored(opened, id_, watch)
        return Asked(id_), self._extracted(opened, digest, lambda: data, example)

    def _of_words(self, opened: Opened, words: str) -> np.ndarray:
        self._parts.check_provenance(opened.provenance)
        key = (b"words " + words.encode("utf-8", "surrogatepass"), None)

        def extract() -> np.ndarray:
            descriptor: np.ndarray = self._parts.extract_words([words])[0]
            # Afterwards: now what reads them is known without a second look at its files.
            check_words(self._parts, opened.catalog)
            return descriptor

        return self._remembered(opened, key, extract)

    def _extracted(self, opened: Opened, digest: bytes, data: Callable[[], bytes], example: Example) -> np.ndarray:
        self._parts.check_provenance(opened.provenance)
        limits = self._limits_on(example)
        return self._remembered(
            opened,
            (digest, example.region),
            lambda: extract_image(data(), self._parts, limits, example.region),
        )

    def _remembered(self, opened: Opened, key: Key, extract: Callable[[], np.ndarray]) -> np.ndarray:
        with self._lock:
            if key in self._latest:
                self._latest.move_to_end(key)
                return self._latest[key]
        # Two threads may extract from one image at once: rarely, and to the same end.
        descriptor = extract()
        check_descriptor(descriptor, opened.provenance)
        with self._lock:
            self._latest[key] = descriptor
            if len(self._latest) > REMEMBERED:
                self._latest.popitem(last=False)
        return descriptor

    def _limits_on(self, example: Example) -> ImageLimits:
        """What an example may be: damaged where what is taken in may be."""
        limits = self._parts.limits
        return limits if example.limits is None else example.limits.with_default(limits.damaged)

    def record(self, opened: Opened, id_: int) -> ObjectRecord:
        """An object.

        Raises:
            NoObject: there is none with this ID.
        """
        record = opened.catalog.records([id_]).get(id_)
        if record is None or not record.paths:
            raise NoObject(id_, self._name)
        return record


def _check_agreement(examples: Sequence[Example], asked: Sequence[Asked]) -> None:
    """Refuse what is liked and unliked at once."""
    called = [_called(example, found) for example, found in zip(examples, asked, strict=True)]
    liked = {name for name, example in zip(called, examples, strict=True) if name and example.weight > 0}
    for name, example in zip(called, examples, strict=True):
        if example.weight < 0 and name in liked:
            raise QueryError(f"the hits shall be both like and unlike {name}; leave one of the two out")


def _called(example: Example, found: Asked) -> str:
    """What an example is called; empty for what has no name: a descriptor, or an image that the collection does not hold."""
    if example.words is not None:
        return f"the words {' '.join(example.words.casefold().split())}"
    name = f"object {found.id}" if found.id is not None else "" if found.path is None else shown_path(found.path)
    if not name or example.region is None:
        return name
    region = example.region
    return f"the part {region.left:g},{region.top:g},{region.width:g},{region.height:g} of {name}"


def _stored(opened: Opened, id_: int, watch: Stopwatch) -> np.ndarray:
    watch.book("extract")
    descriptor: np.ndarray = opened.store.get_many(np.array([id_], dtype=np.int64))[0]
    watch.book("read")
    return descriptor


def read_query(path: bytes, limits: ImageLimits) -> bytes:
    """The bytes of a file.

    Raises:
        ImageError: it is larger than the limits allow.
        FileError: it cannot be read.
    """
    try:
        return read_file(path, limits)[0]
    except ImageError as error:
        raise type(error)(f"{shown_path(path)}: {error}") from None
    except OSError as error:
        raise FileError(f"{shown_path(path)}: cannot be read: {os.strerror(error.errno or 0)}") from None


def extract_image(data: bytes, parts: Parts, limits: ImageLimits, region: Region | None = None) -> np.ndarray:
    """The descriptor ``(dim,)`` of an image file's bytes, or of a part of the image.

    Raises:
        ImageError: they cannot be decoded.
    """
    side = parts.extractor.min_side
    if region is not None:
        # A small part is decoded at the size that the whole would have had.
        side = math.ceil(min(side / min(region.width, region.height), 1 << 16))
    image = decode_image(data, min_side=side, limits=limits, way=parts.way).image
    if region is not None:
        image = region.cut_from(image)
    descriptor: np.ndarray = parts.extract(parts.extractor.prepare(image)[np.newaxis])[0]
    return descriptor


def check_descriptor(descriptor: np.ndarray, provenance: Provenance) -> None:
    """Hold a descriptor to those of the collection.

    Raises:
        QueryError: it is not of their dimension and dtype, or holds values that are not finite.
    """
    if descriptor.shape != (provenance.dim,) or descriptor.dtype != provenance.dtype:
        raise QueryError(
            f"the query is {descriptor.dtype} of shape {descriptor.shape}; the collection's descriptors are "
            f"{provenance.dtype} of shape ({provenance.dim},)"
        )
    if descriptor.dtype.kind == "f" and not np.isfinite(descriptor).all():
        raise QueryError("the query holds values that are not finite numbers")

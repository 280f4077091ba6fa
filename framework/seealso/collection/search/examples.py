"""What is asked: a file or a descriptor, checked, as a descriptor."""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass

import numpy as np
from PIL import Image

from seealso.catalogue.reader import ObjectRecord
from seealso.collection.intake.reading import read_file
from seealso.collection.parts.resolved import Parts
from seealso.errors import ImageError, QueryError
from seealso.images.decoding import ImageLimits, decode_image
from seealso.interfaces.extractor import Provenance
from seealso.paths import shown_path


def read_query(path: bytes, limits: ImageLimits) -> bytes:
    """The bytes of a file.

    Raises:
        ImageError: it is larger than the limits allow.
        QueryError: it cannot be read.
    """
    try:
        return read_file(path, limits)[0]
    except ImageError as error:
        raise type(error)(f"{shown_path(path)}: {error}") from None
    except OSError as error:
        raise QueryError(f"{shown_path(path)}: cannot be read: {os.strerror(error.errno or 0)}") from None


@dataclass(frozen=True, slots=True)
class Region:
    """A part of an image, in shares of its width and height, from the upper left.

    Raises:
        QueryError: it has no area, or is not inside the image.
    """

    left: float
    top: float
    width: float
    height: float

    def __post_init__(self) -> None:
        sides = ((self.left, self.width), (self.top, self.height))
        # Written so that what is not a number is refused too.
        if not all(start >= 0 and length > 0 and start + length <= 1 + 1e-6 for start, length in sides):
            raise QueryError(
                f"the region {self.left}, {self.top}, {self.width}, {self.height} is not a part of the image; give left, "
                "top, width and height as shares of it, from 0 to 1"
            )

    def cut_from(self, image: Image.Image) -> Image.Image:
        """The part of an image; at least a pixel."""
        left = min(int(self.left * image.width), image.width - 1)
        top = min(int(self.top * image.height), image.height - 1)
        right = max(left + 1, min(round((self.left + self.width) * image.width), image.width))
        bottom = max(top + 1, min(round((self.top + self.height) * image.height), image.height))
        return image.crop((left, top, right, bottom))


def describe_query(data: bytes, parts: Parts, limits: ImageLimits, region: Region | None = None) -> np.ndarray:
    """The descriptor ``(dim,)`` of an image file's bytes, or of a part of the image.

    Raises:
        ImageError: they cannot be decoded.
    """
    side = parts.extractor.min_side
    if region is not None:
        # A small part is decoded at the size that the whole would have had.
        side = math.ceil(min(side / min(region.width, region.height), 1 << 16))
    image = decode_image(data, min_side=side, limits=limits).image
    if region is not None:
        image = region.cut_from(image)
    descriptor: np.ndarray = parts.extract(parts.extractor.prepare(image)[np.newaxis])[0]
    return descriptor


def read_content(record: ObjectRecord, limits: ImageLimits) -> bytes:
    """The bytes of an object's file, from the first of its places that still holds them.

    Raises:
        QueryError: none does; says why.
    """
    reason = ""
    for path in record.paths:
        try:
            data, _ = read_file(path, limits)
        except ImageError as error:
            reason = reason or f"{shown_path(path)}: {error}"
        except OSError as error:
            reason = reason or f"{shown_path(path)}: cannot be read: {os.strerror(error.errno or 0)}"
        else:
            if hashlib.sha256(data).digest() == record.hash:
                return data
            reason = reason or f"{shown_path(path)}: it has changed since it was taken in; index it again"
    raise QueryError(reason or f"object {record.id} is in no place any more")


def check_query(descriptor: np.ndarray, provenance: Provenance) -> None:
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

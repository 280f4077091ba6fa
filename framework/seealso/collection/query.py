"""What is asked: a file or a descriptor, checked, as a descriptor."""

from __future__ import annotations

import os

import numpy as np

from seealso.collection.parts import Parts
from seealso.collection.reading import read_file
from seealso.errors import ImageError, QueryError
from seealso.images import ImageLimits, decode_image
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


def describe_query(data: bytes, path: bytes, parts: Parts, limits: ImageLimits) -> np.ndarray:
    """The descriptor ``(dim,)`` of an image file's bytes.

    Raises:
        ImageError: they cannot be decoded; names the path.
    """
    try:
        decoded = decode_image(data, min_side=parts.extractor.min_side, limits=limits)
    except ImageError as error:
        raise type(error)(f"{shown_path(path)}: {error}") from None
    descriptor: np.ndarray = parts.extract(parts.extractor.prepare(decoded.image)[np.newaxis])[0]
    return descriptor


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

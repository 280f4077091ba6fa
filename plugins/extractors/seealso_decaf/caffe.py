"""Reads what Caffe wrote: trained networks (``.caffemodel``) and mean images (``.binaryproto``).

Both are messages of Protocol Buffers (Jia et al., *Caffe: Convolutional Architecture for Fast Feature Embedding*, ACM
Multimedia 2014). Of Caffe's schema only what is read is declared here. Messages within messages, and numbers that lie
packed, are declared as bytes, which on the wire they are: so each is looked at before it is taken apart, and millions of
numbers are never made into a list.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import dropwhile
from pathlib import Path
from typing import Any

import numpy as np

from seealso import PluginError, unreadable

LARGEST_MODEL = 512 << 20
"""Bytes: an AlexNet written as float64 has 488 million."""
LARGEST_MEAN = 16 << 20

# The names of the fields are Caffe's own. A type is one of Protocol Buffers'.
SCHEMA: dict[str, tuple[tuple[str, int, str], ...]] = {
    "NetParameter": (("layers", 2, "repeated bytes"), ("layer", 100, "repeated bytes")),
    "V1LayerParameter": (("name", 4, "bytes"), ("type", 5, "int32"), ("blobs", 6, "repeated bytes")),
    "LayerParameter": (("name", 1, "bytes"), ("type", 2, "bytes"), ("blobs", 7, "repeated bytes")),
    "BlobProto": (
        ("num", 1, "int32"),
        ("channels", 2, "int32"),
        ("height", 3, "int32"),
        ("width", 4, "int32"),
        ("data", 5, "repeated bytes"),
        ("shape", 7, "bytes"),
        ("double_data", 8, "repeated bytes"),
    ),
    "BlobShape": (("dim", 1, "repeated int64"),),
}
V1_TYPES = {15: b"LRN", 17: b"Pooling"}
"""The numbers of the layer types that we look for, in the older messages."""


@dataclass(frozen=True, slots=True)
class CaffeModel:
    """What a ``.caffemodel`` holds.

    Attributes:
        tensors: the parameters that were asked for, float32, as ``LAYER.weight`` and ``LAYER.bias``.
        pools_first: whether its first pooling stands before its first normalisation; None where it has not both.
    """

    tensors: dict[str, np.ndarray]
    pools_first: bool | None


def read_caffemodel(file: Path, shapes: Mapping[str, tuple[int, ...]]) -> CaffeModel:
    """Read a trained network, of older (V1) or newer layer messages.

    Args:
        file: the ``.caffemodel``.
        shapes: the parameters wanted, by the names that `CaffeModel` gives them, with their shapes. Others are passed over.

    Raises:
        PluginError: it cannot be read, is no such file, or lacks a parameter or has it in another shape; says which.
    """
    net = _parse("NetParameter", _read(file, LARGEST_MODEL), file)
    tensors: dict[str, np.ndarray] = {}
    types: list[bytes] = []
    for message, layers in (("V1LayerParameter", net.layers), ("LayerParameter", net.layer)):
        for data in layers:
            layer = _parse(message, data, file)
            types.append(V1_TYPES.get(layer.type, b"") if message == "V1LayerParameter" else layer.type)
            name = layer.name.decode(errors="replace")
            for kind, blob in zip(("weight", "bias"), layer.blobs, strict=False):
                shape = shapes.get(f"{name}.{kind}")
                if shape is not None:
                    tensors[f"{name}.{kind}"] = _values(blob, shape, f"{file}: its {name}.{kind}")
    missing = [name for name in shapes if name not in tensors]
    if missing:
        raise PluginError(f"{file}: it is no Caffe model of this network: it has no {missing[0]}")
    pools_first = types.index(b"Pooling") < types.index(b"LRN") if {b"Pooling", b"LRN"} <= set(types) else None
    return CaffeModel(tensors, pools_first)


def read_mean(file: Path, shape: tuple[int, int, int]) -> np.ndarray:
    """Read a mean image: float32 ``shape`` = (channels, height, width); the channels are blue, green, red.

    Raises:
        PluginError: it cannot be read, is no such file, or has another shape.
    """
    return _values(_read(file, LARGEST_MEAN), shape, f"{file}: the mean image")


def _read(file: Path, largest: int) -> bytes:
    if reason := unreadable(file, largest):
        raise PluginError(f"{file}: {reason}")
    try:
        return file.read_bytes()
    except OSError as error:
        raise PluginError(f"{file}: it cannot be read: {error.strerror}") from None


def _values(data: bytes, shape: tuple[int, ...], what: str) -> np.ndarray:
    """The numbers of a ``BlobProto``: float32, of the shape that they have to have."""
    blob = _parse("BlobProto", data, what)
    if blob.HasField("shape"):
        sides = tuple(_parse("BlobShape", blob.shape, what).dim)
    else:
        sides = (blob.num, blob.channels, blob.height, blob.width)
    # The older messages always have four sides; the first are 1 where there are fewer.
    if not _same_but_for_leading_ones(sides, shape):
        found = " x ".join(map(str, sides[:8])) or "no sides"
        raise PluginError(f"{what} has the shape {found}, where {' x '.join(map(str, shape))} is wanted")
    dtype = np.dtype("<f8" if blob.double_data else "<f4")
    parts = list(blob.double_data or blob.data)
    del blob  # which has them too: a layer may take 150 MB
    packed = parts.pop() if len(parts) == 1 else b"".join(parts)
    wanted = math.prod(shape) * dtype.itemsize
    if len(packed) != wanted:
        raise PluginError(f"{what} has {len(packed):,} bytes of values, where {wanted:,} are wanted")
    with np.errstate(over="ignore"):
        values = np.frombuffer(packed, dtype).astype(np.float32).reshape(shape)
    # Its ends tell: a value that is no number makes both of them none.
    if values.size and not np.isfinite([values.min(), values.max()]).all():
        raise PluginError(f"{what} holds values that are no finite numbers")
    return values


def _same_but_for_leading_ones(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    def essential(sides: tuple[int, ...]) -> list[int]:
        return list(dropwhile(lambda side: side == 1, sides))

    return essential(one) == essential(other)


def _parse(message: str, data: bytes, where: object) -> Any:
    from google.protobuf.message import DecodeError

    try:
        return _classes()[message].FromString(data)
    except DecodeError:
        raise PluginError(f"{where}: it is damaged, cut short, or none that Caffe wrote") from None


@cache
def _classes() -> dict[str, Any]:
    """The classes of the messages of the schema."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    declared = descriptor_pb2.FileDescriptorProto(name="seealso_decaf.proto", package="caffe", syntax="proto2")
    kinds = descriptor_pb2.FieldDescriptorProto
    for message, fields in SCHEMA.items():
        added = declared.message_type.add(name=message)
        for name, number, kind in fields:
            label = kinds.LABEL_REPEATED if kind.startswith("repeated ") else kinds.LABEL_OPTIONAL
            type_ = kinds.Type.Value(f"TYPE_{kind.removeprefix('repeated ').upper()}")
            added.field.add(name=name, number=number, label=label, type=type_)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(declared.SerializeToString())
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"caffe.{name}")) for name in SCHEMA}

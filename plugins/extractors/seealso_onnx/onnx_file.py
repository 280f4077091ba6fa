"""Writes ONNX files: as much of the format as the built-in networks need, so that no package has to be installed for it.

Such a file is a message of Protocol Buffers, and a message is a row of fields. A field is a key, made of its number and its kind,
and a value: a whole number, or a length and so many bytes. These are a text, an array, or another message. Whole numbers are written
seven bits to a byte, the lowest first; all bytes but the last have their highest bit set. The numbers of the fields are those of
``onnx.proto``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

FLOAT, UINT8 = 1, 2
"""ONNX's numbers for the types of tensors that are used here."""

WHOLE, WHOLES = 2, 7
"""And for the types of attributes."""


def tensor(name: str, values: np.ndarray) -> bytes:
    """A constant, float32."""
    array = np.ascontiguousarray(values, "<f4")
    # A scalar stays one: `ascontiguousarray` would give it an axis.
    dims = [_number(1, side) for side in np.shape(values)]
    return b"".join(dims) + _number(2, FLOAT) + _text(8, name) + _bytes(9, array.tobytes())


def node(operator: str, inputs: Sequence[str], output: str, attributes: dict[str, int | Sequence[int]]) -> bytes:
    """An operator with what goes in and what comes out. Attributes are whole numbers from 0 up, or several of them."""
    names = [_text(1, name) for name in inputs] + [_text(2, output)]
    return b"".join(names) + _text(4, operator) + b"".join(_bytes(5, _attribute(*each)) for each in attributes.items())


def value(name: str, kind: int, shape: Iterable[int | str]) -> bytes:
    """An input or output of the graph: a tensor of a type, whose sides are numbers, or named where they are open."""
    sides = [_text(2, side) if isinstance(side, str) else _number(1, side) for side in shape]
    tensor_type = _number(1, kind) + _bytes(2, b"".join(_bytes(1, side) for side in sides))
    return _text(1, name) + _bytes(2, _bytes(1, tensor_type))


def model(
    name: str,
    nodes: Iterable[bytes],
    constants: Iterable[bytes],
    inputs: Iterable[bytes],
    outputs: Iterable[bytes],
    *,
    ir_version: int,
    opset: int,
) -> bytes:
    """The whole file, of a version of the format (IR) and of the set of operators."""
    fields = [(1, nodes), (5, constants), (11, inputs), (12, outputs)]
    graph = _text(2, name) + b"".join(_bytes(number, each) for number, some in fields for each in some)
    return _number(1, ir_version) + _bytes(7, graph) + _bytes(8, _text(1, "") + _number(2, opset))


def _attribute(name: str, given: int | Sequence[int]) -> bytes:
    if isinstance(given, int):
        return _text(1, name) + _number(3, given) + _number(20, WHOLE)
    return _text(1, name) + b"".join(_number(8, each) for each in given) + _number(20, WHOLES)


def _number(field: int, given: int) -> bytes:
    return _varint(field << 3) + _varint(given)


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _text(field: int, content: str) -> bytes:
    return _bytes(field, content.encode())


def _varint(given: int) -> bytes:
    written = bytearray()
    while given > 0x7F:
        written.append(given & 0x7F | 0x80)
        given >>= 7
    written.append(given)
    return bytes(written)

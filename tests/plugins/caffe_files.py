"""Writes Caffe's files byte by byte, and describes its networks to OpenCV, which is the reference."""

from pathlib import Path

import numpy as np

SHAPES = {
    "conv1": (96, 3, 11, 11),
    "conv2": (256, 48, 5, 5),
    "conv3": (384, 256, 3, 3),
    "conv4": (384, 192, 3, 3),
    "conv5": (256, 192, 3, 3),
    "fc6": (4096, 9216),
    "fc7": (4096, 4096),
    "fc8": (1000, 4096),
}
DIM = 4096
MEAN = (104, 117, 123)

# How the layers follow one another, as (name, type). The rectifiers work in place.
CAFFENET = (
    "conv1 relu1 pool1 norm1 conv2 relu2 pool2 norm2 conv3 relu3 conv4 relu4 conv5 relu5 pool5 fc6 relu6 fc7 relu7"
)
ALEXNET = (
    "conv1 relu1 norm1 pool1 conv2 relu2 norm2 pool2 conv3 relu3 conv4 relu4 conv5 relu5 pool5 fc6 relu6 fc7 relu7"
)
TYPES = {"conv": "Convolution", "relu": "ReLU", "pool": "Pooling", "norm": "LRN", "fc": "InnerProduct"}
V1_TYPES = {"Convolution": 4, "InnerProduct": 14, "LRN": 15, "Pooling": 17, "ReLU": 18}
PARAMETERS = {
    "conv1": "num_output: 96 kernel_size: 11 stride: 4",
    "conv2": "num_output: 256 pad: 2 kernel_size: 5 group: 2",
    "conv3": "num_output: 384 pad: 1 kernel_size: 3",
    "conv4": "num_output: 384 pad: 1 kernel_size: 3 group: 2",
    "conv5": "num_output: 256 pad: 1 kernel_size: 3 group: 2",
    "fc": "num_output: {dim}",
    "pool": "pool: MAX kernel_size: 3 stride: 2",
    "norm": "local_size: 5 alpha: 0.0001 beta: 0.75",
}
PARAMETER_NAMES = {"conv": "convolution", "fc": "inner_product", "pool": "pooling", "norm": "lrn"}


def type_of(layer: str) -> str:
    return TYPES[layer.rstrip("0123456789")]


def random_tensors(dim: int = DIM) -> dict[str, np.ndarray]:
    """Parameters at random, such that what goes through the network neither dies away nor explodes.

    Args:
        dim: how many neurons the hidden layers have; with fewer than Caffe's own the file is smaller by as much.
    """
    rng = np.random.default_rng(0)
    tensors = {}
    for layer, shape in SHAPES.items():
        shape = tuple(dim if side == DIM else side for side in shape)
        scale = np.float32(np.sqrt(2 / np.prod(shape[1:])))
        tensors[f"{layer}.weight"] = rng.standard_normal(shape, np.float32) * scale
        tensors[f"{layer}.bias"] = rng.standard_normal(shape[:1], np.float32)
    return tensors


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def field(number: int, value: int | str | bytes) -> bytes:
    """One field of a message, as Protocol Buffers write it."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def blob(values: np.ndarray, *, old: bool, sides: tuple[int, ...] | None = None) -> bytes:
    """A BlobProto: float32, or float64 where the values are; of other sides than theirs where that is wanted."""
    sides = values.shape if sides is None else sides
    if old:
        sides = (1,) * (4 - len(sides)) + tuple(sides)
        shape = b"".join(field(number, side) for number, side in enumerate(sides, 1))
    else:
        shape = field(7, field(1, b"".join(map(varint, sides))))
    return shape + field(8 if values.dtype == np.float64 else 5, values.tobytes())


def layer(name: str, type_: str, blobs: list[bytes], *, old: bool) -> bytes:
    """A layer of a NetParameter, whole with its tag."""
    if old:
        inner = [field(2, name), field(3, name), field(4, name), field(5, V1_TYPES[type_])]
        return field(2, b"".join(inner + [field(6, each) for each in blobs]))
    inner = [field(1, name), field(2, type_), field(3, name), field(4, name)]
    return field(100, b"".join(inner + [field(7, each) for each in blobs]))


def model(tensors: dict[str, np.ndarray], layers: str, *, old: bool) -> bytes:
    """A ``.caffemodel`` with these layers, in their order."""
    parts = [field(1, "network")]
    for name in layers.split():
        held = [tensors[each] for each in (f"{name}.weight", f"{name}.bias") if each in tensors]
        parts.append(layer(name, type_of(name), [blob(values, old=old) for values in held], old=old))
    return b"".join(parts)


def write_mean(file: Path, image: np.ndarray) -> None:
    """A mean image ``(3, height, width)``."""
    file.write_bytes(blob(image.astype(np.float32), old=True))


def prototxt(layers: str, side: int, dim: int = DIM) -> bytes:
    """The network for patches of that side, in Caffe's own words; its hidden layers have ``dim`` neurons."""
    text = [f'name: "n" input: "data" input_dim: 1 input_dim: 3 input_dim: {side} input_dim: {side}']
    bottom = "data"
    for name in layers.split():
        kind = name.rstrip("0123456789")
        top = bottom if kind == "relu" else name
        parameters = PARAMETERS.get(name) or PARAMETERS.get(kind)
        inner = f"{PARAMETER_NAMES[kind]}_param {{ {parameters.format(dim=dim)} }}" if parameters else ""
        text.append(f'layer {{ name: "{name}" type: "{type_of(name)}" bottom: "{bottom}" top: "{top}" {inner} }}')
        bottom = top
    return "\n".join(text).encode()

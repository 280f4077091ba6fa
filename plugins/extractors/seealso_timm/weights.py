"""Weights for a network of timm: from a file, or downloaded by timm."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import timm
from torch import Tensor, nn

from seealso import PluginError
from seealso_torch import file_sha256, fit, load_state, state_sha256


def load(name: str, file: Path) -> tuple[nn.Module, str]:
    """A network with the weights of a file, without its classifier; that of the file may be missing, or another.

    The tensors are found by their names. Where these do not fit, but are those of a form in which the model was published,
    timm's own rules for it translate them. Where no name at all fits, but the tensors are as many as the network's and each,
    in their order, has the right shape, the order counts.

    Returns:
        The network, and the SHA-256 of the file.

    Raises:
        PluginError: the file cannot be read, or holds the weights of another network.
    """
    sha256 = file_sha256(file)
    state = load_state(file)
    network = timm.create_model(name)
    full = network.state_dict()
    network.reset_classifier(0)
    wanted = network.state_dict().keys()
    if in_order(state, full):
        state = dict(zip(full, state.values(), strict=True))
    elif not wanted <= state.keys() <= full.keys():
        state = translated(state, network)
    classifier = full.keys() - wanted
    fit(network, {name: tensor for name, tensor in state.items() if name not in classifier}, file)
    return network, sha256


def in_order(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> bool:
    """Whether tensors under quite other names are a network's by their number, their order and every shape."""
    return (
        not state.keys() & wanted.keys()
        and len(state) == len(wanted)
        and all(found.shape == place.shape for found, place in zip(state.values(), wanted.values(), strict=True))
    )


def translated(state: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """The tensors under the network's own names, by timm's rules for the forms in which it was published; if it has any."""
    translate = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    if translate is None:
        return state
    try:
        found = translate(dict(state), network)
    except Exception:
        # It is made for what it knows, and raises whatever other tensors lead it to.
        return state
    return found if isinstance(found, dict) else state


def download(name: str) -> tuple[nn.Module, str]:
    """A network with its published weights, without its classifier. timm downloads them, or has them in its cache.

    Returns:
        The network, and the SHA-256 of its tensors.

    Raises:
        PluginError: there are none, or they cannot be had.
    """
    try:
        network = timm.create_model(name, pretrained=True)
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise PluginError(
            f"timm cannot get the published weights of {name} ({reason}); try again, or name a file: `weights: ./{name}.safetensors`"
        ) from error
    network.reset_classifier(0)
    return network, state_sha256(network.state_dict())

"""Files of trained weights. They come from strangers: nothing in them is run, and only tensors are taken."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from seealso import PluginError, one_line, reason_of, unreadable

LARGEST = 1 << 36
"""Bytes of a file of weights: more than any network that is published has."""

NESTED = ("state_dict_ema", "model_ema", "state_dict", "model")
"""Under these a training program keeps the tensors, beside other things; first, those averaged over the training."""

PREFIX = "module."
"""What torch's parallel training puts before every name."""


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal.

    Raises:
        PluginError: it cannot be read.
    """
    _check(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PluginError(f"{path}: it cannot be read: {error.strerror}") from None


def _check(path: Path) -> None:
    """Refuse a path that is no regular file, that is too large, or that may not be read.

    Raises:
        PluginError: says why.
    """
    if reason := unreadable(path, LARGEST):
        raise PluginError(f"{path}: {reason}")
    try:
        path.open("rb").close()
    except OSError as error:
        raise PluginError(f"{path}: it cannot be read: {error.strerror}") from None


def state_sha256(state: Mapping[str, Tensor]) -> str:
    """The SHA-256 of tensors, hexadecimal: of their names, types, shapes and values, whatever their order."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def load_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a ``.safetensors`` file, or of one that torch wrote (``.pth``, ``.pt``, ``.bin``), by their names.

    Those of a training's checkpoint are taken out of it, and the prefix of a parallel training is taken off.

    Raises:
        PluginError: it cannot be read, is damaged or cut short, or holds anything but tensors, such as code.
    """
    _check(path)
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            loaded: object = load_file(path)
        else:
            # In such a file many a training keeps its arguments too: values without code.
            with torch.serialization.safe_globals([argparse.Namespace]):
                loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # The readers raise whatever the bytes lead them to.
        raise PluginError(
            f"{path}: it is damaged, cut short, or holds more than tensors, and was not read ({one_line(reason_of(error), 160)})"
        ) from None
    for key in NESTED:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
            break
    if not isinstance(loaded, Mapping) or not loaded:
        raise PluginError(f"{path}: it holds no table of tensors")
    for name, tensor in loaded.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise PluginError(f"{path}: what it holds as {name!r} is no tensor")
    prefix = PREFIX if all(name.startswith(PREFIX) for name in loaded) else ""
    return {name.removeprefix(prefix): tensor for name, tensor in loaded.items()}


def fit(module: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Give a module the tensors of a file, all of them and no others. The module may be without memory (``meta``).

    They are not copied where their dtype is the module's.

    Raises:
        PluginError: one is missing, or too many, or of another shape, or holds values that are no finite numbers.
    """
    wanted = module.state_dict()
    missing = [name for name in wanted if name not in state]
    surplus = [name for name in state if name not in wanted]
    if missing:
        raise PluginError(f"{path}: it holds the weights of another network: {_listed(missing)} missing")
    if surplus:
        raise PluginError(f"{path}: it holds the weights of another network: {_listed(surplus)} too many")
    fitting = {}
    for name, place in wanted.items():
        tensor = state[name]
        if tensor.shape != place.shape:
            raise PluginError(
                f"{path}: it holds the weights of another network: {name} has the shape {tuple(tensor.shape)}, where "
                f"{tuple(place.shape)} is wanted"
            )
        # Its ends tell: a value that is no number makes both of them none.
        if tensor.is_floating_point() and tensor.numel() and not torch.stack(tensor.float().aminmax()).isfinite().all():
            raise PluginError(f"{path}: {name} holds values that are no finite numbers")
        fitting[name] = tensor.to(place.dtype)
    module.load_state_dict(fitting, assign=True)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 1} more are" if len(names) > 1 else " is"
    return f"{names[0]}{more}"

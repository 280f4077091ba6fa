"""Puts together what the options describe: the network, its weights, and how an image is shown to it."""

from __future__ import annotations

import math
from difflib import get_close_matches
from typing import Any

import timm
import torch
from timm.data import resolve_model_data_config
from torch import Tensor, nn

from seealso import PluginError, Preparation
from seealso_timm.options import TimmOptions
from seealso_timm.weights import download, load
from seealso_torch import Assembled


class Described(nn.Module):
    """A network on bytes: uint8 ``(n, height, width, 3)``, RGB → ``(n, dim)``.

    Args:
        network: takes ``(n, 3, height, width)``, normalised.
        mean: of red, green and blue, in units of 0 to 255, subtracted.
        std: what they are divided by.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", mean.reshape(3, 1, 1), persistent=False)
        self.register_buffer("std", std.reshape(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Images → descriptors."""
        described: Tensor = self.network((images.permute(0, 3, 1, 2) - self.mean) / self.std)
        return described


def assemble(options: TimmOptions) -> Assembled:
    """Make the network and load its weights.

    Raises:
        PluginError: there is no such model, or the weights cannot be used; says what to do.
    """
    check_model(options.model)
    if options.weights is None:
        network, sha256 = download(options.model)
    else:
        network, sha256 = load(options.model, options.weights)
    record = resolve_model_data_config(network)
    preparation = prepared_as(record, options.model)
    mean, std = (
        torch.tensor(given) if given is not None else 255 * torch.tensor(record[name])
        for name, given in (("mean", options.mean), ("std", options.std))
    )
    module = Described(network, mean, std).eval()
    shown = " / ".join("(" + " ".join(f"{value:g}" for value in each.tolist()) + ")" for each in (mean, std))
    preprocessing = f"{preparation}, (x - mean) / std {shown}, timm {options.model.partition('.')[0]}, pooled layer, {options.precision}"
    return Assembled(module, sha256, preparation, preprocessing, find_dim(module, preparation, options.model))


def check_model(name: str) -> None:
    """Refuse what is no model of timm.

    Raises:
        PluginError: suggests the nearest.
    """
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        raise PluginError(f"timm has no model {architecture!r}{_nearest(architecture, timm.list_models())}")
    if not tag:
        return
    published = timm.list_models(f"{architecture}.*", pretrained=True)
    if name not in published:
        raise PluginError(f"timm knows no weights {tag!r} of {architecture}{_nearest(name, published)}")


def prepared_as(record: dict[str, Any], name: str) -> Preparation:
    """How timm's record of a model says that images are prepared.

    Raises:
        PluginError: in a way that is not known here.
    """
    channels, *size = record["input_size"]
    if channels != 3 or record["crop_mode"] not in ("center", "squash"):
        raise PluginError(f"{name}: it takes images of {channels} channels, cropped by {record['crop_mode']!r}")
    height, width = size
    down, across = (math.floor(side / record["crop_pct"]) for side in size)
    try:
        return Preparation((height, width), (down, across), record["crop_mode"] == "squash", record["interpolation"])
    except ValueError as error:
        raise PluginError(f"{name}: {error}") from None


def find_dim(module: nn.Module, preparation: Preparation, name: str) -> int:
    """The number of values in a descriptor; found by a trial.

    Raises:
        PluginError: the network gives something else.
    """
    with torch.inference_mode():
        found = module(torch.zeros((1, *preparation.size, 3), dtype=torch.uint8))
    if not isinstance(found, Tensor) or found.ndim != 2:
        raise PluginError(f"{name}: it does not pool what it finds to one row of values an image; choose another model")
    return int(found.shape[1])


def _nearest(name: str, valid: list[str]) -> str:
    near = get_close_matches(name, valid, n=1, cutoff=0.5)
    return f"; did you mean `{near[0]}`?" if near else ""

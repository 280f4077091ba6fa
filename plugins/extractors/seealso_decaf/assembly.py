"""Puts together what the options describe: the weights, the network that they belong to, and how an image is shown to it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from seealso import PluginError, Preparation
from seealso_decaf.caffe import read_mean
from seealso_decaf.network import DIM, SIDE, Patches, TorchvisionAlexNet
from seealso_decaf.options import DecafOptions
from seealso_decaf.weights import load_network
from seealso_torch import Assembled, file_sha256

PREPARATION = Preparation((SIDE, SIDE), (SIDE, SIDE), squash=True)
"""The whole image, whatever its shape."""

CAFFE_MEAN = (104.0, 117.0, 123.0)
"""Blue, green, red: the means of ImageNet's photographs, as they are commonly rounded for Caffe's networks."""

# Red, green, blue, of values from 0 to 1: what torchvision's networks are trained with.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def assemble(weights: Path, options: DecafOptions) -> Assembled:
    """Load the weights and the mean image.

    Raises:
        PluginError: a file cannot be read or used, or an option does not fit the network in it.
    """
    sha256 = file_sha256(weights)
    network = load_network(weights, options.network)
    if isinstance(network, TorchvisionAlexNet):
        if options.mean is not None:
            raise PluginError(f"{weights}: torchvision's network has a mean of its own; leave `mean:` out")
        mean, std = 255 * torch.tensor(IMAGENET_MEAN), 255 * torch.tensor(IMAGENET_STD)
        described = "torchvision's alexnet, RGB, ImageNet's mean and deviation"
    else:
        mean, words = _caffe_mean(options)
        std = torch.ones(3)
        described = f"{network.name}, BGR, less {words}"
    module = Patches(
        network,
        mean,
        std,
        bgr=not isinstance(network, TorchvisionAlexNet),
        side=options.patch,
        count=options.patches,
    )
    patches = "10 patches" if options.patches == 10 else "centre patch"
    size = f"{options.patch}x{options.patch}"
    preprocessing = f"{SIDE}x{SIDE} bicubic, {described}, {patches} {size}, fc7, {options.precision}"
    return Assembled(module.eval(), sha256, PREPARATION, preprocessing, DIM)


def _caffe_mean(options: DecafOptions) -> tuple[Tensor, str]:
    """The mean to subtract, and its description."""
    if isinstance(options.mean, Path):
        image = read_mean(options.mean, (3, SIDE, SIDE))
        return torch.from_numpy(image), f"the mean image {file_sha256(options.mean)}"
    mean = options.mean or CAFFE_MEAN
    return torch.tensor(mean), f"mean {' '.join(f'{value:g}' for value in mean)}"

"""The options of the extractor ``decaf7``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, FiniteFloat

from seealso import RelativePath
from seealso_torch import TorchOptions

Triple = tuple[FiniteFloat, FiniteFloat, FiniteFloat]


class DecafOptions(TorchOptions):
    """Which trained network, and how an image is shown to it."""

    weights: RelativePath | None = Field(
        default=None,
        description="the trained weights: a .caffemodel of Caffe's AlexNet, the same as .safetensors, or torchvision's "
        "alexnet (.pth); `seealso weights list` says where there are some",
    )
    network: Literal["caffenet", "alexnet"] | None = Field(
        default=None,
        description="Caffe's two AlexNets: caffenet pools before it normalises, alexnet behind; default: what the file says",
    )
    mean: Triple | RelativePath | None = Field(
        default=None,
        description="what is subtracted from the pixels: [blue, green, red] in units of 0 to 255, or the mean image that came "
        "with the weights (.binaryproto); default: [104, 117, 123]",
    )
    patch: Literal[224, 227] = Field(default=224, description="side of a patch in pixels, of an image of 256 x 256")
    patches: Literal[1, 10] = Field(
        default=10,
        description="10: the four corners, the centre, and their mirror images, averaged; 1: the centre alone, in a tenth of "
        "the time",
    )

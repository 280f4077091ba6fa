"""The options of the extractor ``decaf7``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, FiniteFloat, ValidationInfo, field_validator

from seealso_torch import TorchOptions

Triple = tuple[FiniteFloat, FiniteFloat, FiniteFloat]


class DecafOptions(TorchOptions):
    """Which trained network, and how an image is shown to it."""

    weights: str | None = Field(
        default=None,
        description="the trained weights: a .caffemodel of Caffe's AlexNet, the same as .safetensors, or torchvision's "
        "alexnet (.pth); `seealso weights list` says where there are some",
    )
    network: Literal["caffenet", "alexnet"] | None = Field(
        default=None,
        description="Caffe's two AlexNets: caffenet pools before it normalises, alexnet behind; default: what the file says",
    )
    mean: Triple | str | None = Field(
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

    @field_validator("weights", "mean")
    @classmethod
    def _resolve(cls, file: Triple | str | None, info: ValidationInfo) -> Triple | str | None:
        if not isinstance(file, str):
            return file
        base = (info.context or {}).get("base", Path.cwd())
        return str((base / Path(file).expanduser()).absolute())

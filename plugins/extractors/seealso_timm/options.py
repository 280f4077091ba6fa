"""The options of the extractor ``timm``."""

from __future__ import annotations

from typing import Self

from pydantic import Field, FiniteFloat, field_validator, model_validator

from seealso import RelativePath
from seealso_torch import TorchOptions

Triple = tuple[FiniteFloat, FiniteFloat, FiniteFloat]


class TimmOptions(TorchOptions):
    """Which network, with which weights."""

    model: str = Field(
        min_length=1, description="a network of timm, such as resnet50 or vit_small_patch14_dinov2.lvd142m"
    )
    weights: RelativePath | None = Field(
        default=None, description="the trained weights: a .safetensors, or a file of torch (.pth, .pt, .bin)"
    )
    pretrained: bool = Field(
        default=False, description="true: the published weights, which timm downloads and keeps in its own cache"
    )
    mean: Triple | None = Field(
        default=None,
        description="mean of R, G, B in units of 0 to 255, subtracted; default: what timm records of the model",
    )
    std: Triple | None = Field(
        default=None, description="standard deviation of R, G, B, divided by; default: what timm records of the model"
    )

    @field_validator("std")
    @classmethod
    def _divisible(cls, std: Triple | None) -> Triple | None:
        if std is not None and min(std) <= 0:
            raise ValueError("standard deviations have to be above 0")
        return std

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.weights is not None and self.pretrained:
            raise ValueError("`weights:` names a file, and `pretrained: true` has others downloaded; say one of them")
        return self

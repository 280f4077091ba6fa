"""The options that every extractor on torch has."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from seealso import PluginOptions


class TorchOptions(PluginOptions):
    """Where a network runs, how precisely, and on how many images at once."""

    device: str = Field(
        default="auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$",
        description="where the network runs: auto (a graphics card where there is one), cpu, cuda, cuda:1, mps",
    )
    precision: Literal["fp32", "bf16", "fp16"] = Field(
        default="fp32",
        description="of the network's arithmetic: fp32; bf16 or fp16 are faster on a graphics card, and less exact",
    )
    batch_images: Annotated[int, Field(strict=True, gt=0)] | Literal["auto"] = Field(
        default="auto",
        description="images that the network is given at once; auto: as many as the device has memory for",
    )

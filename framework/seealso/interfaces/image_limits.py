"""What an image file may be, at most."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, StrictInt


class ImageLimits(BaseModel):
    """What an image file may be, at most; checked before anything is decoded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_bytes: StrictInt = Field(default=256 << 20, gt=0, description="bytes of a file")
    max_pixels: StrictInt = Field(default=250_000_000, gt=0, description="pixels of an image, width × height")

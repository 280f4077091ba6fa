"""The options of the sketches."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from seealso import PluginOptions
from seealso_rabitq.code import FACTORS, values_of


class RaBitQOptions(PluginOptions):
    """How large a sketch is, and what is made of its room. A change of any of these takes `seealso rebuild`."""

    bytes: int = Field(
        40,
        ge=FACTORS + 8,
        le=FACTORS + 512,
        multiple_of=8,
        description=(
            f"bytes an object takes, a multiple of 8; {FACTORS} of them are two numbers, the rest is the code. With 72 in the place of 40 "
            "half as many reads find as much"
        ),
    )
    bits: Literal[1, 2, 4] | None = Field(
        None,
        description=(
            "bits of each value; fewer leave room for more values. null: whichever ranks the sample best, which depends on how many "
            "values it takes to tell the descriptors apart"
        ),
    )
    seed: int = Field(0, ge=0, description="of the rotation; the same seed gives the same sketches")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.bits is not None and not values_of(self.bytes, self.bits):
            least = next(size for size in range(FACTORS + 8, FACTORS + 520, 8) if values_of(size, self.bits))
            raise ValueError(f"{self.bits} bits do not fit into {self.bytes} bytes; give at least {least}")
        return self


class LandmarksOptions(RaBitQOptions):
    """The same, and how many landmarks place an object."""

    seed: int = Field(
        0, ge=0, description="of the choice of landmarks and the rotation; the same seed gives the same sketches"
    )
    landmarks: int = Field(
        1024,
        ge=1,
        le=2048,
        description=(
            "objects of the sample that each object is compared with once, when it is taken in; more of them place it better and "
            "take as much longer"
        ),
    )

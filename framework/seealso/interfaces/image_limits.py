"""What an image file may be."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StrictInt


class ImageLimits(BaseModel):
    """What an image file may be: at most, which is checked before anything is decoded; and how much of it has to be there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_bytes: StrictInt = Field(default=256 << 20, gt=0, description="bytes of a file")
    max_pixels: StrictInt = Field(default=250_000_000, gt=0, description="pixels of an image, width × height")
    damaged: Literal["take", "refuse"] | None = Field(
        default=None,
        description=(
            "what becomes of a picture that is damaged: take it, where at least half of it can be decoded, or refuse it; null: take it, but "
            "refuse it in a collection that was made by a release that did"
        ),
    )

    def with_default(self, damaged: Literal["take", "refuse"] | None) -> Self:
        """The same, and where nothing is said of damaged pictures, this."""
        return self if self.damaged is not None else self.model_copy(update={"damaged": damaged})

    def taking_damaged(self) -> Self:
        """The same, but damaged pictures are taken: so that what was taken in before is shown, whatever the configuration says by now."""
        return self.model_copy(update={"damaged": "take"})

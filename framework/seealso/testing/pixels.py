"""A plugin in one file: the extractor ``pixels``, which is quick, always the same, and needs no network."""

import numpy as np
from PIL import Image

import seealso


class PixelsOptions(seealso.PluginOptions):
    """The options of the extractor ``pixels``."""

    side: int = 8


class Pixels(seealso.Extractor):
    """An image in 8 × 8 pixels, as 192 values from 0 to 255."""

    name = "pixels"
    min_side = 16
    Options = PixelsOptions
    options: PixelsOptions

    @property
    def provenance(self) -> seealso.Provenance:
        """What the descriptors are."""
        side = self.options.side
        return seealso.Provenance(self.name, "", f"{side} x {side} pixels, mean of each", dim=3 * side * side)

    def prepare(self, image: Image.Image) -> np.ndarray:
        """The small image, uint8 ``(side, side, 3)``."""
        side = self.options.side
        return np.asarray(image.resize((side, side), Image.Resampling.BOX))

    def extract(self, batch: np.ndarray) -> np.ndarray:
        """Its values, float32."""
        return batch.reshape(len(batch), -1).astype(np.float32)


@seealso.hookimpl
def register_extractors() -> list[type[seealso.Extractor]]:
    """The extractor."""
    return [Pixels]

"""A plugin in one file: a cheap, deterministic extractor for tests. Its descriptor is the image in 8 × 8 pixels."""

import numpy as np
from PIL import Image

import seealso


class Thumbnail(seealso.Extractor):
    """An 8 × 8 thumbnail, RGB, as 192 float32 values."""

    name = "thumbnail"
    min_side = 8
    batch_size = 16

    class Options(seealso.PluginOptions):
        side: int = 8

    options: Options

    @property
    def provenance(self) -> seealso.Provenance:
        side = self.options.side
        return seealso.Provenance("thumbnail", "", f"resized to {side} × {side}", dim=3 * side * side)

    def prepare(self, image: Image.Image) -> np.ndarray:
        return np.asarray(image.resize((self.options.side, self.options.side), Image.Resampling.BOX))

    def extract(self, batch: np.ndarray) -> np.ndarray:
        return batch.reshape(len(batch), -1).astype(np.float32)


@seealso.hookimpl
def register_extractors():
    return [Thumbnail]

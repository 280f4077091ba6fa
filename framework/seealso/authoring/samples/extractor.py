"""The extractor ``acme``: the mean colours of the parts of an image."""

import numpy as np
from PIL import Image
from pydantic import Field

import seealso


class AcmeOptions(seealso.PluginOptions):
    """The options of the extractor acme."""

    parts: int = Field(default=6, ge=1, le=64, description="into how many parts an image is divided, across and down")


class Acme(seealso.Extractor):
    """Describes an image by the mean colours of its parts."""

    name = "acme"
    min_side = 64
    default_distance = "euclidean"
    Options = AcmeOptions
    options: AcmeOptions

    @property
    def provenance(self) -> seealso.Provenance:
        """What makes the descriptors what they are. A network has the SHA-256 of its weights here."""
        parts = self.options.parts
        return seealso.Provenance(self.name, "", f"mean colours of {parts} x {parts} parts, RGB", dim=3 * parts * parts)

    def prepare(self, image: Image.Image) -> np.ndarray:
        """The colours, uint8 ``(parts, parts, 3)``. Called from several threads at once."""
        side = self.options.parts
        return np.asarray(image.resize((side, side), Image.Resampling.BOX))

    def extract(self, batch: np.ndarray) -> np.ndarray:
        """The same as numbers from 0 to 1, float32. Here a network would run, on all the images at once."""
        return batch.reshape(len(batch), -1).astype(np.float32) / 255

"""The extractor ``perceptual-hash``: 64 bits that stay the same when an image is scaled, compressed, or made a little lighter.

A plugin in one file. Name it in a configuration:

    plugins: [./perceptual_hash.py]
    collections:
      originals:
        path: ./originals.seealso
        extractor: perceptual-hash

It finds copies, and not what merely looks alike: 0 to 10 bits of difference are the same picture, 32 are chance. The hash says
where the low frequencies of the brightness are above their median (Zauner, Implementation and Benchmarking of Perceptual Image
Hash Functions, 2010).
"""

import numpy as np
from PIL import Image
from pydantic import Field

import seealso


class PerceptualHashOptions(seealso.PluginOptions):
    """The options of the extractor perceptual-hash."""

    frequencies: int = Field(
        default=8,
        ge=4,
        le=32,
        multiple_of=4,
        description="across and down; 8 give 64 bits, 16 give 256, which tell more apart",
    )


class PerceptualHash(seealso.Extractor):
    """The signs of an image's low frequencies, as bits."""

    name = "perceptual-hash"
    min_side = 128
    default_distance = "hamming"
    Options = PerceptualHashOptions
    options: PerceptualHashOptions

    @property
    def _side(self) -> int:
        return 4 * self.options.frequencies

    @property
    def provenance(self) -> seealso.Provenance:
        """What the descriptors are."""
        count, side = self.options.frequencies, self._side
        how = f"{side} x {side} pixels, grey, DCT-II, the signs of {count} x {count} frequencies about their median"
        return seealso.Provenance(self.name, "", how, dim=count * count // 8, dtype="uint8")

    def prepare(self, image: Image.Image) -> np.ndarray:
        """The image in few pixels, grey: uint8 ``(side, side)``."""
        return np.asarray(image.convert("L").resize((self._side, self._side), Image.Resampling.LANCZOS))

    def extract(self, batch: np.ndarray) -> np.ndarray:
        """Prepared images ``(n, side, side)`` → bits, uint8 ``(n, dim)``."""
        count, side = self.options.frequencies, self._side
        # The first rows of the discrete cosine transform (II), without the mean of the image.
        waves = np.cos(np.pi * np.arange(count + 1)[:, np.newaxis] * (2 * np.arange(side) + 1) / (2 * side))[1:]
        low = (waves @ batch.astype(np.float64) @ waves.T).reshape(len(batch), -1)
        return np.packbits(low > np.median(low, axis=1, keepdims=True), axis=1)


@seealso.hookimpl
def register_extractors() -> list[type[seealso.Extractor]]:
    """The extractor perceptual-hash."""
    return [PerceptualHash]

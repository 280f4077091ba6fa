"""The extractor ``colour-histogram``: how much of an image is of which hue, saturation and brightness.

A plugin in one file. Name it in a configuration:

    plugins: [./colour_histogram.py]
    collections:
      colours:
        path: ./colours.seealso
        extractor: {plugin: colour-histogram, hues: 12}

It finds images of the same colours, whatever they show, and needs no network. Bins are soft: a pixel between two hues counts
for both, so that a little more light does not make another image of it (Swain, Ballard, 1991, for histograms).
"""

import numpy as np
from PIL import Image
from pydantic import Field

import seealso

SIDE = 96


class ColourHistogramOptions(seealso.PluginOptions):
    """The options of the extractor colour-histogram."""

    hues: int = Field(default=12, ge=2, le=64, description="bins around the circle of hues")
    saturations: int = Field(default=4, ge=2, le=16, description="bins from grey to pure")
    values: int = Field(default=4, ge=2, le=16, description="bins from dark to bright")


class ColourHistogram(seealso.Extractor):
    """How much of an image is of each colour, in hue, saturation and brightness."""

    name = "colour-histogram"
    min_side = SIDE
    # Half the sum of the differences is the share of the pixels that would have to change.
    default_distance = "manhattan"
    Options = ColourHistogramOptions
    options: ColourHistogramOptions

    @property
    def _bins(self) -> tuple[int, int, int]:
        return self.options.hues, self.options.saturations, self.options.values

    @property
    def provenance(self) -> seealso.Provenance:
        """What the descriptors are."""
        hues, saturations, values = self._bins
        how = f"{SIDE} x {SIDE} pixels, HSV, {hues} x {saturations} x {values} soft bins"
        return seealso.Provenance(self.name, "", how, dim=hues * saturations * values)

    def prepare(self, image: Image.Image) -> np.ndarray:
        """The image in few pixels, as hue, saturation and brightness: uint8 ``(pixels, 3)``."""
        small = image.resize((SIDE, SIDE), Image.Resampling.BOX).convert("HSV")
        return np.asarray(small).reshape(-1, 3)

    def extract(self, batch: np.ndarray) -> np.ndarray:
        """Prepared images ``(n, pixels, 3)`` → shares of the bins, float32 ``(n, dim)``."""
        return np.stack([self._histogram(pixels) for pixels in batch])

    def _histogram(self, pixels: np.ndarray) -> np.ndarray:
        bins = self._bins
        hue, saturation, value = pixels.T.astype(np.float32) / 255
        # The circle of hues closes; the other two have ends.
        places = hue * bins[0], saturation * (bins[1] - 1), value * (bins[2] - 1)
        lower = [np.floor(place).astype(int) for place in places]
        upper_shares = [place - low for place, low in zip(places, lower, strict=True)]
        total = np.zeros(bins[0] * bins[1] * bins[2])
        for corner in np.ndindex(2, 2, 2):
            weights = np.ones(len(pixels), np.float32)
            chosen = []
            for axis, up in enumerate(corner):
                weights = weights * (upper_shares[axis] if up else 1 - upper_shares[axis])
                step = lower[axis] + up
                chosen.append(step % bins[0] if axis == 0 else np.minimum(step, bins[axis] - 1))
            total += np.bincount(np.ravel_multi_index(chosen, bins), weights, minlength=total.size)
        return (total / len(pixels)).astype(np.float32)


@seealso.hookimpl
def register_extractors() -> list[type[seealso.Extractor]]:
    """The extractor colour-histogram."""
    return [ColourHistogram]

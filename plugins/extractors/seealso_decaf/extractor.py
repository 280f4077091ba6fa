"""The extractor ``decaf7``: image → the last hidden layer of AlexNet, averaged over ten patches."""

from __future__ import annotations

from seealso import PluginError
from seealso_decaf.options import DecafOptions
from seealso_decaf.published import PUBLISHED
from seealso_torch import Assembled, TorchExtractor, check_installed


class DecafExtractor(TorchExtractor):
    """DeCAF7 as in Novak, Batko and Zezula, *Large-scale Image Retrieval using Neural Net Descriptors* (SIGIR 2015).

    The whole image is brought to 256 × 256 pixels, whatever its shape; ten patches are cut out of that, and of each the
    network's layer fc7 is taken, after the rectifier: 4096 float32 values. The descriptor is their mean.
    """

    name = "decaf7"
    Options = DecafOptions

    options: DecafOptions

    def assemble(self) -> Assembled:
        """Load the weights and the mean image.

        Raises:
            PluginError: no weights are named, or they cannot be used.
        """
        if self.options.weights is None:
            raise PluginError(missing_weights())
        check_installed()
        from seealso_decaf.assembly import assemble

        return assemble(self.options.weights, self.options)


def missing_weights() -> str:
    """What somebody is told who has no weights yet."""
    published = PUBLISHED[0]
    return (
        "decaf7 needs trained weights, which are not part of seealso; get those that their makers published "
        f"(`seealso weights fetch {published.name}`, from {published.url}) and name the file in the configuration: "
        f"`weights: ./{published.file_name}`"
    )

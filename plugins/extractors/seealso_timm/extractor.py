"""The extractor ``timm``: image → the pooled layer before the classifier, of any network of timm."""

from __future__ import annotations

from seealso import PluginError
from seealso_timm.options import TimmOptions
from seealso_torch import Assembled, TorchExtractor, check_installed


class TimmExtractor(TorchExtractor):
    """Any network of Wightman's *PyTorch Image Models* (timm), without its classifier.

    Images are prepared as the model's record in timm says: size, interpolation, share of the middle, mean and deviation.
    """

    name = "timm"
    default_distance = "cosine"
    earlier_distances = ("euclidean",)
    Options = TimmOptions
    needs = ("torch", "timm")

    options: TimmOptions

    def assemble(self) -> Assembled:
        """Make the network, and load its weights.

        Raises:
            PluginError: there is no such model, no weights are named, or they cannot be used.
        """
        if self.options.weights is None and not self.options.pretrained:
            raise PluginError(
                f"{self.options.model} needs trained weights: name a file, `weights: ./{self.options.model}.safetensors`, or "
                "say `pretrained: true` for timm to download those that are published"
            )
        check_installed(*self.needs)
        from seealso_timm.assembly import assemble

        return assemble(self.options)

"""The extractor ``decaf7``: image → the last hidden layer of AlexNet, averaged over ten patches."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from seealso import Extractor, ExtractorContext, PluginError, PluginOptions, Provenance
from seealso_decaf.options import DecafOptions
from seealso_decaf.published import PUBLISHED
from seealso_torch import check_installed

if TYPE_CHECKING:
    from seealso_decaf.assembly import Assembled
    from seealso_decaf.network import Patches
    from seealso_torch import Runner

SIDE = 256


class DecafExtractor(Extractor):
    """DeCAF7 as in Novak, Batko and Zezula, *Large-scale Image Retrieval using Neural Net Descriptors* (SIGIR 2015).

    The whole image is brought to 256 × 256 pixels, whatever its shape; ten patches are cut out of that, and of each the
    network's layer fc7 is taken, after the rectifier: 4096 float32 values. The descriptor is their mean.
    """

    name = "decaf7"
    Options = DecafOptions
    min_side = SIDE

    options: DecafOptions

    def __init__(self, options: PluginOptions, context: ExtractorContext) -> None:
        super().__init__(options, context)
        self._lock = threading.Lock()
        self._assembled: Assembled | None = None
        self._runner: Runner | None = None

    @property
    def batch_size(self) -> int:  # type: ignore[override]
        """At least so many as the network is given at once."""
        wanted = self.options.batch_images
        return max(super().batch_size, wanted if isinstance(wanted, int) else 0)

    @property
    def assembled(self) -> Assembled:
        """The network with its weights, on the processor; loaded when this is first asked for.

        Raises:
            PluginError: no weights are named, or they cannot be used.
        """
        with self._lock:
            if self._assembled is None:
                if self.options.weights is None:
                    raise PluginError(missing_weights())
                check_installed()
                from seealso_decaf.assembly import assemble

                self._assembled = assemble(Path(self.options.weights), self.options)
            return self._assembled

    @property
    def provenance(self) -> Provenance:
        """The hash of the weights, and how images are prepared."""
        assembled = self.assembled
        return Provenance(self.name, assembled.sha256, assembled.preprocessing, assembled.dim)

    def prepare(self, image: Image.Image) -> np.ndarray:
        """The whole image: uint8 ``(256, 256, 3)``, RGB."""
        return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC))

    def extract(self, batch: np.ndarray) -> np.ndarray:
        """Prepared images ``(n, 256, 256, 3)`` uint8 → descriptors ``(n, 4096)`` float32, none negative."""
        assembled = self.assembled
        if not len(batch):
            return np.empty((0, assembled.dim), np.float32)
        if self._runner is None:
            from seealso_torch import Runner

            self._runner = Runner(assembled.module, self.options, self.context.threads)
        return self._runner(batch)

    def torch_module(self) -> Patches:
        """The network itself: uint8 ``(n, 256, 256, 3)`` → ``(n, 4096)``."""
        return self.assembled.module

    def close(self) -> None:
        """Let go of the network, and of the device."""
        with self._lock:
            if self._runner is not None:
                self._runner.close()
            self._runner = None
            self._assembled = None


def missing_weights() -> str:
    """What somebody is told who has no weights yet."""
    published = PUBLISHED[0]
    return (
        "decaf7 needs trained weights, which are not part of seealso; get those that their makers published "
        f"(`seealso weights fetch {published.name}`, from {published.url}) and name the file in the configuration: "
        f"`weights: ./{published.file_name}`"
    )

"""The extractor ``onnx``: image → descriptor, by a network in an ONNX file."""

from __future__ import annotations

import threading

import numpy as np
from PIL import Image

from seealso import Extractor, ExtractorContext, PluginOptions, Provenance
from seealso_onnx import efficientnet_lite0
from seealso_onnx.network import BuiltIn, OwnModel
from seealso_onnx.options import OnnxOptions


class OnnxExtractor(Extractor):
    """Runs a network in an ONNX file on the processor, by onnxruntime.

    The built-in model is EfficientNet-Lite0: 1280 float32 values, those of the pooled layer before its classifier.
    """

    name = "onnx"
    preference = 10
    Options = OnnxOptions

    # The processor gains nothing beyond eight at once; what waits for a commit is memory.
    batch_size = 16

    options: OnnxOptions

    def __init__(self, options: PluginOptions, context: ExtractorContext) -> None:
        super().__init__(options, context)
        self._lock = threading.Lock()
        self._network: BuiltIn | OwnModel | None = None

    @property
    def network(self) -> BuiltIn | OwnModel:
        """The network; one of the user's own is loaded when this is first asked for.

        Raises:
            PluginError: the user's model cannot be used.
        """
        with self._lock:
            if self._network is None:
                if self.options.model == efficientnet_lite0.NAME:
                    self._network = BuiltIn(self.context.cache, self.context.threads)
                else:
                    self._network = OwnModel(self.options, self.context.threads)
            return self._network

    @property
    def min_side(self) -> int:  # type: ignore[override]
        """The side that images are resized to, so that a JPEG need not be decoded larger."""
        return self.network.preparation.min_side

    @property
    def provenance(self) -> Provenance:
        """The weights' hash, and how images are prepared."""
        network = self.network
        preprocessing = f"{network.preparation}, {network.description}"
        return Provenance("onnx", network.weights, preprocessing, network.dim)

    def prepare(self, image: Image.Image) -> np.ndarray:
        """The centre of the image, resized: uint8 ``(height, width, 3)``."""
        return self.network.preparation(image)

    def extract(self, batch: np.ndarray) -> np.ndarray:
        """Prepared images ``(n, height, width, 3)`` uint8 → descriptors ``(n, dim)`` float32."""
        network = self.network
        descriptors = np.empty((len(batch), network.dim), np.float32)
        for start in range(0, len(batch), network.images_at_once):
            part = slice(start, start + network.images_at_once)
            descriptors[part] = network.run(batch[part])
        return descriptors

    def close(self) -> None:
        """Let go of the network."""
        with self._lock:
            self._network = None

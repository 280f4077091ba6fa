"""The extractor ``onnx``: image → descriptor, by a network in an ONNX file."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from PIL import Image

from seealso import Extractor, ExtractorContext, PluginError, PluginOptions, Provenance, QueryError
from seealso_onnx.classifier import Classifier
from seealso_onnx.efficientnet_lite import NETWORKS
from seealso_onnx.network import BuiltIn, OwnModel
from seealso_onnx.options import OnnxOptions
from seealso_onnx.text_side import TextSide, provenance_of

LEAST_BATCH = 16


class OnnxExtractor(Extractor):
    """Runs a network in an ONNX file by onnxruntime, on a graphics card where that offers one.

    The built-in models are EfficientNet-Lite: 1280 float32 values, those of the pooled layer before the classifier.
    """

    name = "onnx"
    preference = 10
    default_distance = "cosine"
    earlier_distances = ("euclidean",)
    earlier_defaults: ClassVar[Mapping[str, tuple[object, ...]]] = {"model": ("efficientnet-lite0",)}
    Options = OnnxOptions

    options: OnnxOptions

    def __init__(self, options: PluginOptions, context: ExtractorContext) -> None:
        super().__init__(options, context)
        self._lock = threading.Lock()
        self._network: BuiltIn | OwnModel | None = None
        self._classifier: Classifier | None = None
        self._text_side: TextSide | None = None

    @property
    def network(self) -> BuiltIn | OwnModel:
        """The network; one of the user's own is loaded when this is first asked for.

        Raises:
            PluginError: the user's model cannot be used.
        """
        with self._lock:
            if self._network is None:
                if built_in := NETWORKS.get(self.options.model):
                    self._network = BuiltIn(built_in, self.context.cache, self.context.threads, self.options.device)
                else:
                    self._network = OwnModel(self.options, self.context.threads)
            return self._network

    @property
    def batch_size(self) -> int:  # type: ignore[override]
        """What waits for a commit is memory, so twice what the network takes at once: on a graphics card more than on the processor."""
        return max(LEAST_BATCH, 2 * self._network.images_at_once) if self._network else LEAST_BATCH

    @property
    def device(self) -> str:  # type: ignore[override]
        """Where the network runs: ``cpu``, ``cuda:0``, …; empty before it does."""
        return self._network.device if self._network else ""

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
        at_once = network.images_at_once
        for start in range(0, len(batch), at_once):
            part = slice(start, start + at_once)
            descriptors[part] = network.run(batch[part])
        return descriptors

    @property
    def classifier(self) -> Classifier:
        """What knows words; loaded when this is first asked for.

        Raises:
            QueryError: the model is one of the user's own.
        """
        with self._lock:
            if self._classifier is None:
                if self.options.model not in NETWORKS:
                    raise QueryError(
                        f"the model {self.options.model} turns images into descriptors, not words; if it has a text side, name it with `words:`"
                    )
                self._classifier = Classifier(NETWORKS[self.options.model], self.context.cache)
            return self._classifier

    @property
    def text_side(self) -> TextSide:
        """The text side of a model of the user's own; loaded when this is first asked for.

        Raises:
            QueryError: it cannot be used. Images are found by images all the same.
        """
        dim = self.network.dim
        with self._lock:
            if self._text_side is None:
                assert self.options.words is not None
                try:
                    self._text_side = TextSide(self.options.words, dim, self.context.threads)
                except PluginError as error:
                    raise QueryError(str(error)) from error
            return self._text_side

    @property
    def words_provenance(self) -> str:
        """The checksums of the text side's files; of a built-in network, which needs none, empty."""
        if self.options.words is None:
            return ""
        with self._lock:
            return provenance_of(self.options.words) if self._text_side is None else self._text_side.provenance

    @property
    def _reader(self) -> Classifier | TextSide:
        return self.classifier if self.options.words is None else self.text_side

    @property
    def takes_words(self) -> bool:
        """Whether the model is a built-in one, with a classifier, or has a text side."""
        return self.gives_words or self.options.words is not None

    @property
    def gives_words(self) -> bool:
        """Whether the model is a built-in one, with a classifier."""
        return self.options.model in NETWORKS

    def extract_words(self, phrases: Sequence[str]) -> np.ndarray:
        """Phrases → their directions ``(n, dim)``, float32."""
        return np.stack([self._reader.direction(phrase) for phrase in phrases])

    def words_distances(self, phrase: str, descriptors: np.ndarray) -> np.ndarray | None:
        """What the network's classifier says, or the angles from the text side's direction: float32 ``(n,)``."""
        return self._reader.distances(phrase, descriptors)

    def words_roughly(self, phrase: str, descriptors: np.ndarray) -> np.ndarray | None:
        """What the classifier says of the phrase's own classes, whatever it says of all others: float32 ``(n,)``. None for a text side."""
        return self.classifier.roughly(phrase, descriptors) if self.options.words is None else None

    def looks_like(self, descriptors: np.ndarray) -> list[list[tuple[str, float]]]:
        """The classes that the network's classifier is sure of, and what they are kinds of."""
        return self.classifier.seen(descriptors) if self.gives_words else super().looks_like(descriptors)

    def close(self) -> None:
        """Let go of the network."""
        with self._lock:
            self._network = self._classifier = self._text_side = None

"""The extractor: image → descriptor."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from seealso.interfaces.plugin import Plugin, PluginOptions


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made a descriptor. Descriptors may be compared only when all of it is equal.

    Attributes:
        plugin: the extractor's name.
        weights: SHA-256 of the weights, hexadecimal; empty where there are none.
        preprocessing: everything that is done to an image before and beside the weights, in words and numbers.
        dim: the number of values in a descriptor.
        dtype: their NumPy type, such as ``float32``.
    """

    plugin: str
    weights: str
    preprocessing: str
    dim: int
    dtype: str = "float32"


@dataclass(frozen=True, slots=True)
class ExtractorContext:
    """What the framework lends an extractor.

    Attributes:
        cache: a folder of the user's for things that can be made again; it may be absent or not writable.
        threads: how many processor cores to use.
    """

    cache: Path
    threads: int


class Extractor(Plugin):
    """Turns images into descriptors.

    The constructor should be cheap: load the network when `extract` first needs it, for a query by ID never does.
    Required: `provenance`, `prepare`, `extract`.
    """

    min_side: ClassVar[int] = 0
    """Images may be decoded at a reduced size whose shorter side is at least this (pixels); 0: always in full."""

    takes_images: ClassVar[bool] = True
    """Whether it turns images into descriptors. One that does not stands for descriptors that were made elsewhere: a collection of
    them takes in no images, and is asked by IDs, descriptors, or the places that they were given."""

    batch_size: int = 32
    """How many images `extract` likes to get at once."""

    device: str = ""
    """Where its network runs, as ``cuda:0``, once that is known; empty where there is nothing to say."""

    default_distance: ClassVar[str] = "euclidean"
    """The distance of a collection whose configuration names none."""

    earlier_distances: ClassVar[tuple[str, ...]] = ()
    """What `default_distance` was in earlier releases. A collection that was made with one of them keeps it, and its status says how
    to get that of today."""

    earlier_defaults: ClassVar[Mapping[str, tuple[object, ...]]] = {}
    """Option → what its default was in earlier releases, where it makes the descriptors what they are. A collection that was made
    with one of them keeps it, also where its configuration names the plugin without that option; and its status says how to get
    that of today."""

    def __init__(self, options: PluginOptions, context: ExtractorContext) -> None:
        self.options = options
        self.context = context

    @property
    @abstractmethod
    def provenance(self) -> Provenance:
        """What makes this extractor's descriptors what they are. Cheap: it is compared at every ingest and query."""

    @abstractmethod
    def prepare(self, image: Image.Image) -> np.ndarray:
        """One RGB image, upright and in sRGB → the input of the network, the same shape and dtype for every image.

        Called from several threads at once. Keep the result compact (uint8 where it can be): several hundred may wait.
        """

    @abstractmethod
    def extract(self, batch: np.ndarray) -> np.ndarray:
        """Prepared images, stacked: ``(n, …)`` → descriptors ``(n, provenance.dim)`` of ``provenance.dtype``.

        Called from one thread at a time.
        """

    @property
    def takes_words(self) -> bool:
        """Whether `extract_words` puts words in the space of the images: a frontend asks this before it offers to look for words. Cheap."""
        return type(self).extract_words is not Extractor.extract_words

    def extract_words(self, phrases: Sequence[str]) -> np.ndarray:
        """Phrases → descriptors ``(len(phrases), dim)`` in the space of the images, for models that put words there too.

        Called from one thread at a time.

        Raises:
            QueryError: this extractor's model does not know words.
            UnknownWord: it knows words, and not one of these.
        """
        from seealso.errors import QueryError

        raise QueryError(f"the extractor {self.name} turns images into descriptors, not words")

    def words_distances(self, phrase: str, descriptors: np.ndarray) -> np.ndarray | None:
        """How far each of some descriptors ``(n, dim)`` is from a phrase, where the model can say it better than the collection's
        distance from `extract_words` does.

        Called from several threads at once, for phrases that `extract_words` took.

        Returns:
            Float32 ``(n,)``, angles in radians, from 0 up; beside them images that are examples too are measured by angles. Or None: the
            collection's distance counts.
        """
        return None

    def words_roughly(self, phrase: str, descriptors: np.ndarray) -> np.ndarray | None:
        """What says for little work which of some descriptors ``(n, dim)`` may be near a phrase by `words_distances`, where these are costly:
        they are then asked for the best by this alone.

        Returns:
            Float32 ``(n,)``, less is nearer; or None: `words_distances` are asked for all.
        """
        return None

    @property
    def words_provenance(self) -> str:
        """What reads words beside that which makes the descriptors, such as the checksum of a text model; empty where nothing does.

        A collection records it. Where it is another than was recorded, words are refused until the next `seealso index`; images are
        indexed and found as before, for no descriptor depends on it. Cheap: no model is loaded for it.

        Raises:
            PluginError: it cannot be read.
        """
        return ""

    @property
    def gives_words(self) -> bool:
        """Whether `looks_like` says anything: what needs it asks this first, so that no network is loaded in vain. Cheap."""
        return type(self).looks_like is not Extractor.looks_like

    def looks_like(self, descriptors: np.ndarray) -> list[list[tuple[str, float]]]:
        """What each of some descriptors ``(n, dim)`` shows, in words, as far as the model is reasonably sure of it.

        Called from several threads at once.

        Returns:
            For each descriptor a few words, the surest first, each with how sure the model is: above 0, and at most 1. None where it
            is sure of nothing.
        """
        return [[] for _ in descriptors]

    def close(self) -> None:
        """Let go of memory and devices. The extractor is not used afterwards."""

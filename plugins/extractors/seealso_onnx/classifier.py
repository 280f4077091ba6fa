"""What the built-in networks' own classifier says of descriptors: the way from words to images and back."""

from __future__ import annotations

from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seealso import PluginError
from seealso_onnx.efficientnet_lite import DIM, Network, kept, read_weights
from seealso_onnx.imagenet.vocabulary import CLASSES, Vocabulary

SHARPNESS = 1 / 8
"""A probability is raised to this, so that the smallest are still apart as float32."""


LENGTH = 1000.0
"""Of the descriptor of a phrase, where those of images have some ten: from so far away the Euclidean distance, too, ranks much as the angle
does. From nearby it would rank by the images' lengths."""

REMEMBERED = 64
"""Phrases."""

SURE = 0.3
"""How probable what an image shows has to be, to be said of it."""

MOST_SEEN = 4
"""Words that are said of an image, at most."""

KINDS = (
    *("dog", "cat", "bird", "duck", "parrot", "fish", "shark", "snake", "lizard", "frog", "salamander"),
    *("spider", "insect", "beetle", "butterfly", "crab", "monkey", "ape", "bear", "wolf", "fox"),
    *("antelope", "rabbit", "rodent", "flower", "fruit", "vegetable", "bread", "dessert", "car", "truck"),
    *("bus", "bicycle", "locomotive", "boat", "ship", "aircraft", "building", "bridge", "fence"),
    *("furniture", "chair", "lamp", "clock", "computer", "telephone", "camera", "bottle", "pot", "bag"),
    *("box", "hat", "shoe", "coat", "sweater", "clothing", "ball", "weapon", "tool", "musical instrument"),
    *("guitar", "mountain", "shore", "person"),
)
"""Words that cover several classes, and are said of an image whose class is one of these, whichever it is."""


class Meaning(NamedTuple):
    """What a phrase means: the weights of the classes ``(1000,)`` for each of its terms, and its direction ``(1280,)``, of length 1."""

    terms: list[np.ndarray]
    direction: np.ndarray


class Layer(NamedTuple):
    """The last layer of a network: weights ``(1000, 1280)`` and biases ``(1000,)``, float32."""

    weights: np.ndarray
    biases: np.ndarray


class Classifier:
    """Puts words in the space of the descriptors, and says how well descriptors fit them.

    A word stands for some of the classes that the network was trained with, each with a weight (`Vocabulary`). Its direction is the mean
    of these classes' weight vectors, less the mean of all. The probability that an image shows it is that of its classes, by weight.
    """

    def __init__(self, network: Network, cache: Path) -> None:
        self._layer = load_layer(network, cache)
        self._vocabulary = Vocabulary()
        # A query asks for the same phrase with every block of descriptors.
        self._meaning = lru_cache(REMEMBERED)(self._understand)

    @cached_property
    def _mean(self) -> np.ndarray:
        """Of the weights of all classes: ``(1280,)``."""
        return np.asarray(self._layer.weights.mean(axis=0))

    @cached_property
    def _lengths(self) -> np.ndarray:
        """Of the weights of each class, less the mean of all: ``(1000,)``."""
        return np.asarray(np.linalg.norm(self._layer.weights - self._mean, axis=1))

    @cached_property
    def _kinds(self) -> np.ndarray:
        """Which classes each of `KINDS` covers: float32 ``(len(KINDS), 1000)``, 1 or 0."""
        covers = np.zeros((len(KINDS), CLASSES), np.float32)
        for row, kind in zip(covers, KINDS, strict=True):
            row[self._vocabulary.covered(kind)] = 1
        return covers

    def seen(self, descriptors: np.ndarray) -> list[list[tuple[str, float]]]:
        """What each of some descriptors ``(n, 1280)`` shows: classes, and `KINDS` of them, that are as probable as `SURE`, with their
        probabilities; the most probable first, `MOST_SEEN` at most."""
        probabilities = self.probabilities(descriptors)
        words = [*KINDS, *self._vocabulary.names]
        found = []
        for row in np.concatenate([probabilities @ self._kinds.T, probabilities], axis=1):
            sure = np.flatnonzero(row >= SURE)
            said: dict[str, float] = {}
            for place in sure[np.argsort(-row[sure], kind="stable")].tolist():
                said.setdefault(words[place], min(float(row[place]), 1.0))
            found.append(list(said.items())[:MOST_SEEN])
        return found

    def direction(self, phrase: str) -> np.ndarray:
        """The descriptor ``(1280,)`` of a phrase, of the length `LENGTH`.

        Raises:
            QueryError: a word is not known.
        """
        return np.float32(LENGTH) * self._meaning(phrase).direction

    def _understand(self, phrase: str) -> Meaning:
        terms = list(self._vocabulary.terms(phrase).values())
        together = sum(weights / weights.sum() for weights in terms)
        meant = np.flatnonzero(together)
        # Σ w (x − mean) / |x − mean|, without making x − mean of hundreds of classes.
        weights = together[meant] / self._lengths[meant]
        direction = weights @ self._layer.weights[meant] - weights.sum() * self._mean
        return Meaning(terms, np.asarray(direction / np.linalg.norm(direction), np.float32))

    def distances(self, phrase: str, descriptors: np.ndarray) -> np.ndarray:
        """How far descriptors ``(n, 1280)`` are from a phrase: float32 ``(n,)``, from 0 up to π.

        It is the mean of two angles, which ranks better than either: that between the descriptor and the phrase's direction; and
        that whose cosine is the probability of the phrase (the geometric mean of its terms' probabilities), raised to `SHARPNESS`.
        """
        probabilities = self.probabilities(descriptors)
        terms, direction = self._meaning(phrase)
        likeness = np.ones(len(descriptors), np.float32)
        for weights in terms:
            likeness *= np.clip(probabilities @ weights, 0, 1) ** (SHARPNESS / len(terms))
        lengths = np.linalg.norm(descriptors, axis=1)
        cosines = descriptors @ direction / np.where(lengths > 0, lengths, 1)
        return np.asarray((np.arccos(likeness) + np.arccos(np.clip(cosines, -1, 1))) / 2, np.float32)

    def roughly(self, phrase: str, descriptors: np.ndarray) -> np.ndarray:
        """What tells which of descriptors ``(n, 1280)`` may be near a phrase: float32 ``(n,)``, less is nearer.

        It is the negative mean, over its terms, of the logarithm of the probability, but for what makes the probabilities of all classes
        add up to 1: that takes the weights of all 1,000, and is much the same for images that all look somewhat like the phrase. Of the
        first twenty found among its 25 nearest of a hundred as many were right as of those found among all.
        """
        terms, _ = self._meaning(phrase)
        found = np.zeros(len(descriptors), np.float32)
        for weights in terms:
            meant = np.flatnonzero(weights)
            found -= self._log_sum(descriptors, meant, weights[meant]) / np.float32(len(terms))
        return found

    def _log_sum(self, descriptors: np.ndarray, classes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The logarithm of the sum of what the last layer says of some classes, raised, by weight: float32 ``(n,)``."""
        said = descriptors @ self._layer.weights[classes].T + self._layer.biases[classes]
        most = said.max(axis=1, initial=-np.inf)
        summed: np.ndarray = np.log(np.exp(said - most[:, np.newaxis]) @ weights) + most
        return summed.astype(np.float32)

    def probabilities(self, descriptors: np.ndarray) -> np.ndarray:
        """Float32 ``(n, 1000)``."""
        # Turned round: for a few descriptors the product takes a fourth less so.
        found: np.ndarray = np.ascontiguousarray((self._layer.weights @ descriptors.T).T) + self._layer.biases
        found -= found.max(axis=1, keepdims=True)
        np.exp(found, out=found)
        found /= found.sum(axis=1, keepdims=True)
        return found


def load_layer(network: Network, cache: Path) -> Layer:
    """The last layer of a network: from the cache, or taken out of the weights and put there.

    Raises:
        PluginError: the package with the weights is missing or damaged.
    """

    def made() -> bytes:
        *_, weights, biases = read_weights(network).values()
        if weights.shape != (CLASSES, DIM) or biases.shape != (CLASSES,):
            raise PluginError(f"the weights are not those of {network.name}: its last layer is {weights.shape}")
        return np.column_stack([weights, biases]).astype("<f4").tobytes()

    table = np.frombuffer(kept(cache, f"{network.name}-{network.sha256[:16]}-classifier-1.f32", made), "<f4")
    table = table.reshape(CLASSES, DIM + 1)
    return Layer(table[:, :DIM], np.ascontiguousarray(table[:, DIM]))

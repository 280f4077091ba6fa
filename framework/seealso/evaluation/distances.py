"""How far apart alike and unrelated images of a collection are, and which thresholds follow from that."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from PIL import Image

from seealso.collection import Collection
from seealso.collection.likeness import likeness_of
from seealso.errors import ConfigError, FileError, ImageError, PluginError, ProvenanceMismatch, QueryError
from seealso.images.decoding import decode_image
from seealso.interfaces.example import Example
from seealso.interfaces.likeness import Likeness

COPIED = 40
"""Objects that altered copies are made of."""

BINS = 20
"""Bars of a histogram, all equally wide."""

MOST_SHOWN = 0.999
"""A histogram ends where so many of the random pairs lie; what is further away counts in its last bar."""

CONVINCING = 0.5
"""A threshold for the same picture is suggested where its copies are told apart from other images so well: the share of the copies
within it, less the share of objects with another object within it."""


@dataclass(frozen=True, slots=True)
class Distances:
    """The distances of pairs of one kind.

    Attributes:
        of: which pairs.
        pairs: how many.
        least, p1, p5, median, p95, p99, most: so much of a hundred lies within these distances; 0 where there are no pairs.
        histogram: how many pairs lie in each of equally wide bins, from distance 0 on.
    """

    of: str
    pairs: int
    least: float
    p1: float
    p5: float
    median: float
    p95: float
    p99: float
    most: float
    histogram: tuple[int, ...]

    @classmethod
    def made(cls, of: str, distances: np.ndarray, farthest: float) -> Self:
        """Of these distances, with a histogram that reaches so far."""
        points = np.percentile(distances, [0, 1, 5, 50, 95, 99, 100]) if distances.size else np.zeros(7)
        least, p1, p5, median, p95, p99, most = points.tolist()
        bars = np.zeros(BINS, np.int64)
        if farthest > 0:
            places = np.minimum(BINS * distances / farthest, BINS - 1).astype(np.int64)
            bars = np.bincount(places, minlength=BINS)
        return cls(of, int(distances.size), least, p1, p5, median, p95, p99, most, tuple(bars.tolist()))


@dataclass(frozen=True, slots=True)
class DistanceReport:
    """How far apart images are.

    Attributes:
        kinds: of altered copies of an image from itself, one for each way to alter it; of objects from their nearest other
            object; and of random pairs of objects.
        bin: how wide a bin of the histograms is.
        likeness: what likeness means here, with the thresholds that are suggested.
        copies_within: the share of the altered copies that lies within the threshold of the same picture; None without one.
        others_within: and the share of objects with another object within it.
        alike_within: the share of objects with another object that is alike; None without that threshold.
        unusable: of how many objects no copies could be made.
        reason: why, for the first of them; empty where there is none.
    """

    kinds: tuple[Distances, ...]
    bin: float
    likeness: Likeness
    copies_within: float | None
    others_within: float | None
    alike_within: float | None
    unusable: int
    reason: str


def _recompressed(image: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def _halved(image: Image.Image) -> bytes:
    half = image.resize((max(1, image.width // 2), max(1, image.height // 2)), Image.Resampling.LANCZOS)
    return _recompressed(half, 90)


def _cropped(image: Image.Image) -> bytes:
    left, top = image.width // 40, image.height // 40
    return _recompressed(image.crop((left, top, image.width - left, image.height - top)), 90)


ALTERED: dict[str, Callable[[Image.Image], bytes]] = {
    "copies of half size": _halved,
    "copies of quality 40": lambda image: _recompressed(image, 40),
    "copies cropped by 5 %": _cropped,
}
"""How copies are altered; each makes a JPEG of an RGB image."""


def measure_distances(
    collection: Collection,
    nearest: np.ndarray,
    *,
    seed: int = 0,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> DistanceReport:
    """See how far apart images are, suggest thresholds, and let the collection remember them (`Collection.likeness`).

    Args:
        collection: what is looked at.
        nearest: the distances of some objects from their nearest other object ``(n,)``.
        seed: of the objects that copies are made of.
        progress: told what is being done, how far it is, and of how much.
    """
    copies = _Copies(collection)
    copies.make(seed, progress)
    unrelated = collection.random_distances()
    nearest = _finite(nearest)
    kinds = {of: _finite(np.array(found)) for of, found in copies.distances.items() if found}
    altered = np.sort(np.concatenate([*kinds.values(), np.empty(0)]))
    likeness = replace(likeness_of(unrelated), same=same_picture(altered, nearest))
    collection.keep_likeness(likeness)
    shown = {**kinds, "nearest other images": nearest, "unrelated images": unrelated}
    everything = [each for each in shown.values() if each.size]
    farthest = (
        float(np.quantile(unrelated, MOST_SHOWN)) if unrelated.size else max(map(np.max, everything), default=0.0)
    )
    return DistanceReport(
        kinds=tuple(Distances.made(of, found, float(farthest)) for of, found in shown.items()),
        bin=float(farthest) / BINS,
        likeness=likeness,
        copies_within=_share_within(altered, likeness.same),
        others_within=_share_within(nearest, likeness.same),
        alike_within=_share_within(nearest, likeness.alike),
        unusable=copies.unusable,
        reason=copies.reason,
    )


def _finite(distances: np.ndarray) -> np.ndarray:
    """Those that float32 could hold, float64, ascending."""
    return np.sort(distances[np.isfinite(distances)].astype(np.float64))


def same_picture(altered: np.ndarray, nearest: np.ndarray) -> float | None:
    """The distance that tells altered copies of a picture from other pictures best: within it lie many of the copies, and few
    objects have another one within it. None where it does not tell them well.

    Args:
        altered: distances of altered copies from their originals, ascending ``(n,)``.
        nearest: distances of objects from their nearest other object, ascending ``(m,)``.
    """
    if not altered.size or not nearest.size:
        return None
    copies = np.arange(1, altered.size + 1) / altered.size
    others = np.searchsorted(nearest, altered, side="right") / nearest.size
    best = int(np.argmax(copies - others))
    return float(altered[best]) if copies[best] - others[best] >= CONVINCING else None


def _share_within(distances: np.ndarray, most: float | None) -> float | None:
    return None if most is None or not distances.size else float(np.mean(distances <= most))


class _Copies:
    """Makes altered copies of objects, and measures how far they are from their originals."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self.distances: dict[str, list[float]] = {of: [] for of in ALTERED}
        self.unusable = 0
        self.reason = ""

    def make(self, seed: int, progress: Callable[[str, int, int], None]) -> None:
        """Of objects taken at random; such as cannot be read are counted. Of descriptors that were imported there are none to make."""
        if not self._collection.parts.takes_images(self._collection.provenance):
            return
        hits = self._collection.random(COPIED, seed)
        for done, hit in enumerate(hits, 1):
            try:
                self._of(hit.id)
            except (FileError, ImageError, QueryError) as error:
                self.unusable += 1
                self.reason = self.reason or str(error)
            except (ConfigError, PluginError, ProvenanceMismatch) as error:
                # Of no other it will go better: what made the descriptors is not there.
                self.unusable, self.reason = len(hits), str(error)
                return
            progress("altering copies", done, len(hits))

    def _of(self, id_: int) -> None:
        collection = self._collection
        image = decode_image(collection.read(id_), limits=collection.limits, way=collection.parts.way).image
        original = collection.descriptors([id_])[0]
        with collection.reading() as (_, distance):
            for of, alter in ALTERED.items():
                copy, _ = collection.extract(Example(image=alter(image)))
                self.distances[of].append(float(distance.one_to_many(original, copy[np.newaxis])[0]))

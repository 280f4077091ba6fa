"""Whether two images are the same picture, told by the pictures themselves, small; also where one is the other's mirror image."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple, Self

import numpy as np
from PIL import Image

from seealso.catalogue.reader import Catalog
from seealso.collection.duplicates.nearness import Nearness
from seealso.collection.intake.bounded import in_order
from seealso.errors import FileError, ImageError
from seealso.images.decoding import decode_image
from seealso.interfaces.image_limits import ImageLimits
from seealso.interfaces.records import ObjectRecord

SIDE = 48
"""Of a small picture, in pixels. Two are compared at half of that."""

CROP = 0.95
"""A copy may be cut to this share of both sides."""

OFFSETS = 5
"""So many places across, and down, are tried where the cut may lie."""

FITS = 0.95
"""How well two pictures have to fit (`Fit.shapes`) to be the same."""

COLOURS_FIT = 0.85
"""And their colours (`Fit.colours`): copies keep them. With quality 40, even saturated ones fit by .95."""

SAME_LEVEL = 10.0
"""And so many levels apart may their brightness be (`Fit.levels`); that of copies differs by five at most."""

AT_FIRST_SIGHT = 0.8
"""What fits worse than this in eight by eight pixels is not looked at again."""

CLEARLY = 0.02
"""By so much more has the mirror image to fit: a picture that is symmetric is none."""

NOISE = 2.0
"""Levels that say nothing."""

COLOUR_NOISE = 5.0
"""Levels of a colour, without its brightness, that say nothing: what is nearly grey has no colour."""

REMEMBERED = 1 << 14
"""Small pictures that stay in memory: some 110 MB."""

PAGE = 500  # rows of the catalogue at a time


@dataclass(frozen=True, slots=True)
class Small:
    """A small picture: uint8 ``(SIDE, SIDE, 3)``; and at first sight: float32 ``(8, 8, 3)``."""

    pixels: np.ndarray
    at_first_sight: np.ndarray

    @classmethod
    def of(cls, pixels: np.ndarray) -> Self:
        """The picture of some pixels."""
        return cls(pixels, _smaller(pixels, 8))

    def mirrored(self) -> Small:
        """Its mirror image."""
        return Small(self.pixels[:, ::-1], self.at_first_sight[:, ::-1])


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads pictures.

    Attributes:
        read: an object → the bytes of its image file; raises `FileError` where no place holds it any more.
        limits: on the image.
    """

    read: Callable[[ObjectRecord], bytes]
    limits: ImageLimits

    def small(self, record: ObjectRecord | None) -> Small | None:
        """An object's picture; None where it is gone, or its file is."""
        if record is None:
            return None
        try:
            image = decode_image(self.read(record), min_side=2 * SIDE, limits=self.limits).image
        except (FileError, ImageError):
            return None
        return Small.of(np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX)))


class SamePicture:
    """Decides whether two objects that are near show the same picture.

    What has the very same descriptor is the same. Everything else has to have the same colours. What is very near is the same then, unless it
    is a mirror image; what is further away has to fit.
    Where a picture cannot be read, the distance decides alone.

    Args:
        reader: reads pictures; None, where there are none.
        catalog: has the objects' rows.
        ids: all objects, int64 ``(n,)``; they are spoken of by their places in it.
        nearness: how near is near.
        mirrored: whether a mirror image is the same.

    Attributes:
        flipped: bool ``(n,)``: for each object that was the same as another one the last time, whether as its mirror image.
    """

    def __init__(
        self,
        reader: Reader | None,
        catalog: Catalog,
        ids: np.ndarray,
        nearness: Nearness,
        *,
        mirrored: bool,
    ) -> None:
        self._reader = reader
        self._catalog = catalog
        self._ids = ids
        self._nearness = nearness
        self._mirrored = mirrored
        self._pictures: OrderedDict[int, Small | None] = OrderedDict()
        self.flipped = np.zeros(ids.size, bool)

    def prepare(self, places: Sequence[int]) -> None:
        """Read the pictures of objects that are about to be compared, several at once."""
        if self._reader is None:
            return
        missing = [place for place in dict.fromkeys(places) if place not in self._pictures][:REMEMBERED]
        if not missing:
            return
        threads = min(4, os.cpu_count() or 1)
        numbers = iter(missing)
        with ThreadPoolExecutor(threads, "picture") as pool:
            while page := list(islice(numbers, PAGE)):
                records = self._catalog.records(self._ids[page].tolist())
                found = [records.get(id_) for id_ in self._ids[page].tolist()]
                reading = (pool.submit(self._reader.small, record) for record in found)
                small: Iterator[Small | None] = in_order(reading, 2 * threads)
                self._pictures.update(zip(page, small, strict=True))
        while len(self._pictures) > REMEMBERED:
            self._pictures.popitem(last=False)

    def __call__(self, place: int, other: int, distance: float) -> bool:
        """Whether the object at a place is the same as another one at so small a distance."""
        if self._reader is None or distance == 0:
            same, flipped = distance <= self._nearness.blind, False
        else:
            same, flipped = self._compared(self._picture(place), self._picture(other), distance)
        if same:
            self.flipped[place] = flipped
        return same

    def repeat(self, places: np.ndarray, others: np.ndarray) -> None:
        """Objects with the very same descriptors as others are mirror images as those are."""
        self.flipped[places] = self.flipped[others]

    def _picture(self, place: int) -> Small | None:
        if place not in self._pictures:
            self.prepare([place])
        return self._pictures[place]

    def _compared(self, picture: Small | None, other: Small | None, distance: float) -> tuple[bool, bool]:
        """Whether two pictures are the same, and as mirror images."""
        if picture is None or other is None:
            return distance <= self._nearness.blind, False
        plain = fit(picture, other)
        if plain.shapes < 1 - CLEARLY:
            mirrored = fit(picture, other.mirrored())
            if mirrored.shapes > max(plain.shapes + CLEARLY, FITS):
                return self._mirrored and mirrored.same_colours, True
        near = distance <= self._nearness.sure or plain.shapes >= FITS
        return near and plain.same_colours, False


class Fit(NamedTuple):
    """How two small pictures compare, where they fit best.

    Attributes:
        shapes: up to 1: the correlation, lowered where one has more contrast than the other; two without any fit.
        colours: the same of their colours without the brightness, lowered where one is more colourful; two without any colour fit.
        levels: how far apart the mean of their brightness is, of 255 levels.
    """

    shapes: float
    colours: float
    levels: float

    @property
    def same_colours(self) -> bool:
        """Whether both have the colours of one picture."""
        return self.colours >= COLOURS_FIT and self.levels <= SAME_LEVEL

    @classmethod
    def of(cls, shapes: float, picture: np.ndarray, other: np.ndarray) -> Self:
        """Of pictures ``(side, side, 3)`` whose shapes fit so well."""
        colours, others = (each - each.mean(axis=-1, keepdims=True) for each in (picture, other))
        fits = _fits(others[np.newaxis], colours, COLOUR_NOISE)
        return cls(shapes, float(fits[0]), abs(float(picture.mean()) - float(other.mean())))


def fit(picture: Small, other: Small) -> Fit:
    """How a small picture fits a part of another one, or all of it: the best of some places where it may have been cut.

    Of what does not fit at first sight not all places are looked at.
    """
    first = float(_fits(other.at_first_sight[np.newaxis], picture.at_first_sight)[0])
    if first < AT_FIRST_SIGHT:
        return Fit.of(first, picture.at_first_sight, other.at_first_sight)
    half = SIDE // 2
    whole = _smaller(picture.pixels, half)
    parts = np.concatenate([_smaller(other.pixels, half)[np.newaxis], _parts(other.pixels)])
    fits = _fits(parts, whole)
    best = int(fits.argmax())
    return Fit.of(float(fits[best]), whole, parts[best])


def _smaller(picture: np.ndarray, side: int) -> np.ndarray:
    """A small picture in fewer pixels, float32 ``(side, side, 3)``."""
    pixels = SIDE // side
    smaller: np.ndarray = picture.astype(np.float32).reshape(side, pixels, side, pixels, 3).mean(axis=(1, 3))
    return smaller


def _parts(picture: np.ndarray) -> np.ndarray:
    """The parts of a picture that a crop leaves, at several places, each in half as many pixels: ``(n, side, side, 3)``."""
    rows = np.tensordot(CUTS, picture.astype(np.float32), (2, 0))
    side = SIDE // 2
    # The axes of the two cuts first.
    parts: np.ndarray = np.tensordot(rows, CUTS, (2, 2)).transpose(0, 3, 1, 4, 2).reshape(-1, side, side, 3)
    return parts


def _cuts() -> np.ndarray:
    """Matrices ``(OFFSETS, SIDE / 2, SIDE)`` that cut a part out of a row of pixels, and shrink it: each pixel is the mean of what it covers."""
    edges = np.linspace(0, SIDE * CROP, SIDE // 2 + 1) + np.linspace(0, SIDE * (1 - CROP), OFFSETS)[:, np.newaxis]
    pixels = np.arange(SIDE)
    covered = np.minimum(edges[:, 1:, np.newaxis], pixels + 1) - np.maximum(edges[:, :-1, np.newaxis], pixels)
    cuts: np.ndarray = np.maximum(covered, 0) * (SIDE // 2) / (SIDE * CROP)
    return cuts.astype(np.float32)


CUTS = _cuts()


def _fits(pictures: np.ndarray, other: np.ndarray, noise: float = NOISE) -> np.ndarray:
    """How well each of some pictures ``(n, side, side, 3)`` fits another one."""
    rows, row = (_even(each.reshape(-1, other.size)) for each in (pictures, other))
    nothing = noise * noise * other.size
    energies = np.vecdot(rows, rows) + np.vecdot(row[0], row[0]) + nothing
    fits: np.ndarray = (2 * (rows @ row[0]) + nothing) / energies
    return fits


def _even(rows: np.ndarray) -> np.ndarray:
    """Rows of numbers with the mean 0."""
    even: np.ndarray = rows - rows.mean(axis=1, keepdims=True)
    return even

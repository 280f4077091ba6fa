"""One thing that the hits shall be like: `Example`, and `Region`, a part of an image."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from operator import index as whole_number
from typing import TYPE_CHECKING

import numpy as np

from seealso.errors import QueryError
from seealso.interfaces.field_types import check_fields
from seealso.interfaces.image_limits import ImageLimits
from seealso.paths import PathLike, absolute

if TYPE_CHECKING:
    from PIL import Image

_WEIGHTED = re.compile(r"(.+)\^([0-9]{1,4}(?:\.[0-9]{1,16})?)", re.DOTALL)

LARGEST_WEIGHT = 1e12
"""A weight can be as large as this, or as small as one over this: distances times weights have to fit into float32."""


@dataclass(frozen=True, slots=True)
class Region:
    """A part of an image, in shares of its width and height, from the upper left.

    Raises:
        QueryError: it has no area, or is not inside the image; or a field is of another type.
    """

    left: float
    top: float
    width: float
    height: float

    def __post_init__(self) -> None:
        check_fields(self)
        sides = ((self.left, self.width), (self.top, self.height))
        # Written so that what is not a number is refused too.
        if not all(start >= 0 and length > 0 and start + length <= 1 + 1e-6 for start, length in sides):
            raise QueryError(
                f"the region {self.left}, {self.top}, {self.width}, {self.height} is not a part of the image; give left, "
                "top, width and height as shares of it, from 0 to 1"
            )

    def cut_from(self, image: Image.Image) -> Image.Image:
        """The part of an image; at least a pixel."""
        left = min(int(self.left * image.width), image.width - 1)
        top = min(int(self.top * image.height), image.height - 1)
        right = max(left + 1, min(round((self.left + self.width) * image.width), image.width))
        bottom = max(top + 1, min(round((self.top + self.height) * image.height), image.height))
        return image.crop((left, top, right, bottom))


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One thing that the hits shall be like. Exactly one of the first five says what it is.

    Attributes:
        id: an object of the collection.
        path: an image file; or, in a collection of imported descriptors, the place of one.
        image: the bytes of an image file.
        descriptor: a descriptor ``(dim,)`` made by the collection's own extractor.
        words: words that the extractor puts in the space of its images, where it can.
        region: only this part of the image; with ``id``, ``path`` or ``image``.
        weight: how much it counts beside other examples, 1e-12 to 1e12; below 0: the hits shall be unlike it.
        limits: on an image that has to be decoded; by default those of the configuration.

    Raises:
        QueryError: it is no example, or several at once; or a field is of another type.
    """

    id: int | None = None
    path: PathLike | None = None
    image: bytes | None = None
    descriptor: np.ndarray | None = None
    words: str | None = None
    region: Region | None = None
    weight: float = 1.0
    limits: ImageLimits | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        given = [name for name in KINDS_OF_EXAMPLE if getattr(self, name) is not None]
        if not given:
            raise QueryError(f"an example is empty; give one of {', '.join(KINDS_OF_EXAMPLE)}")
        if len(given) > 1:
            raise QueryError(
                f"an example is {len(given)} things at once ({' and '.join(given)}); make one example of each"
            )
        if self.region is not None and given[0] not in WITH_REGION:
            raise QueryError(f"an example by its {given[0]} has no region; give {', '.join(WITH_REGION)}")
        if not math.isfinite(self.weight) or not self.weight:
            raise QueryError(
                f"the weight of an example is {self.weight}; give a number above 0, or one below for unlike it"
            )
        if not 1 / LARGEST_WEIGHT <= abs(self.weight) <= LARGEST_WEIGHT:
            raise QueryError(
                f"the weight of an example is {self.weight:g}; give one from {1 / LARGEST_WEIGHT:g} to {LARGEST_WEIGHT:g}"
            )
        if self.words is not None and not self.words.strip():
            raise QueryError("there are no words to look for")
        if self.id is not None:
            object.__setattr__(self, "id", whole_number(self.id))
        if self.path is not None:
            object.__setattr__(self, "path", absolute(self.path))

    @classmethod
    def of(cls, example: PathLike | int | np.ndarray | Example) -> Example:
        """The example that a path, an ID or a descriptor stands for."""
        if isinstance(example, Example):
            return example
        if isinstance(example, np.ndarray):
            return cls(descriptor=example)
        if isinstance(example, int | np.integer):
            return cls(id=int(example))
        return cls(path=example)

    @staticmethod
    def weighted(text: str) -> tuple[str, float]:
        """A text without the weight that it ends with, and that weight: ``red shoe^0.5`` is ``red shoe`` and 0.5, ``id:7`` counts 1.

        So users write weights: numbers below 10,000, in digits.

        Raises:
            QueryError: what stands behind ``^`` is none.
        """
        if "^" not in text:
            return text, 1.0
        found = _WEIGHTED.fullmatch(text)
        if found is None:
            raise QueryError(f"{text!r}: behind ^ comes a weight, a number below 10,000, as in 'snow^0.5' or 'id:7^2'")
        return found[1], float(found[2])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Example):
            return NotImplemented
        return all(np.array_equal(getattr(self, each.name), getattr(other, each.name)) for each in fields(self))

    def __hash__(self) -> int:
        return hash((self.id, self.path, self.image, self.words, self.region, self.weight))


KINDS_OF_EXAMPLE = ("id", "path", "image", "descriptor", "words")
WITH_REGION = ("id", "path", "image")

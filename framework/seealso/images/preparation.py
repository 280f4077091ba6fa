"""How an image becomes what a network takes: resized, and its middle cut out."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import ClassVar, Literal, Self, get_args

import numpy as np
from PIL import Image
from pydantic import ConfigDict, TypeAdapter, ValidationError

Interpolation = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]

LARGEST_SIDE = 4096
"""Of an image that a network is given, in pixels."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """Resizes an image and cuts out its middle. It may be called from several threads at once.

    Attributes:
        size: height and width of what is cut out, in pixels.
        resized: height and width that the image is resized to before that. It keeps its shape, and covers them just so; they
            are at least ``size``.
        squash: the image is resized to just ``resized``, whatever its shape.
        interpolation: by which of Pillow's filters.

    Raises:
        ValueError: a side is out of range, or there is no such interpolation.
    """

    RECORD: ClassVar[str] = "seealso.images.preparation"
    """The name under which a network's file records it, as in the ``metadata_props`` of ONNX."""

    # What comes as JSON may say no more than is understood.
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", strict=True)

    size: tuple[int, int]
    resized: tuple[int, int]
    squash: bool = False
    interpolation: Interpolation = "bicubic"

    def __post_init__(self) -> None:
        if self.interpolation not in get_args(Interpolation):
            raise ValueError(
                f"there is no interpolation {self.interpolation!r}; {', '.join(get_args(Interpolation))} are known"
            )
        sides = (*self.size, *self.resized)
        if min(sides) < 1 or max(sides) > LARGEST_SIDE:
            raise ValueError(f"the sides of a network's input have to be 1 to {LARGEST_SIDE} pixels")
        if self.resized[0] < self.size[0] or self.resized[1] < self.size[1]:
            raise ValueError("an image has to be resized to at least what is cut out of it")

    @property
    def min_side(self) -> int:
        """The shorter side, in pixels, that an image has to have so that nothing is lost."""
        return max(self.resized)

    def as_json(self) -> str:
        """The form in which it is recorded."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `as_json` gave.

        Raises:
            ValueError: it did not give this; says what does not fit, in one line.
        """
        try:
            return TypeAdapter(cls).validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise ValueError(": ".join(filter(None, [place, first["msg"].removeprefix("Value error, ")]))) from None

    def __call__(self, image: Image.Image) -> np.ndarray:
        """An RGB image → uint8 ``(height, width, 3)``."""
        (height, width), (down, across) = self.size, self.resized
        if not self.squash:
            scale = max(down / image.height, across / image.width)
            down, across = round(image.height * scale), round(image.width * scale)
        # As if the whole image were resized and the middle cut out; but only the middle is computed, so that a very long
        # image takes no more memory than another.
        left, top = round((across - width) / 2), round((down - height) / 2)
        x, y = image.width / across, image.height / down
        box = (left * x, top * y, (left + width) * x, (top + height) * y)
        return np.asarray(image.resize((width, height), Image.Resampling[self.interpolation.upper()], box=box))

    def __str__(self) -> str:
        (height, width), (down, across) = self.size, self.resized
        if self.squash:
            resized = f"{down}x{across}"
        elif down == across:
            resized = f"shorter side {down}"
        else:
            resized = f"covering {down}x{across}"
        return f"RGB, {resized} {self.interpolation}, centre crop {height}x{width}"

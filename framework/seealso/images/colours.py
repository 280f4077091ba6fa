"""The pixels of an image of any mode as RGB in sRGB: transparency, depth, colour profiles."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from seealso.images.png_colours import Conversion

LARGEST_PROFILE = 4 << 20
LEAST_NOTICED = 2
"""A colour profile whose colours differ from sRGB's by no more than this (of 255) is taken for sRGB itself."""

_BITS_PER_SAMPLE, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339  # tags of a TIFF
_BLOCK = 1 << 20


def to_srgb(kind: str, image: Image.Image, conversion: Conversion | None = None) -> Image.Image:
    """A loaded image as RGB in sRGB, over white where it is transparent, without its metadata.

    Args:
        kind: the format of its file, as `PIL.Image.Image.format` names it.
        image: of any mode that is loaded from a file; it stays as it is.
        conversion: from the colours that it states in another way, in the place of its profile.

    Raises:
        ValueError: a mode that Pillow does not convert.
    """
    colours = _opaque(kind, image)
    profile = image.info.get("icc_profile")
    if conversion is not None:
        transform = None
        colours = conversion(colours)
    else:
        transform = _transform(profile if isinstance(profile, bytes) and colours.mode != "LAB" else b"", colours.mode)
    if transform is not None:
        colours = transform.apply(colours)
    elif colours.mode != "RGB" or colours is image:
        # An opened file's class differs from a plain image's, and keeps the file: what is converted does not.
        colours = colours.convert("RGB")
    # The profile is not that of these pixels any more, and where a photograph was taken is nobody's business.
    colours.info = {}
    return colours


def _opaque(kind: str, image: Image.Image) -> Image.Image:
    """The image in one of the modes that have colour profiles: L, RGB, CMYK or LAB."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _eight_bits(kind, image)
    if image.mode == "La":
        return _over_white(image.convert("LA"))
    if image.mode == "LA":
        return _over_white(image)
    if image.mode in ("PA", "RGBA", "RGBa") or "transparency" in image.info:
        colour = image.info.get("transparency")
        if isinstance(colour, tuple) and max(colour) > 255:
            # A PNG of sixteen bits names it with sixteen, and is loaded with eight.
            image = image.copy()
            image.info["transparency"] = tuple(value >> 8 for value in colour)
        return _over_white(image.convert("RGBA"))
    return image if image.mode in ("L", "RGB", "CMYK", "LAB") else image.convert("RGB")


def _over_white(image: Image.Image) -> Image.Image:
    """An image of mode LA or RGBA as L or RGB."""
    alpha = image.getchannel("A")
    opaque = image.convert("L" if image.mode == "LA" else "RGB")
    if alpha.getextrema() == (255, 255):
        return opaque
    white = Image.new(opaque.mode, opaque.size, "white")
    white.paste(opaque, mask=alpha)
    return white


# Grey of more than eight bits


def _eight_bits(kind: str, image: Image.Image) -> Image.Image:
    """Sixteen-bit, 32-bit and floating-point grey as eight bits."""
    values = np.asarray(image)
    tags = getattr(image, "tag_v2", {})
    if values.dtype == np.int32 and kind == "TIFF" and tags.get(_SAMPLE_FORMAT, (1,)) == (1,):
        values = values.view(np.uint32)
    low, high = _range(kind, image.mode, values, tags.get(_BITS_PER_SAMPLE))
    if tags.get(_PHOTOMETRIC) == 0:  # white is zero; Pillow sees to that only up to eight bits
        low, high = high, low
    span = high - low or 1.0
    transparent = image.info.get("transparency")
    grey = np.empty(values.shape, np.uint8)
    rows = max(1, _BLOCK // values.shape[1])
    for top in range(0, len(values), rows):  # in blocks: an image of 250 megapixels takes 2 GB in float64
        block = values[top : top + rows]
        exact = np.nan_to_num(block.astype(np.float64), nan=low, posinf=max(low, high), neginf=min(low, high))
        grey[top : top + rows] = ((exact - low) / span * 255 + 0.5).clip(0, 255)
        if isinstance(transparent, int):
            grey[top : top + rows][block == transparent] = 255
    return Image.fromarray(grey)


def _range(kind: str, mode: str, values: np.ndarray, bits: object) -> tuple[float, float]:
    """What is black and what is white: as the format has it, else by the range that the values can be seen to use."""
    if mode.startswith("I;16"):
        return 0.0, 4095.0 if bits == (12,) else 65535.0
    if kind == "PPM":
        return 0.0, 65535.0
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    if low < 0:
        return low, high
    usual = (1.0,) if values.dtype.kind == "f" else (255.0, 65535.0)
    return next(((0.0, white) for white in usual if high <= white), (low, high))


# Colour profiles


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From a colour profile to sRGB; None where there is nothing to do, or nothing that can be done.

    Building one takes 3 ms, for CMYK 30, and a person's photographs have a handful of profiles between them. A
    transform can be applied in several threads at once.
    """
    if mode != "LAB" and not 0 < len(profile) <= LARGEST_PROFILE:
        return None
    try:
        source = ImageCms.createProfile("LAB") if mode == "LAB" else ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        sample = _sample(mode)
        if mode != "LAB" and _difference(transform.apply(sample), sample.convert("RGB")) <= LEAST_NOTICED:
            return None
    except Exception:  # broken, or not for an image of this mode: the colours are taken as they are
        return None
    return transform


def _sample(mode: str) -> Image.Image:
    """Colours from all over a mode."""
    levels = np.linspace(0, 255, 8 if mode == "RGB" else 4 if mode == "CMYK" else 64).astype(np.uint8)
    bands = Image.getmodebands(mode)
    colours = np.stack(np.meshgrid(*[levels] * bands), -1).reshape(1, -1, bands)
    return Image.frombytes(mode, colours.shape[1::-1], colours.tobytes())


def _difference(one: Image.Image, other: Image.Image) -> int:
    return int(np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16)).max())

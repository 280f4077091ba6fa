"""Pictures that are damaged: what of them can be decoded, and how much that is.

Pillow has a switch that has decoders pass over missing data, but it is one for the whole process. Here each image is decoded for itself: what
its decoder had written when it failed counts. A pixel was decoded if it comes out the same whatever the pixels, or the bytes, were
before that were not there.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageFile

from seealso.errors import ImageError
from seealso.images.plain import ended
from seealso.interfaces.records import Damage

KINDS = frozenset({"JPEG", "PNG", "GIF", "WEBP"})
"""The formats of which a part can be decoded."""

LEAST_DECODED = 0.5
"""The share of a picture that has to be decoded; with less of it, what is near would be chance."""

MISSING = 128
"""The value in each channel of pixels that a JPEG's decoder makes up, where there are no more bytes; of inks it may be one less."""

FILLER = bytes(range(1, 255))
"""What stands in for missing bytes of a JPEG. It holds no byte that begins a marker."""

PADDINGS = (0x00, 0xA5)
"""Two bytes that stand in for all that a WebP lacks."""

MOST_PADDING = 3
"""A WebP that lacks more than this many times its bytes holds no half of a picture; and what it claims might not fit into memory."""


def load_partly(image: ImageFile.ImageFile, fill: int) -> None:
    """Decode an image that was opened, as far as that goes; pixels that are not reached have the value ``fill`` in each channel.

    Raises:
        Exception: whatever the decoder raises, where it fails before the first pixel.
    """
    prepare = image.load_prepare
    reached: list[bool] = []

    def prepare_and_fill() -> None:
        prepare()
        box = image.tile[0][1] or (0, 0, *image.size)
        bands = Image.getmodebands(image.mode)
        image.im.paste(fill if bands == 1 else (fill,) * bands, box)
        reached.append(True)

    image.load_prepare = prepare_and_fill  # type: ignore[method-assign]
    try:
        image.load()
    except (MemoryError, Image.DecompressionBombError):
        raise
    except Exception:
        if not reached:
            raise
    finally:
        # Of itself: no circle shall keep its memory.
        del image.load_prepare
    # There is nothing more to load.
    image.tile = []


def paddings(data: bytes) -> Iterator[bytes]:
    """A WebP that was cut short, as long as it claims to be, in two ways.

    Raises:
        ImageError: it is not cut short, or too much is missing.
    """
    missing = 8 + int.from_bytes(data[4:8], "little") - len(data)
    if not 0 < missing <= MOST_PADDING * len(data):
        raise ImageError("too much of it is missing")
    return (data + bytes([padding]) * missing for padding in PADDINGS)


def ends(data: bytes) -> tuple[bytes, bytes]:
    """A JPEG with the mark of its end: as it is, and with other bytes where some may be missing."""
    return ended(data), ended(data + FILLER)


def differing(pixels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which pixels differ, bool ``(height, width)``, between two arrays ``(height, width)`` or ``(height, width, bands)``."""
    differs: np.ndarray = pixels != others
    return differs if differs.ndim == 2 else np.asarray(differs.any(axis=2))


def from_first_row(missing: np.ndarray) -> np.ndarray:
    """Every row from the first one on of which a pixel is missing: one after another they were decoded; bool ``(height, width)``."""
    rows = np.maximum.accumulate(missing.any(axis=1))
    return np.broadcast_to(rows[:, np.newaxis], missing.shape)


def grey_rows(pixels: np.ndarray) -> np.ndarray:
    """The rows at the bottom that a JPEG's decoder has made up, bool ``(height, width)``."""
    row = len(pixels)
    while row and ((pixels[row - 1] == MISSING) | (pixels[row - 1] == MISSING - 1)).all():
        row -= 1
    missing = np.zeros(pixels.shape[:2], bool)
    missing[row:] = True
    return missing


def judged(missing: np.ndarray, reason: str) -> Damage:
    """What is wrong with a picture of which some pixels are missing, bool ``(height, width)``.

    Raises:
        TooDamaged: less than half of it is there.
    """
    share = 1 - float(missing.mean())
    if share < LEAST_DECODED:
        raise TooDamaged(f"{reason}; {int(100 * share)} % of the picture can be decoded, and half of it is needed")
    return Damage(reason, share)


def filled(image: Image.Image, missing: np.ndarray) -> Image.Image:
    """An RGB image whose missing pixels are like the one above, where that is there; else of the mean colour of those that are there.

    Of an interlaced picture whole rows may be missing in between.
    """
    pixels = np.array(image)
    mean = pixels[~missing].mean(axis=0) + 0.5
    above = missing[1:] & ~missing[:-1]
    pixels[missing] = mean.astype(np.uint8)
    pixels[1:][above] = pixels[:-1][above]
    return Image.fromarray(pixels)


class TooDamaged(ImageError):
    """Less than half of a picture can be decoded."""

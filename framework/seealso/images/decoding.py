"""The only place that decodes image files. Every byte of them is hostile until checked."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from seealso.errors import ImageError, ImageTooLarge
from seealso.images import damaged
from seealso.images.colours import to_srgb
from seealso.images.damaged import MISSING, TooDamaged
from seealso.images.formats import count_scans, open_image, sniff
from seealso.images.noise import heard, listening
from seealso.images.plain import ended, plainer
from seealso.images.png_colours import conversion, stated
from seealso.images.ways import NEWEST, Way
from seealso.interfaces.image_limits import ImageLimits
from seealso.interfaces.records import Damage

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"}
    | {".avif", ".heic", ".heif", ".hif", ".jp2", ".j2k", ".j2c", ".jpx", ".jpf", ".ppm", ".pgm", ".pbm", ".pnm"}
)
"""The suffixes, in lower case, of the files that a scan takes for images."""

HUGE_PIXELS = 40_000_000
ORIENTATION = 0x0112

BLOCK = 8  # pixels of a JPEG, across and down, that are coded together

_one_huge_image_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """An image, decoded.

    Attributes:
        image: RGB, upright, in sRGB; perhaps at a reduced size. Pixels alone: it has neither the file's metadata nor
            its bytes.
        width: of the whole image, upright, in pixels.
        height: likewise.
        damage: what is wrong with the picture, where a damaged one was to be taken; None: nothing. What could not be decoded of it has
            the mean colour of the rest.
    """

    image: Image.Image
    width: int
    height: int
    damage: Damage | None = None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """How a file is to be decoded: its format, and what `decode_image` was asked for."""

    kind: str
    min_side: int
    limits: ImageLimits
    way: Way

    @property
    def may_be_damaged(self) -> bool:
        return self.limits.damaged == "take" and self.kind in damaged.KINDS


def decode_image(
    data: bytes, *, min_side: int = 0, limits: ImageLimits | None = None, way: Way = NEWEST
) -> DecodedImage:
    """Decode an image file: its first frame, upright, over white where it is transparent, in sRGB.

    May be called from several threads at once.

    Args:
        data: the file's bytes.
        min_side: the image may come at a reduced size whose shorter side is at least this (pixels); a JPEG or
            JPEG 2000 is then decoded several times faster. 0: in full.
        limits: what is refused before decoding; and damaged pictures are refused, unless ``limits.damaged`` is ``take``.
        way: how its colours are understood.

    Raises:
        ImageTooLarge: beyond the limits.
        ImageError: not an image that can be decoded; says why.
    """
    limits = limits or ImageLimits()
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(f"{len(data)} bytes; the limit is {limits.max_bytes} (`images: {{max_bytes: …}}`)")
    wanted = _Wanted(sniff(data), min_side, limits, way)
    with _without_warnings():
        try:
            return _decode(wanted, data)
        except (ImageTooLarge, MemoryError, Image.DecompressionBombError) as error:
            raise _too_large(wanted.kind, error) from None
        except Exception as error:
            # Decoders raise whatever the damage leads to: OSError, SyntaxError, struct.error, zlib.error, KeyError, …
            failed = error
        for otherwise in _otherwise(wanted, data, failed):
            try:
                return otherwise()
            except (ImageTooLarge, MemoryError, Image.DecompressionBombError) as error:
                raise _too_large(wanted.kind, error) from None
            except TooDamaged as error:
                failed = error
            except Exception:  # noqa: S112 - the first failure is told: that of the file as it is
                continue
    raise _failure(wanted.kind, failed)


Attempt = Callable[[], DecodedImage]


def _otherwise(wanted: _Wanted, data: bytes, failed: Exception) -> Iterator[Attempt]:
    """Other ways to decode a file that failed, the better ones first."""
    if wanted.kind == "JPEG2000" and wanted.min_side:
        # It may have fewer resolutions than were asked for.
        yield partial(_decode, replace(wanted, min_side=0), data)
    plain = list(plainer(wanted.kind, data))
    for each in plain:
        yield partial(_decode, wanted, each)
    if wanted.kind == "JPEG" and not (wanted.may_be_damaged and count_scans(data) > 1):
        yield partial(_decode_ended, wanted, data)
    if wanted.may_be_damaged:
        reason = str(_failure(wanted.kind, failed))
        for each in (data, *plain):
            yield partial(_decode_partly, wanted, each, reason)


def _decode_ended(wanted: _Wanted, data: bytes) -> DecodedImage:
    """Decode a JPEG without the mark of its end, whose pixels are all there.

    Raises:
        ImageError: pixels are missing.
    """
    return _decode(wanted, ended(data), _refuse_missing_end)


def _refuse_missing_end(image: Image.Image, width: int) -> None:
    """Refuse a JPEG whose last block its decoder has made up; ``width``: of the image in full.

    Raises:
        ImageError: it has.
    """
    block = max(1, BLOCK * image.width // width)
    left, top = ((size - 1) // block * block for size in image.size)
    extrema = image.crop((left, top, *image.size)).getextrema()
    levels: Any = extrema if isinstance(extrema[0], tuple) else (extrema,)
    if all(low >= MISSING - 1 and high <= MISSING for low, high in levels):
        raise ImageError("its last pixels are missing")


def _too_large(kind: str, error: BaseException) -> ImageTooLarge:
    if isinstance(error, ImageTooLarge):
        return error
    if isinstance(error, MemoryError):
        return ImageTooLarge("there is not enough memory to decode it")
    return ImageTooLarge(f"more pixels than Pillow decodes in this format ({kind})")


def _failure(kind: str, error: Exception) -> ImageError:
    if isinstance(error, ImageError):
        return error
    more = f" ({_one_line(heard())})" if heard() else ""
    return ImageError(f"damaged or not an image ({kind}): {_reason(error)}{more}")


@contextmanager
def opened_image(data: bytes, limits: ImageLimits) -> Iterator[Image.Image]:
    """An image file opened for its metadata, not decoded.

    Raises:
        ImageError: it cannot be opened; says why.
    """
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(f"{len(data)} bytes; the limit is {limits.max_bytes} (`images: {{max_bytes: …}}`)")
    kind = sniff(data)
    with _without_warnings(), _opened_or_plainer(kind, data) as image:
        yield image


def _opened_or_plainer(kind: str, data: bytes) -> Image.Image:
    """An image file opened as it is, or else without what its pixels do not need, or as long as it claims to be.

    Raises:
        ImageError: it cannot be opened.
    """
    try:
        return open_image(kind, data)
    except Exception as error:
        failed = error
    for plain in plainer(kind, data):
        with suppress(Exception):
            return open_image(kind, plain)
    if kind == "WEBP":
        with suppress(Exception):
            return open_image(kind, next(damaged.paddings(data)))
    raise _failure(kind, failed)


def _decode(
    wanted: _Wanted,
    data: bytes,
    check: Callable[[Image.Image, int], None] = lambda image, width: None,
) -> DecodedImage:
    with _opened(wanted, data) as (image, size):
        image.load()
        check(image, size[0])
        return _finished(wanted, data, image, size)


@contextmanager
def _opened(wanted: _Wanted, data: bytes) -> Iterator[tuple[ImageFile.ImageFile, tuple[int, int]]]:
    """An image file within the limits, about to be decoded, perhaps at a reduced size; and the size of the whole image.

    Raises:
        ImageTooLarge: it is beyond the limits.
    """
    several_scans = wanted.kind == "JPEG" and count_scans(data) > 1
    with open_image(wanted.kind, data) as image:
        width, height = image.size
        if width < 1 or height < 1:
            raise ImageError(f"an image of {width} × {height} pixels")
        if width * height > wanted.limits.max_pixels:
            raise ImageTooLarge(
                f"{width} × {height} pixels; the limit is {wanted.limits.max_pixels} (`images: {{max_pixels: …}}`)"
            )
        if wanted.min_side:
            _reduce(wanted.kind, image, wanted.min_side)
        # The coefficients of several scans are held for the image as a whole, however much it is reduced.
        with _alone_if_huge(width * height if several_scans else image.width * image.height):
            yield image, (width, height)


def _finished(
    wanted: _Wanted,
    data: bytes,
    image: Image.Image,
    size: tuple[int, int],
    missing: np.ndarray | None = None,
    damage: Damage | None = None,
) -> DecodedImage:
    """A loaded image as it is given; of a damaged one some pixels are ``missing``, bool ``(height, width)``."""
    # After loading: some decoders rotate by themselves then, and reset it.
    orientation = _orientation(image)
    said = stated(image, data) if wanted.kind == "PNG" and wanted.way.honours_gamma else None
    colours = to_srgb(wanted.kind, image, None if said is None else conversion(said))
    if missing is not None and missing.any():
        colours = damaged.filled(colours, missing)
    upright = _rotated(colours, orientation)
    width, height = size if orientation < 5 else size[::-1]
    return DecodedImage(upright, width, height, damage)


def _decode_partly(wanted: _Wanted, data: bytes, reason: str) -> DecodedImage:
    """Decode what there is of a damaged picture; ``reason``: why it could not be decoded as a whole.

    Raises:
        ImageError: less than half of it is there.
    """
    if wanted.kind == "JPEG":
        return _decode_cut_jpeg(wanted, data, reason)
    if wanted.kind == "WEBP":
        first, second = damaged.paddings(data)
        with _opened(wanted, first) as (image, _):
            image.load()
            others = np.array(image)
        with _opened(wanted, second) as (image, size):
            image.load()
            missing = damaged.from_first_row(damaged.differing(np.asarray(image), others))
            return _finished(wanted, data, image, size, missing, damaged.judged(missing, reason))
    with _opened(wanted, data) as (image, _):
        damaged.load_partly(image, 255)
        others = np.array(image)
    with _opened(wanted, data) as (image, size):
        damaged.load_partly(image, 0)
        missing = damaged.differing(np.asarray(image), others)
        return _finished(wanted, data, image, size, missing, damaged.judged(missing, reason))


def _decode_cut_jpeg(wanted: _Wanted, data: bytes, reason: str) -> DecodedImage:
    """Decode what there is of a JPEG; one of several scans is coarser all over where the last of them are missing.

    Raises:
        ImageError: less than half of it is there.
    """
    as_it_is, otherwise = damaged.ends(data)
    others = None
    if count_scans(data) > 1:
        with _opened(wanted, otherwise) as (image, _):
            damaged.load_partly(image, MISSING)
            others = np.array(image)
    with _opened(wanted, as_it_is) as (image, size):
        damaged.load_partly(image, MISSING)
        pixels = np.asarray(image)
        missing = damaged.grey_rows(pixels)
        damage = damaged.judged(missing, reason)
        if others is not None and not missing.any():
            whole = np.array_equal(pixels, others)
            coarser = replace(damage, reason=f"{reason}; it is coarser than it was")
            return _finished(wanted, data, image, size, damage=None if whole else coarser)
        return _finished(wanted, data, image, size, missing, damage)


def _reason(error: Exception) -> str:
    """What a decoder says, as one line that a terminal can be given: parts of it can be the file's."""
    said = _one_line(str(error))
    return said if " " in said else "its structure makes no sense"  # as the key of a KeyError


def _one_line(text: str) -> str:
    said = " ".join(text.split())[:200]
    return "".join(letter if letter.isprintable() else "?" for letter in said)


def _reduce(kind: str, image: Image.Image, min_side: int) -> None:
    """Have the image decoded at a reduced size, where its format can: 1/2, 1/4, … of it, at least ``min_side``.

    HEIF would answer `draft` with an embedded thumbnail: another picture, of which nothing says that it looks the same.
    """
    if kind == "JPEG":
        image.draft(None, (min_side, min_side))
    elif kind == "JPEG2000":
        for halvings in range(1, 6):
            power = 1 << halvings
            # The standard rounds the sides up, Pillow to the nearest, and it fails where these differ.
            agrees = all((side + power // 2) // power == -(-side // power) for side in image.size)
            if agrees and min(image.size) // power >= min_side:
                image.reduce = halvings  # type: ignore[method-assign, assignment]


@contextmanager
def _alone_if_huge(pixels: int) -> Iterator[None]:
    """Decode an image of very many pixels with no other such at the same time in the whole process.

    It takes gigabytes; a few worker threads with one each could take all the memory that there is.

    Some of Pillow's decoders hold an image to a limit of Pillow's own, which warns at first, and is one for the whole
    process. Ours has been checked by now, so theirs is raised, to this image, for as long as it is decoded: a program
    that uses seealso as a library otherwise keeps the limit that it has.
    """
    limit = Image.MAX_IMAGE_PIXELS
    if pixels <= min(HUGE_PIXELS, HUGE_PIXELS if limit is None else limit):
        yield
        return
    with _one_huge_image_at_a_time:
        limit = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None if limit is None else max(limit, pixels)
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


# Warnings


class _WhileDecoding(threading.local):
    """Stands in a filter of warnings where a pattern for names of modules goes; matches Pillow's while it decodes."""

    active = False

    def match(self, module: str) -> bool:
        return self.active and module.startswith("PIL.")


_while_decoding = _WhileDecoding()
_NO_WARNINGS: Any = ("ignore", None, Warning, _while_decoding, 0)


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Have Pillow and libtiff not warn, in this thread, of the damage that they find: nobody can act on it, and the pixels count.

    `warnings.catch_warnings` changes all threads' filters, and then puts back what may be another's. This filter stays,
    but sees whether the thread that warns is decoding here.
    """
    if not warnings.filters or warnings.filters[0] is not _NO_WARNINGS:
        # The first that matches decides: it must come before those of a test that has warnings be errors.
        others = [each for each in warnings.filters if each is not _NO_WARNINGS]
        warnings.filters = [_NO_WARNINGS, *others]
    _while_decoding.active = True
    try:
        with listening():
            yield
    finally:
        _while_decoding.active = False


# Orientation

_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 where there is none, or none that makes sense."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # damaged metadata is no reason to refuse the pixels
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _rotated(image: Image.Image, orientation: int) -> Image.Image:
    method = _TRANSPOSITIONS.get(orientation)
    return image.transpose(method) if method is not None else image

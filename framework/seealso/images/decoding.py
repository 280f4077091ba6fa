"""The only place that decodes image files. Every byte of them is hostile until checked."""

from __future__ import annotations

import io
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

from PIL import Image

from seealso.errors import ImageError, ImageTooLarge
from seealso.images.colours import to_srgb
from seealso.images.noise import heard, listening
from seealso.images.plain import MOST_SEGMENTS, MOST_TAGS, ended, is_too_long, plainer, tiff_tags
from seealso.interfaces.image_limits import ImageLimits

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"}
    | {".avif", ".heic", ".heif", ".hif", ".jp2", ".j2k", ".j2c", ".jpx", ".jpf", ".ppm", ".pgm", ".pbm", ".pnm"}
)
"""The suffixes, in lower case, of the files that a scan takes for images."""

HUGE_PIXELS = 40_000_000
MOST_SCANS = 100  # encoders write about ten
ORIENTATION = 0x0112

MISSING = 128
"""The value in each channel of pixels that a JPEG's decoder makes up, where there are no more bytes."""

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
    """

    image: Image.Image
    width: int
    height: int


def decode_image(data: bytes, *, min_side: int = 0, limits: ImageLimits | None = None) -> DecodedImage:
    """Decode an image file: its first frame, upright, over white where it is transparent, in sRGB.

    May be called from several threads at once.

    Args:
        data: the file's bytes.
        min_side: the image may come at a reduced size whose shorter side is at least this (pixels); a JPEG or
            JPEG 2000 is then decoded several times faster. 0: in full.
        limits: what is refused before decoding.

    Raises:
        ImageTooLarge: beyond the limits.
        ImageError: not an image that can be decoded; says why.
    """
    limits = limits or ImageLimits()
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(f"{len(data)} bytes; the limit is {limits.max_bytes} (`images: {{max_bytes: …}}`)")
    kind = _sniff(data)
    with _without_warnings():
        try:
            return _decode(kind, data, min_side, limits)
        except (ImageTooLarge, MemoryError, Image.DecompressionBombError) as error:
            raise _too_large(kind, error) from None
        except Exception as error:
            # Decoders raise whatever the damage leads to: OSError, SyntaxError, struct.error, zlib.error, KeyError, …
            failed = error
        for otherwise in _otherwise(kind, data, min_side):
            try:
                return otherwise(limits)
            except (ImageTooLarge, MemoryError, Image.DecompressionBombError) as error:
                raise _too_large(kind, error) from None
            except Exception:  # noqa: S112 - the first failure is told: that of the file as it is
                continue
    raise _failure(kind, failed)


Attempt = Callable[[ImageLimits], DecodedImage]


def _otherwise(kind: str, data: bytes, min_side: int) -> Iterator[Attempt]:
    """Other ways to decode a file that failed."""
    if kind == "JPEG2000" and min_side:
        # It may have fewer resolutions than were asked for.
        yield partial(_decode, kind, data, 0)
    for plain in plainer(kind, data):
        yield partial(_decode, kind, plain, min_side)
    if kind == "JPEG":
        yield partial(_decode_ended, data, min_side)


def _decode_ended(data: bytes, min_side: int, limits: ImageLimits) -> DecodedImage:
    """Decode a JPEG without the mark of its end, whose pixels are all there.

    Raises:
        ImageError: pixels are missing.
    """
    return _decode("JPEG", ended(data), min_side, limits, _refuse_missing_end)


def _refuse_missing_end(image: Image.Image, width: int) -> None:
    """Refuse a JPEG whose last block its decoder has made up; ``width``: of the image in full.

    Raises:
        ImageError: it has.
    """
    block = max(1, BLOCK * image.width // width)
    left, top = ((size - 1) // block * block for size in image.size)
    levels = image.crop((left, top, *image.size)).getextrema()
    if all(level == (MISSING, MISSING) for level in (levels if isinstance(levels[0], tuple) else (levels,))):
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
    kind = _sniff(data)
    with _without_warnings(), _opened_or_plainer(kind, data) as image:
        yield image


def _opened_or_plainer(kind: str, data: bytes) -> Image.Image:
    """An image file opened as it is, or else without what its pixels do not need.

    Raises:
        ImageError: it cannot be opened.
    """
    try:
        return _open(kind, data)
    except Exception as error:
        failed = error
    for plain in plainer(kind, data):
        with suppress(Exception):
            return _open(kind, plain)
    raise _failure(kind, failed)


def _decode(
    kind: str,
    data: bytes,
    min_side: int,
    limits: ImageLimits,
    check: Callable[[Image.Image, int], None] = lambda image, width: None,
) -> DecodedImage:
    several_scans = kind == "JPEG" and _count_scans(data) > 1
    with _open(kind, data) as image:
        width, height = image.size
        if width < 1 or height < 1:
            raise ImageError(f"an image of {width} × {height} pixels")
        if width * height > limits.max_pixels:
            raise ImageTooLarge(
                f"{width} × {height} pixels; the limit is {limits.max_pixels} (`images: {{max_pixels: …}}`)"
            )
        if min_side:
            _reduce(kind, image, min_side)
        # The coefficients of several scans are held for the image as a whole, however much it is reduced.
        with _alone_if_huge(width * height if several_scans else image.width * image.height):
            image.load()
            check(image, width)
            # After loading: some decoders rotate by themselves then, and reset it.
            orientation = _orientation(image)
            upright = _rotated(to_srgb(kind, image), orientation)
    if orientation >= 5:
        width, height = height, width
    return DecodedImage(upright, width, height)


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


# Opening


class _Format(NamedTuple):
    """A format that is decoded: how its files begin, and the class that opens them.

    Nothing else is ever opened: nothing that runs programs, nothing exotic. `PIL.Image.open` would import and ask every
    decoder that there is, and check a limit of its own.
    """

    kind: str
    matches: Callable[[bytes], bool]
    module: str
    decoder: str


_FORMATS = (
    # An MPO, of several pictures, begins with a JPEG of the first.
    _Format("JPEG", lambda head: head.startswith(b"\xff\xd8\xff"), "PIL.JpegImagePlugin", "JpegImageFile"),
    _Format("PNG", lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"), "PIL.PngImagePlugin", "PngImageFile"),
    _Format(
        "WEBP",
        lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP",
        "PIL.WebPImagePlugin",
        "WebPImageFile",
    ),
    _Format("GIF", lambda head: head.startswith((b"GIF87a", b"GIF89a")), "PIL.GifImagePlugin", "GifImageFile"),
    _Format(
        "TIFF",
        # Not MM+, the larger kind of the other byte order, which Pillow takes for the usual kind.
        lambda head: head.startswith((b"II*\0", b"MM\0*", b"II+\0")),
        "PIL.TiffImagePlugin",
        "TiffImageFile",
    ),
    _Format("BMP", lambda head: head.startswith(b"BM"), "PIL.BmpImagePlugin", "BmpImageFile"),
    _Format(
        "JPEG2000",
        lambda head: head.startswith((b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")),
        "PIL.Jpeg2KImagePlugin",
        "Jpeg2KImageFile",
    ),
    _Format(
        "PPM",
        lambda head: len(head) > 2 and head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace(),
        "PIL.PpmImagePlugin",
        "PpmImageFile",
    ),
    _Format("AVIF", lambda head: b"avi" in _brands(head), "PIL.AvifImagePlugin", "AvifImageFile"),
    _Format(
        "HEIF",
        lambda head: any(brand in _brands(head) for brand in (b"hei", b"hev", b"mif1")),
        "pillow_heif",
        "HeifImageFile",
    ),
)
_DECODERS = {each.kind: (each.module, each.decoder) for each in _FORMATS}


def _sniff(data: bytes) -> str:
    """Which format the bytes claim to be."""
    if not data:
        raise ImageError("the file is empty")
    for each in _FORMATS:
        if each.matches(data[:64]):
            return each.kind
    raise ImageError("not an image of a format that is known here")


_MEDIA_TYPES = {"JPEG2000": "image/jp2", "PPM": "image/x-portable-anymap"}


def media_type(data: bytes) -> str:
    """The media type, such as ``image/png``, of the format that a file's first bytes claim.

    Raises:
        ImageError: of none that `decode_image` would decode.
    """
    kind = _sniff(data)
    return _MEDIA_TYPES.get(kind, f"image/{kind.lower()}")


def _brands(head: bytes) -> bytes:
    if head[4:8] != b"ftyp":
        return b""
    return head[8 : min(len(head), int.from_bytes(head[:4], "big"))]


def _open(kind: str, data: bytes) -> Image.Image:
    if kind == "TIFF":
        _refuse_long_tags(data)
    # Each decoder is imported when first needed: few collections hold all formats.
    module, decoder = _DECODERS[kind]
    image: Image.Image = getattr(import_module(module), decoder)(io.BytesIO(data))
    return image


# Files that are small, claim few pixels, and would still take hours or gigabytes

_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd8\xff]")
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_JPEG_END, _JPEG_SCAN, _JPEG_BARE = 0xD9, 0xDA, 0x01


def _count_scans(data: bytes) -> int:
    """How many scans a JPEG has: one, if it is neither progressive nor has its components one after the other.

    Each further scan is decoded for all pixels, though it may be a dozen bytes long.

    Raises:
        ImageError: very many scans, or segments.
    """
    place, segments, scans, components, progressive = 2, 0, 0, 0, False
    while match := _JPEG_MARKER.search(data, place):
        place = match.end()
        marker = data[place - 1]
        if marker == _JPEG_END:
            break
        if marker == _JPEG_BARE:
            continue
        segments += 1
        if marker in _JPEG_FRAMES:
            progressive = marker in _JPEG_PROGRESSIVE
            components = int.from_bytes(data[place + 7 : place + 8], "big")
        elif marker == _JPEG_SCAN:
            scans += 1
            if scans == 1 and not progressive and data[place + 2 : place + 3] == bytes([components]):
                break
        if scans > MOST_SCANS or segments > MOST_SEGMENTS:
            raise ImageError(f"a JPEG of more than {MOST_SCANS} scans or {MOST_SEGMENTS} segments")
        place += int.from_bytes(data[place : place + 2], "big")
    return scans


def _refuse_long_tags(data: bytes) -> None:
    """Refuse a TIFF one of whose tags holds very many numbers, as of its strips: each becomes a Python object.

    Raises:
        ImageError: there is such a tag.
    """
    for number, (_, tag, type_, count) in enumerate(tiff_tags(data)):
        if number >= MOST_TAGS:
            raise ImageError(f"a TIFF of more than {MOST_TAGS} tags")
        if is_too_long(type_, count):
            raise ImageError(f"a TIFF with {count} values in its tag {tag}")


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

"""The formats that are decoded: how their files are recognised and opened, and what is refused before anything is decoded."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

from PIL import ImageFile

from seealso.errors import ImageError
from seealso.images.plain import MOST_SEGMENTS, MOST_TAGS, is_too_long, tiff_tags

MOST_SCANS = 100  # encoders write about ten


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
DECODERS = {each.kind: (each.module, each.decoder) for each in _FORMATS}


def sniff(data: bytes) -> str:
    """Which format the bytes claim to be.

    Raises:
        ImageError: none that is known here.
    """
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
    kind = sniff(data)
    return _MEDIA_TYPES.get(kind, f"image/{kind.lower()}")


def _brands(head: bytes) -> bytes:
    if head[4:8] != b"ftyp":
        return b""
    return head[8 : min(len(head), int.from_bytes(head[:4], "big"))]


def open_image(kind: str, data: bytes) -> ImageFile.ImageFile:
    """An image file opened by the decoder of its format, not decoded.

    Raises:
        ImageError: it is refused; and whatever a decoder raises.
    """
    if kind == "TIFF":
        _refuse_long_tags(data)
    # Each decoder is imported when first needed: few collections hold all formats.
    module, decoder = DECODERS[kind]
    image: ImageFile.ImageFile = getattr(import_module(module), decoder)(io.BytesIO(data))
    return image


# Files that are small, claim few pixels, and would still take hours or gigabytes

_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd8\xff]")
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_JPEG_END, _JPEG_SCAN, _JPEG_BARE = 0xD9, 0xDA, 0x01


def count_scans(data: bytes) -> int:
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

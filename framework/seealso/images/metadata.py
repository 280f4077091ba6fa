"""What an image file says of itself beside its pixels: EXIF, IPTC, XMP and plain texts, as they stand there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from PIL import ExifTags, Image, IptcImagePlugin

from seealso.errors import ImageError
from seealso.images.decoding import opened_image
from seealso.interfaces.image_limits import ImageLimits

LONGEST = 1 << 20
"""Bytes of a value; a longer one is passed over."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ImageMetadata:
    """The metadata of an image; what is damaged is left out.

    Attributes:
        exif: the values of the first directory and of the EXIF one, by the names of their tags in Pillow's `ExifTags`.
        iptc: the values of each dataset, by record and number: ``(2, 25)`` are the keywords.
        xmp: the XMP packet, an XML document; empty where there is none. Hostile until parsed with care.
        texts: those of a PNG, by their keys.
    """

    exif: Mapping[str, object] = field(default_factory=dict)
    iptc: Mapping[tuple[int, int], tuple[bytes, ...]] = field(default_factory=dict)
    xmp: bytes = b""
    texts: Mapping[str, str] = field(default_factory=dict)


def image_metadata(data: bytes, limits: ImageLimits | None = None) -> ImageMetadata:
    """Read the metadata of an image file; its pixels are not decoded. May be called from several threads at once.

    Raises:
        ImageError: it is no image, or too large a file.
    """
    with opened_image(data, limits or ImageLimits()) as image:
        return ImageMetadata(
            _or({}, _exif, image), _or({}, _iptc, image), _or(b"", _xmp, image), _or({}, _texts, image)
        )


def _or(otherwise: T, read: Callable[[Image.Image], T], image: Image.Image) -> T:
    """What a reader gives; or something else where the metadata is damaged: Pillow raises whatever that leads to."""
    try:
        return read(image)
    except MemoryError:
        raise ImageError("there is not enough memory to read its metadata") from None
    except Exception:
        return otherwise


def _exif(image: Image.Image) -> dict[str, object]:
    exif = image.getexif()
    found: dict[str, object] = {}
    for tag, value in (*exif.items(), *exif.get_ifd(ExifTags.IFD.Exif).items()):
        name = ExifTags.TAGS.get(tag)
        if name is not None and not (isinstance(value, str | bytes) and len(value) > LONGEST):
            found[name] = value
    return found


def _iptc(image: Image.Image) -> dict[tuple[int, int], tuple[bytes, ...]]:
    found: dict[tuple[int, int], tuple[bytes, ...]] = {}
    for key, value in (IptcImagePlugin.getiptcinfo(image) or {}).items():  # type: ignore[arg-type]
        values = value if isinstance(value, list) else [value]
        found[key] = tuple(each for each in values if isinstance(each, bytes) and len(each) <= LONGEST)
    return found


def _xmp(image: Image.Image) -> bytes:
    value: Any = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    if not value and image.format == "TIFF":
        value = image.getexif().get(700) or b""
    packet = value.encode() if isinstance(value, str) else bytes(value)
    return packet if len(packet) <= LONGEST else b""


def _texts(image: Image.Image) -> dict[str, str]:
    texts = {key: value for key, value in image.info.items() if isinstance(key, str) and isinstance(value, str)}
    return {key: value for key, value in texts.items() if len(value) <= LONGEST and not key.startswith("XML:")}

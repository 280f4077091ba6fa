"""The only place that decodes image files. Every byte of them is hostile until checked."""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms
from pydantic import BaseModel, ConfigDict, Field

from seealso.errors import ImageError, ImageTooLarge

IMAGE_SUFFIXES = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".mpo",
        ".png",
        ".apng",
        ".webp",
        ".avif",
        ".heic",
        ".heif",
        ".hif",
        ".tif",
        ".tiff",
        ".bmp",
        ".dib",
        ".gif",
        ".jp2",
        ".j2k",
        ".jpx",
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
    ]
)
"""The suffixes, in lower case, of the files that a scan takes for images."""

HUGE_PIXELS = 40_000_000
LARGEST_PROFILE = 4 << 20
ORIENTATION = 0x0112

# Decoding an image of hundreds of megapixels takes gigabytes. A few worker threads with one each could take all the
# memory that there is, so such images are decoded one at a time in the whole process.
_one_huge_image_at_a_time = threading.Lock()


class ImageLimits(BaseModel):
    """What an image file may be, at most; checked before anything is decoded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_bytes: int = Field(default=256 << 20, gt=0, description="bytes of a file")
    max_pixels: int = Field(default=250_000_000, gt=0, description="pixels of an image, width × height")


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """An image, decoded.

    Attributes:
        image: RGB, upright, in sRGB; perhaps at a reduced size.
        width: of the whole image, upright, in pixels.
        height: likewise.
    """

    image: Image.Image
    width: int
    height: int


def decode_image(data: bytes, *, min_side: int = 0, limits: ImageLimits | None = None) -> DecodedImage:
    """Decode an image file: its first frame, upright, over white where it is transparent, in sRGB.

    Args:
        data: the file's bytes.
        min_side: the image may come at a reduced size whose shorter side is at least this (pixels); a JPEG is then
            decoded several times faster. 0: in full.
        limits: what is refused before decoding.

    Raises:
        ImageTooLarge: beyond the limits.
        ImageError: not an image that can be decoded; says why.
    """
    limits = limits or ImageLimits()
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(f"{len(data)} bytes; the limit is {limits.max_bytes} (`images: {{max_bytes: …}}`)")
    _quieten_pillow()
    kind = _sniff(data)
    try:
        with _open(kind, io.BytesIO(data)) as image:
            return _decode(image, min_side, limits)
    except ImageError:
        raise
    except MemoryError:
        raise ImageTooLarge("there is not enough memory to decode it") from None
    except Exception as error:
        # Decoders raise whatever the damage leads to: OSError, SyntaxError, struct.error, zlib.error, KeyError, …
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"damaged or not an image ({kind}): {reason[:200]}") from None


def _decode(image: Image.Image, min_side: int, limits: ImageLimits) -> DecodedImage:
    width, height = image.size
    if width < 1 or height < 1:
        raise ImageError(f"an image of {width} × {height} pixels")
    if width * height > limits.max_pixels:
        raise ImageTooLarge(
            f"{width} × {height} pixels; the limit is {limits.max_pixels} (`images: {{max_pixels: …}}`)"
        )
    if min_side:
        # Only JPEG does something here: it scales by 1/2, 1/4 or 1/8 within the inverse cosine transform.
        image.draft(None, (min_side, min_side))
    huge = image.width * image.height > HUGE_PIXELS
    with _one_huge_image_at_a_time if huge else nullcontext():
        image.load()
        # After loading: some decoders rotate by themselves then, and reset it.
        orientation = _orientation(image)
        upright = _rotated(_to_srgb(image), orientation)
    if orientation >= 5:
        width, height = height, width
    return DecodedImage(upright, width, height)


# Opening

_SIGNATURES: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    ("JPEG", lambda data: data.startswith(b"\xff\xd8\xff")),
    ("PNG", lambda data: data.startswith(b"\x89PNG\r\n\x1a\n")),
    ("WEBP", lambda data: data.startswith(b"RIFF") and data[8:12] == b"WEBP"),
    ("GIF", lambda data: data.startswith((b"GIF87a", b"GIF89a"))),
    ("TIFF", lambda data: data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"))),
    ("BMP", lambda data: data.startswith(b"BM")),
    ("JPEG2000", lambda data: data.startswith((b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"))),
    ("PPM", lambda data: len(data) > 2 and data[:1] == b"P" and data[1:2] in b"123456" and data[2:3].isspace()),
    ("AVIF", lambda data: data[4:8] == b"ftyp" and b"avi" in _brands(data)),
    ("HEIF", lambda data: data[4:8] == b"ftyp" and any(brand in _brands(data) for brand in (b"hei", b"hev", b"mif1"))),
)


def _sniff(data: bytes) -> str:
    """Which format the bytes claim to be. Only these are ever opened: nothing that runs programs, nothing exotic."""
    if not data:
        raise ImageError("the file is empty")
    for kind, matches in _SIGNATURES:
        if matches(data[:64]):
            return kind
    raise ImageError("not an image of a format that is known here")


def _brands(head: bytes) -> bytes:
    return head[8 : min(len(head), int.from_bytes(head[:4], "big"))]


def _open(kind: str, file: io.BytesIO) -> Image.Image:
    """Open with just the decoder of that format.

    `PIL.Image.open` would try others too, and hold images to a limit of its own, which is one for the whole process and
    raises a warning where a limit is not passed yet. Ours is checked by `_decode`.
    """
    if kind == "HEIF":
        # Imported when first needed: few collections hold any, and it takes its time.
        from pillow_heif import HeifImageFile

        heif: Image.Image = HeifImageFile(file)  # type: ignore[no-untyped-call]
        return heif
    if kind not in Image.OPEN:
        Image.preinit()
    if kind not in Image.OPEN:
        Image.init()
    opener = Image.OPEN[kind][0]
    return opener(file, "")


def _quieten_pillow() -> None:
    """Have Pillow not warn of the damage that it finds in metadata: nobody can act on it, and pixels are what counts.

    `warnings.catch_warnings` would be neater, and is not safe in threads.
    """
    if _PILLOW_FILTER not in warnings.filters:
        warnings.filterwarnings("ignore", module=r"PIL\.")


with warnings.catch_warnings():
    warnings.filterwarnings("ignore", module=r"PIL\.")
    _PILLOW_FILTER = warnings.filters[0]


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


# Colour


def _to_srgb(image: Image.Image) -> Image.Image:
    """The loaded image as RGB in sRGB, over white where it is transparent."""
    profile = image.info.get("icc_profile")
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _eight_bits(image).convert("RGB")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = _over_white(image.convert("RGBA"))
    elif image.mode in ("1", "P", "YCbCr", "HSV"):
        image = image.convert("RGB")
    if image.mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        converted = ImageCms.profileToProfile(image, lab, ImageCms.createProfile("sRGB"), outputMode="RGB")
        assert converted is not None
        return converted
    transform = _transform(profile, image.mode) if isinstance(profile, bytes) else None
    if transform is not None:
        return transform.apply(image)
    # An opened file's class differs from a plain image's, and keeps the file: the copy does not.
    return image.convert("RGB") if image.mode != "RGB" else image.copy()


def _over_white(image: Image.Image) -> Image.Image:
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    white.alpha_composite(image)
    return white.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Sixteen-bit, 32-bit and floating-point grey as eight bits, by the range that the values can be seen to use."""
    values = np.asarray(image)
    if values.dtype.kind == "f":
        values = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if image.mode.startswith("I;16") or (values.dtype.kind in "iu" and low >= 0 and 255 < high <= 65535):
        low, high = 0.0, 65535.0
    elif values.dtype.kind in "iu" and low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    elif low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    scale = 255 / (high - low) if high > low else 0.0
    return Image.fromarray(((values.astype(np.float32) - low) * scale + 0.5).clip(0, 255).astype(np.uint8))


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From a colour profile to sRGB; None where there is nothing to do, or nothing that can be done.

    Building one takes milliseconds, and a person's photographs have a handful of profiles between them.
    """
    if len(profile) > LARGEST_PROFILE:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if mode == "RGB" and "srgb" in ImageCms.getProfileDescription(source).lower():
            return None
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (OSError, ValueError, TypeError, ImageCms.PyCMSError):
        # A broken profile, or one that does not fit the image: the colours are taken as they are.
        return None

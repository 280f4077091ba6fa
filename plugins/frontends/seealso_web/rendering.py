"""Images made smaller, as WebP: nothing of the file itself is ever sent on, neither its bytes nor its metadata."""

from __future__ import annotations

import io
from dataclasses import dataclass

from PIL import Image

from seealso import ImageLimits, decode_image


@dataclass(frozen=True, slots=True)
class Size:
    """How large an image is shown, at most, in pixels, and the quality that it is written with (1 to 100)."""

    name: str
    width: int
    height: int
    quality: int

    def fit(self, width: int, height: int) -> tuple[int, int]:
        """The sides of an image of these sides when it is shown; never larger than it is."""
        scale = min(1.0, self.width / width, self.height / height)
        return max(1, round(width * scale)), max(1, round(height * scale))


THUMBNAIL = Size("thumbnail", 720, 360, 78)
PREVIEW = Size("preview", 1600, 1600, 84)
SIZES = {size.name: size for size in (THUMBNAIL, PREVIEW)}
MEDIA_TYPE = "image/webp"


def shrink(image: Image.Image, size: Size) -> bytes:
    """An RGB image, as WebP in a size."""
    file = io.BytesIO()
    smaller = image.resize(size.fit(*image.size), Image.Resampling.LANCZOS, reducing_gap=2.0)
    smaller.save(file, "WEBP", quality=size.quality, method=2)
    return file.getvalue()


def render(data: bytes, size: Size, limits: ImageLimits) -> bytes:
    """An image file's bytes, as WebP in a size; also of a damaged one: whoever does not take it in has refused it before.

    Raises:
        ImageError: it cannot be decoded.
    """
    limits = limits.taking_damaged()
    # The shorter side is never longer than the shorter limit, so a JPEG can come at a reduced size.
    return shrink(decode_image(data, min_side=min(size.width, size.height), limits=limits).image, size)


def is_whole(webp: bytes) -> bool:
    """Whether a WebP file ends where its header says."""
    return webp[:4] == b"RIFF" and webp[8:12] == b"WEBP" and int.from_bytes(webp[4:8], "little") == len(webp) - 8

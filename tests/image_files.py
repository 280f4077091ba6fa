"""Image files for tests, made in memory: pictures that show which way up they are, colour profiles, rare TIFFs."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

KINDS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "JPEG2000", "PPM", "HEIC")

RED, GREEN, BLUE, YELLOW = (220, 20, 20), (20, 200, 20), (20, 20, 220), (220, 220, 20)
CLOCKWISE = [RED, GREEN, YELLOW, BLUE]


def corners(width: int = 64, height: int = 48) -> Image.Image:
    """Red, green, yellow and blue in its four quarters, clockwise from the upper left."""
    image = Image.new("RGB", (width, height))
    for place, colour in ((0, RED), (1, GREEN), (3, YELLOW), (2, BLUE)):
        box = (place % 2 * width // 2, place // 2 * height // 2)
        image.paste(colour, (*box, box[0] + width // 2, box[1] + height // 2))
    return image


def seen(image: Image.Image) -> list[tuple[int, int, int]]:
    """The colours in the middle of the four quarters, clockwise from the upper left."""
    w, h = image.size
    places = ((w // 4, h // 4), (3 * w // 4, h // 4), (3 * w // 4, 3 * h // 4), (w // 4, 3 * h // 4))
    return [image.getpixel(place) for place in places]


def close(found: list[tuple[int, ...]], expected: list[tuple[int, ...]], tolerance: int = 40) -> bool:
    return bool((np.abs(np.array(found, int) - np.array(expected, int)) <= tolerance).all())


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    if kind == "HEIC":
        return heic(image, **options)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def heic(image: Image.Image, **options: object) -> bytes:
    import pillow_heif

    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, quality=90, **options)
    return file.getvalue()


def exif(orientation: int) -> Image.Exif:
    written = Image.Exif()
    written[0x0112] = orientation
    written[0x010F] = "maker"
    return written


# PNG


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, depth: int, colour_type: int, rows: bytes, *more: bytes) -> bytes:
    """A PNG of ``rows``, each of which begins with its filter's number; ``more`` chunks come before the pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(rows)) if rows else b""
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + pixels + chunk(b"IEND", b"")


# TIFF


def tiff(
    pixels: bytes, width: int, height: int, *, bits: int, samples: int = 1, photometric: int = 1, **tags: int
) -> bytes:
    """An uncompressed TIFF with the tags that Pillow does not write; ``t339=2`` gives tag 339 the value 2."""
    values = {256: [width], 257: [height], 258: [bits] * samples, 259: [1], 262: [photometric], 273: [8]}
    values |= {277: [samples], 278: [height], 279: [len(pixels)], 284: [1]}
    values |= {int(name[1:]): [value] for name, value in tags.items()}
    place = 8 + len(pixels) + len(pixels) % 2
    spare = place + 2 + 12 * len(values) + 4
    entries, arrays = b"", b""
    for tag in sorted(values):
        packed = struct.pack(f"<{len(values[tag])}I", *values[tag])
        if len(packed) > 4:
            packed, arrays = struct.pack("<I", spare + len(arrays)), arrays + packed
        entries += struct.pack("<HHI", tag, 4, len(values[tag])) + packed
    body = pixels + b"\0" * (len(pixels) % 2) + struct.pack("<H", len(values)) + entries + bytes(4) + arrays
    return b"II*\0" + struct.pack("<I", place) + body


# Colour profiles (ICC, version 2)


def fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))


def profile(space: bytes, tags: dict[bytes, bytes], pcs: bytes = b"XYZ ", name: bytes = b"made for a test") -> bytes:
    described = b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + bytes(79)
    tags = {b"desc": described, b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642, 1, 0.8249), **tags}
    body, table = b"", struct.pack(">I", len(tags))
    for tag, value in tags.items():
        table += tag + struct.pack(">II", 132 + 12 * len(tags) + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    kind = b"prtr" if space == b"CMYK" else b"mntr"
    header = struct.pack(">I4xI", 132 + len(table) - 4 + len(body), 0x02400000) + kind + space + pcs
    header += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + fixed(0.9642, 1, 0.8249)
    return header.ljust(128, b"\0") + table + body


def rgb_profile(primaries: np.ndarray, gamma: float, name: bytes = b"made for a test") -> bytes:
    """``primaries``: the XYZ (D50) of red, green and blue, in rows."""
    tags = {}
    for letter, xyz in zip((b"r", b"g", b"b"), primaries, strict=True):
        tags |= {letter + b"XYZ": b"XYZ \0\0\0\0" + fixed(*xyz), letter + b"TRC": curve(gamma)}
    return profile(b"RGB ", tags, name=name)


SRGB_PRIMARIES = np.array([[0.4361, 0.2225, 0.0139], [0.3851, 0.7169, 0.0971], [0.1431, 0.0606, 0.7139]])
P3_PRIMARIES = np.array([[0.5151, 0.2412, -0.0011], [0.2920, 0.6922, 0.0419], [0.1571, 0.0666, 0.7841]])
P3 = rgb_profile(P3_PRIMARIES, 2.2)
LINEAR_GREY = profile(b"GRAY", {b"kTRC": curve(1.0)})


def strange_ink_profile() -> bytes:
    """A CMYK profile of a printer whose cyan ink is red; magenta and yellow print nothing, black is black."""
    white, red, black = bytes((255, 128, 128)), bytes((135, 208, 195)), bytes((13, 128, 128))
    table = (white + black) * 4 + (red + black) * 4  # the first of the four inks varies slowest
    straight = bytes(range(256))
    sizes = bytes((4, 3, 2, 0)) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    return profile(b"CMYK", {b"A2B0": b"mft1\0\0\0\0" + sizes + straight * 4 + table + straight * 3}, pcs=b"Lab ")

"""Image files without what their pixels do not need.

Damage there is no reason to refuse a picture. Decoders stop at it all the same, so a file that cannot be decoded is tried again without
it: first with what changes how the picture looks (its colours, its orientation), as far as that is sound; then without that, too.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

PNG_NEEDED = (b"tRNS",)
"""Chunks that may be left out by their name, and that the pixels need all the same."""

PNG_SIZES = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4}
"""Chunks that say what colours the numbers stand for, and their length."""

JPEG_NEEDED = frozenset(range(0xC0, 0xD0)) | {0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF, 0xEE}
"""Markers of segments that the pixels need: frames, tables, scans, and Adobe's, which says how colours were transformed."""

MOST_CHUNKS = 100_000
"""Of a PNG: some programs write its pixels a few thousand bytes at a time."""

MOST_SEGMENTS = 1000
"""Of a JPEG: a colour profile can take 255."""

MOST_TAGS = 4096
"""Of a TIFF; files of cameras have a hundred."""

JPEG_END = b"\xff\xd9"

TIFF_NEEDED = frozenset(
    {
        254,
        255,
        256,
        257,
        258,
        259,
        262,
        263,
        266,
        273,
        277,
        278,
        279,
        284,
        292,
        293,
        317,
        318,
        319,
        320,
        322,
        323,
    }
    | {324, 325, 332, 334, 338, 339, 340, 341, 347, *range(512, 522), 529, 530, 531, 532}
)
"""Tags that the pixels need."""

TIFF_LOOKS = frozenset({274, 34675})
"""Orientation and colour profile."""

MOST_TIFF_VALUES = 250_000
"""Numbers in a tag: the strips of an image, or three colour maps of 65,536. Each becomes a Python object."""

TIFF_BYTES = (1, 2, 7)
"""Types of tags whose values are bytes, text, or anything: they stay together."""


def plainer(kind: str, data: bytes) -> Iterator[bytes]:
    """The same image file with less and less of what its pixels do not need; nothing where nothing can be left out.

    Args:
        kind: its format, as ``PNG``.
        data: the file.
    """
    before = data
    for looks in (True, False):
        made = _plain(kind, data, looks=looks)
        if made != before:
            yield made
        before = made


def _plain(kind: str, data: bytes, *, looks: bool) -> bytes:
    if kind == "PNG":
        return _plain_png(data, looks=looks)
    if kind == "JPEG":
        return _plain_jpeg(data, looks=looks)
    if kind == "TIFF":
        return _plain_tiff(data, TIFF_NEEDED | TIFF_LOOKS if looks else TIFF_NEEDED)
    return data


def _plain_png(data: bytes, *, looks: bool) -> bytes:
    kept, place, chunks = [PNG_SIGNATURE], len(PNG_SIGNATURE), 0
    while place + 12 <= len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        name = data[place + 4 : place + 8]
        if end > len(data):
            break
        chunks += 1
        if chunks > MOST_CHUNKS:
            return data
        # The first letter of the name says whether a decoder can do without: a small one is for those that may be left out.
        if name[:1].isupper() or name in PNG_NEEDED or (looks and _is_sound(name, data[place + 4 : end])):
            kept.append(data[place:end])
        place = end
    # What is cut short is for the decoder to judge.
    return b"".join([*kept, data[place:]])


def _is_sound(name: bytes, chunk: bytes) -> bool:
    """Whether a chunk, from its name to its checksum, says how the picture looks, and can be read."""
    content = chunk[4:-4]
    if zlib.crc32(chunk[:-4]) != int.from_bytes(chunk[-4:], "big"):
        return False
    if name == b"iCCP":
        # A name, a zero, and the only method of compression that there is.
        return content[content.find(b"\0") + 1 :][:1] == b"\0" and 0 < content.find(b"\0") < 80
    return name == b"eXIf" or PNG_SIZES.get(name) == len(content)


def _plain_jpeg(data: bytes, *, looks: bool) -> bytes:
    """Without the segments before the first scan that are not needed; what stands between segments goes, too."""
    kept, place, segments = [data[:2]], 2, 0
    while (place := data.find(b"\xff", place)) >= 0 and place + 4 <= len(data):
        marker = data[place + 1]
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:
            place += 1
            continue
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        if marker == 0xDA or end > len(data):
            break
        segments += 1
        if segments > MOST_SEGMENTS:
            return data
        profile = marker == 0xE2 and data.startswith(b"ICC_PROFILE\0", place + 4)
        exif = marker == 0xE1 and data.startswith(b"Exif\0\0", place + 4)
        if marker in JPEG_NEEDED or (looks and (profile or exif)):
            kept.append(data[place:end])
        place = end
    return b"".join([*kept, data[place:]]) if place >= 0 else data


def _plain_tiff(data: bytes, needed: frozenset[int]) -> bytes:
    """With every tag of the first image that is not needed, or has too many values, emptied: it has one byte, zero."""
    changed = bytearray(data)
    for place, tag, type_, count in tiff_tags(data):
        if tag not in needed or (tag in TIFF_LOOKS and is_too_long(type_, count)):
            order, size = ("<" if data.startswith(b"II") else ">"), 8 if data[2:3] == b"+" else 4
            struct.pack_into(f"{order}HH{'Q' if size == 8 else 'I'}", changed, place, tag, 1, 1)
            changed[place + 4 + size : place + 4 + 2 * size] = bytes(size)
    return bytes(changed)


def is_too_long(type_: int, count: int) -> bool:
    """Whether a tag holds too many numbers to look at."""
    return count > MOST_TIFF_VALUES and type_ not in TIFF_BYTES


def tiff_tags(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """The tags of a TIFF's first image: where each stands, which it is, its type, and how many values it has; as far as they are there."""
    order, big = "<" if data.startswith(b"II") else ">", data[2:3] == b"+"
    start, number, entry = (8, "Q", "HHQ8x") if big else (4, "H", "HHI4x")
    entry_format, number_format = struct.Struct(order + entry), struct.Struct(order + number)
    try:
        (place,) = struct.unpack_from(order + ("Q" if big else "I"), data, start)
        (entries,) = number_format.unpack_from(data, place)
        place += number_format.size
        for each in range(min(entries, MOST_TAGS + 1)):
            at = place + each * entry_format.size
            yield (at, *entry_format.unpack_from(data, at))
    except struct.error:
        return  # cut short; its decoder finds out


def ended(data: bytes) -> bytes:
    """A JPEG with the mark of its end behind it, which a file that was cut short lacks."""
    return data + JPEG_END

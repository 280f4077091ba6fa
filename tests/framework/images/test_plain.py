"""Damage outside the pixels, which is no reason to refuse a picture."""

import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

import seealso
from image_files import CLOCKWISE, P3, chunk, close, corners, encode, exif, seen
from seealso.images.decoding import decode_image
from seealso.images.plain import plainer


def with_chunks(*chunks: bytes) -> bytes:
    """A PNG of the four corners, with chunks before its pixels."""
    data = encode(corners(), "PNG")
    return data[:33] + b"".join(chunks) + data[33:]


def wrong(made: bytes) -> bytes:
    """A chunk with a checksum that is not its own."""
    return made[:-4] + bytes(4)


TEXT = zlib.compress(b"x" * 5_000_000)


@pytest.mark.parametrize(
    "chunks",
    [
        [wrong(chunk(b"tEXt", b"Comment\0hello"))],
        [wrong(chunk(b"iTXt", b"Comment\0\0\0\0\0hello"))],
        [wrong(chunk(b"iCCP", b"icc\0\0" + zlib.compress(P3)))],
        [wrong(chunk(b"pHYs", b"\0\0\x0b\x12" * 2 + b"\1"))],
        [wrong(chunk(b"tIME", bytes(7)))],
        [wrong(chunk(b"eXIf", exif(6).tobytes()[6:]))],
        [chunk(b"pHYs", b"\0\0")],
        [chunk(b"sRGB", b"")],
        [chunk(b"cHRM", b"\0" * 7)],
        [chunk(b"gAMA", b"")],
        [chunk(b"iCCP", b"icc\0\7" + zlib.compress(P3))],
        [chunk(b"zTXt", b"Comment\0\x78" + zlib.compress(b"x"))],
        [chunk(b"zTXt", b"Comment\0\0" + TEXT)],
        [chunk(b"zTXt", b"C%d\0\0" % number + zlib.compress(bytes(1_000_000))) for number in range(80)],
        [chunk(b"acTL", b"")],
        [wrong(chunk(b"prVt", b"a program's own"))],
        [wrong(chunk(b"pHYs", b"\0")), chunk(b"zTXt", b"a"), wrong(chunk(b"tEXt", b""))],
    ],
    ids=range(17),
)
def test_chunks_that_pixels_do_not_need(chunks):
    decoded = decode_image(with_chunks(*chunks))
    assert np.array_equal(np.asarray(decoded.image), np.asarray(corners()))
    assert isinstance(seealso.image_metadata(with_chunks(*chunks)).texts, dict)


def test_what_is_sound_still_counts():
    """Beside damage the profile, the orientation and transparency are what they were."""
    damage = wrong(chunk(b"tEXt", b"a\0b"))
    profile = chunk(b"iCCP", b"icc\0\0" + zlib.compress(P3))
    turned = chunk(b"eXIf", exif(6).tobytes()[6:])
    with_both = decode_image(with_chunks(damage, profile, turned)).image
    assert np.array_equal(np.asarray(with_both), np.asarray(decode_image(with_chunks(profile, turned)).image))
    assert with_both.size == (48, 64)
    assert not np.array_equal(np.asarray(with_both), np.asarray(decode_image(with_chunks(turned)).image))
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putpixel((1, 0), 1)
    data = encode(palette, "PNG", transparency=0)
    data = data[:33] + damage + data[33:]
    assert np.asarray(decode_image(data).image).tolist() == [[[255, 255, 255], [0, 0, 255]]]


def test_chunks_that_pixels_need():
    data = encode(corners(), "PNG")
    place = data.index(b"IDAT")
    for damaged in (data[: place + 20] + b"\x55" * 8 + data[place + 28 :], data[:20] + bytes(4) + data[24:]):
        with pytest.raises(seealso.ImageError, match="PNG"):
            decode_image(damaged)


def test_segments_of_a_jpeg():
    whole = encode(corners(), "JPEG", quality=95)
    for body in (
        b"\xff\xe1" + struct.pack(">H", 40) + b"Exif\0\0II*\0\xff\xff\xff\xff" + bytes(24),
        b"\xff\xe2" + struct.pack(">H", 36) + b"ICC_PROFILE\0\1\1" + b"\1" * 20,
        b"\xff\xe0" + struct.pack(">H", 3) + b"J",
        b"\xff\xed" + struct.pack(">H", 30) + b"Photoshop 3.0\x008BIM\4\4\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xff\xfe" + struct.pack(">H", 2),
        b"\xff\xe5" + struct.pack(">H", 2),
        b"\0\0\0",
    ):
        data = whole[:20] + body + whole[20:]
        assert close(seen(decode_image(data).image), CLOCKWISE)
        # By itself, too, the file without them is the picture.
        for plain in plainer("JPEG", data):
            assert close(seen(decode_image(plain).image), CLOCKWISE)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_jpeg_without_the_mark_of_its_end(progressive, orientation):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 70, 3), dtype=np.uint8))
    whole = encode(noise, "JPEG", quality=90, progressive=progressive, exif=exif(orientation))
    expected = np.asarray(decode_image(whole).image)
    assert np.array_equal(np.asarray(decode_image(whole[:-2]).image), expected)
    assert np.array_equal(np.asarray(decode_image(whole[:-2] + b"\0\0").image), expected)
    for missing in (2000, 4000):
        if not progressive:
            with pytest.raises(seealso.ImageError, match="truncated"):
                decode_image(whole[:-missing])


def test_a_grey_jpeg_is_not_taken_for_one_that_was_cut():
    grey = Image.new("L", (64, 64), 100)
    assert decode_image(encode(grey, "JPEG")[:-2]).width == 64


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("tag", [296, 305, 270, 33432, 282])
def test_tags_of_a_tiff_that_pixels_do_not_need(tag, big):
    data = bytearray(
        encode(
            corners(),
            "TIFF",
            tiffinfo={305: "a program", 270: "a text", 33432: "someone", 296: 2, 282: 72.0},
            big_tiff=big,
        )
    )
    size = 20 if big else 12
    place = next(
        place
        for place in range(8, len(data) - size)
        if struct.unpack_from("<H", data, place)[0] == tag and data[place + 2] in (2, 3, 5) and data[place + 3] == 0
    )
    struct.pack_into("<HQ" if big else "<HI", data, place + 2, 3, 1_761_607_681)
    decoded = decode_image(bytes(data))
    assert np.array_equal(np.asarray(decoded.image), np.asarray(corners()))
    seealso.image_metadata(bytes(data))


def test_very_many_parts_take_no_time():
    """Each of a few bytes, up to the limit on bytes."""
    files = {
        "PNG": encode(corners(), "PNG")[:33] + wrong(chunk(b"tEXt", b"")) * 3_000_000,
        "JPEG": b"\xff\xd8" + b"\xff\xfe\0\2" * 9_000_000,
        "TIFF": b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 1 << 40) + bytes(36_000_000),
    }
    for data in files.values():
        started = time.process_time()
        with pytest.raises(seealso.ImageError):
            decode_image(data)
        assert time.process_time() - started < 3

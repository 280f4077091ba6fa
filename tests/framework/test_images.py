"""Decoding image files: what people have, and what strangers send."""

import io
import struct
import subprocess
import sys
import threading
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

import seealso
from seealso.images import HUGE_PIXELS, IMAGE_SUFFIXES, ImageLimits, decode_image

RED, GREEN, BLUE, YELLOW = (220, 20, 20), (20, 200, 20), (20, 20, 220), (220, 220, 20)


def corners(width: int = 64, height: int = 48) -> Image.Image:
    """Red, green, blue and yellow in its four quarters, clockwise from the upper left."""
    image = Image.new("RGB", (width, height))
    for place, colour in ((0, RED), (1, GREEN), (3, YELLOW), (2, BLUE)):
        box = (place % 2 * width // 2, place // 2 * height // 2)
        image.paste(colour, (*box, box[0] + width // 2, box[1] + height // 2))
    return image


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def heic(image: Image.Image, **options: object) -> bytes:
    import pillow_heif

    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, quality=90, **options)
    return file.getvalue()


def seen(image: Image.Image) -> list[tuple[int, int, int]]:
    """The colours in the middle of the four quarters, clockwise from the upper left."""
    w, h = image.size
    places = ((w // 4, h // 4), (3 * w // 4, h // 4), (3 * w // 4, 3 * h // 4), (w // 4, 3 * h // 4))
    return [image.getpixel(place) for place in places]


def close(found: list[tuple[int, ...]], expected: list[tuple[int, ...]], tolerance: int = 40) -> bool:
    return bool((np.abs(np.array(found, int) - np.array(expected, int)) <= tolerance).all())


CLOCKWISE = [RED, GREEN, YELLOW, BLUE]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "JPEG2000", "PPM", "HEIC"])
def test_every_format(kind):
    data = heic(corners()) if kind == "HEIC" else encode(corners(), kind)
    decoded = decode_image(data)
    assert decoded.image.mode == "RGB"
    assert (decoded.width, decoded.height) == decoded.image.size == (64, 48)
    assert close(seen(decoded.image), CLOCKWISE)


def test_suffixes_are_lower_case():
    assert {".jpg", ".heic", ".avif", ".webp", ".tif"} <= IMAGE_SUFFIXES
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in IMAGE_SUFFIXES)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation(kind, orientation):
    """The stored pixels are the upright picture, turned the other way; so decoding gives the upright picture again."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = corners()
    if orientation in undo:
        stored = stored.transpose(undo[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode_image(encode(stored, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {})))
    assert (decoded.width, decoded.height) == decoded.image.size == (64, 48)
    assert close(seen(decoded.image), CLOCKWISE)


def test_heic_is_turned_once():
    exif = Image.Exif()
    exif[0x0112] = 6
    decoded = decode_image(heic(corners().transpose(Image.Transpose.ROTATE_90), exif=exif.tobytes()))
    assert decoded.image.size == (64, 48)
    assert close(seen(decoded.image), CLOCKWISE)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_makes_no_sense_is_none(value):
    exif = Image.Exif()
    exif[0x0112] = value
    assert close(seen(decode_image(encode(corners(), "JPEG", exif=exif)).image), CLOCKWISE)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("PNG", "RGBA"), ("PNG", "LA"), ("PNG", "P"), ("WEBP", "RGBA"), ("GIF", "RGBA"), ("TIFF", "RGBA"), ("TIFF", "LA")],
)
def test_transparency_is_white(kind, mode):
    image = corners().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 32, 24))
    image = image.quantize(16) if mode == "P" else image.convert(mode)
    options = {"lossless": True} if kind == "WEBP" else {}
    found = seen(decode_image(encode(image, kind, **options)).image)
    assert close(found[:1], [(255, 255, 255)], 3)
    assert not close(found[1:2], [(255, 255, 255)], 50)


def test_a_transparent_colour_is_white():
    data = encode(corners(), "PNG", transparency=RED)
    assert seen(decode_image(data).image)[0] == (255, 255, 255)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits(kind):
    grey = np.repeat(np.linspace(0, 65535, 64).astype(np.uint16)[np.newaxis], 48, axis=0)
    image = decode_image(encode(Image.fromarray(grey), kind)).image
    assert close([image.getpixel((x, 10)) for x in (0, 32, 63)], [(0,) * 3, (130,) * 3, (255,) * 3], 3)


def test_sixteen_bits_that_are_dark_stay_dark():
    dark = Image.fromarray(np.full((8, 8), 1000, np.uint16))
    assert close([decode_image(encode(dark, "PNG")).image.getpixel((4, 4))], [(4, 4, 4)], 1)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.full((8, 8), 0.5, np.float32), 128),
        (np.linspace(-3, 5, 64, dtype=np.float32).reshape(8, 8), None),
        (np.array([[np.nan, 1.0], [np.inf, 0.5]], np.float32), None),
        (np.full((8, 8), 128, np.int32), 128),
        (np.full((8, 8), 32896, np.int32), 128),
        (np.full((8, 8), -7, np.int32), None),
    ],
)
def test_numbers_that_are_no_bytes(values, expected):
    image = decode_image(encode(Image.fromarray(values), "TIFF")).image
    assert image.mode == "RGB"
    if expected is not None:
        assert close([image.getpixel((1, 1))], [(expected,) * 3], 1)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("1", "PNG"), ("L", "JPEG"), ("P", "PNG"), ("CMYK", "JPEG"), ("CMYK", "TIFF"), ("YCbCr", "TIFF"), ("LAB", "TIFF")],
)
def test_modes(mode, kind):
    if mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        image = ImageCms.profileToProfile(corners(), ImageCms.createProfile("sRGB"), lab, outputMode="LAB")
    else:
        image = corners().convert(mode)
    found = seen(decode_image(encode(image, kind)).image)
    expected = CLOCKWISE if mode not in ("1", "L") else [corners().convert("L").convert("RGB").getpixel((16, 12))] * 4
    if mode == "1":
        assert all(pixel in ((0, 0, 0), (255, 255, 255)) for pixel in found)
    elif mode == "L":
        assert close(found[:1], expected[:1])
    else:
        assert close(found, expected, 60)


def wide_profile() -> bytes:
    """A colour profile whose red and green are not sRGB's: sRGB's own, with those two primaries exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {}
    for number in range(struct.unpack(">I", profile[128:132])[0]):
        place = 132 + 12 * number
        tags[bytes(profile[place : place + 4])] = place
    red, green = tags[b"rXYZ"], tags[b"gXYZ"]
    profile[red + 4 : red + 12], profile[green + 4 : green + 12] = (
        profile[green + 4 : green + 12],
        profile[red + 4 : red + 12],
    )
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be")).replace(b"sRGB", b"swap", 1)


def test_a_colour_profile_is_followed():
    data = encode(corners(), "PNG", icc_profile=wide_profile())
    found = seen(decode_image(data).image)
    # What the file calls red is green in truth.
    assert found[0][1] > 150
    assert found[0][0] < 100


def test_srgb_and_broken_profiles_change_nothing():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = np.asarray(decode_image(encode(corners(), "PNG")).image)
    for profile in (srgb, b"nonsense", srgb[:200]):
        assert np.array_equal(np.asarray(decode_image(encode(corners(), "PNG", icc_profile=profile)).image), plain)


def test_animations_by_their_first_frame():
    frames = [Image.new("RGB", (20, 20), colour) for colour in (RED, GREEN, BLUE)]
    for kind in ("GIF", "WEBP", "PNG", "TIFF", "AVIF"):
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
        assert close([decode_image(data).image.getpixel((10, 10))], [RED]), kind


def test_draft_keeps_the_shorter_side():
    data = encode(corners(1600, 1200), "JPEG")
    for min_side, expected in (
        (0, (1600, 1200)),
        (256, (400, 300)),
        (100, (200, 150)),
        (700, (1600, 1200)),
        (5000, (1600, 1200)),
    ):
        decoded = decode_image(data, min_side=min_side)
        assert decoded.image.size == expected
        assert (decoded.width, decoded.height) == (1600, 1200)


# What strangers send


def png_header(width: int, height: int) -> bytes:
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "the file is empty"),
        (b"just some text", "not an image of a format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "not an image of a format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image of a format"),
        (b"\xff\xd8\xff", "damaged or not an image"),
        (b"BM" + b"\0" * 100, "damaged|pixels"),
        (b"GIF89a" + b"\xff" * 6, "pixels|damaged"),
        (png_header(0, 10), "damaged|0 × 10"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 50, "damaged"),
        (b"\0\0\0\x18ftypavif" + b"\0" * 50, "damaged"),
    ],
)
def test_what_is_no_image(data, expected):
    with pytest.raises(seealso.ImageError, match=expected) as caught:
        decode_image(data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF", "BMP", "HEIC"])
def test_truncated(kind):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    data = heic(noise) if kind == "HEIC" else encode(noise, kind)
    with pytest.raises(seealso.ImageError):
        decode_image(data[: len(data) // 2])


@pytest.mark.parametrize("size", [(30_000, 30_000), (2**31 - 1, 1), (1, 2**31 - 1)])
def test_too_many_pixels_are_refused_before_decoding(size):
    code = (
        "import resource, seealso, sys\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: seealso.decode_image(sys.stdin.buffer.read())\n"
        "except seealso.ImageTooLarge as error: print(error)\n"
        "assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000\n"
    )
    data = png_header(*size) + struct.pack(">I", 0) + b"IEND\xaeB`\x82"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], input=data, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert f"{size[0]} × {size[1]} pixels; the limit is 250000000".encode() in done.stdout


def test_limits_can_be_set():
    data = encode(corners(), "PNG")
    with pytest.raises(seealso.ImageTooLarge, match="64 × 48 pixels; the limit is 3071"):
        decode_image(data, limits=ImageLimits(max_pixels=64 * 48 - 1))
    assert decode_image(data, limits=ImageLimits(max_pixels=64 * 48)).width == 64
    with pytest.raises(seealso.ImageTooLarge, match="bytes; the limit is 100"):
        decode_image(data, limits=ImageLimits(max_bytes=100))


def test_a_text_chunk_that_unpacks_to_gigabytes():
    bomb = b"zTXt" + b"c\0\0" + zlib.compress(b"\0" * (200 << 20))
    chunk = struct.pack(">I", len(bomb) - 4) + bomb + struct.pack(">I", zlib.crc32(bomb))
    data = png_header(1, 1) + chunk
    with pytest.raises(seealso.ImageError):
        decode_image(data)


def test_a_huge_picture_that_is_allowed(monkeypatch):
    """Pillow's own limit, which it would warn of, does not count; ours does."""
    side = 9500
    data = encode(Image.new("1", (side, side)), "PNG")
    assert side * side > HUGE_PIXELS
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert decode_image(data).image.size == (side, side)


def test_from_several_threads():
    data = [encode(corners(), kind) for kind in ("JPEG", "PNG", "WEBP", "TIFF", "GIF")] * 10
    data += [encode(corners(), "PNG", icc_profile=wide_profile())] * 10
    wrong = []

    def work():
        for each in data:
            if decode_image(each).image.size != (64, 48):
                wrong.append(each)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


SAMPLES = {
    kind: encode(corners(24, 16), kind)
    for kind in ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF", "BMP", "JPEG2000", "PPM")
}
SAMPLES["HEIC"] = heic(corners(24, 16))
_exif = Image.Exif()
_exif[0x0112] = 6
_exif[0x010F] = "maker"
SAMPLES["EXIF"] = encode(corners(24, 16), "JPEG", exif=_exif, icc_profile=wide_profile())


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(sorted(SAMPLES)),
    changes=st.lists(st.tuples(st.integers(0, 1 << 16), st.binary(min_size=1, max_size=4)), max_size=6),
    cut=st.integers(0, 1 << 16),
)
def test_whatever_is_damaged_gives_an_image_or_an_image_error(kind, changes, cut):
    data = bytearray(SAMPLES[kind])
    for place, value in changes:
        place %= len(data)
        data[place : place + len(value)] = value
    if cut % 3 == 0:
        data = data[: cut % len(data)]
    try:
        decoded = decode_image(bytes(data), limits=ImageLimits(max_pixels=1_000_000))
    except seealso.ImageError:
        return
    assert decoded.image.mode == "RGB"
    assert decoded.image.width * decoded.image.height <= 1_000_000

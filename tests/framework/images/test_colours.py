"""Colours: every mode that a file can have comes out as RGB in sRGB, over white."""

import struct
from threading import Thread

import numpy as np
import pytest
from PIL import Image, ImageCms

import seealso
from image_files import (
    BLUE,
    CLOCKWISE,
    LINEAR_GREY,
    P3,
    P3_PRIMARIES,
    RED,
    SRGB_PRIMARIES,
    chunk,
    close,
    corners,
    encode,
    png,
    rgb_profile,
    seen,
    strange_ink_profile,
    tiff,
)

WHITE = (255, 255, 255)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def colour(data: bytes) -> tuple[int, int, int]:
    """The colour of an image that has but one; it comes without its file's metadata."""
    image = seealso.decode_image(data).image
    assert image.mode == "RGB"
    assert image.info == {}
    found = image.getcolors()
    assert found is not None
    assert len(found) == 1
    return found[0][1]


def flat(mode: str, value: object) -> Image.Image:
    return Image.new(mode, (8, 8), value)


# Modes


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("P", "PNG"), ("P", "GIF"), ("P", "BMP"), ("CMYK", "JPEG"), ("CMYK", "TIFF"), ("YCbCr", "TIFF"), ("RGBX", "TIFF")],
)
def test_modes(mode, kind):
    assert close(seen(seealso.decode_image(encode(corners().convert(mode), kind)).image), CLOCKWISE, 40)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "PPM", "HEIC", "AVIF", "JPEG2000"])
def test_grey(kind):
    assert close([colour(encode(flat("L", 77), kind))], [(77, 77, 77)], 2)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM", "BMP", "GIF"])
def test_black_and_white(kind):
    image = Image.new("1", (8, 8), 1)
    image.paste(0, (0, 0, 4, 4))
    assert seen(seealso.decode_image(encode(image, kind)).image) == [(0, 0, 0), WHITE, WHITE, WHITE]


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd", "lzma"])
def test_compressed_tiff(compression):
    options = {"quality": 100} if compression == "jpeg" else {}
    data = encode(corners(), "TIFF", compression=compression, **options)
    assert close(seen(seealso.decode_image(data).image), CLOCKWISE, 20)


def test_fax():
    image = corners().convert("L").point(lambda value: 255 * (value > 100), "1")
    data = encode(image, "TIFF", compression="group4")
    assert seen(seealso.decode_image(data).image) == seen(image.convert("RGB"))


def test_lab():
    lab = ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(corners(), ImageCms.createProfile("sRGB"), lab, outputMode="LAB")
    assert close(seen(seealso.decode_image(encode(image, "TIFF")).image), CLOCKWISE, 6)


def test_inverted_inks_of_adobe():
    """A CMYK JPEG holds its inks inverted, whichever program wrote it; red is no cyan, all magenta and yellow."""
    data = encode(flat("CMYK", (0, 255, 255, 0)), "JPEG", quality=100)
    assert b"Adobe" in data
    assert close([colour(data)], [(255, 0, 0)], 2)


# Transparency


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("PNG", "RGBA"),
        ("PNG", "LA"),
        ("PNG", "P"),
        ("WEBP", "RGBA"),
        ("AVIF", "RGBA"),
        ("HEIC", "RGBA"),
        ("GIF", "RGBA"),
        ("JPEG2000", "RGBA"),
        ("TIFF", "RGBA"),
        ("TIFF", "LA"),
        ("TIFF", "PA"),
    ],
)
def test_transparency_is_white(kind, mode):
    image = corners().convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 32, 24))
    image = image.quantize(16) if mode == "P" else image.convert(mode)
    found = seen(seealso.decode_image(encode(image, kind, **({"lossless": True} if kind == "WEBP" else {}))).image)
    assert close(found[:1], [WHITE], 3)
    assert not close(found[1:2], [WHITE], 50)


def test_half_transparent():
    assert close([colour(encode(flat("RGBA", (200, 0, 0, 128)), "PNG"))], [(227, 127, 127)], 1)
    assert close([colour(encode(flat("LA", (0, 64)), "PNG"))], [(191,) * 3], 1)
    assert colour(encode(flat("RGBA", (200, 10, 30, 255)), "PNG")) == (200, 10, 30)


@pytest.mark.parametrize(("samples", "photometric", "pixel"), [(2, 1, (64, 128)), (4, 2, (64, 64, 64, 128))])
def test_premultiplied(samples, photometric, pixel):
    """Half of 128, kept as 64; the other half is white: 64 + 127."""
    data = tiff(bytes(pixel) * 64, 8, 8, bits=8, samples=samples, photometric=photometric, t338=1)
    assert close([colour(data)], [(191,) * 3], 1)


def test_a_transparent_colour_is_white():
    assert seen(seealso.decode_image(encode(corners(), "PNG", transparency=RED)).image)[0] == WHITE
    assert seen(seealso.decode_image(encode(corners(), "PNG", transparency=RED)).image)[2] != WHITE


@pytest.mark.parametrize(
    ("depth", "colour_type", "row", "other"),
    [
        (1, 0, b"\0", b"\xff"),
        (8, 0, b"\x10" * 4, b"\x20" * 4),
        (16, 0, b"\x12\x34" * 4, b"\x22\x35" * 4),
        (16, 2, b"\x80\x01\x40\x02\x20\x03" * 4, b"\x81\x01\x40\x02\x20\x03" * 4),
    ],
)
def test_a_transparent_colour_at_any_depth(depth, colour_type, row, other):
    one = row[: 6 if colour_type == 2 else 2] if depth == 16 else bytes((0, row[0]))
    image = seealso.decode_image(
        png(4, 4, depth, colour_type, (b"\0" + row) * 3 + b"\0" + other, chunk(b"tRNS", one))
    ).image
    assert image.getpixel((1, 1)) == WHITE
    assert image.getpixel((1, 3)) != WHITE or depth == 1


# Depth


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM", "JPEG2000"])
def test_sixteen_bits(kind):
    grey = np.repeat(np.linspace(0, 65535, 64).astype(np.uint16)[np.newaxis], 48, axis=0)
    image = seealso.decode_image(encode(Image.fromarray(grey), kind)).image
    assert close([image.getpixel((x, 10)) for x in (0, 32, 63)], [(0,) * 3, (130,) * 3, WHITE], 3)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_that_are_dark_stay_dark(kind):
    dark = Image.fromarray(np.full((8, 8), 200, np.uint16))
    assert close([colour(encode(dark, kind))], [(1, 1, 1)], 0)


def test_sixteen_bits_a_colour():
    pixel = struct.pack(">3H", 0x8000, 0x4000, 0x2000)
    assert colour(png(4, 4, 16, 2, (b"\0" + pixel * 4) * 4)) == (128, 64, 32)
    assert colour(b"P6 4 4 65535\n" + pixel * 16) == (128, 64, 32)
    assert colour(tiff(struct.pack("<3H", 0x8000, 0x4000, 0x2000) * 16, 4, 4, bits=16, samples=3, photometric=2)) == (
        128,
        64,
        32,
    )


def test_sixteen_bits_with_alpha():
    half = struct.pack(">2H", 0, 0x8000)
    assert close([colour(png(4, 4, 16, 4, (b"\0" + half * 4) * 4))], [(127,) * 3], 1)


def test_twelve_bits():
    assert close([colour(tiff(b"\x80\x08\x00" * 32, 8, 8, bits=12))], [(128,) * 3], 1)


@pytest.mark.parametrize(("bits", "pixel", "tags"), [(16, b"\0\x40", {}), (32, struct.pack("<f", 0.25), {"t339": 3})])
def test_white_is_zero(bits, pixel, tags):
    assert close([colour(tiff(pixel * 64, 8, 8, bits=bits, photometric=0, **tags))], [(191,) * 3], 1)
    assert close([colour(tiff(pixel * 64, 8, 8, bits=bits, photometric=1, **tags))], [(64,) * 3], 1)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.full((8, 8), 0.5, np.float32), [128]),
        (np.array([[-3, 5, 1]], np.float32), [0, 255, 128]),
        (np.array([[0, 1000, 500]], np.float32), [0, 255, 128]),
        (np.array([[np.nan, 1.0, np.inf, -np.inf, 0.5]], np.float32), [0, 255, 255, 0, 128]),
        (np.full((1, 3), np.nan, np.float32), [0]),
        (np.array([[-3e38, 3e38, 0]], np.float32), [0, 255, 128]),
        (np.array([[1e-45, 0, -1e-45]], np.float32), [255, 128, 0]),
        (np.full((8, 8), 128, np.int32), [128]),
        (np.full((8, 8), 32896, np.int32), [128]),
        (np.array([[0, 2**31 - 1, 2**30]], np.int32), [0, 255, 128]),
        (np.full((8, 8), -7, np.int32), [0]),
    ],
)
def test_numbers_that_are_no_bytes(values, expected):
    image = seealso.decode_image(encode(Image.fromarray(values), "TIFF")).image
    assert close([image.getpixel((x, 0)) for x in range(len(expected))], [(value,) * 3 for value in expected], 1)


def test_unsigned_numbers_past_the_signed():
    pixels = struct.pack("<3I", 0, 2**32 - 1, 2**31)
    image = seealso.decode_image(tiff(pixels, 3, 1, bits=32)).image
    assert close([image.getpixel((x, 0)) for x in range(3)], [(0,) * 3, WHITE, (128,) * 3], 1)


def test_large_grey_is_converted_in_blocks_without_a_seam():
    ramp = np.arange(1500 * 1200, dtype=np.uint32).reshape(1500, 1200) % 65536
    image = seealso.decode_image(encode(Image.fromarray(ramp.astype(np.uint16)), "PNG")).image
    assert np.array_equal(np.asarray(image)[..., 0], np.rint(ramp / 65535 * 255 + 1e-9).astype(np.uint8))


# Colour profiles


def in_srgb(pixel: tuple[int, ...], primaries: np.ndarray, gamma: float) -> tuple[int, ...]:
    """By the book: to XYZ, to linear sRGB, to sRGB."""
    linear = (np.array(pixel) / 255) ** gamma @ primaries @ np.linalg.inv(SRGB_PRIMARIES)
    linear = linear.clip(0, 1)
    return tuple(
        np.rint(255 * np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)).astype(int)
    )


@pytest.mark.parametrize("pixel", [(200, 100, 100), (90, 160, 60), (30, 60, 140), (255, 255, 255), (128, 128, 128)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "AVIF", "HEIC"])
def test_a_wide_gamut_is_converted(kind, pixel):
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}, "AVIF": {"quality": 100}}
    found = colour(encode(flat("RGB", pixel), kind, icc_profile=P3, **options.get(kind, {})))
    assert close([found], [in_srgb(pixel, P3_PRIMARIES, 2.2)], 6 if kind in ("AVIF", "HEIC") else 3)


def test_a_wide_gamut_differs():
    """The test above would not tell much if the profile were nearly sRGB."""
    assert in_srgb((90, 160, 60), P3_PRIMARIES, 2.2)[0] < 75


@pytest.mark.parametrize(("mode", "pixel"), [("RGBA", (200, 100, 100, 255)), ("P", None)])
def test_a_profile_holds_for_transparent_and_palette_images(mode, pixel):
    image = flat("RGBA", pixel) if mode == "RGBA" else flat("RGB", (200, 100, 100)).quantize(4)
    found = colour(encode(image, "PNG", icc_profile=P3))
    assert close([found], [in_srgb((200, 100, 100), P3_PRIMARIES, 2.2)], 3)


def test_a_profile_is_followed_after_a_reduction():
    image = Image.new("RGB", (640, 480), (200, 100, 100))
    data = encode(image, "JPEG", quality=100, subsampling=0, icc_profile=P3)
    reduced = seealso.decode_image(data, min_side=60).image
    assert reduced.size == (80, 60)
    assert close([reduced.getpixel((40, 30))], [in_srgb((200, 100, 100), P3_PRIMARIES, 2.2)], 3)


@pytest.mark.parametrize(
    "image",
    [flat("L", 128), flat("LA", (128, 255)), Image.fromarray(np.full((8, 8), 0x8080, np.uint16))],
    ids=["8 bits", "alpha", "16 bits"],
)
def test_a_profile_for_grey(image):
    assert close([colour(encode(image, "PNG", icc_profile=LINEAR_GREY))], [(188,) * 3], 1)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_a_profile_for_inks(kind):
    options = {"quality": 100} if kind == "JPEG" else {}
    data = encode(flat("CMYK", (255, 0, 0, 0)), kind, icc_profile=strange_ink_profile(), **options)
    assert close([colour(data)], [(255, 0, 0)], 12)
    data = encode(flat("CMYK", (0, 255, 255, 0)), kind, icc_profile=strange_ink_profile(), **options)
    assert close([colour(data)], [WHITE], 3)


def test_a_linear_profile_that_calls_itself_srgb_is_followed():
    data = encode(flat("RGB", (128,) * 3), "PNG", icc_profile=rgb_profile(SRGB_PRIMARIES, 1.0, b"sRGB linear"))
    assert close([colour(data)], [(188,) * 3], 2)


@pytest.mark.parametrize(
    "profile",
    [
        SRGB,
        b"nonsense",
        SRGB[:200],
        SRGB[:128],
        b"\xff" * 5000,
        bytes(200),
        SRGB.replace(b"RGB XYZ", b"Lab XYZ"),
        strange_ink_profile(),
        LINEAR_GREY,
        SRGB + bytes(5 << 20),
    ],
    ids=["sRGB", "words", "cut", "no tags", "ones", "zeros", "Lab", "CMYK", "grey", "too long"],
)
def test_srgb_and_broken_profiles_change_nothing(profile):
    options = {"icc_profile": profile}
    plain = np.asarray(seealso.decode_image(encode(corners(), "WEBP", lossless=True)).image)
    found = seealso.decode_image(encode(corners(), "WEBP", lossless=True, **options)).image
    assert np.array_equal(np.asarray(found), plain)


def test_a_grey_image_with_a_profile_for_colours():
    """Cameras and programs write these; the profile does not fit, and the greys are taken as they are."""
    assert close([colour(encode(flat("L", 128), "JPEG", icc_profile=P3))], [(128,) * 3], 1)


def test_one_profile_in_several_threads():
    rng = np.random.default_rng(0)
    noise = [Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)) for _ in range(4)]
    data = [encode(image, "PNG", icc_profile=P3) for image in noise]
    expected = [seealso.decode_image(each).image.tobytes() for each in data]
    wrong = []

    def work():
        for _ in range(10):
            wrong.extend(1 for each, want in zip(data, expected, strict=True) if decoded(each) != want)

    def decoded(each):
        return seealso.decode_image(each).image.tobytes()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_what_is_decoded_forgets_its_file():
    """A profile that no longer holds would be written into a thumbnail, and with it where the photograph was taken."""
    exif = Image.Exif()
    exif[0x0112] = 1
    exif.get_ifd(0x8825)[2] = (52.0, 30.0, 0.0)
    data = encode(corners(), "JPEG", icc_profile=P3, exif=exif, comment=b"a secret")
    image = seealso.decode_image(data).image
    assert type(image) is Image.Image
    assert image.info == {}
    assert dict(image.getexif()) == {}
    again = encode(image, "PNG")
    assert b"iCCP" not in again
    assert b"eXIf" not in again
    assert close(seen(image)[3:], [BLUE], 60)

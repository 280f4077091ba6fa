"""What a PNG says of its colours beside a profile: gamma, chromaticity, and a colour space by its numbers."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

import seealso
from image_files import P3, chunk, corners, encode
from seealso.images.decoding import decode_image
from seealso.images.png_colours import SRGB, Stated, conversion

P3_CHROMATICITIES = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
D50 = (0.3457, 0.3585)


def gamma(value: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


def chromaticities(values: tuple[float, ...]) -> bytes:
    return chunk(b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in values)))


def coded(primaries: int, curve: int, matrix: int = 0, full: int = 1) -> bytes:
    return chunk(b"cICP", bytes((primaries, curve, matrix, full)))


def saying(image: Image.Image, *chunks: bytes, **options: object) -> bytes:
    """A PNG with chunks before its pixels."""
    data = encode(image, "PNG", **options)
    return data[:33] + b"".join(chunks) + data[33:]


def colour(pixel: tuple[int, ...] | int, *chunks: bytes, **options: object) -> tuple[int, int, int]:
    """What becomes of a colour."""
    mode = "L" if isinstance(pixel, int) else {3: "RGB", 4: "RGBA"}[len(pixel)]
    decoded = decode_image(saying(Image.new(mode, (4, 4), pixel), *chunks), **options).image
    assert decoded.mode == "RGB"
    assert decoded.info == {}
    ((_, found),) = decoded.getcolors()
    return found


def near(found: tuple[int, ...], expected: tuple[float, ...], tolerance: float = 1.0) -> bool:
    return bool((np.abs(np.array(found) - np.array(expected)) <= tolerance).all())


def everything() -> Image.Image:
    """Colours from all over."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))


@pytest.mark.parametrize("value", [1.0, 0.6, 0.25, 2.0])
def test_gamma(value):
    """By the formula of the PNG specification, for a screen of 2.2."""
    for level in (10, 64, 128, 200):
        expected = 255 * (level / 255) ** (1 / (value * 2.2))
        assert near(colour(level, gamma(value)), (expected,) * 3)
        assert near(colour((level, 0, 255), gamma(value)), (expected, 0, 255))


def test_chromaticities():
    """Pure red of a wider space is redder than a screen shows; what both can show is converted."""
    said = (gamma(0.45455), chromaticities(P3_CHROMATICITIES))
    assert colour((255, 255, 255), *said) == (255, 255, 255)
    assert colour((255, 0, 0), *said) == (255, 0, 0)
    # Half of each, by the matrices of both spaces.
    linear = (np.array((180, 90, 60)) / 255) ** 2.2
    p3 = np.array([[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]])
    assert near(colour((180, 90, 60), *said), 255 * (p3 @ linear) ** (1 / 2.2), 1.5)


def test_another_white_becomes_white():
    wide = (*D50, 0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001)  # ProPhoto RGB
    assert near(colour((255, 255, 255), gamma(0.45455), chromaticities(wide)), (255, 255, 255))
    assert near(colour((128, 128, 128), gamma(0.45455), chromaticities(wide)), (128, 128, 128), 2)


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([coded(12, 13)], (195, 46, 41)),
        ([coded(9, 13)], (222, 0, 42)),
        ([coded(1, 8)], None),
        ([coded(1, 16)], None),
        ([coded(1, 18)], None),
    ],
    ids=["Display P3", "BT.2020", "linear", "PQ", "HLG"],
)
def test_a_colour_space_by_its_numbers(chunks, expected):
    if expected is not None:
        assert near(colour((180, 60, 50), *chunks), expected, 2)
        assert colour((255, 255, 255), *chunks) == (255, 255, 255)
        assert near(colour((77, 77, 77), *chunks), (77, 77, 77))
    greys = [colour(level, *chunks)[0] for level in range(0, 256, 15)]
    assert greys == sorted(greys)
    assert greys[0] == 0
    assert greys[-1] == 255


def test_white_in_pictures_of_high_dynamic_range():
    """The level of 203 cd/m², which is 58 % by PQ and 75 % by HLG."""
    assert near(colour(148, coded(9, 16)), (254, 254, 254), 3)
    assert near(colour(191, coded(9, 18)), (254, 254, 254), 3)
    assert colour(100, coded(9, 16))[0] < 200


def test_a_narrow_range():
    assert colour(16, coded(1, 13, full=0)) == (0, 0, 0)
    assert colour(235, coded(1, 13, full=0)) == (255, 255, 255)


@pytest.mark.parametrize(
    "chunks",
    [
        [gamma(0.45455)],
        [gamma(0.45)],
        [chromaticities(SRGB)],
        [gamma(0.45455), chromaticities(SRGB)],
        [coded(1, 13)],
        [chunk(b"sRGB", b"\0"), gamma(1.0)],
        [gamma(0.0)],
        [gamma(1000.0)],
        [chromaticities((0.3, 0.3) * 4)],
        [chromaticities((0.0,) * 8)],
        [chromaticities((0.9, 0.05, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06))],
        [coded(99, 13)],
        [coded(9, 99)],
        [coded(9, 13, matrix=1)],
        [coded(9, 13)[:-4] + bytes(4)],
        [chunk(b"gAMA", b"")],
        [chunk(b"tEXt", b"x\0cICP" + coded(9, 13)[8:])],
    ],
    ids=range(17),
)
def test_what_says_nothing_new_or_makes_no_sense_changes_no_pixel(chunks):
    image = everything()
    assert np.array_equal(np.asarray(decode_image(saying(image, *chunks)).image), np.asarray(image))


def test_what_counts_more():
    """cICP before a profile, a profile and sRGB before gamma."""
    profile = chunk(b"iCCP", b"p3\0\0" + zlib.compress(P3))
    by_profile = colour((180, 60, 50), profile)
    assert colour((180, 60, 50), profile, gamma(1.0)) == by_profile
    assert colour((180, 60, 50), profile, coded(1, 13)) == (180, 60, 50)
    assert colour((180, 60, 50), coded(1, 8), gamma(0.45455)) != (180, 60, 50)


def test_transparency_is_white_all_the_same():
    assert colour((9, 9, 9, 0), gamma(1.0)) == (255, 255, 255)


def test_a_palette_and_sixteen_bits():
    palette = corners().quantize(8)
    assert not np.array_equal(
        np.asarray(decode_image(saying(palette, gamma(1.0))).image),
        np.asarray(decode_image(encode(palette, "PNG")).image),
    )
    deep = decode_image(saying(Image.new("I;16", (4, 4), 32768), gamma(1.0))).image
    assert near(deep.getpixel((0, 0)), (255 * 0.5 ** (1 / 2.2),) * 3, 2)


def test_the_first_way_of_decoding_passes_over_it():
    assert colour(100, gamma(1.0), way=seealso.Way.FIRST) == (100,) * 3
    assert colour((180, 60, 50), coded(9, 8), way=seealso.Way.FIRST) == (180, 60, 50)
    assert colour(100, gamma(1.0)) != (100,) * 3


def test_large_images_are_converted_in_parts(monkeypatch):
    image = everything()
    data = saying(image, gamma(1.0), chromaticities(P3_CHROMATICITIES))
    whole = np.asarray(decode_image(data).image)
    monkeypatch.setattr("seealso.images.png_colours.BLOCK", 200)
    assert np.array_equal(np.asarray(decode_image(data).image), whole)


def test_a_conversion_is_made_once():
    said = Stated(0, 1.0)
    assert conversion(said) is conversion(Stated(0, 1.0))

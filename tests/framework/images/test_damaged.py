"""Damaged pictures: what of them is decoded, how much that is, and that nobody else notices."""

import struct
import threading
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

import seealso
from image_files import chunk, encode, exif
from seealso.images import damaged
from seealso.images.decoding import decode_image
from seealso.interfaces.image_limits import ImageLimits

TAKE = ImageLimits(damaged="take")

WAYS = {
    "JPEG": ("JPEG", {"quality": 90}),
    "JPEG of greys": ("JPEG", {"quality": 90}),
    "JPEG of inks": ("JPEG", {"quality": 90}),
    "PNG": ("PNG", {}),
    "PNG with alpha": ("PNG", {}),
    "PNG of a palette": ("PNG", {}),
    "GIF": ("GIF", {"interlace": 0}),
    "GIF with transparency": ("GIF", {"interlace": 0, "transparency": 3}),
    "WEBP": ("WEBP", {"quality": 80}),
    "WEBP without loss": ("WEBP", {"lossless": True}),
}
MODES = {
    "JPEG of greys": "L",
    "JPEG of inks": "CMYK",
    "PNG with alpha": "RGBA",
    "PNG of a palette": "P",
    "GIF": "P",
    "GIF with transparency": "P",
}


@pytest.fixture(scope="module")
def photograph(photographs):
    """256 × 192 pixels, with detail everywhere, so that each part of its file is a part of it."""
    image = photographs["coffee"].resize((256, 192))
    noise = np.random.default_rng(0).integers(-20, 20, (192, 256, 3))
    return Image.fromarray((np.asarray(image, np.int16) + noise).clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def files(photograph):
    """Way → a whole file."""
    made = {}
    for name, (kind, options) in WAYS.items():
        image = photograph.quantize(64) if MODES.get(name) == "P" else photograph.convert(MODES.get(name, "RGB"))
        made[name] = encode(image, kind, **options)
    return made


def pixels(decoded) -> np.ndarray:
    return np.asarray(decoded.image, np.int16)


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("share", [0.7, 0.9])
def test_a_cut_picture_is_taken(files, name, share):
    data = files[name]
    cut = data[: int(len(data) * share)]
    with pytest.raises(seealso.ImageError):
        decode_image(cut)
    decoded = decode_image(cut, limits=TAKE)
    assert (decoded.width, decoded.height) == decoded.image.size == (256, 192)
    assert decoded.damage is not None
    assert abs(decoded.damage.share - share) < 0.12
    assert decoded.damage.reason.startswith(f"damaged or not an image ({WAYS[name][0]}): ")
    # What was decoded is what it was; the rest has one colour, that of the mean.
    whole, found = pixels(decode_image(data)), pixels(decoded)
    rows = int(192 * decoded.damage.share) - 20
    assert np.array_equal(found[:rows], whole[:rows])
    assert np.ptp(found[-8:], axis=(0, 1)).max() == 0
    assert np.abs(found[-1, -1] - found[:rows].mean(axis=(0, 1))).max() < 12


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("share", [0.1, 0.3])
def test_less_than_half_is_refused(files, name, share):
    data = files[name]
    with pytest.raises(seealso.ImageError, match=r"damaged or not an image \(\w+\)") as caught:
        decode_image(data[: int(len(data) * share)], limits=TAKE)
    if share == 0.3:
        assert str(caught.value).endswith("% of the picture can be decoded, and half of it is needed")


@pytest.mark.parametrize("name", WAYS)
def test_a_whole_picture_is_not_damaged(files, name):
    decoded = decode_image(files[name], limits=TAKE)
    assert decoded.damage is None
    assert np.array_equal(pixels(decoded), pixels(decode_image(files[name])))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("tail", [b"", b"\0\0", b"\0" * 500])
def test_a_jpeg_that_lacks_but_the_mark_of_its_end_is_not_damaged(photograph, progressive, tail):
    data = encode(photograph, "JPEG", quality=90, progressive=progressive)
    decoded = decode_image(data[:-2] + tail, limits=TAKE)
    assert decoded.damage is None
    assert np.array_equal(pixels(decoded), pixels(decode_image(data)))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_cut_progressive_jpeg_is_coarser(photograph, mode):
    data = encode(photograph.convert(mode), "JPEG", quality=90, progressive=True)
    decoded = decode_image(data[: len(data) // 2], limits=TAKE)
    assert decoded.damage is not None
    assert decoded.damage.share == 1
    assert decoded.damage.reason.endswith("; it is coarser than it was")
    assert 0 < np.abs(pixels(decoded) - pixels(decode_image(data))).mean() < 25


def test_of_a_progressive_jpeg_half_of_the_coarsest_has_to_be_there(photograph):
    data = encode(photograph, "JPEG", quality=90, progressive=True)
    first = data.index(b"\xff\xda")
    with pytest.raises(seealso.ImageError, match="half of it is needed"):
        decode_image(data[: first + 150], limits=TAKE)


@pytest.mark.parametrize("min_side", [24, 48, 100])
def test_at_a_reduced_size(files, min_side):
    data = files["JPEG"]
    cut = data[: int(len(data) * 0.8)]
    decoded, whole = (decode_image(each, min_side=min_side, limits=TAKE) for each in (cut, data))
    assert decoded.image.size == whole.image.size
    assert (decoded.width, decoded.height) == (256, 192)
    rows = decoded.image.height // 2
    assert np.array_equal(pixels(decoded)[:rows], pixels(whole)[:rows])
    assert abs(decoded.damage.share - 0.8) < 0.15


def test_upright(photograph):
    """The last rows of the file are a side of the upright picture."""
    data = encode(photograph, "JPEG", quality=90, exif=exif(6))
    decoded = decode_image(data[: int(len(data) * 0.8)], limits=TAKE)
    assert (decoded.width, decoded.height) == decoded.image.size == (192, 256)
    assert np.ptp(pixels(decoded)[:, :8], axis=(0, 1)).max() == 0
    assert np.ptp(pixels(decoded)[:, -8:], axis=(0, 1)).max() > 100


def test_damage_within_the_pixels_of_a_png(photograph):
    """What comes before it is decoded, as far as it was unpacked."""
    data = bytearray(encode(photograph, "PNG"))
    place = len(data) * 3 // 4
    data[place : place + 40] = b"\xff" * 40
    decoded = decode_image(bytes(data), limits=TAKE)
    rows = int(192 * decoded.damage.share) - 3
    assert 0.5 < decoded.damage.share < 0.8
    assert np.array_equal(pixels(decoded)[:rows], pixels(decode_image(encode(photograph, "PNG")))[:rows])


def test_damage_outside_the_pixels_as_well(photograph):
    data = encode(photograph, "PNG")
    wrong = chunk(b"tEXt", b"Comment\0hello")[:-4] + bytes(4)
    data = data[:33] + wrong + data[33:]
    assert decode_image(data, limits=TAKE).damage is None
    assert decode_image(data[: int(len(data) * 0.8)], limits=TAKE).damage.share > 0.6


def interlaced(image: Image.Image) -> bytes:
    """A grey PNG in the seven passes of Adam7."""
    values = np.asarray(image.convert("L"))
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    rows = b"".join(
        b"\0" + row.tobytes() for top, left, down, across in passes for row in values[top::down, left::across]
    )
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", image.width, image.height, 8, 0, 0, 0, 1))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_an_interlaced_png_has_rows_missing_in_between(photograph):
    """Each is like the one above."""
    data = interlaced(photograph)
    whole = pixels(decode_image(data))
    decoded = decode_image(data[: int(len(data) * 0.7)], limits=TAKE)
    assert 0.6 < decoded.damage.share < 0.8
    found = pixels(decoded)
    assert np.array_equal(found[::2], whole[::2])
    assert np.array_equal(found[-1], whole[-2])


def test_an_interlaced_gif(photograph):
    """Its last pass are the odd rows."""
    data = encode(photograph.quantize(64), "GIF", interlace=1)
    whole, decoded = pixels(decode_image(data)), decode_image(data[: int(len(data) * 0.7)], limits=TAKE)
    found = pixels(decoded)
    assert 0.6 < decoded.damage.share < 0.8
    assert np.array_equal(found[::2], whole[::2])
    assert np.array_equal(found[-1], whole[-2])


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "PPM", "AVIF", "HEIC", "JPEG2000"])
def test_other_formats_are_taken_whole_or_not_at_all(photograph, kind):
    data = encode(photograph, kind)
    with pytest.raises(seealso.ImageError):
        decode_image(data[: int(len(data) * 0.9)], limits=TAKE)


def test_a_webp_that_claims_to_be_large_is_not_believed(files):
    cut = files["WEBP"][:2000]
    claiming = cut[:4] + struct.pack("<I", 200 << 20) + cut[8:]
    with pytest.raises(seealso.ImageError, match="WEBP"):
        decode_image(claiming, limits=TAKE)


def test_the_metadata_of_a_cut_webp_is_read(photograph):
    data = encode(photograph, "WEBP", icc_profile=b"x" * 100)
    assert seealso.image_metadata(data[: int(len(data) * 0.8)]).xmp == b""


def test_nobody_else_notices(files):
    """Pillow's own switch stays as it is, and who refuses damaged pictures refuses them, while others take them."""
    cut = {name: data[: int(len(data) * 0.8)] for name, data in files.items()}
    wrong = []

    def take():
        for name, data in cut.items():
            expected = pixels(decode_image(data, limits=TAKE))
            for _ in range(3):
                if not np.array_equal(pixels(decode_image(data, limits=TAKE)), expected):
                    wrong.append(name)

    def refuse():
        for name, data in list(cut.items()) * 3:
            if ImageFile.LOAD_TRUNCATED_IMAGES:
                wrong.append("the switch")
            try:
                decode_image(data)
                wrong.append(f"{name} was taken")
            except seealso.ImageError:
                pass

    threads = [threading.Thread(target=work) for work in (take, refuse, take, refuse)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_pixels_that_are_not_there():
    missing = np.zeros((4, 3), bool)
    missing[1] = missing[3] = True
    image = Image.fromarray(np.arange(36, dtype=np.uint8).reshape(4, 3, 3))
    found = np.asarray(damaged.filled(image, missing))
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[2], found[3])
    missing[:] = True
    missing[0] = False
    assert np.asarray(damaged.filled(image, missing))[3].tolist() == [[3, 4, 5]] * 3
    with pytest.raises(seealso.ImageError, match="no reason; 25 % of the picture can be decoded"):
        damaged.judged(missing, "no reason")
    assert damaged.judged(~missing, "a reason") == seealso.Damage("a reason", 0.75)

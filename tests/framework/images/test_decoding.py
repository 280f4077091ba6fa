"""Decoding image files: what people have, in a program that has other things to do."""

import io
import struct
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest
from PIL import Image

import seealso
from image_files import (
    BLUE,
    CLOCKWISE,
    GREEN,
    KINDS,
    P3,
    RED,
    chunk,
    close,
    corners,
    encode,
    exif,
    png,
    seen,
    tiff,
)
from seealso.images import decoding as images
from seealso.images.decoding import HUGE_PIXELS, IMAGE_SUFFIXES, decode_image

# What people have


@pytest.mark.parametrize("kind", KINDS)
def test_every_format(kind):
    decoded = decode_image(encode(corners(), kind))
    assert decoded.image.mode == "RGB"
    assert type(decoded.image) is Image.Image
    assert (decoded.width, decoded.height) == decoded.image.size == (64, 48)
    assert close(seen(decoded.image), CLOCKWISE)


def test_real_photographs(photographs):
    for name in ("astronaut", "chelsea", "coffee", "rocket"):
        data = encode(photographs[name], "JPEG", quality=90)
        expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        assert np.array_equal(np.asarray(decode_image(data).image), expected), name


def test_suffixes_are_lower_case():
    assert {".jpg", ".heic", ".avif", ".webp", ".tif"} <= IMAGE_SUFFIXES
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in IMAGE_SUFFIXES)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "TIFF of tiles", "AVIF", "HEIC"])
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
    options = {"WEBP": {"lossless": True}, "TIFF of tiles": {"compression": "tiff_lzw"}}.get(kind, {})
    written = exif(orientation).tobytes() if kind == "HEIC" else exif(orientation)
    decoded = decode_image(encode(stored, kind.split()[0], exif=written, **options))
    assert (decoded.width, decoded.height) == decoded.image.size == (64, 48)
    assert close(seen(decoded.image), CLOCKWISE)


def test_orientation_and_reduction():
    stored = corners(640, 480).transpose(Image.Transpose.ROTATE_90)
    decoded = decode_image(encode(stored, "JPEG", exif=exif(6)), min_side=100)
    assert (decoded.width, decoded.height) == (640, 480)
    assert decoded.image.size == (160, 120)
    assert close(seen(decoded.image), CLOCKWISE)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_makes_no_sense_is_none(value):
    assert close(seen(decode_image(encode(corners(), "JPEG", exif=exif(value))).image), CLOCKWISE)


def test_animations_by_their_first_frame():
    frames = [Image.new("RGB", (20, 20), colour) for colour in (RED, GREEN, BLUE)]
    for kind in ("GIF", "WEBP", "PNG", "TIFF", "AVIF", "MPO"):
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
        assert close([decode_image(data).image.getpixel((10, 10))], [RED]), kind


# Reduction


@pytest.mark.parametrize(
    ("min_side", "expected"),
    [(0, (1600, 1200)), (256, (400, 300)), (100, (200, 150)), (700, (1600, 1200)), (5000, (1600, 1200))],
)
def test_reduction_keeps_the_shorter_side(min_side, expected):
    decoded = decode_image(encode(corners(1600, 1200), "JPEG"), min_side=min_side)
    assert decoded.image.size == expected
    assert (decoded.width, decoded.height) == (1600, 1200)
    assert close(seen(decoded.image), CLOCKWISE)


@pytest.mark.parametrize(
    ("size", "options", "expected"),
    [
        ((1024, 768), {}, (128, 96)),
        ((1021, 1019), {}, (64, 64)),
        ((1023, 777), {}, (512, 389)),
        ((1024, 768), {"num_resolutions": 2}, (1024, 768)),
    ],
    ids=["powers of two", "other sides", "sides that round", "fewer resolutions than asked for"],
)
def test_reduced_jpeg_2000(size, options, expected):
    min_side = {(128, 96): 80, (64, 64): 60, (512, 389): 100, (1024, 768): 80}[expected]
    decoded = decode_image(encode(corners(*size), "JPEG2000", **options), min_side=min_side)
    assert decoded.image.size == expected
    assert (decoded.width, decoded.height) == size
    assert close(seen(decoded.image), CLOCKWISE)


def test_damaged_jpeg_2000_is_not_saved_by_reducing_it():
    data = encode(corners(256, 256), "JPEG2000")
    with pytest.raises(seealso.ImageError, match="damaged"):
        decode_image(data[: len(data) // 4], min_side=32)


def test_no_thumbnail_stands_for_the_picture():
    """An embedded thumbnail may show something else altogether."""
    import pillow_heif

    heif = pillow_heif.from_pillow(corners(640, 480))
    heif.info["thumbnails"] = [160]
    file = io.BytesIO()
    heif.save(file, quality=80)
    opened = pillow_heif.HeifImageFile(io.BytesIO(file.getvalue()))
    opened.draft(None, (100, 100))
    assert opened.size == (160, 120)
    assert decode_image(file.getvalue(), min_side=100).image.size == (640, 480)


# In a program with other things to do


def corrupt_exif(orientation: int = 6) -> bytes:
    """A photograph on its side, whose metadata Pillow warns of."""
    tags = struct.pack("<HHHIIHHIHHI", 2, 0x010F, 2, 5000, 0x7FFF, 0x0112, 3, 1, orientation, 0, 0)
    body = b"Exif\0\0II*\0\x08\0\0\0" + tags
    stored = encode(corners().transpose(Image.Transpose.ROTATE_90), "JPEG")
    return stored[:2] + struct.pack(">BBH", 0xFF, 0xE1, len(body) + 2) + body + stored[20:]


WARNED_OF = {
    "EXIF": corrupt_exif(),
    "TIFF": tiff(bytes(64 * 48), 64, 48, bits=8, t305=7).replace(
        struct.pack("<HHII", 305, 4, 1, 7), struct.pack("<HHII", 305, 2, 5000, 7)
    ),
    "APNG": png(64, 48, 8, 0, bytes(65 * 48), chunk(b"acTL", bytes(8))),
}


@pytest.mark.parametrize("name", sorted(WARNED_OF))
@pytest.mark.parametrize("action", ["error", "always", "default"])
def test_pillow_does_not_warn(name, action):
    """Also where the filters are others by now than when the first image was decoded."""
    decode_image(WARNED_OF[name])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter(action)
        decoded = decode_image(WARNED_OF[name])
    assert (decoded.width, decoded.height) == (64, 48)
    assert caught == []
    if name == "EXIF":
        assert close(seen(decoded.image), CLOCKWISE)


def test_the_samples_above_are_ones_that_pillow_warns_of():
    for name, data in WARNED_OF.items():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            Image.open(io.BytesIO(data)).getexif()
        assert caught, name


def test_others_warnings_stay():
    """A program that uses seealso and Pillow goes on to hear of what Pillow warns it of, in other threads too."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        decode_image(WARNED_OF["EXIF"])
        assert caught == []
        Image.open(io.BytesIO(WARNED_OF["EXIF"])).getexif()
    assert {str(each.message).split(".")[0] for each in caught} >= {"Tag data larger than file"}


def test_the_list_of_filters_does_not_grow():
    with warnings.catch_warnings():
        for _ in range(20):
            warnings.simplefilter("error")
            decode_image(WARNED_OF["EXIF"])
        before = len(warnings.filters)
        for _ in range(20):
            warnings.simplefilter("error")
            decode_image(WARNED_OF["EXIF"])
        assert len(warnings.filters) == before


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "WEBP"])
def test_pillows_own_limit_does_not_count(kind, monkeypatch):
    data = encode(corners(), kind)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert decode_image(data).image.size == (64, 48)
    assert Image.MAX_IMAGE_PIXELS == 1000
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(encode(corners(), "PNG")))


def test_webp_is_held_to_pillows_limit(monkeypatch):
    """It is the only decoder that checks it before it says how large the image is."""
    data = encode(corners(), "WEBP")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(seealso.ImageTooLarge, match=r"more pixels than Pillow decodes in this format \(WEBP\)"):
        decode_image(data)


def test_a_huge_picture_that_is_allowed(monkeypatch):
    side = 9500
    data = encode(Image.new("1", (side, side)), "PNG")
    assert side * side > HUGE_PIXELS
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert decode_image(data).image.size == (side, side)


@pytest.mark.parametrize(
    ("data", "min_side", "expected"),
    [
        (encode(corners(640, 480), "JPEG"), 0, 1),
        (encode(corners(640, 480), "JPEG"), 60, 4),
        (encode(corners(640, 480), "JPEG", progressive=True), 60, 1),
        (encode(corners(64, 48), "PNG"), 0, 4),
    ],
    ids=["in full", "reduced", "reduced but held in full", "small"],
)
def test_huge_images_are_decoded_one_at_a_time(monkeypatch, data, min_side, expected):
    monkeypatch.setattr(images, "HUGE_PIXELS", 100_000)
    monkeypatch.setattr(images, "to_srgb", lambda kind, image, conversion: decoding(image))
    now, most, lock = [0], [0], threading.Lock()
    all_here = threading.Barrier(4)

    def decoding(image: Image.Image) -> Image.Image:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        if expected > 1:
            all_here.wait(10)
        else:
            time.sleep(0.02)
        with lock:
            now[0] -= 1
        return image

    threads = [threading.Thread(target=decode_image, args=(data,), kwargs={"min_side": min_side}) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [expected]


def test_from_several_threads():
    data = [encode(corners(), kind) for kind in KINDS] * 4 + [*WARNED_OF.values()] * 4
    data += [encode(corners(), "PNG", icc_profile=P3)] * 4
    wrong = []

    def work():
        for each in data:
            try:
                if decode_image(each).image.size != (64, 48):
                    wrong.append(each)
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_formats_are_imported_when_first_needed():
    code = (
        "import sys, seealso\n"
        "seealso.decode_image(sys.stdin.buffer.read())\n"
        "print([name for name in ('pillow_heif', 'PIL.AvifImagePlugin', 'PIL.EpsImagePlugin') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], input=encode(corners(), "JPEG"), capture_output=True)
    assert done.stdout == b"[]\n", done.stderr.decode()

"""Image files that strangers send: damaged, hostile, or no images at all."""

import functools
import pickle
import struct
import subprocess
import sys
import time
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import seealso
from image_files import (
    KINDS,
    LINEAR_GREY,
    P3,
    chunk,
    corners,
    encode,
    exif,
    png,
    strange_ink_profile,
    tiff,
)
from lengths import campaign
from seealso.images.decoding import decode_image
from seealso.images.formats import MOST_SCANS
from seealso.images.plain import MOST_TIFF_VALUES
from seealso.interfaces.image_limits import ImageLimits


def jpeg_of_scans(scans: int, width: int = 64, height: int = 64, *, progressive: bool = True) -> bytes:
    """A grey JPEG whose scans, after the first, say nothing at all about each of its pixels."""

    def segment(marker: int, body: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body

    frame = segment(
        0xC2 if progressive else 0xC0, struct.pack(">BHHB", 8, height, width, 3) + b"\1\x11\0\2\x11\0\3\x11\0"
    )
    tables = segment(0xDB, b"\0" + b"\1" * 64)
    for kind in (b"\0", b"\x10"):
        tables += segment(0xC4, kind + b"\1" + bytes(15) + b"\0")
    body = b""
    for number in range(scans):
        first, last = (0, 0) if progressive and number < 3 else (1, 63) if progressive else (0, 63)
        body += segment(0xDA, bytes((1, 1 + number % 3, 0, first, last, 0))) + bytes(8)
    return b"\xff\xd8" + tables + frame + body + b"\xff\xd9"


def webp_canvas(side: int) -> bytes:
    def part(name: bytes, body: bytes) -> bytes:
        return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)

    frame = bytes(12) + b"\x10\0\0\0" + encode(Image.new("RGB", (1, 1)), "WEBP")[12:]
    corner = struct.pack("<I", side - 1)[:3]
    body = part(b"VP8X", b"\2\0\0\0" + corner * 2) + part(b"ANIM", bytes(6)) + part(b"ANMF", frame)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "the file is empty"),
        (b"just some text", "not an image of a format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "not an image of a format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image of a format"),
        (b"%PDF-1.7\n", "not an image of a format"),
        (b"\xd7\xcd\xc6\x9a" + bytes(60), "not an image of a format"),
        (b"\0\0\1\0\1\0" + bytes(60), "not an image of a format"),
        (b"SIMPLE  =                    T" + b" " * 2850, "not an image of a format"),
        (b"\x80\x04\x95cposix\nsystem\n(S'true'\ntR.", "not an image of a format"),
        (b"\xff\xd8\xff", "damaged or not an image"),
        (b"BM" + bytes(100), "damaged or not an image"),
        (b"GIF89a" + b"\xff" * 6, "damaged or not an image"),
        (b"RIFF\x20\0\0\0WEBPVP8 " + bytes(20), "damaged or not an image"),
        (b"MM\0+" + bytes(40), "not an image of a format"),
        (png(0, 10, 8, 2, b""), "damaged or not an image"),
        (tiff(b"", 0, 8, bits=8), "damaged or not an image"),
        (tiff(b"", 8, 8, bits=64), "unknown pixel mode"),
        (b"P5 -8 8 255\n" + bytes(64), "damaged or not an image"),
        (b"P5 8\x1b[31m 8 255\n" + bytes(64), "damaged or not an image"),
        (b"\0\0\0\x18ftypheic" + bytes(50), "damaged or not an image"),
        (b"\0\0\0\x18ftypavif" + bytes(50), "damaged or not an image"),
    ],
)
def test_what_is_no_image(data, expected):
    with pytest.raises(seealso.ImageError, match=expected) as caught:
        decode_image(data)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated(kind, share):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    data = encode(noise, kind)
    with pytest.raises(seealso.ImageError, match=r"damaged or not an image|not an image of"):
        decode_image(data[: int(len(data) * share)])


def test_a_structure_without_sense_is_said_to_be_that():
    data = tiff(bytes(64), 8, 8, bits=8, t259=12345)
    with pytest.raises(seealso.ImageError, match=r"^damaged or not an image \(TIFF\): its structure makes no sense$"):
        decode_image(data)


def heic_claiming(width: int, height: int) -> bytes:
    data = bytearray(encode(corners(64, 64), "HEIC"))
    place = data.index(b"ispe") + 8
    data[place : place + 8] = struct.pack(">II", width, height)
    return bytes(data)


def jp2_claiming(width: int, height: int) -> bytes:
    data = bytearray(encode(corners(), "JPEG2000"))
    place = data.index(b"ihdr") + 4
    data[place : place + 8] = struct.pack(">II", height, width)
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        png(30_000, 30_000, 8, 2, b""),
        png(2**31 - 1, 1, 8, 2, b""),
        png(1, 2**31 - 1, 8, 2, b""),
        tiff(b"", 30_000, 30_000, bits=8),
        b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + encode(Image.new("P", (1, 1)), "GIF")[13:],
        b"P6 30000 30000 255\n",
        b"BM" + struct.pack("<IIIIiiHHIIiiII", 54, 0, 54, 40, 30_000, -30_000, 1, 24, 0, 0, 0, 0, 0, 0),
        jpeg_of_scans(3, 65_000, 65_000),
        webp_canvas(16_384),
        heic_claiming(30_000, 30_000),
        jp2_claiming(30_000, 30_000),
    ],
    ids=["PNG", "wide", "high", "TIFF", "GIF", "PPM", "BMP", "JPEG", "WEBP", "HEIC", "JPEG2000"],
)
def test_too_many_pixels_are_refused_before_decoding(data):
    code = (
        "import resource, seealso, sys, time\n"
        "from seealso.images.formats import DECODERS\n"
        "from importlib import import_module\n"
        "for module, _ in DECODERS.values(): import_module(module)\n"
        "before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()\n"
        "try: seealso.decode_image(sys.stdin.buffer.read())\n"
        "except seealso.ImageTooLarge as error: print(error)\n"
        "assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000\n"
        "assert time.process_time() - start < 2\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], input=data, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert b"pixels; the limit is 250000000" in done.stdout or b"more pixels than Pillow decodes" in done.stdout


@pytest.mark.parametrize("make", [heic_claiming, jp2_claiming])
def test_a_size_that_is_not_that_of_the_pixels(make):
    """Nothing is decoded at another size than the one that was checked."""
    with pytest.raises(seealso.ImageError):
        decode_image(make(16, 16))


def test_limits_can_be_set():
    data = encode(corners(), "PNG")
    with pytest.raises(seealso.ImageTooLarge, match="64 × 48 pixels; the limit is 3071"):
        decode_image(data, limits=ImageLimits(max_pixels=64 * 48 - 1))
    assert decode_image(data, limits=ImageLimits(max_pixels=64 * 48)).width == 64
    with pytest.raises(seealso.ImageTooLarge, match="bytes; the limit is 100"):
        decode_image(data, limits=ImageLimits(max_bytes=100))
    assert decode_image(data, limits=ImageLimits(max_bytes=len(data))).width == 64


def test_a_reduction_does_not_get_round_the_limit():
    with pytest.raises(seealso.ImageTooLarge, match="1600 × 1200 pixels"):
        decode_image(encode(corners(1600, 1200), "JPEG"), min_side=100, limits=ImageLimits(max_pixels=1_000_000))


@pytest.mark.parametrize("name", [b"zTXt", b"iTXt", b"iCCP"])
def test_a_chunk_that_unpacks_to_gigabytes(name):
    """Nothing of it is needed for the pixels, so it is left out, and never unpacked."""
    before = {b"zTXt": b"c\0\0", b"iTXt": b"c\0\1\0\0\0", b"iCCP": b"c\0\0"}[name]
    bomb = chunk(name, before + _packed_zeros())
    start = time.process_time()
    assert decode_image(png(1, 1, 8, 2, bytes(4), bomb)).width == 1
    assert time.process_time() - start < 1


@functools.cache
def _packed_zeros() -> bytes:
    return zlib.compress(bytes(200 << 20))


@pytest.mark.parametrize("progressive", [True, False])
def test_a_jpeg_of_very_many_scans(progressive):
    assert decode_image(jpeg_of_scans(MOST_SCANS, progressive=progressive)).image.size == (64, 64)
    with pytest.raises(seealso.ImageError, match="scans"):
        decode_image(jpeg_of_scans(MOST_SCANS + 1, progressive=progressive))


def test_scans_of_thumbnails_and_of_what_follows_are_not_counted():
    """An embedded thumbnail, a second picture or a film after the first: none of them is decoded."""
    data = encode(corners(), "JPEG")
    other = jpeg_of_scans(MOST_SCANS + 1)
    assert decode_image(data[:2] + struct.pack(">BBH", 0xFF, 0xE5, len(other) + 2) + other + data[2:]).width == 64
    assert decode_image(data + other).width == 64


def test_a_jpeg_of_very_many_segments():
    data = encode(corners(), "JPEG")
    segment = b"\xff\xe1\0\x12Exif\0\0" + bytes(10)
    assert decode_image(data[:2] + segment * 900 + data[2:]).width == 64
    with pytest.raises(seealso.ImageError, match="segments"):
        decode_image(data[:2] + segment * 1001 + data[2:])


@pytest.mark.parametrize("tag", [258, 273, 279, 282, 324])
@pytest.mark.parametrize("big", [False, True])
def test_a_tiff_of_very_many_strips(tag, big):
    count = MOST_TIFF_VALUES + 1
    if big:
        data = b"II+\0\x08\0\0\0" + struct.pack("<QQHHQQ", 16, 1, tag, 3, count, 60)
    else:
        data = b"II*\0" + struct.pack("<IHHHII", 8, 1, tag, 3, count, 60)
    with pytest.raises(seealso.ImageError, match=f"{count} values in its tag {tag}"):
        decode_image(data.ljust(60, b"\0") + bytes(2 * count))


def test_a_tiff_with_much_text():
    """A program's own data, which can be megabytes long, is not made into numbers."""
    info = Image.new("RGB", (8, 8))
    data = encode(info, "TIFF", tiffinfo={270: "x" * (MOST_TIFF_VALUES + 1)}, icc_profile=bytes(MOST_TIFF_VALUES + 1))
    assert decode_image(data).width == 8


def test_no_memory():
    code = (
        "import resource, seealso, sys\n"
        "data = sys.stdin.buffer.read()\n"
        "seealso.decode_image(b'P5 1 1 255\\n1')  # what is imported when first needed\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (100 << 20),) * 2)\n"
        "try: seealso.decode_image(data)\n"
        "except seealso.ImageTooLarge as error: print(error)\n"
    )
    data = encode(Image.new("1", (12_000, 12_000)), "PNG")
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True)
    assert done.stdout == b"there is not enough memory to decode it\n", done.stderr.decode()


def test_nothing_is_run_read_or_written():
    """Whatever the bytes are, decoding them opens no file, starts no program, unpickles nothing."""
    code = (
        "import io, sys, pickle, seealso\n"
        "files = pickle.loads(sys.stdin.buffer.read())\n"
        "def decode_all():\n"
        "    for data in files:\n"
        "        try: seealso.decode_image(data, min_side=8)\n"
        "        except seealso.ImageError: pass\n"
        "decode_all()  # what is imported when first needed\n"
        "forbidden = ('open', 'os.', 'subprocess.', 'socket.', 'pickle.', 'exec', 'compile', 'import', 'ctypes.', 'shutil.', 'tempfile.', 'mmap.')\n"
        "seen = []\n"
        "sys.addaudithook(lambda event, args: seen.append((event, args)) if event.startswith(forbidden) else None)\n"
        "decode_all()\n"
        "print(seen, len(files))\n"
    )
    hostile = [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n",
        b"\x80\x04cos\nsystem\n.",
        b"<svg/>",
        b"%PDF-1.7",
    ]
    files = [*SAMPLES.values(), *hostile]
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(files), capture_output=True)
    assert done.stdout.decode() == f"[] {len(files)}\n", done.stderr.decode()


# Damage of any kind

SAMPLES = {kind: encode(corners(24, 16), kind) for kind in KINDS}
SAMPLES |= {
    "JPEG with EXIF": encode(corners(24, 16), "JPEG", exif=exif(6), icc_profile=P3),
    "JPEG of scans": encode(corners(24, 16), "JPEG", progressive=True),
    "JPEG of inks": encode(corners(24, 16).convert("CMYK"), "JPEG", icc_profile=strange_ink_profile()),
    "MPO": encode(corners(24, 16), "MPO", save_all=True, append_images=[corners(24, 16)]),
    "PNG with EXIF": encode(corners(24, 16).convert("RGBA"), "PNG", exif=exif(6)),
    "PNG of a palette": encode(corners(24, 16).quantize(16), "PNG", transparency=3),
    "PNG of sixteen bits": encode(Image.new("I;16", (8, 8), 999), "PNG", icc_profile=LINEAR_GREY),
    "APNG": encode(corners(24, 16), "PNG", save_all=True, append_images=[Image.new("RGB", (24, 16))]),
    "WEBP with EXIF": encode(corners(24, 16).convert("RGBA"), "WEBP", lossless=True, exif=exif(6)),
    "TIFF with EXIF": encode(corners(24, 16), "TIFF", compression="tiff_lzw", exif=exif(6)),
    "TIFF of JPEG": encode(corners(24, 16), "TIFF", compression="jpeg"),
    "TIFF of numbers": encode(Image.new("F", (8, 8), 0.5), "TIFF"),
    "TIFF with alpha": encode(corners(24, 16).convert("LA"), "TIFF"),
    "GIF with frames": encode(corners(24, 16), "GIF", save_all=True, append_images=[Image.new("RGB", (24, 16))]),
    "PGM": b"P5 4 4 65535\n" + bytes(range(32)),
    "PGM as text": b"P2 4 4 255\n" + b"12 " * 16,
}


def test_the_samples_are_whole():
    for kind, data in SAMPLES.items():
        assert decode_image(data).image.mode == "RGB", kind


@pytest.mark.torture
@settings(max_examples=campaign(100, 400), deadline=None)
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
    if cut % 3 == 1:
        data = data[: cut % len(data)]
    decoded, error = None, None
    try:
        decoded = decode_image(bytes(data), min_side=cut % 2 * 8, limits=ImageLimits(max_pixels=1_000_000))
    except seealso.ImageError as caught:
        error = caught
    if decoded is None:
        assert str(error).isprintable()
        return
    assert decoded.image.mode == "RGB"
    assert decoded.image.width * decoded.image.height <= 1_000_000
    assert len(decoded.image.tobytes()) == 3 * decoded.image.width * decoded.image.height

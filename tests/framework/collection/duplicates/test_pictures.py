"""The same picture or not, told by small pictures; and which is the mirror image of which."""

import io

import pytest
from PIL import Image, ImageDraw, ImageOps

import seealso
from seealso.collection.duplicates.pictures import CLEARLY, FITS, Reader, Small, fit


def small(image: Image.Image) -> Small:
    file = io.BytesIO()
    image.save(file, "PNG")
    return Reader(lambda record: file.getvalue(), seealso.ImageLimits()).small(object())


def altered(image: Image.Image) -> dict[str, Image.Image]:
    width, height = image.size
    file = io.BytesIO()
    image.save(file, "JPEG", quality=40)
    written = image.copy()
    ImageDraw.Draw(written).text((width * 0.6, height * 0.9), "(c) somebody", (255, 255, 255))
    return {
        "half size": image.resize((width // 2, height // 2)),
        "quality 40": Image.open(file).convert("RGB"),
        "crop": image.crop((round(0.05 * width), 0, width, round(0.95 * height))),
        "text": written,
    }


def test_altered_copies_fit_and_other_pictures_do_not(photographs):
    pictures = {name: image.resize((320, 240)) for name, image in photographs.items()}
    # Noise without a shape does not survive a crop in so few pixels.
    shapes = ("astronaut", "camera", "cell", "chelsea", "coffee", "retina", "rocket")
    smalls = {name: small(pictures[name]) for name in shapes}
    for name in shapes:
        for how, copy in altered(pictures[name]).items():
            assert fit(small(copy), smalls[name]) >= FITS, (name, how)
    others = [fit(smalls[a], smalls[b]) for a in shapes for b in shapes if a < b]
    assert max(others) < FITS


def test_a_mirror_image_fits_when_it_is_mirrored(photographs):
    for name in ("chelsea", "coffee", "motorcycle_left", "rocket"):
        picture, mirrored = small(photographs[name]), small(ImageOps.mirror(photographs[name]))
        assert fit(picture, mirrored.mirrored()) > fit(picture, mirrored) + CLEARLY
        assert fit(picture, mirrored.mirrored()) == pytest.approx(1, abs=0.01)


def test_pictures_without_contrast_are_like_one_another_alone(photographs):
    white, black = (small(Image.new("RGB", (64, 64), colour)) for colour in ("white", "black"))
    assert fit(white, white) == pytest.approx(1)
    assert fit(white, small(photographs["chelsea"])) < 0.1
    # There is nothing in either: the distance decides.
    assert fit(white, black) == pytest.approx(1)


def test_colours_count(photographs):
    red, blue, green = photographs["coffee"].split()
    other = Image.merge("RGB", (green, red, blue))
    assert fit(small(photographs["coffee"]), small(other)) < FITS


def test_what_cannot_be_read_has_no_picture():
    def away(record):
        raise seealso.FileError("away")

    assert Reader(away, seealso.ImageLimits()).small(object()) is None
    assert Reader(lambda record: b"none", seealso.ImageLimits()).small(object()) is None
    assert Reader(away, seealso.ImageLimits()).small(None) is None

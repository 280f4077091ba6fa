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
            assert fit(small(copy), smalls[name]).shapes >= FITS, (name, how)
    others = [fit(smalls[a], smalls[b]).shapes for a in shapes for b in shapes if a < b]
    assert max(others) < FITS


def test_a_mirror_image_fits_when_it_is_mirrored(photographs):
    for name in ("chelsea", "coffee", "motorcycle_left", "rocket"):
        picture, mirrored = small(photographs[name]), small(ImageOps.mirror(photographs[name]))
        assert fit(picture, mirrored.mirrored()).shapes > fit(picture, mirrored).shapes + CLEARLY
        assert fit(picture, mirrored.mirrored()).shapes == pytest.approx(1, abs=0.01)


def test_pictures_without_contrast_are_like_one_another_alone(photographs):
    white, black = (small(Image.new("RGB", (64, 64), colour)) for colour in ("white", "black"))
    assert fit(white, white) == (1, 1, 0)
    assert fit(white, small(photographs["chelsea"])).shapes < 0.1
    # There is neither a shape nor a colour in them, and the brightness tells them apart.
    assert fit(white, black) == (1, 1, 255)
    assert not fit(white, black).same_colours


def test_colours_count(photographs):
    red, blue, green = photographs["coffee"].split()
    other = Image.merge("RGB", (green, red, blue))
    assert fit(small(photographs["coffee"]), small(other)).shapes < FITS


@pytest.mark.slow
def test_altered_copies_have_the_colours_of_their_original(photographs):
    for name, image in photographs.items():
        original = small(image.resize((320, 240)))
        for how, copy in altered(image.resize((320, 240))).items():
            assert fit(small(copy), original).same_colours, (name, how)


def shirt(colour: str) -> Image.Image:
    """A flat shape of a colour, before white."""
    image = Image.new("RGB", (320, 240), "white")
    outline = [
        (110, 40),
        (210, 40),
        (270, 90),
        (240, 120),
        (215, 100),
        (215, 210),
        (105, 210),
        (105, 100),
        (80, 120),
        (50, 90),
    ]
    ImageDraw.Draw(image).polygon(outline, colour)
    return image


COLOURS = ("#501414", "#141450", "#144614", "#000000", "#404040")


def test_flat_shapes_of_different_colours_are_told_apart_by_these():
    shirts = [small(shirt(colour)) for colour in COLOURS]
    fits = [fit(one, other) for place, one in enumerate(shirts) for other in shirts[:place]]
    assert not any(each.same_colours for each in fits)
    # Their shapes do not tell them apart.
    assert min(each.shapes for each in fits) >= FITS


def test_a_grey_copy_of_a_colourful_picture_is_another_one(photographs):
    for name, colourful in (("coffee", True), ("camera", False)):
        grey = photographs[name].convert("L").convert("RGB")
        assert fit(small(photographs[name]), small(grey)).same_colours is not colourful


def test_what_cannot_be_read_has_no_picture():
    def away(record):
        raise seealso.FileError("away")

    assert Reader(away, seealso.ImageLimits()).small(object()) is None
    assert Reader(lambda record: b"none", seealso.ImageLimits()).small(object()) is None
    assert Reader(away, seealso.ImageLimits()).small(None) is None

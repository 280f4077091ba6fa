"""Preparing an image for a network: resized, and the middle cut out."""

import numpy as np
import pytest
from PIL import Image

from seealso import Preparation


def plainly(image, size, full, interpolation=Image.Resampling.BICUBIC) -> np.ndarray:
    """The whole image resized to ``full`` (width, height), then the middle cut out."""
    resized = image.resize(full, interpolation)
    left, top = round((full[0] - size[1]) / 2), round((full[1] - size[0]) / 2)
    return np.asarray(resized.crop((left, top, left + size[1], top + size[0])), int)


@pytest.mark.parametrize(
    ("preparation", "full"),
    [
        (Preparation((224, 224), (256, 256)), (384, 256)),  # the photograph has 600 x 400 pixels
        (Preparation((224, 224), (224, 224)), (336, 224)),
        (Preparation((100, 200), (120, 240)), (240, 160)),  # the width decides
        (Preparation((200, 100), (240, 120)), (360, 240)),  # the height
        (Preparation((224, 200), (256, 256), squash=True), (256, 256)),
        (Preparation((50, 60), (50, 60), squash=True), (60, 50)),
    ],
)
def test_the_middle_of_the_resized_image(photographs, preparation, full):
    image = photographs["coffee"]
    assert image.size == (600, 400)
    found = preparation(image)
    assert (found.shape, found.dtype) == ((*preparation.size, 3), np.uint8)
    assert np.abs(found - plainly(image, preparation.size, full)).max() <= 1


@pytest.mark.parametrize("interpolation", ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"])
def test_interpolations(photographs, interpolation):
    image = photographs["coffee"]
    found = Preparation((60, 90), (60, 90), squash=True, interpolation=interpolation)(image)
    expected = plainly(image, (60, 90), (90, 60), Image.Resampling[interpolation.upper()])
    assert np.array_equal(found, expected)
    others = {"bicubic": Image.Resampling.BILINEAR}.get(interpolation, Image.Resampling.BICUBIC)
    assert not np.array_equal(found, plainly(image, (60, 90), (90, 60), others))


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 2)])
@pytest.mark.parametrize("squash", [True, False])
def test_odd_shapes(size, squash):
    found = Preparation((8, 10), (12, 12), squash)(Image.new("RGB", size, (9, 8, 7)))
    assert found.shape == (8, 10, 3)
    assert (found == (9, 8, 7)).all()


def test_a_long_image_takes_no_memory():
    # Resized as a whole it would have 720 gigabytes.
    assert Preparation((2000, 2000), (2000, 2000))(Image.new("RGB", (1, 60_000))).shape == (2000, 2000, 3)


def test_what_it_says():
    assert str(Preparation((224, 224), (256, 256))) == "RGB, shorter side 256 bicubic, centre crop 224x224"
    assert str(Preparation((8, 9), (8, 9), interpolation="box")) == "RGB, covering 8x9 box, centre crop 8x9"
    assert str(Preparation((8, 9), (10, 10), squash=True)) == "RGB, 10x10 bicubic, centre crop 8x9"
    assert Preparation((8, 9), (10, 12)).min_side == 12


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"size": (0, 8), "resized": (8, 8)}, "have to be 1 to 4096 pixels"),
        ({"size": (8, 8), "resized": (8, 5000)}, "have to be 1 to 4096 pixels"),
        ({"size": (8, 8), "resized": (8, 7)}, "at least what is cut out"),
        ({"size": (8, 8), "resized": (8, 8), "interpolation": "cubic"}, "no interpolation 'cubic'"),
    ],
)
def test_what_cannot_be(given, expected):
    with pytest.raises(ValueError, match=expected):
        Preparation(**given)


def test_as_json_and_back():
    for preparation in (Preparation((8, 9), (10, 12)), Preparation((8, 9), (10, 12), True, "lanczos")):
        assert Preparation.from_json(preparation.as_json()) == preparation


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "JSON"),
        ("[1, 2]", "."),
        ("{}", "size: Field required"),
        ('{"size": [8, 8]}', "resized: Field required"),
        ('{"size": [8, 8], "resized": [8, 8], "pad": 3}', "pad: Unexpected"),
        ('{"size": [8, 8], "resized": [8, "8"]}', r"resized\.1: Input should be a valid integer"),
        ('{"size": [8, 8, 8], "resized": [8, 8]}', "size"),
        ('{"size": [8, 8], "resized": [8, 8], "squash": "yes"}', "squash: Input should be a valid boolean"),
        ('{"size": [8, 8], "resized": [8, 8], "interpolation": "x"}', "interpolation: Input should be 'nearest'"),
        ('{"size": [8, 8], "resized": [9999999, 8]}', "1 to 4096"),
        ("[" * 100_000, "."),
    ],
)
def test_a_record_that_does_not_fit(text, expected):
    with pytest.raises(ValueError, match=expected) as caught:
        Preparation.from_json(text)
    assert "\n" not in str(caught.value)

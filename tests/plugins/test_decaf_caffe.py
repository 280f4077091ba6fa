"""Reading Caffe's files: both generations of its messages, and whatever else somebody may give us for one."""

import contextlib
import os
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seealso
from lengths import campaign
from plugins import caffe_files
from plugins.caffe_files import blob, field, layer, model
from seealso_decaf import caffe
from seealso_decaf.caffe import read_caffemodel, read_mean

LAYERS = "conv1 relu1 pool1 norm1 fc7"
SHAPES = {"conv1.weight": (4, 3, 5, 5), "conv1.bias": (4,), "fc7.weight": (6, 16), "fc7.bias": (6,)}
TENSORS = {
    name: np.random.default_rng(place).standard_normal(shape, np.float32)
    for place, (name, shape) in enumerate(SHAPES.items())
}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "net.caffemodel"


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("doubles", [True, False])
def test_both_generations(file, old, doubles):
    tensors = {name: values.astype(np.float64) for name, values in TENSORS.items()} if doubles else TENSORS
    file.write_bytes(model(tensors, LAYERS, old=old))
    found = read_caffemodel(file, SHAPES)
    assert set(found.tensors) == set(SHAPES)
    for name, values in found.tensors.items():
        assert values.dtype == np.float32
        assert values.flags.writeable
        np.testing.assert_array_equal(values, TENSORS[name])
    assert found.pools_first is True


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ("conv1 relu1 pool1 norm1 fc7", True),
        ("conv1 relu1 norm1 pool1 fc7", False),
        ("conv1 relu1 norm1 fc7", None),
        ("conv1 fc7", None),
    ],
)
def test_the_order_of_the_layers(file, old, layers, expected):
    file.write_bytes(model(TENSORS, layers, old=old))
    assert read_caffemodel(file, SHAPES).pools_first is expected


def test_what_is_not_asked_for_is_passed_over(file):
    more = TENSORS | {"fc8.weight": np.ones((9, 9), np.float32), "fc8.bias": np.ones(9, np.float32)}
    data = model(more, LAYERS + " fc8", old=False)
    # A gradient beside the values, and fields that nobody knows.
    gradient = blob(TENSORS["fc7.bias"], old=False) + field(6, b"\0" * 24) + field(77, 1)
    data += layer("other", "ReLU", [gradient], old=False) + field(99, "unknown")
    file.write_bytes(data)
    assert set(read_caffemodel(file, SHAPES).tensors) == set(SHAPES)


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"fc7.weight": None}, r"it has no fc7\.weight"),
        (
            {"conv1.weight": np.ones((4, 5, 5, 3), np.float32)},
            r"conv1\.weight has the shape 4 x 5 x 5 x 3, where 4 x 3 x 5 x 5",
        ),
        ({"fc7.weight": np.ones((16, 6), np.float32)}, r"fc7\.weight has the shape .*16 x 6, where 6 x 16 is wanted"),
        ({"fc7.bias": np.ones(7, np.float32)}, r"fc7\.bias has the shape .*7, where 6 is wanted"),
        ({"fc7.bias": np.full(6, np.nan, np.float32)}, r"fc7\.bias holds values that are no finite numbers"),
        ({"fc7.bias": np.full(6, 1e300)}, r"fc7\.bias holds values that are no finite numbers"),
    ],
)
def test_another_network(file, old, changed, expected):
    tensors = {name: values for name, values in (TENSORS | changed).items() if values is not None}
    if "fc7.weight" not in tensors:
        del tensors["fc7.bias"]
    file.write_bytes(model(tensors, LAYERS, old=old))
    with pytest.raises(seealso.PluginError, match=expected) as caught:
        read_caffemodel(file, SHAPES)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


HUGE = 1 << 62


@pytest.mark.parametrize(
    ("hostile", "expected"),
    [
        # A shape that fits, and values that do not.
        (field(7, field(1, b"\6")) + field(5, b"\0" * 20), "has 20 bytes of values, where 24 are wanted"),
        (field(7, field(1, b"\6")) + field(5, b"\0" * 23), "has 23 bytes of values"),
        (field(7, field(1, b"\6")), "has 0 bytes of values"),
        # Shapes that would be a great many values.
        (blob(np.ones(6, np.float32), old=False, sides=(HUGE,)), "has the shape 4611686018427387904"),
        (blob(np.ones(6, np.float32), old=False, sides=(HUGE, HUGE)), "has the shape"),
        (blob(np.ones(6, np.float32), old=True, sides=(2**31 - 1,) * 4), "has the shape"),
        (blob(np.ones(6, np.float32), old=False, sides=(-6,)), "has the shape -6"),
        (blob(np.ones(6, np.float32), old=False, sides=(1,) * 100_000 + (7,)), "has the shape 1 x 1"),
        (blob(np.ones(6, np.float32), old=False, sides=()), "has the shape no sides"),
        (field(5, np.ones(6, np.float32).tobytes()), "has the shape 0 x 0 x 0 x 0"),
        (field(7, b"\x0a\xff"), "damaged, cut short"),
        (b"\xff\xff\xff", "damaged, cut short"),
        (caffe_files.varint(5 << 3 | 2) + caffe_files.varint(HUGE) + b"\0" * 24, "damaged, cut short"),
    ],
)
def test_blobs_made_to_mislead(file, hostile, expected):
    good = model({name: TENSORS[name] for name in ("conv1.weight", "conv1.bias")}, LAYERS, old=False)
    file.write_bytes(good + layer("fc7", "InnerProduct", [blob(TENSORS["fc7.weight"], old=False), hostile], old=False))
    tracemalloc.start()
    with pytest.raises(seealso.PluginError, match=expected) as caught:
        read_caffemodel(file, SHAPES)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("old", [True, False])
def test_a_file_cut_short_anywhere(file, old):
    whole = model(TENSORS, LAYERS, old=old)
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(seealso.PluginError, match=r"damaged, cut short|it has no"):
            read_caffemodel(file, SHAPES)


@pytest.mark.torture
@settings(max_examples=campaign(50, 200), deadline=None)
@given(st.data(), st.booleans())
def test_damage_anywhere_is_an_error_or_other_values(tmp_path_factory, data, old):
    file = tmp_path_factory.mktemp("fuzz") / "net.caffemodel"
    damaged = bytearray(model(TENSORS, LAYERS, old=old))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(damaged)
    with contextlib.suppress(seealso.PluginError):
        found = read_caffemodel(file, SHAPES)
        assert {name: values.shape for name, values in found.tensors.items()} == SHAPES


@pytest.mark.parametrize(
    "content", [b"", b"<html>please log in</html>", b"PK\x03\x04", b"\x80\x02}q\x00.", os.urandom(1000)]
)
def test_something_else_altogether(file, content):
    file.write_bytes(content)
    with pytest.raises(seealso.PluginError, match=r"damaged, cut short, or none|it has no conv1\.weight"):
        read_caffemodel(file, SHAPES)


def test_what_cannot_be_read(tmp_path, monkeypatch):
    with pytest.raises(seealso.PluginError, match=r"net\.caffemodel: it cannot be read: No such file"):
        read_caffemodel(tmp_path / "net.caffemodel", SHAPES)
    with pytest.raises(seealso.PluginError, match="it is no regular file"):
        read_caffemodel(tmp_path, SHAPES)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(seealso.PluginError, match="it is no regular file"):
        read_caffemodel(tmp_path / "pipe", SHAPES)
    with (tmp_path / "huge").open("wb") as huge:
        huge.truncate(caffe.LARGEST_MODEL + 1)
    with pytest.raises(seealso.PluginError, match="more than 536,870,912 are not read"):
        read_caffemodel(tmp_path / "huge", SHAPES)


def test_a_mean_image(tmp_path):
    file = tmp_path / "mean.binaryproto"
    image = np.random.default_rng(0).uniform(0, 255, (3, 8, 8)).astype(np.float32)
    caffe_files.write_mean(file, image)
    np.testing.assert_array_equal(read_mean(file, (3, 8, 8)), image)
    with pytest.raises(
        seealso.PluginError, match="the mean image has the shape 1 x 3 x 8 x 8, where 3 x 256 x 256 is wanted"
    ):
        read_mean(file, (3, 256, 256))
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(seealso.PluginError, match=r"mean\.binaryproto: the mean image: it is damaged"):
        read_mean(file, (3, 8, 8))
    file.write_bytes(model(TENSORS, LAYERS, old=True))
    with pytest.raises(seealso.PluginError, match="the mean image"):
        read_mean(file, (3, 8, 8))

"""The choice of a codec where the configuration names none."""

import numpy as np
import pytest

import seealso
from conftest import SAMPLES
from seealso.codecs import register_codecs
from seealso.codecs.choice import choose_codec
from seealso.codecs.raw import Raw
from seealso.interfaces.codec import CodecContext

CODECS = {cls.name: cls for cls in register_codecs()}


def chosen(descriptors: np.ndarray, *others: type[seealso.Codec]) -> seealso.PluginChoice:
    classes = CODECS | {cls.name: cls for cls in others}
    return choose_codec(classes, CodecContext(descriptors.shape[1], descriptors.dtype), descriptors)


def rectified(share: float, n: int = 300, dim: int = 1280, dtype: str = "float32") -> np.ndarray:
    """As a network's last layer gives them: none negative, this share of zeros."""
    rng = np.random.default_rng(0)
    values = np.abs(rng.normal(size=(n, dim)))
    values[rng.random(values.shape) < share] = 0
    return values.astype(dtype)


@pytest.mark.parametrize(
    ("descriptors", "expected"),
    [
        (rectified(0.0), "raw"),
        (rectified(0.1), "raw"),
        (rectified(0.5), "sparse"),
        (rectified(0.75, dim=4096), "sparse"),
        (rectified(0.75, dtype="float64"), "sparse"),
        (rectified(0.5, dtype="float16"), "sparse"),
        (rectified(0.5)[:1], "sparse"),
        (np.full((9, 1280), 0.25, np.float32), "zstd"),
        (np.random.default_rng(0).integers(0, 256, (9, 64), np.uint8), "raw"),
    ],
)
def test_the_smallest_of_those_quick_to_read(descriptors, expected):
    assert chosen(descriptors).plugin == expected


def test_the_choice_holds_every_option():
    assert chosen(np.full((9, 1280), 0.25, np.float32)).as_yaml() == {"plugin": "zstd", "level": 3}
    assert chosen(rectified(0.5)).as_yaml() == "sparse"


def test_black_images_say_nothing():
    descriptors = rectified(0.0, 20)
    descriptors[:19] = 0
    assert chosen(descriptors).plugin == "raw"
    assert chosen(np.zeros((5, 1280), np.float32)).plugin == "raw"


class Ones(Raw):
    """A stranger's codec: a bit for each value of descriptors that are nothing but ones and zeros."""

    name = "ones"
    preference = 1

    def encode(self, descriptors):
        return [np.packbits(row.astype(bool)).tobytes() for row in descriptors]

    def decode(self, records):
        rows = [np.unpackbits(np.frombuffer(record, np.uint8))[: self.context.dim] for record in records]
        return np.array(rows, self.context.dtype).reshape(len(rows), self.context.dim)


def test_a_strangers_codec_takes_part(caplog):
    bits = (rectified(0.5) > 0).astype(np.float32)
    assert chosen(bits, Ones).plugin == "ones"
    assert caplog.messages == []
    # what is not lossless is found out
    assert chosen(rectified(0.5), Ones).plugin == "sparse"
    assert caplog.messages == ["the codec ones is not chosen: it calls itself lossless, and is not"]


def test_what_does_not_offer_itself_is_not_chosen(caplog):
    class Named(Ones):
        preference = 0

    class Lossy(Ones):
        lossless = False

    class Slow(Ones):
        handicap = 40.0

    class Picky(Ones):
        def __init__(self, options, context):
            raise seealso.ConfigError("bit sets only")

    class Asking(Ones):
        class Options(seealso.PluginOptions):
            key: str

    bits = (rectified(0.5) > 0).astype(np.float32)
    for cls in (Named, Lossy, Slow, Picky, Asking):
        assert chosen(bits, cls).plugin == "zstd"
    assert caplog.messages == []


def test_one_that_fails_is_a_warning(caplog):
    class Broken(Ones):
        def encode(self, descriptors):
            return 1 / 0

    assert chosen(rectified(0.5), Broken).plugin == "sparse"
    assert caplog.messages == ["the codec ones is not chosen: it raised ZeroDivisionError: division by zero"]


@pytest.mark.parametrize(
    "error", [MemoryError(), ImportError("cmath.so: failed to map segment from shared object"), OSError(24, "Too many")]
)
def test_a_limit_of_the_machine_is_no_fault_of_a_codec(error, caplog):
    """What is chosen is kept for good; without the limit it would be another one."""

    class Unlucky(Ones):
        def encode(self, descriptors):
            raise error

    with pytest.raises(type(error)):
        chosen(rectified(0.5), Unlucky)
    assert caplog.messages == []


def test_none_is_left():
    with pytest.raises(seealso.PluginError, match="no codec that is installed can be the default"):
        choose_codec({}, CodecContext(3, np.dtype(np.float32)), np.ones((1, 3), np.float32))


def test_a_collection_chooses_by_what_comes_first(tmp_path, make_photos):
    (tmp_path / "half.py").write_text(
        "import sys, numpy as np, seealso\n"
        f"sys.path.insert(0, {str(SAMPLES)!r})\n"
        "import thumbnail\n"
        "class Dense(thumbnail.Thumbnail):\n"
        "    name = 'dense'\n"
        "    def extract(self, batch):\n"
        "        return super().extract(batch) / np.float32(7)\n"
        "class HalfZero(Dense):\n"
        "    name = 'half-zero'\n"
        "    def extract(self, batch):\n"
        "        found = super().extract(batch)\n"
        "        found[:, ::2] = 0\n"
        "        return found\n"
        "@seealso.hookimpl\n"
        "def register_extractors():\n"
        "    return [Dense, HalfZero]\n"
    )
    photos = make_photos(tmp_path / "photos", 12)
    for extractor, expected in (("dense", "raw"), ("half-zero", "sparse")):
        with seealso.open(tmp_path / extractor, plugins=[tmp_path / "half.py"], extractor=extractor) as collection:
            assert collection.index([tmp_path / "photos"]).added == 12
            found = collection.status()["store"]
            assert (found["codec"], found["ratio"] > 1.5) == (expected, expected == "sparse")
            answer = collection.similar(photos[3], 5)
            assert (answer.hits[0].path, answer.hits[0].distance) == (str(photos[3]), 0)

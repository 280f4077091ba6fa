"""The extractor timm: the networks of timm. The weights of EfficientNet-Lite0 are trained, those of the others random."""

import json
import os
import pickle
import re
import shutil
from pathlib import Path
from typing import ClassVar

import huggingface_hub
import numpy as np
import pytest
import timm
import torch
from PIL import Image
from pydantic import ValidationError
from safetensors.torch import save_file
from timm.data import create_transform, resolve_model_data_config

import seealso
from plugins.missing_modules import without_modules
from seealso.testing import ExtractorTests
from seealso_onnx.efficientnet_lite import NETWORKS, weight_file
from seealso_onnx.extractor import OnnxExtractor
from seealso_timm.assembly import prepared_as
from seealso_timm.extractor import TimmExtractor
from seealso_timm.options import TimmOptions
from seealso_torch import state_sha256

CONFIGURATION = Path(__file__).parents[2] / "configs" / "timm.yaml"
LITE0 = {"model": "efficientnet_lite0", "mean": [127] * 3, "std": [128] * 3}


def make(base=None, **options) -> TimmExtractor:
    checked = TimmOptions.model_validate({"device": "cpu", **options}, context={"base": base or Path.cwd()})
    return TimmExtractor(checked, seealso.ExtractorContext(Path("cache"), 2))


def describe(extractor, *images) -> np.ndarray:
    return extractor.extract(np.stack([extractor.prepare(image) for image in images]))


def random_network(name, seed=0, **options) -> torch.nn.Module:
    """A network whose weights, running means and all, are random, and whose answers depend on them."""
    torch.manual_seed(seed)
    network = timm.create_model(name, **options).eval()
    for key, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            tensor += 0.05 * torch.rand(tensor.shape) + (0.5 if key.endswith("running_var") else 0)
    return network


@pytest.fixture(scope="module")
def lite0():
    extractor = make(weights=str(weight_file(NETWORKS["efficientnet-lite0"])), **LITE0)
    yield extractor
    extractor.close()


class TestTimm(ExtractorTests):
    extractor_class = TimmExtractor
    options: ClassVar = LITE0

    @pytest.fixture(scope="class")
    @classmethod
    def extractor(cls, lite0):
        return lite0


# EfficientNet-Lite0


def test_it_gives_what_the_extractor_onnx_gives(lite0, photographs, tmp_path_factory):
    cache = tmp_path_factory.getbasetemp() / "cache" / "seealso"
    onnx = OnnxExtractor(OnnxExtractor.Options(model="efficientnet-lite0"), seealso.ExtractorContext(cache, 2))
    images = list(photographs.values())
    assert all(np.array_equal(lite0.prepare(image), onnx.prepare(image)) for image in images)
    found, expected = describe(lite0, *images), describe(onnx, *images)
    assert found.shape == (len(images), 1280)
    assert np.abs(found - expected).max() < 1e-3
    assert expected.max() > 1
    assert lite0.provenance.weights == NETWORKS["efficientnet-lite0"].sha256
    assert lite0.provenance.preprocessing == (
        "RGB, shorter side 256 bicubic, centre crop 224x224, (x - mean) / std (127 127 127) / (128 128 128), "
        "timm efficientnet_lite0, pooled layer, fp32"
    )


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 2)])
def test_odd_shapes(lite0, size):
    assert np.isfinite(describe(lite0, Image.new("RGB", size, (9, 9, 9)))).all()


def test_no_images_have_no_descriptors(lite0):
    assert lite0.extract(np.empty((0, 224, 224, 3), np.uint8)).shape == (0, 1280)


def test_batches_and_singles_are_the_same(lite0, photographs):
    images = list(photographs.values())[:10]
    singly = np.concatenate([describe(lite0, image) for image in images])
    np.testing.assert_allclose(describe(lite0, *images), singly, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("precision", "bound"), [("bf16", 0.1), ("fp16", 0.02)])
def test_less_precision(lite0, photographs, precision, bound):
    image = photographs["coffee"]
    expected = describe(lite0, image)
    less = make(weights=str(weight_file(NETWORKS["efficientnet-lite0"])), precision=precision, **LITE0)
    found = describe(less, image)
    assert found.dtype == np.float32
    errors = np.linalg.norm(found - expected, axis=1) / np.linalg.norm(expected, axis=1)
    assert 0 < errors.max() < bound
    assert less.provenance.preprocessing.endswith(precision)


# Any model


@pytest.mark.parametrize(
    ("name", "dim"),
    [("test_vit", 64), ("test_resnet", 96), ("test_convnext", 64), ("test_efficientnet.r160_in1k", 256)],
)
@pytest.mark.parametrize("classes", [1000, 7, 0])
def test_the_pooled_layer_whatever_the_classifier(tmp_path, photographs, name, dim, classes):
    """Of the file, too: a network that was trained on for other classes, or has lost them."""
    network = random_network(name, num_classes=classes)
    save_file(network.state_dict(), tmp_path / "x.safetensors")
    extractor = make(tmp_path, model=name, weights="x.safetensors")
    image = photographs["coffee"]
    found = describe(extractor, image)
    assert (found.shape, found.dtype) == ((1, dim), np.float32)
    transform = create_transform(**resolve_model_data_config(network), is_training=False)
    with torch.inference_mode():
        expected = network.forward_head(network.forward_features(transform(image)[None]), pre_logits=True).numpy()
    assert np.abs(found - expected).max() < 0.02 * np.abs(expected).max()
    assert extractor.provenance.dim == dim
    # Nothing but the weights that are in the file.
    other = random_network(name, seed=1, num_classes=classes)
    save_file(other.state_dict(), tmp_path / "x.safetensors")
    assert np.abs(describe(make(tmp_path, model=name, weights="x.safetensors"), image) - found).max() > 0.01


@pytest.mark.parametrize("name", ["test_vit", "test_resnet", "resnet50", "dm_nfnet_f0", "vit_base_patch16_sapiens2"])
@pytest.mark.parametrize("size", [(600, 400), (400, 600), (90, 90), (1000, 200)])
def test_images_are_prepared_as_timm_prepares_them(photographs, name, size):
    """Smaller and larger, by either filter, squashed or not, square or not."""
    record = resolve_model_data_config(
        timm.create_model("test_vit"), pretrained_cfg=timm.get_pretrained_cfg(name).to_dict()
    )
    image = photographs["coffee"].resize(size)
    expected = np.asarray(create_transform(**record, normalize=False, is_training=False)(image)).transpose(1, 2, 0)
    preparation = prepared_as(record, name)
    found = preparation(image)
    assert found.shape == expected.shape == (*record["input_size"][1:], 3)
    # torchvision rounds the longer side down, and we to the nearest: a part of a pixel.
    assert np.abs(found.astype(int) - expected).mean() < 2


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"crop_mode": "border"}, "cropped by 'border'"),
        ({"input_size": (1, 8, 8)}, "1 channels"),
        ({"interpolation": "random"}, "no interpolation 'random'"),
        ({"input_size": (3, 5000, 8)}, "1 to 4096 pixels"),
    ],
)
def test_records_that_are_not_understood(change, expected):
    record = resolve_model_data_config(timm.create_model("test_vit")) | change
    with pytest.raises(seealso.PluginError, match=f"model: .*{expected}"):
        prepared_as(record, "model")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("resnet5O", "timm has no model 'resnet5O'; did you mean `resnet50`"),
        ("efficientnet-lite0", "did you mean `efficientnet_lite0`"),
        ("hf-hub:timm/resnet50", "timm has no model 'hf-hub:timm/resnet50'"),
        ("resnet50.a1_in1", "timm knows no weights 'a1_in1' of resnet50; did you mean `resnet50.a1_in1k`"),
        ("!", "timm has no model '!'$"),
    ],
)
def test_unknown_models(model, expected):
    with pytest.raises(seealso.PluginError, match=expected) as caught:
        _ = make(model=model, weights="x").provenance
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "model"),
        ({"model": ""}, "model"),
        ({"model": "a", "weights": "b", "pretrained": True}, "say one of them"),
        ({"model": "a", "std": [1, 0, 1]}, "have to be above 0"),
        ({"model": "a", "mean": [1, 2]}, "mean"),
        ({"model": "a", "modle": "b"}, "modle"),
        ({"model": "a", "device": "gpu"}, "device"),
    ],
)
def test_options_are_checked(options, expected):
    with pytest.raises(ValidationError, match=expected):
        TimmOptions.model_validate(options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a graphics card")
def test_a_card_that_is_not_there(tmp_path):
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "x.safetensors")
    extractor = make(tmp_path, model="test_resnet", weights="x.safetensors", device="cuda")
    with pytest.raises(seealso.PluginError, match="there is no device cuda:0 here; there are: cpu"):
        describe(extractor, Image.new("RGB", (9, 9)))


def test_what_made_the_descriptors_is_recorded(tmp_path):
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "x.safetensors")

    def made(**options):
        return make(tmp_path, model="test_resnet", weights="x.safetensors", **options).provenance

    same = [made(), made(device="auto"), made(batch_images=3)]
    assert len(set(same)) == 1
    differing = [made(), made(precision="bf16"), made(mean=[1, 2, 3]), made(std=[1, 2, 3])]
    assert len(set(differing)) == 4


# Files of weights


def test_names_of_a_published_form(tmp_path, photographs):
    """DINOv2's own files, for one, have a tensor that is of no use here; timm's rules for them are followed."""
    state = random_network("test_vit").state_dict()
    save_file(state, tmp_path / "plain.safetensors")
    save_file(state | {"mask_token": torch.zeros(1, 64)}, tmp_path / "published.safetensors")
    plain, published = (
        describe(make(tmp_path, model="test_vit", weights=f"{name}.safetensors"), photographs["coffee"])
        for name in ("plain", "published")
    )
    assert np.array_equal(plain, published)


def renamed(state, name="layer{}"):
    return {name.format(place): tensor for place, tensor in enumerate(state.values())}


def test_other_names_in_the_right_order(tmp_path, photographs):
    state = random_network("test_resnet").state_dict()
    torch.save(state, tmp_path / "plain.pth")
    torch.save(renamed(state), tmp_path / "renamed.pth")
    plain, other = (
        describe(make(tmp_path, model="test_resnet", weights=f"{name}.pth"), photographs["coffee"])
        for name in ("plain", "renamed")
    )
    assert np.array_equal(plain, other)


def exchanged(state):
    first, *rest, last = list(state.values())[:7]
    return dict(enumerate([last, *rest, first, *list(state.values())[7:]]))


FIRST = "conv1.0.weight"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda state: timm.create_model("test_efficientnet").state_dict(), "missing"),
        (lambda state: {name: state[name] for name in state if name != FIRST}, f"{FIRST} is missing"),
        (lambda state: state | {"more": torch.zeros(3)}, "more is too many"),
        (lambda state: state | {FIRST: torch.zeros(16, 3, 5, 5)}, rf"{FIRST} has the shape \(16, 3, 5, 5\)"),
        (lambda state: state | {FIRST: state[FIRST] * torch.nan}, "no finite numbers"),
        # The order counts only where no name fits, and the number and all shapes do.
        (lambda state: renamed(state) | {FIRST: torch.zeros(1)}, "missing"),
        (lambda state: renamed(dict(list(state.items())[:-1])), "missing"),
        (lambda state: renamed(state | {"more": torch.zeros(1)}), "missing"),
        (lambda state: renamed(exchanged(state)), "missing"),
    ],
)
def test_weights_of_something_else(tmp_path, change, expected):
    torch.save(change(timm.create_model("test_resnet").state_dict()), tmp_path / "x.pth")
    with pytest.raises(seealso.PluginError, match=rf"x\.pth: .*{expected}") as caught:
        _ = make(tmp_path, model="test_resnet", weights="x.pth").provenance
    assert "\n" not in str(caught.value)


class Code:
    """Pickled, this makes a folder when somebody unpickles it."""

    def __init__(self, place):
        self.place = str(place)

    def __reduce__(self):
        return os.mkdir, (self.place,)


def test_hostile_files(tmp_path):
    state = timm.create_model("test_resnet").state_dict()
    whole = tmp_path / "whole.pth"
    torch.save(state, whole)
    contents = [
        b"",
        whole.read_bytes()[:-100],
        whole.read_bytes()[: 1 << 16],
        pickle.dumps(state | {"x": Code(tmp_path / "hacked")}),
        b"GIF89a",
    ]
    torch.save(state | {"x": Code(tmp_path / "hacked")}, whole)
    contents.append(whole.read_bytes())
    for content in contents:
        for name in ("x.pth", "x.safetensors"):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(seealso.PluginError, match=f"{name}: it is damaged, cut short, or holds more") as caught:
                _ = make(tmp_path, model="test_resnet", weights=name).provenance
            assert "\n" not in str(caught.value)
    assert not (tmp_path / "hacked").exists()
    with pytest.raises(seealso.PluginError, match=r"nothing\.pth: it cannot be read: No such file"):
        _ = make(tmp_path, model="test_resnet", weights="nothing.pth").provenance


# Published weights, which timm keeps in the cache of the hub that they lie on


def test_published_weights(tmp_path, monkeypatch, capfd):
    # As the environment variables HF_HUB_OFFLINE and HF_HUB_CACHE have it.
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(seealso.PluginError) as caught:
        _ = make(model="test_vit", pretrained=True).provenance
    message = str(caught.value)
    assert message.startswith("timm cannot get the published weights of test_vit (")
    assert message.endswith("or name a file: `weights: ./test_vit.safetensors`")
    assert "\n" not in message
    cached = tmp_path / "models--timm--test_vit.r160_in1k"
    revision = "0" * 40
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text(revision)
    (cached / "snapshots" / revision).mkdir(parents=True)
    network = random_network("test_vit")
    save_file(network.state_dict(), cached / "snapshots" / revision / "model.safetensors")
    network.reset_classifier(0)
    assert make(model="test_vit", pretrained=True).provenance.weights == state_sha256(network.state_dict())
    assert capfd.readouterr() == ("", "")


# From end to end


@pytest.fixture
def call(call, monkeypatch):
    """Runs a command line beside the ready configuration, with a small network; gives exit status and both outputs."""
    shutil.copy(CONFIGURATION, "seealso.yaml")
    monkeypatch.setenv("SEEALSO__COLLECTIONS__PHOTOS__EXTRACTOR__MODEL", "test_vit")
    monkeypatch.setenv("SEEALSO__COLLECTIONS__PHOTOS__EXTRACTOR__PRETRAINED", "false")

    return call


def test_the_ready_configuration():
    config = seealso.load_config(CONFIGURATION)
    config.check(seealso.load_plugins())
    extractor = config.collections["photos"].extractor
    assert extractor.plugin == "timm"
    assert extractor.options["pretrained"] is True
    assert extractor.options["model"] in timm.list_models(pretrained=True)


def test_the_configurations_on_the_page(tmp_path):
    page = (CONFIGURATION.parents[1] / "docs" / "timm.md").read_text()
    shown = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(shown) == 2
    for text in shown:
        (tmp_path / "seealso.yaml").write_text(text)
        seealso.load_config(tmp_path / "seealso.yaml").check(seealso.load_plugins())


def test_the_ready_configuration_finds_each_image_first(call, finds_each_first, monkeypatch):
    monkeypatch.setenv("SEEALSO__COLLECTIONS__PHOTOS__EXTRACTOR__WEIGHTS", "./model.safetensors")
    save_file(random_network("test_vit").state_dict(), "model.safetensors")
    finds_each_first()
    save_file(random_network("test_vit", seed=1).state_dict(), "model.safetensors")
    status, _, err = call("similar", "query.bmp")
    assert status == 1
    assert "was made by another extractor: weights is" in err


def test_without_weights_one_is_told_what_to_do(call):
    status, out, err = call("config", "check")
    assert (status, out) == (1, "")
    assert re.search(
        r"line \d+: collections\.photos\.extractor: test_vit needs trained weights: name a file, `weights: ", err
    )
    assert "say `pretrained: true`" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("hidden", ["torch", "timm"])
def test_without_the_extra(tmp_path, monkeypatch, hidden):
    """The plugin is listed with the command that installs what it lacks, says so when it is used, and disturbs nothing."""
    monkeypatch.chdir(tmp_path)
    timm = {"plugin": "timm", "model": "test_vit", "weights": "./model.safetensors"}
    for file, extractor in (("seealso.yaml", timm), ("other.yaml", "onnx")):
        collections = {"photos": {"path": "./photos.seealso", "extractor": extractor}}
        (tmp_path / file).write_text(json.dumps({"collections": collections}))  # which is YAML
    shown, listed, checked, exported, other = without_modules(
        [hidden],
        ["plugins"],
        ["plugins", "--json"],
        ["config", "check"],
        ["export-onnx", "my.onnx"],
        ["--config", "other.yaml", "config", "check"],
    )
    assert (shown.status, shown.err) == (0, "")
    assert f"timm ({hidden} is not installed: pip install 'seealso[torch]')" in shown.out
    lacking = {plugin["name"]: plugin["lacking"] for plugin in json.loads(listed.out)["plugins"]}
    assert lacking["timm"] == {"timm": f"{hidden} is not installed: pip install 'seealso[torch]'"}
    assert lacking["onnx"] == {}
    for refused in (checked, exported):
        assert (refused.status, refused.out) == (1, "")
        assert refused.err.endswith("pip install 'seealso[torch]'\n")
        assert len(refused.err.splitlines()) == 1
    assert (other.status, other.err) == (0, "")

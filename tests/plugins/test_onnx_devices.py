"""Where the extractor onnx runs. The graphics cards are made up: a provider that is said to be there, and computes on the processor."""

import logging
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from pydantic import ValidationError

import seealso
from plugins.onnx_files import NORMAL, own_model
from seealso_cli.indexing import summary
from seealso_onnx import session
from seealso_onnx.extractor import OnnxExtractor
from seealso_onnx.options import OnnxOptions

CPU, CUDA, AMD, OLD_AMD, APPLE, WINDOWS = (
    f"{name}ExecutionProvider" for name in ("CPU", "CUDA", "MIGraphX", "ROCM", "CoreML", "Dml")
)
IMAGES = [Image.new("RGB", (40, 30), colour) for colour in ((210, 120, 30), (10, 20, 30))]


class Machine:
    """What onnxruntime is made to say of this machine.

    Attributes:
        offered: the providers that it names, beside the processor's.
        faults: provider → what happens when a session asks for it: an error, or None: it is left out without a word.
        asked: of each session that was asked for, the provider and its settings.
        fails: while it runs.
    """

    def __init__(self, monkeypatch):
        self.offered: list[str] = []
        self.faults: dict[str, Exception | None] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.fails: Exception | None = None
        machine, real = self, onnxruntime.InferenceSession

        class Session(real):
            def __init__(self, model, options, providers, **others):
                self.used = [each if isinstance(each, str) else each[0] for each in providers]
                if self.used[0] != CPU:
                    machine.asked.append(providers[0])
                    assert others == {"enable_fallback": False}
                if fault := machine.faults.get(self.used[0]):
                    raise fault
                self.used = [name for name in self.used if name not in machine.faults]
                super().__init__(model, options, providers=[CPU])

            def get_providers(self):
                return self.used

            def run(self, *arguments):
                if machine.fails and self.used[0] != CPU:
                    raise machine.fails
                return super().run(*arguments)

        monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [*self.offered, CPU])


@pytest.fixture
def machine(monkeypatch):
    session._warn.cache_clear()
    return Machine(monkeypatch)


@pytest.fixture
def make(tmp_path):
    own_model(tmp_path, size=(8, 8))

    def make(device="auto") -> OnnxExtractor:
        options = OnnxOptions.model_validate({"model": str(tmp_path / "my.onnx"), "device": device, **NORMAL})
        return OnnxExtractor(options, seealso.ExtractorContext(tmp_path, 1))

    return make


def describe(extractor) -> np.ndarray:
    return extractor.extract(np.stack([extractor.prepare(image) for image in IMAGES]))


def test_without_a_card_it_is_the_processor(machine, make, caplog):
    extractor = make()
    assert extractor.device == ""
    assert extractor.batch_size == 16
    describe(extractor)
    assert extractor.device == "cpu"
    assert extractor.batch_size == 16
    assert machine.asked == []
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("offered", "device", "used", "provider", "settings"),
    [
        ([CUDA], "auto", "cuda:0", CUDA, {"device_id": "0", "use_tf32": "0"}),
        ([CUDA], "cuda", "cuda:0", CUDA, {"device_id": "0", "use_tf32": "0"}),
        ([CUDA], "cuda:1", "cuda:1", CUDA, {"device_id": "1", "use_tf32": "0"}),
        ([WINDOWS, CUDA], "auto", "cuda:0", CUDA, {"device_id": "0", "use_tf32": "0"}),
        ([WINDOWS, CUDA], "directml", "directml:0", WINDOWS, {"device_id": "0"}),
        ([OLD_AMD, AMD], "auto", "rocm:0", AMD, {"device_id": "0"}),
        ([OLD_AMD], "rocm:2", "rocm:2", OLD_AMD, {"device_id": "2"}),
        ([APPLE], "auto", "mps", APPLE, {"ModelFormat": "MLProgram", "MLComputeUnits": "CPUAndGPU"}),
    ],
)
def test_a_card_that_is_there(machine, make, caplog, offered, device, used, provider, settings):
    expected = describe(make("cpu"))
    machine.offered = offered
    extractor = make(device)
    assert np.array_equal(describe(extractor), expected)
    assert extractor.device == used
    assert machine.asked == [(provider, settings)]
    assert extractor.batch_size == 64  # two times as many as a card is given at once
    assert caplog.messages == []


def test_the_processor_is_taken_where_it_is_named(machine, make, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: pytest.fail("asked for cards"))
    extractor = make("cpu")
    describe(extractor)
    assert extractor.device == "cpu"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (RuntimeError("CUDA failure 35:\nthe driver is too old"), "CUDA failure 35: the driver is too old"),
        (None, "its driver or libraries are missing, or are not those that this onnxruntime was made for"),
    ],
)
@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_a_card_that_cannot_be_used_is_one_warning(machine, make, caplog, device, fault, said):
    machine.offered, machine.faults = [CUDA], {CUDA: fault}
    for _ in range(2):
        extractor = make(device)
        assert np.array_equal(describe(extractor), describe(make("cpu")))
        assert extractor.device == "cpu"
    assert caplog.messages == [f"cuda:0 cannot be used ({said}); the network runs on the processor"]
    assert caplog.records[0].levelno == logging.WARNING


def test_the_next_best_card(machine, make, caplog):
    machine.offered, machine.faults = [CUDA, WINDOWS], {CUDA: RuntimeError("no")}
    extractor = make()
    describe(extractor)
    assert extractor.device == "directml:0"
    assert caplog.messages == []


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "rocm", "mps", "directml"])
def test_a_card_that_is_named_and_not_there_is_one_warning(machine, make, caplog, device):
    extractor = make(device)
    describe(extractor)
    assert extractor.device == "cpu"
    assert caplog.messages == [f"onnxruntime offers no {device} here; the network runs on the processor"]


def test_a_card_that_fails_at_the_first_images(machine, make, caplog):
    """Some libraries are loaded only then."""
    machine.offered, machine.fails = [CUDA], RuntimeError("no kernel:\n cudnn is missing")
    extractor = make()
    assert np.array_equal(describe(extractor), describe(make("cpu")))
    assert extractor.device == "cpu"
    assert extractor.batch_size == 16
    assert caplog.messages == ["cuda:0 cannot be used (no kernel: cudnn is missing); the network runs on the processor"]


def test_a_card_that_fails_later(machine, make, caplog):
    machine.offered = [CUDA]
    extractor = make()
    describe(extractor)
    machine.fails = RuntimeError("out of memory:\n 3 GB were asked for")
    with pytest.raises(seealso.PluginError) as caught:
        describe(extractor)
    assert str(caught.value).endswith(
        "cuda:0 cannot be used (out of memory: 3 GB were asked for) any more; `device: cpu` runs the network on the processor"
    )
    assert caplog.messages == []


def test_the_built_in_model_goes_by_it_too(machine, tmp_path_factory, caplog):
    """It is opened when it first runs; till then it is not known where."""
    machine.offered = [CUDA]
    cache = tmp_path_factory.getbasetemp() / "cache" / "seealso"
    extractor = OnnxExtractor(OnnxOptions(model="efficientnet-lite0"), seealso.ExtractorContext(cache, 2))
    assert extractor.device == ""
    assert extractor.extract(np.zeros((9, 224, 224, 3), np.uint8)).shape == (9, 1280)
    assert extractor.device == "cuda:0"
    extractor.close()
    assert extractor.device == ""


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "mps:0", "cpu:0", ""])
def test_devices_that_there_are_not(device):
    with pytest.raises(ValidationError, match="device"):
        OnnxOptions(device=device)


def test_a_collection_made_on_a_card_goes_on_where_there_is_none(machine, tmp_path, make, make_photos, caplog):
    """The device is no part of what made the descriptors."""
    make()  # writes the model
    photos = make_photos(tmp_path / "photos", 6)
    model = {"plugin": "onnx", "model": str(tmp_path / "my.onnx"), **NORMAL}
    machine.offered = [CUDA]
    with seealso.open(tmp_path / "c", extractor={**model, "device": "cuda"}, text=False) as collection:
        report = collection.index(photos[:4])
        assert report.device == "cuda:0"
        assert "4 new images (" in summary(report)
        assert summary(report).endswith(" s, on cuda:0)")
        made = collection.provenance
    machine.offered = []
    for settings in ({}, {"extractor": model}, {"extractor": {**model, "device": "cpu"}}):
        with seealso.open(tmp_path / "c", text=False, **settings) as collection:
            assert collection.provenance == made
            assert collection.similar(photos[5], 4).hits
    assert caplog.messages == ["onnxruntime offers no cuda here; the network runs on the processor"]
    with seealso.open(tmp_path / "c", text=False) as collection:
        report = collection.index(photos)
        assert (report.added, report.device) == (2, "cpu")
        assert summary(report).endswith(" s)")
        assert Path(collection.show(1).paths[0].decode()).exists()

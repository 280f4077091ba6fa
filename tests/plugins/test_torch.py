"""What the extractors on torch share: devices, files of weights, and running a network in the memory that there is."""

import hashlib
import os
import pickle
import re
import subprocess
import sys
import threading
from argparse import Namespace

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import nn

import seealso
from seealso_torch import Runner, TorchOptions, choose_device, file_sha256, fit, load_state, runner, state_sha256

no_card = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a graphics card")


def options(**given) -> TorchOptions:
    return TorchOptions.model_validate(given)


# Options and devices


@pytest.mark.parametrize(
    "wrong",
    [
        {"device": "gpu"},
        {"device": "cuda:"},
        {"precision": "int8"},
        {"batch_images": 0},
        {"batch_images": 1.5},
        {"x": 1},
    ],
)
def test_options_that_do_not_fit(wrong):
    with pytest.raises(ValidationError):
        options(**wrong)


def test_the_options_do_not_load_torch():
    code = "import sys, seealso_torch; seealso_torch.TorchOptions(); assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_without_torch_one_is_told_how_to_get_it(monkeypatch):
    from seealso_torch import check_installed

    check_installed()
    with pytest.raises(seealso.MissingExtra, match=r"no_such_module is not installed: pip install 'seealso\[torch\]'"):
        check_installed("no_such_module")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(seealso.MissingExtra, match=r"pip install 'seealso\[torch\]'"):
        check_installed()


@no_card
@pytest.mark.parametrize("wanted", ["cuda", "cuda:1", "mps"])
def test_a_device_that_is_not_there(wanted):
    with pytest.raises(
        seealso.PluginError, match=rf"there is no device {wanted}.* here; there are: cpu; say `device: auto`"
    ):
        choose_device(wanted)


@no_card
def test_without_a_card_it_is_the_processor():
    assert choose_device("auto") == choose_device("cpu") == torch.device("cpu")


def test_cards_come_first(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda:0")
    assert choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(seealso.PluginError, match="no device cuda:2 here; there are: cuda:0, cuda:1,"):
        choose_device("cuda:2")


# Files of weights

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([1.0])}


def same(found, expected=STATE):
    assert list(found) == list(expected)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_sha256(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert file_sha256(tmp_path / "x") == hashlib.sha256(b"abc").hexdigest()
    with pytest.raises(seealso.PluginError, match="it cannot be read: No such file"):
        file_sha256(tmp_path / "y")
    with pytest.raises(seealso.PluginError, match="it is no regular file"):
        file_sha256(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"state_dict": STATE, "epoch": 3},
        {"model": STATE},
        {"model": {}, "state_dict": {"x": torch.zeros(1)}, "state_dict_ema": STATE, "args": Namespace(rate=0.1)},
        {"state_dict": {f"module.{name}": tensor for name, tensor in STATE.items()}},
        {f"module.{name}": tensor for name, tensor in STATE.items()},
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_what_torch_writes(tmp_path, content, zipped):
    torch.save(content, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    same(load_state(tmp_path / "x.pth"))


def test_safetensors(tmp_path):
    save_file(STATE, tmp_path / "x.safetensors")
    found = load_state(tmp_path / "x.safetensors")
    same({name: found[name] for name in STATE})


class Code:
    """Pickled, this makes a folder when somebody unpickles it."""

    def __init__(self, place):
        self.place = str(place)

    def __reduce__(self):
        return os.mkdir, (self.place,)


@pytest.mark.parametrize("name", ["x.pth", "x.pt", "x.bin", "x.safetensors"])
@pytest.mark.parametrize("writer", [torch.save, lambda what, path: path.write_bytes(pickle.dumps(what))])
def test_code_is_not_run(tmp_path, name, writer):
    file = tmp_path / name
    writer({"a": Code(tmp_path / "hacked")}, file)
    with pytest.raises(
        seealso.PluginError, match=f"{name}: it is damaged, cut short, or holds more than tensors"
    ) as caught:
        load_state(file)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize("name", ["x.pth", "old.pth", "x.safetensors"])
def test_a_file_cut_short_anywhere(tmp_path, name):
    file = tmp_path / name
    if name == "x.safetensors":
        save_file(STATE, file)
    else:
        torch.save(STATE, file, _use_new_zipfile_serialization=name == "x.pth")
    whole = file.read_bytes()
    for length in range(0, len(whole), 7):
        file.write_bytes(whole[:length])
        with pytest.raises(seealso.PluginError, match=name) as caught:
            load_state(file)
        assert "\n" not in str(caught.value)


def test_the_hash_of_tensors():
    hashed = state_sha256(STATE)
    assert re.fullmatch("[0-9a-f]{64}", hashed)
    assert state_sha256(dict(reversed(STATE.items()))) == hashed
    others = [
        STATE | {"b": torch.tensor([2.0])},
        STATE | {"b": torch.tensor([1.0], dtype=torch.float64)},
        STATE | {"b": torch.tensor([[1.0]])},
        {"a.weight": STATE["a.weight"], "c": STATE["b"]},
        STATE | {"c": torch.tensor(0, dtype=torch.int64)},
    ]
    assert len({hashed, *map(state_sha256, others)}) == 1 + len(others)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"a": 5}, "what it holds as 'a' is no tensor"),
        ({5: torch.zeros(1)}, "what it holds as 5 is no tensor"),
        ({}, "no table of tensors"),
        ([torch.zeros(1)], "no table of tensors"),
    ],
)
def test_what_is_no_table_of_tensors(tmp_path, content, expected):
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(seealso.PluginError, match=expected):
        load_state(tmp_path / "x.pth")


def test_a_file_that_is_not_there(tmp_path):
    for name in ("x.pth", "x.safetensors"):
        with pytest.raises(seealso.PluginError, match=f"{name}: it cannot be read: No such file"):
            load_state(tmp_path / name)


@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
def test_what_is_no_file_of_weights(tmp_path, name):
    """Nobody writes to the pipe, so opening it would wait for ever."""
    os.mkfifo(tmp_path / name)
    with pytest.raises(seealso.PluginError, match=f"{name}: it is no regular file"):
        load_state(tmp_path / name)
    (tmp_path / name).unlink()
    with (tmp_path / name).open("wb") as file:
        file.truncate((1 << 36) + 1)
    with pytest.raises(seealso.PluginError, match=r"bytes, and more than .* are not read"):
        load_state(tmp_path / name)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_fitting(tmp_path, device):
    with torch.device(device):
        module = nn.Linear(3, 2)
    for dtype in (torch.float8_e4m3fn, torch.float16):
        state = {"weight": torch.ones(2, 3, dtype=dtype), "bias": torch.zeros(2)}
        fit(module, state, tmp_path)
        assert torch.equal(module(torch.ones(1, 3)), torch.full((1, 2), 3.0))
    for wrong, expected in (
        ({"weight": state["weight"]}, "bias is missing"),
        ({}, "weight and 1 more are missing"),
        (state | {"x": torch.zeros(1)}, "x is too many"),
        (state | {"bias": torch.zeros(3)}, r"bias has the shape \(3,\), where \(2,\) is wanted"),
        (state | {"bias": torch.tensor([1.0, torch.inf])}, "bias holds values that are no finite numbers"),
        (state | {"bias": torch.tensor([torch.nan, 1.0])}, "bias holds values that are no finite numbers"),
    ):
        with pytest.raises(seealso.PluginError, match=f"{tmp_path}: .*{expected}"):
            fit(module, wrong, tmp_path)


# Running


class Means(nn.Module):
    """The mean of each channel, after a layer of numbers that float16 cannot hold exactly. Has memory for a few images."""

    def __init__(self, room=1000, error=None):
        super().__init__()
        self.layer = nn.Linear(3, 3, bias=False)
        self.layer.weight.data = torch.eye(3) * 1.0001
        self.room = room
        self.error = error or torch.OutOfMemoryError()
        self.seen = []

    def forward(self, images):
        self.seen.append(len(images))
        if len(images) > self.room:
            raise self.error
        return self.layer(images.float().mean((1, 2)))


IMAGES = np.random.default_rng(0).integers(0, 256, (21, 4, 5, 3), dtype=np.uint8)
EXPECTED = IMAGES.mean((1, 2), dtype=np.float64) * 1.0001


@pytest.mark.parametrize(("given", "parts"), [("auto", [8, 8, 5]), (21, [21]), (50, [21]), (4, [4, 4, 4, 4, 4, 1])])
def test_in_parts(given, parts):
    module = Means()
    run = Runner(module, options(device="cpu", batch_images=given), 1)
    found = run(IMAGES)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, EXPECTED, rtol=1e-5)
    assert module.seen == parts
    assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize(
    ("threads", "given", "size", "at_once"),
    [(2, "auto", 4, 2), (4, "auto", 2, 4), (16, "auto", 1, 16), (2, 1, 1, 1), (8, 3, 1, 3), (2, 50, 11, 2)],
)
def test_each_core_has_images_of_its_own(threads, given, size, at_once):
    meeting = threading.Barrier(at_once)
    met = []

    class Meets(Means):
        def forward(self, images):
            assert torch.is_inference_mode_enabled()
            if len(met) < at_once:
                met.append(torch.get_num_threads())
                meeting.wait(20)  # none goes on before so many are at work
            return super().forward(images)

    module = Meets()
    found = Runner(module, options(device="cpu", batch_images=given), threads)(IMAGES)
    np.testing.assert_allclose(found, EXPECTED, rtol=1e-5)
    assert set(met) == {threads // at_once}
    assert max(module.seen) == size


def test_images_that_cannot_be_written():
    images = IMAGES[::2]
    images.setflags(write=False)
    np.testing.assert_allclose(Runner(Means(), options(device="cpu"), 2)(images), EXPECTED[::2], rtol=1e-5)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("MPS backend out of memory (MPS allocated: 1.00 GB)"),
    ],
    ids=str,
)
def test_too_little_memory_halves_the_batch(error):
    module = Means(room=3, error=error)
    run = Runner(module, options(device="cpu", batch_images=16), 1)
    np.testing.assert_allclose(run(IMAGES), EXPECTED, rtol=1e-5)
    assert module.seen[:4] == [16, 8, 4, 2]
    # From then on, and not each time anew.
    module.seen.clear()
    run(IMAGES)
    assert set(module.seen) == {2, 1}


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_memory_that_runs_out_on_the_way(threads):
    module = Means()
    run = Runner(module, options(device="cpu", batch_images=8 * threads), threads)
    forward = module.forward

    def later(images):
        if len(module.seen) == 2:
            module.room = 3
        return forward(images)

    module.forward = later
    np.testing.assert_allclose(run(IMAGES), EXPECTED, rtol=1e-5)
    assert max(module.seen) > 3
    assert module.seen[-1] <= 3


def test_not_even_one_image():
    run = Runner(Means(room=0), options(device="cpu"), 2)
    with pytest.raises(seealso.PluginError, match="the memory of cpu has no room for a single image"):
        run(IMAGES)


def test_other_errors_are_not_hidden():
    class Broken(nn.Module):
        def forward(self, images):
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        Runner(Broken(), options(device="cpu"), 2)(IMAGES)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_precision(precision):
    found = Runner(Means(), options(device="cpu", precision=precision), 2)(IMAGES)
    assert found.dtype == np.float32
    error = np.abs(found - EXPECTED).max() / EXPECTED.max()
    assert {"fp32": 0, "fp16": 1e-5, "bf16": 1e-4}[precision] <= error
    assert error < {"fp32": 1e-6, "fp16": 2e-3, "bf16": 1e-2}[precision]


def test_the_threads_are_given_back():
    seen = []

    class Threads(Means):
        def forward(self, images):
            seen.append(torch.get_num_threads())
            return super().forward(images)

    before = torch.get_num_threads()
    run = Runner(Threads(), options(device="cpu"), before + 1)
    run(IMAGES[:1])
    assert set(seen) == {before + 1}
    run(IMAGES)
    assert torch.get_num_threads() == before


def test_closed(monkeypatch):
    run = Runner(Means(), options(device="cpu"), 2)
    run.close()
    assert run._module is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this needs a graphics card")
@pytest.mark.parametrize("given", ["auto", 4])
def test_on_a_card(given):
    run = Runner(Means(), options(device="cuda", batch_images=given), 2)
    np.testing.assert_allclose(run(IMAGES), EXPECTED, rtol=1e-5)
    assert 1 <= run.images_at_once <= runner.MOST

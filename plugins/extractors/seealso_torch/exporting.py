"""A network on torch as an ONNX file, and whether that computes the same."""

from __future__ import annotations

import copy
import json
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from seealso import Extractor, PluginError, Preparation

OPSET = 18
"""The oldest that torch writes without converting; every onnxruntime that is admitted knows it."""

LARGEST = 2**31 - 2**20
"""Bytes: what an ONNX file holds in itself. The extractor onnx reads no weights beside it."""

WITHIN = 1e-3
"""How far descriptors of the file may be from the original ones, as a share of the largest value."""

PROVENANCE = "seealso.provenance"
"""The name under which the file records, for people, what it was made from."""


@runtime_checkable
class Exportable(Protocol):
    """What an extractor has to have so that it can be exported."""

    @property
    def preparation(self) -> Preparation:
        """What `prepare` does to an image."""

    def torch_module(self) -> nn.Module:
        """The network: images as prepared, ``(n, height, width, 3)`` uint8 → ``(n, dim)``."""


def export(extractor: Extractor, onnx: type[Extractor]) -> tuple[bytes, float]:
    """The ONNX file of an extractor: ``image (n, height, width, 3)`` uint8 → ``descriptor (n, dim)`` float32, n free.

    Args:
        extractor: what is to be exported.
        onnx: the extractor that is to serve the file; it is tried.

    Returns:
        The file, and the largest difference between its descriptors and the original ones, as a share of the largest value.

    Raises:
        PluginError: it is no network on torch, or one that cannot be exported, or the file gives other descriptors.
    """
    if not isinstance(extractor, Exportable):
        raise PluginError(f"the extractor {extractor.name} is no network on torch, so it cannot be exported")
    module = extractor.torch_module()
    size = sum(tensor.nbytes for tensor in module.state_dict().values())
    if size > LARGEST:
        raise PluginError(f"its weights take {size / 2**30:.1f} GiB, and an ONNX file holds less than 2 GiB")
    # The original may be at work on a device.
    module = copy.deepcopy(module).cpu()
    # Two: of one, torch would take the number for a constant.
    example = torch.zeros((2, *extractor.preparation.size, 3), dtype=torch.uint8)
    model = _trace(module, example, extractor.name)
    record = {
        Preparation.RECORD: extractor.preparation.as_json(),
        PROVENANCE: json.dumps(asdict(extractor.provenance)),
    }
    for key, value in record.items():
        model.metadata_props.add(key=key, value=value)
    data: bytes = model.SerializeToString()
    return data, _compare(extractor, module, data, onnx)


def _trace(module: nn.Module, example: Tensor, name: str) -> Any:
    """The network as ONNX's message ``ModelProto``."""
    try:
        with warnings.catch_warnings():
            # torch's exporter warns of itself.
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                module.eval(),
                (example,),
                input_names=["image"],
                output_names=["descriptor"],
                dynamic_shapes=({0: torch.export.Dim("n")},),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    except Exception as error:
        # The exporter raises whatever a network's code leads it to.
        reason = " ".join(str(error).split())[:200]
        raise PluginError(f"torch cannot export this network of {name}: {type(error).__name__}: {reason}") from error
    assert program is not None
    return program.model_proto


def _compare(extractor: Extractor, module: nn.Module, model: bytes, onnx: type[Extractor]) -> float:
    """Describe images by both; the largest difference, as a share of the largest value."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "exported.onnx")
        file.write_bytes(model)
        other = onnx(onnx.Options.model_validate({"model": str(file)}), extractor.context)
        images = list(_trial_images())
        prepared = [np.stack([each.prepare(image) for image in images]) for each in (extractor, other)]
        if not np.array_equal(prepared[0], prepared[1]):
            raise PluginError(
                f"the file of {extractor.name} has images prepared otherwise; this is a bug, tell its makers"
            )
        with torch.inference_mode():
            expected = module(torch.from_numpy(prepared[0])).numpy()
        found = other.extract(prepared[1])
        other.close()
    if found.shape != expected.shape:
        raise PluginError(f"the file of {extractor.name} gives {found.shape}, and the network {expected.shape}")
    error = float(np.abs(found - expected).max() / max(np.abs(expected).max(), np.finfo(np.float32).tiny))
    if not error < WITHIN:
        raise PluginError(
            f"the file of {extractor.name} gives other descriptors, off by {error:.0e}; it was not written"
        )
    return error


def _trial_images() -> Iterator[Image.Image]:
    """Three of different shapes, smooth and rough at once, which networks answer to."""
    rng = np.random.default_rng(0)
    for width, height in ((640, 480), (300, 500), (64, 64)):
        coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize((width, height))
        noise = rng.integers(-20, 21, (height, width, 3))
        yield Image.fromarray(np.clip(np.asarray(coarse) + noise, 0, 255).astype(np.uint8))

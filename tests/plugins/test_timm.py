"""The extractor timm: the networks of timm, with weights of one's own. EfficientNet-Lite0's are real, others random."""

from pathlib import Path

import numpy as np
import pytest

import seealso
from seealso_onnx import efficientnet_lite0
from seealso_onnx.extractor import OnnxExtractor
from seealso_timm.extractor import TimmExtractor
from seealso_timm.options import TimmOptions

LITE0 = {"model": "efficientnet_lite0", "mean": [127] * 3, "std": [128] * 3}


def make(base=None, **options) -> TimmExtractor:
    checked = TimmOptions.model_validate({"device": "cpu", **options}, context={"base": base or Path.cwd()})
    return TimmExtractor(checked, seealso.ExtractorContext(Path("cache"), 2))


def describe(extractor, *images) -> np.ndarray:
    return extractor.extract(np.stack([extractor.prepare(image) for image in images]))


@pytest.fixture(scope="module")
def lite0():
    extractor = make(weights=str(efficientnet_lite0.weight_file()), **LITE0)
    yield extractor
    extractor.close()


def test_it_gives_what_the_extractor_onnx_gives(lite0, photographs, tmp_path_factory):
    cache = tmp_path_factory.getbasetemp() / "cache" / "seealso"
    onnx = OnnxExtractor(OnnxExtractor.Options(), seealso.ExtractorContext(cache, 2))
    images = list(photographs.values())
    assert all(np.array_equal(lite0.prepare(image), onnx.prepare(image)) for image in images)
    found, expected = describe(lite0, *images), describe(onnx, *images)
    assert found.shape == (len(images), 1280)
    assert np.abs(found - expected).max() < 1e-3
    assert expected.max() > 1
    assert lite0.provenance.weights == efficientnet_lite0.WEIGHTS_SHA256

"""The extractor ``onnx``: a network in an ONNX file, run by onnxruntime."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seealso import hookimpl

if TYPE_CHECKING:
    from seealso import Extractor


@hookimpl
def register_extractors() -> list[type[Extractor]]:
    """The extractor ``onnx``."""
    from seealso_onnx.extractor import OnnxExtractor

    return [OnnxExtractor]

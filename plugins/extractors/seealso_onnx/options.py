"""The options of the extractor ``onnx``."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, FiniteFloat, StrictInt, ValidationInfo, field_validator, model_validator

from seealso import PluginOptions
from seealso_onnx.efficientnet_lite import NETWORKS
from seealso_onnx.text_options import WordsOptions

Triple = tuple[FiniteFloat, FiniteFloat, FiniteFloat]
DEFAULT = "efficientnet-lite2"
LARGEST_SIDE = 4096
OWN_MODEL_ONLY = ("input_size", "resize", "mean", "std", "layout", "output", "words")


class OnnxOptions(PluginOptions):
    """Which network, and for one of the user's own, what it wants to be given."""

    model: str = Field(
        default=DEFAULT,
        description=f"a built-in model ({', '.join(NETWORKS)}), or an ONNX file of your own, such as ./my.onnx; one that `seealso export-onnx` wrote "
        "needs nothing else",
    )
    input_size: StrictInt | tuple[StrictInt, StrictInt] | None = Field(
        default=None,
        description="own model: side of its input in pixels, or [height, width]; default: what the file says",
    )
    resize: StrictInt | None = Field(
        default=None,
        gt=0,
        description="own model: shorter side to resize to before the centre crop; default: the input's longer side / 0.875",
    )
    mean: Triple | None = Field(
        default=None,
        description="own model: mean of R, G, B in units of 0 to 255, subtracted (ImageNet: [123.675, 116.28, 103.53])",
    )
    std: Triple | None = Field(
        default=None,
        description="own model: standard deviation of R, G, B, divided by (ImageNet: [58.395, 57.12, 57.375])",
    )
    layout: Literal["nchw", "nhwc"] | None = Field(
        default=None, description="own model: order of its input's axes; default: where the file has 3 channels"
    )
    output: str | None = Field(
        default=None, description="own model: name of the output that is the descriptor; default: the only one"
    )
    words: WordsOptions | None = Field(
        default=None,
        description="own model: its text side, so that words find images: {model: ./text.onnx, tokenizer: ./tokenizer.json}; docs/words.md "
        "explains the rest",
    )
    device: str = Field(
        default="auto",
        pattern=r"^(auto|cpu|mps|(cuda|rocm|directml)(:\d{1,3})?)$",
        description="where the network runs: auto (a graphics card where onnxruntime offers one), cpu, cuda, cuda:1, rocm, mps, directml; "
        "one that is not there is a warning, and the processor takes its place",
    )

    @field_validator("model")
    @classmethod
    def _resolve(cls, model: str, info: ValidationInfo) -> str:
        if model in NETWORKS:
            return model
        if not model.endswith(".onnx") and "/" not in model:
            near = difflib.get_close_matches(model, NETWORKS, cutoff=0.4)
            hint = f"; did you mean `{near[0]}`?" if near else ""
            raise ValueError(
                f"there is no built-in model {model!r}{hint} (built-in: {', '.join(NETWORKS)}; a file of your own ends "
                "in .onnx)"
            )
        base = (info.context or {}).get("base", Path.cwd())
        return str(Path(base, os.path.expanduser(model)).absolute())

    @field_validator("input_size")
    @classmethod
    def _sensible(cls, size: int | tuple[int, int] | None) -> int | tuple[int, int] | None:
        sides = size if isinstance(size, tuple) else (1 if size is None else size,)
        if min(sides) < 1 or max(sides) > LARGEST_SIDE:
            raise ValueError(f"the sides of the input have to be at least 1 pixel, and at most {LARGEST_SIDE}")
        return size

    @field_validator("std")
    @classmethod
    def _divisible(cls, std: Triple | None) -> Triple | None:
        if std is not None and min(std) <= 0:
            raise ValueError("standard deviations have to be above 0")
        return std

    @model_validator(mode="after")
    def _only_for_own_models(self) -> Self:
        given = [name for name in OWN_MODEL_ONLY if getattr(self, name) is not None]
        if self.model in NETWORKS and given:
            raise ValueError(f"`{given[0]}:` is for a model of your own; {self.model} brings its own")
        return self

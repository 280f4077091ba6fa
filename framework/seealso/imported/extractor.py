"""The extractor ``imported``: what stands for an extractor where descriptors were made elsewhere."""

from __future__ import annotations

import numpy as np
from PIL import Image
from pydantic import Field

from seealso.errors import PluginError
from seealso.interfaces.extractor import Extractor, Provenance
from seealso.interfaces.plugin import PluginChoice, PluginOptions


class ImportedOptions(PluginOptions):
    """The options of the extractor imported."""

    dim: int = Field(ge=1, le=1 << 20, description="how many values a descriptor has")
    dtype: str = Field(
        default="float32",
        pattern="^(float16|float32|float64|uint8)$",
        description="their type: float32, float16, float64, or uint8 (bits)",
    )
    made_by: str = Field(default="", max_length=1000, description="what made them, in words; only such go together")


class Imported(Extractor):
    """Descriptors that `seealso import-descriptors` took from a file; images cannot be described here."""

    name = "imported"
    takes_images = False
    Options = ImportedOptions
    options: ImportedOptions

    @classmethod
    def choice(cls, dim: int, dtype: str, made_by: str = "") -> PluginChoice:
        """The choice of it for descriptors of so many values of a type."""
        options = {"dim": dim, "dtype": dtype, "made_by": made_by}
        return PluginChoice(cls.name, options)

    @property
    def provenance(self) -> Provenance:
        """What is known of them."""
        options = self.options
        return Provenance(self.name, "", options.made_by or "made elsewhere", options.dim, options.dtype)

    def prepare(self, image: Image.Image) -> np.ndarray:
        """There is nothing to prepare for."""
        raise PluginError(
            "the descriptors of this collection were imported, so images cannot be described in it; ask by an ID, or by a descriptor"
        )

    def extract(self, batch: np.ndarray) -> np.ndarray:
        """There is nothing to extract with."""
        raise PluginError("the descriptors of this collection were imported; nothing can be extracted in it")

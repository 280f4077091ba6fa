"""What every extractor on torch does alike: its network is loaded when it is first needed, and run on a device."""

from __future__ import annotations

import threading
from abc import abstractmethod
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from PIL import Image

from seealso import Extractor, ExtractorContext, MissingExtra, PluginOptions, Preparation, Provenance
from seealso_torch.installed import EXTRA
from seealso_torch.options import TorchOptions

if TYPE_CHECKING:
    from torch import nn

    from seealso_torch.runner import Runner


@dataclass(frozen=True, slots=True)
class Assembled:
    """A network that is ready to be put on a device.

    Attributes:
        module: images as ``preparation`` makes them, stacked: ``(n, height, width, 3)`` uint8 → descriptors ``(n, dim)``.
        sha256: of the weights.
        preparation: what is done to an image before.
        preprocessing: all that is done to an image beside the weights.
        dim: the number of values in a descriptor.
    """

    module: nn.Module
    sha256: str
    preparation: Preparation
    preprocessing: str
    dim: int


class TorchExtractor(Extractor):
    """The base of the extractors on torch. Required: `assemble`."""

    Options: ClassVar[type[PluginOptions]] = TorchOptions
    options: TorchOptions

    needs: ClassVar[tuple[str, ...]] = ("torch",)
    """The modules that the extra ``torch`` brings for it."""

    @classmethod
    def lacking(cls) -> str:
        """The first of the modules that is not installed, and the command that installs it."""
        missing = next((module for module in cls.needs if find_spec(module) is None), None)
        return str(MissingExtra(f"{missing} is not installed", EXTRA)) if missing else ""

    def __init__(self, options: PluginOptions, context: ExtractorContext) -> None:
        super().__init__(options, context)
        self._lock = threading.Lock()
        self._assembled: Assembled | None = None
        self._runner: Runner | None = None

    @abstractmethod
    def assemble(self) -> Assembled:
        """Load the network and its weights, on the processor.

        Raises:
            PluginError: something is missing, or cannot be used; says what to do.
        """

    @property
    def assembled(self) -> Assembled:
        """The network with its weights; loaded when this is first asked for.

        Raises:
            PluginError: it cannot be.
        """
        with self._lock:
            if self._assembled is None:
                self._assembled = self.assemble()
            return self._assembled

    @property
    def provenance(self) -> Provenance:
        """The hash of the weights, and how images are prepared."""
        assembled = self.assembled
        return Provenance(self.name, assembled.sha256, assembled.preprocessing, assembled.dim)

    @property
    def preparation(self) -> Preparation:
        """What `prepare` does to an image."""
        return self.assembled.preparation

    @property
    def min_side(self) -> int:  # type: ignore[override]
        """The side that images are resized to, so that a JPEG need not be decoded larger."""
        return self.preparation.min_side

    @property
    def batch_size(self) -> int:  # type: ignore[override]
        """A few times as many as the network is given at once, so that a card gets some while it computes with others."""
        wanted = self.options.batch_images
        if isinstance(wanted, int):
            return max(super().batch_size, wanted)
        if self.options.device == "cpu":
            return super().batch_size
        from seealso_torch.device import choose_device
        from seealso_torch.runner import MOST

        return 2 * MOST if choose_device(self.options.device).type == "cuda" else super().batch_size

    @property
    def device(self) -> str:  # type: ignore[override]
        """Where the network runs: ``cpu``, ``cuda:0``, ``mps``; empty before it does."""
        return "" if self._runner is None else str(self._runner.device)

    def prepare(self, image: Image.Image) -> np.ndarray:
        """An RGB image → what the network takes: uint8 ``(height, width, 3)``."""
        return self.preparation(image)

    def extract(self, batch: np.ndarray) -> np.ndarray:
        """Prepared images ``(n, height, width, 3)`` uint8 → descriptors ``(n, dim)`` float32."""
        assembled = self.assembled
        if not len(batch):
            return np.empty((0, assembled.dim), np.float32)
        if self._runner is None:
            from seealso_torch.runner import Runner

            self._runner = Runner(assembled.module, self.options, self.context.threads)
        return self._runner(batch)

    def torch_module(self) -> nn.Module:
        """The network itself: ``(n, height, width, 3)`` uint8 → ``(n, dim)``; on a device once `extract` has run."""
        return self.assembled.module

    def close(self) -> None:
        """Let go of the network, and of the device."""
        with self._lock:
            if self._runner is not None:
                self._runner.close()
            self._runner = None
            self._assembled = None

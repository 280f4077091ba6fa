"""A model made ready to run by onnxruntime: on a graphics card that it offers, else on the processor."""

from __future__ import annotations

import contextlib
import io
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from seealso import PluginError, one_line, reason_of

log = logging.getLogger("seealso")

# onnxruntime would send word of its use to its makers, and keep a database for that in the user's cache. It looks for
# this when it is imported, whoever imports it: so it has to be set before.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

PROCESSOR = "cpu"

ON_PROCESSOR = 8
"""Images at once. More are no faster on a processor, and the network's memory grows with them."""

ON_CARD = 32
"""Images at once. With fewer a graphics card has too little to do."""


class Card(NamedTuple):
    """A kind of device beside the processor.

    Attributes:
        name: what the option ``device`` calls it; of several kinds with one name the first that is offered counts.
        provider: what onnxruntime calls it.
        numbered: whether there may be several, told apart by their numbers.
        settings: what onnxruntime is told, so that descriptors are those of the processor but for rounding.
    """

    name: str
    provider: str
    numbered: bool
    settings: Mapping[str, str]


CARDS = (
    # By its own choice it would round float32 to 10 bits of mantissa.
    Card("cuda", "CUDAExecutionProvider", True, {"use_tf32": "0"}),
    Card("rocm", "MIGraphXExecutionProvider", True, {}),
    Card("rocm", "ROCMExecutionProvider", True, {}),
    # Its older format, and its neural engine, compute in float16.
    Card("mps", "CoreMLExecutionProvider", False, {"ModelFormat": "MLProgram", "MLComputeUnits": "CPUAndGPU"}),
    Card("directml", "DmlExecutionProvider", True, {}),
)
"""The best first."""


class Session:
    """A model that is ready to run; it is asked as onnxruntime's own session is.

    Attributes:
        device: where it runs: ``cpu``, ``cuda:0``, ….

    Args:
        model: onnxruntime's own session.
        device: where it runs.
        processor: opens another one on the processor, for a card that fails at the first images: some libraries are loaded only then.
    """

    def __init__(self, model: Any, device: str = PROCESSOR, processor: Callable[[], Any] | None = None) -> None:
        self._model = model
        self.device = device
        self._processor = processor

    @property
    def images_at_once(self) -> int:
        """How many images to give it at once."""
        return ON_PROCESSOR if self.device == PROCESSOR else ON_CARD

    def get_inputs(self) -> Sequence[Any]:
        """What it takes: name, shape and type of each."""
        inputs: Sequence[Any] = self._model.get_inputs()
        return inputs

    def get_outputs(self) -> Sequence[Any]:
        """What it gives."""
        outputs: Sequence[Any] = self._model.get_outputs()
        return outputs

    def get_modelmeta(self) -> Any:
        """What is recorded in its file."""
        return self._model.get_modelmeta()

    def run(self, outputs: Sequence[str] | None, feed: Mapping[str, np.ndarray]) -> list[Any]:
        """The named outputs; None: all.

        Raises:
            PluginError: a card fails that has worked before, as where its memory is full.
        """
        try:
            found: list[Any] = self._model.run(outputs, feed)
        except Exception as error:
            if self.device == PROCESSOR:
                raise
            reason = f"{self.device} cannot be used ({one_line(reason_of(error), 200)})"
            if self._processor is None:
                raise PluginError(f"{reason} any more; `device: cpu` runs the network on the processor") from error
            _warn(reason)
            self._model, self.device = self._processor(), PROCESSOR
            return self.run(outputs, feed)
        # It holds on to the model's bytes.
        self._processor = None
        return found


def open_session(model: bytes, threads: int, name: str, device: str = PROCESSOR) -> Session:
    """Make a model ready to run.

    The device is a matter of speed, not of what descriptors mean, so nothing fails for it: where a card is not there, or cannot be
    used, the processor takes its place, with one warning.

    Args:
        model: the ONNX file.
        threads: how many processor cores to use.
        name: what messages call the model.
        device: ``cpu``; the name of a card, with its number or without; ``auto``: the best card that onnxruntime offers, else the
            processor.

    Raises:
        PluginError: the bytes are no ONNX model that can be run.
    """
    import onnxruntime

    # Should the program have imported it before it imported us.
    onnxruntime.disable_telemetry_events()

    def on_processor() -> Any:
        return _open_on_processor(model, threads, name)

    reason = "" if device in (PROCESSOR, "auto") else f"onnxruntime offers no {device} here"
    for card, called in _cards(device):
        try:
            return Session(_open_on_card(card, called, model, threads), called, on_processor)
        except Exception as error:
            # Drivers and their libraries fail as they like.
            reason = f"{called} cannot be used ({one_line(reason_of(error), 200)})"
    session = Session(on_processor())
    if reason:
        _warn(reason)
    return session


def _cards(wanted: str) -> Iterator[tuple[Card, str]]:
    """The cards that are wanted and offered, the best first; and what each is called."""
    if wanted == PROCESSOR:
        return
    import onnxruntime

    offered = onnxruntime.get_available_providers()
    name, _, number = wanted.partition(":")
    for card in CARDS:
        if name in ("auto", card.name) and card.provider in offered:
            yield card, f"{card.name}:{number or 0}" if card.numbered else card.name


def _open_on_card(card: Card, called: str, model: bytes, threads: int) -> Any:
    """A session on a card.

    Raises:
        Exception: the card cannot be used.
    """
    import onnxruntime

    # That libraries are missing it says past the settings of a session, in many lines, and goes on without the card.
    onnxruntime.set_default_logger_severity(4)
    if card.name == "cuda":
        with contextlib.redirect_stdout(io.StringIO()):
            onnxruntime.preload_dlls()
    settings = {**card.settings, **({"device_id": called.partition(":")[2]} if card.numbered else {})}
    session = onnxruntime.InferenceSession(
        model,
        _options(threads),
        providers=[(card.provider, settings), "CPUExecutionProvider"],
        enable_fallback=False,
    )
    if card.provider not in session.get_providers():
        raise RuntimeError("its driver or libraries are missing, or are not those that this onnxruntime was made for")
    return session


def _open_on_processor(model: bytes, threads: int, name: str) -> Any:
    """A session on the processor.

    Raises:
        PluginError: the bytes are no ONNX model that can be run.
    """
    import onnxruntime

    try:
        return onnxruntime.InferenceSession(model, _options(threads), providers=["CPUExecutionProvider"])
    except Exception as error:
        reason = " ".join(str(error).split())
        if os.devnull in reason:
            raise PluginError(
                f"{name}: it keeps its weights in another file; export it as a single one (with the package onnx: "
                "`onnx.save(onnx.load(OLD), NEW)`)"
            ) from None
        raise PluginError(f"{name}: not an ONNX model that can be run: {reason[:300]}") from None


def _options(threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Its threads would wait for one another busily, at the cost of those that decode the next images: a third of the time.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # what is wrong is raised; nothing of it belongs on the terminal
    # Weights outside the file are not in its checksum, and would be looked for in whatever folder the process works in.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    return options


@cache
def _warn(reason: str) -> None:
    """Say it once, however many collections have such an extractor."""
    log.warning("%s; the network runs on the processor", reason)

"""A network, ready to run: what it wants to be given, and what it gives."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import numpy as np

from seealso import PluginError, Preparation, unreadable
from seealso_onnx.efficientnet_lite import DIM, MEAN, STD, Network, load_model
from seealso_onnx.options import OnnxOptions
from seealso_onnx.session import ON_PROCESSOR, Session, open_session

INPUT_TYPES: dict[str, np.dtype] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(uint8)": np.dtype(np.uint8),
}
OUTPUT_TYPES = ("tensor(float)", "tensor(float16)", "tensor(double)", "tensor(int8)", "tensor(uint8)")

LARGEST_MODEL = 1 << 31
"""Bytes: the format has no larger files (those of Protocol Buffers)."""


class BuiltIn:
    """An EfficientNet-Lite. It takes bytes, and normalises them itself.

    Args:
        network: which.
        cache: where it is kept, converted.
        threads: how many processor cores to use.
        device: where it shall run (`open_session`).
    """

    dim = DIM
    description = f"(x - {MEAN:g}) / {STD:g}, pooled layer"

    def __init__(self, network: Network, cache: Path, threads: int, device: str) -> None:
        self.weights = network.sha256
        self.preparation = Preparation(network.input_size, (network.resize,) * 2)
        self._network = network
        self._cache = cache
        self._threads = threads
        self._wanted = device
        self._session: Session | None = None
        self._lock = threading.Lock()

    @property
    def device(self) -> str:
        """Where it runs; empty before it does."""
        return "" if self._session is None else self._session.device

    @property
    def images_at_once(self) -> int:
        """How many images `run` takes."""
        return ON_PROCESSOR if self._session is None else self._session.images_at_once

    def run(self, batch: np.ndarray) -> np.ndarray:
        """Images ``(n, height, width, 3)`` uint8 → descriptors ``(n, dim)`` float32.

        Raises:
            PluginError: the weights are missing or damaged, or a graphics card fails.
        """
        with self._lock:
            if self._session is None:
                model = load_model(self._network, self._cache)
                self._session = open_session(model, self._threads, self._network.name, self._wanted)
        descriptors: np.ndarray = self._session.run(None, {"image": batch})[0]
        return descriptors


class OwnModel:
    """A network from an ONNX file of the user's.

    Raises:
        PluginError: the file cannot be read, is no ONNX file, or does not fit the options; says what does not.
    """

    def __init__(self, options: OnnxOptions, threads: int) -> None:
        self._file = Path(options.model)
        self._mean = self._std = np.zeros(3, np.float32)
        data = read_whole(self._file, LARGEST_MODEL)
        self.weights = hashlib.sha256(data).hexdigest()
        self._session = open_session(data, threads, str(self._file), options.device)
        recorded = self._recorded(options)
        size = self._find_input(options, recorded)
        resize = options.resize or round(max(size) / 0.875)
        if resize < max(size):
            raise PluginError(f"{self._file}: `resize: {resize}` is smaller than its input, {size[0]} x {size[1]}")
        self.preparation = recorded or Preparation(size, (resize, resize))
        self._find_output(options)
        normalisation = "bytes" if self._type == np.uint8 else f"(x - {options.mean}) / {options.std}"
        self.description = f"{normalisation}, {self._layout}, output {self._output}"

    @property
    def device(self) -> str:
        """Where it runs."""
        return self._session.device

    @property
    def images_at_once(self) -> int:
        """How many images `run` takes."""
        return 1 if self._singly else self._session.images_at_once

    def _recorded(self, options: OnnxOptions) -> Preparation | None:
        """How images are prepared, where the file says so."""
        text = self._session.get_modelmeta().custom_metadata_map.get(Preparation.RECORD)
        if text is None:
            return None
        if options.input_size is not None or options.resize is not None:
            raise PluginError(
                f"{self._file}: it records how images are prepared, so `input_size:` and `resize:` have no place"
            )
        try:
            return Preparation.from_json(text)
        except ValueError as error:
            raise PluginError(f"{self._file}: its record of how images are prepared does not fit: {error}") from None

    def _find_input(self, options: OnnxOptions, recorded: Preparation | None) -> tuple[int, int]:
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4:
            found = ", ".join(f"{each.name} {each.shape}" for each in inputs)
            raise PluginError(f"{self._file}: a model has to have one input of four axes; this one has {found}")
        self._input = inputs[0].name
        if inputs[0].type not in INPUT_TYPES:
            raise PluginError(f"{self._file}: its input is {inputs[0].type}; {', '.join(INPUT_TYPES)} are taken")
        self._type = INPUT_TYPES[inputs[0].type]
        self._normalisation(options)
        batch, *sides = inputs[0].shape
        self._singly = batch == 1
        if isinstance(batch, int) and batch > 1:
            raise PluginError(f"{self._file}: its batch is fixed at {batch}; export it with a free batch, or with 1")
        layout = options.layout or ("nchw" if sides[0] == 3 else "nhwc" if sides[2] == 3 else None)
        if layout is None:
            raise PluginError(f"{self._file}: its input is {inputs[0].shape}; say `layout: nchw` or `layout: nhwc`")
        self._layout = layout
        channels, height, width = sides if layout == "nchw" else (sides[2], sides[0], sides[1])
        if isinstance(channels, int) and channels != 3:
            raise PluginError(f"{self._file}: its input {inputs[0].shape} has {channels} channels as {layout}, not 3")
        return self._find_size(recorded.size if recorded else options.input_size, height, width)

    def _normalisation(self, options: OnnxOptions) -> None:
        if self._type == np.uint8:
            if options.mean is not None or options.std is not None:
                raise PluginError(f"{self._file}: it takes bytes, so `mean:` and `std:` have no place")
            return
        if options.mean is None or options.std is None:
            raise PluginError(
                f"{self._file}: say `mean:` and `std:`, in units of 0 to 255, as it was trained "
                "(ImageNet: mean [123.675, 116.28, 103.53], std [58.395, 57.12, 57.375])"
            )
        self._mean = np.array(options.mean, np.float32)
        self._std = np.array(options.std, np.float32)

    def _find_size(self, wanted: int | tuple[int, int] | None, *sides: object) -> tuple[int, int]:
        size = (wanted, wanted) if isinstance(wanted, int) else wanted
        fixed = tuple(side if isinstance(side, int) and side > 0 else None for side in sides)
        if size is None:
            if None in fixed:
                raise PluginError(f"{self._file}: it takes images of any size; say `input_size:`")
            size = (int(fixed[0] or 0), int(fixed[1] or 0))
        if any(side is not None and side != asked for side, asked in zip(fixed, size, strict=True)):
            raise PluginError(f"{self._file}: it takes images of {fixed[0]} x {fixed[1]}, not {size[0]} x {size[1]}")
        return size[0], size[1]

    def _find_output(self, options: OnnxOptions) -> None:
        self._output = find_output(self._session, options.output, self._file)
        # The graph may leave its output's shape open: one run tells.
        trial = self._run(np.zeros((1, *self.preparation.size, 3), np.uint8))
        if trial.ndim < 2 or trial.shape[0] != 1 or trial[0].size != trial.shape[1]:
            raise PluginError(
                f"{self._file}: its output {self._output} has shape {trial.shape}; (images, dim) is wanted, so name the "
                "output after the pooling"
            )
        self.dim = int(trial.shape[1])

    def run(self, batch: np.ndarray) -> np.ndarray:
        """Images ``(n, height, width, 3)`` uint8, at most `images_at_once` → descriptors ``(n, dim)`` float32."""
        found = self._run(batch)
        if found.shape[0] != len(batch) or found.size != len(batch) * self.dim:
            raise PluginError(
                f"{self._file}: it turns {len(batch)} images into {found.shape}; export it so that its batch is free, or 1"
            )
        return found.reshape(len(batch), self.dim)

    def _run(self, batch: np.ndarray) -> np.ndarray:
        if self._type != np.uint8:
            batch = ((batch - self._mean) / self._std).astype(self._type)
        if self._layout == "nchw":
            batch = np.ascontiguousarray(batch.transpose(0, 3, 1, 2))
        try:
            found = self._session.run([self._output], {self._input: batch})[0]
        except Exception as error:
            raise PluginError(f"{self._file}: the model fails: {' '.join(str(error).split())}") from error
        return np.asarray(found).astype(np.float32, copy=False)


def read_whole(file: Path, largest: int) -> bytes:
    """The bytes of a file that the user names.

    Raises:
        PluginError: it cannot be read, or has more than ``largest`` bytes.
    """
    if reason := unreadable(file, largest):
        raise PluginError(f"{file}: {reason}")
    try:
        return file.read_bytes()
    except OSError as error:
        raise PluginError(f"{file}: it cannot be read: {error.strerror}") from None


def find_output(session: Session, wanted: str | None, file: Path) -> str:
    """The name of the output that is the descriptor: the one that is ``wanted``, or the only one.

    Raises:
        PluginError: there is none such, or it gives no numbers.
    """
    outputs = {each.name: each for each in session.get_outputs()}
    if not outputs:
        raise PluginError(f"{file}: it has no output; export it anew")
    names = ", ".join(f"{name} {each.shape}" for name, each in outputs.items())
    if wanted is not None and wanted not in outputs:
        raise PluginError(f"{file}: it has no output {wanted!r}; it has {names}")
    if wanted is None and len(outputs) > 1:
        raise PluginError(f"{file}: it has several outputs; say which, as in `output: NAME`: {names}")
    name = wanted or next(iter(outputs))
    if outputs[name].type not in OUTPUT_TYPES:
        raise PluginError(f"{file}: its output {name} is {outputs[name].type}; {', '.join(OUTPUT_TYPES)} are taken")
    return name

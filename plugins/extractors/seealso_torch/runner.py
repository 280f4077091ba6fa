"""Runs a network on images: on a device, in batches that its memory has room for."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from seealso import PluginError
from seealso_torch.device import choose_device
from seealso_torch.options import TorchOptions

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

ON_PROCESSOR = 8
"""More images at once are no faster on a processor, and take memory; but each core gets one."""

TRIAL = 4
MOST = 128
OUT_OF_MEMORY = (
    "out of memory",  # CUDA's own, MPS
    "can't allocate memory",  # the processor
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_ALLOC_FAILED",
)
"""How the parts below torch say it, which reaches us as a `RuntimeError` like any other."""

SHARE = 0.6
"""Of a card's memory that is free after a trial with few images so much is taken; never for more than `MOST` images."""


class Runner:
    """A network on its device.

    Args:
        module: takes uint8 images ``(n, height, width, 3)`` on the device, and gives ``(n, dim)``; is put on the device, and
            is from then on in the hands of the runner.
        options: the device, the precision, and how many images at once.
        threads: how many cores to use where the device is the processor.

    Raises:
        PluginError: the device is not there, or its memory cannot hold the network.
    """

    def __init__(self, module: nn.Module, options: TorchOptions, threads: int) -> None:
        self.device = choose_device(options.device)
        self._dtype = DTYPES[options.precision]
        self._threads = threads
        try:
            self._module: nn.Module | None = module.eval().to(self.device).to(memory_format=torch.channels_last)
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            raise PluginError(
                f"the memory of {self.device} cannot hold the network; free some, or use another device"
            ) from error
        self._at_once = options.batch_images if isinstance(options.batch_images, int) else 0
        if not self._at_once and self.device.type != "cuda":
            self._at_once = max(ON_PROCESSOR, threads)
        self._copying: torch.cuda.Stream | None = None
        if self.device.type == "cuda":
            self._copying = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]

    @property
    def images_at_once(self) -> int:
        """How many images the network is given at once; 0: a trial will tell."""
        return self._at_once

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Images ``(n, height, width, 3)`` uint8, n at least 1 → ``(n, dim)`` float32.

        Where the device's memory turns out too small, half as many images are tried from then on.

        Raises:
            PluginError: it cannot hold even one image.
        """
        images = torch.from_numpy(np.require(batch, requirements=("C", "W")))
        with self._settings():
            if not self._at_once:
                self._at_once = self._try_out(images[:TRIAL])
            found: list[Tensor] = []
            done = 0
            while done < len(images):
                try:
                    for described in self._described(images[done:]):
                        found.append(described)
                        done += len(described)
                except RuntimeError as error:
                    if not _is_out_of_memory(error):
                        raise
                else:
                    break
                # Not before the error is gone, which holds on to the memory.
                self._halve()
            descriptors: np.ndarray = torch.cat([each.cpu() for each in found]).numpy()
        return descriptors

    def close(self) -> None:
        """Let go of the network and of the device's memory."""
        self._module = None
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _described(self, images: Tensor) -> Iterator[Tensor]:
        """The descriptors of the images, in parts."""
        workers = min(self._threads, self._at_once, len(images)) if self.device.type == "cpu" else 1
        if workers == 1:
            yield from map(self._run, self._uploaded(images))
            return
        # Cores with an image each are faster than cores that wait for one another at every layer, most of all where they
        # have other work too, such as decoding what comes next.
        size = min(self._at_once // workers, -(-len(images) // workers))
        with ThreadPoolExecutor(workers, thread_name_prefix="network") as pool:
            yield from pool.map(partial(self._run_beside, self._threads // workers), torch.split(images, size))

    def _run_beside(self, threads: int, images: Tensor) -> Tensor:
        """`_run` in a thread of its own, where these settings of torch are to be made anew."""
        torch.set_num_threads(threads)
        with torch.inference_mode():
            return self._run(images)

    def _run(self, images: Tensor) -> Tensor:
        assert self._module is not None
        with torch.autocast(self.device.type, self._dtype, enabled=self._dtype != torch.float32):
            described: Tensor = self._module(images)
        return described.float()

    def _uploaded(self, images: Tensor) -> Iterator[Tensor]:
        """The images in parts, on the device; a card gets the next part while it computes with one."""
        parts = torch.split(images, self._at_once)
        if self._copying is None:
            yield from (part.to(self.device) for part in parts)
            return
        computing = torch.cuda.current_stream(self.device)
        waiting: list[tuple[Tensor, torch.cuda.Event]] = []
        for part in [*parts, None]:
            if part is not None:
                with torch.cuda.stream(self._copying):
                    moved = part.pin_memory().to(self.device, non_blocking=True)
                    waiting.append((moved, self._copying.record_event()))
            if len(waiting) == 2 or part is None:
                moved, arrived = waiting.pop(0)
                computing.wait_event(arrived)
                moved.record_stream(computing)
                yield moved

    def _try_out(self, images: Tensor) -> int:
        """How many images the card has room for, judging by what a few take."""
        torch.cuda.reset_peak_memory_stats(self.device)
        before = torch.cuda.memory_allocated(self.device)
        try:
            self._run(images.to(self.device))
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            return 1
        each = (torch.cuda.max_memory_allocated(self.device) - before) // len(images) + 1
        torch.cuda.empty_cache()
        free, _ = torch.cuda.mem_get_info(self.device)
        return max(1, min(MOST, int(SHARE * free / each)))

    def _halve(self) -> None:
        if self._at_once == 1:
            raise PluginError(
                f"the memory of {self.device} has no room for a single image; free some, or use another device"
            )
        self._at_once //= 2
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    @contextmanager
    def _settings(self) -> Iterator[None]:
        """The settings of torch, which are the whole process's, for as long as we run."""
        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode())
            if self.device.type == "cuda":
                # By its own choice cuDNN would round float32 to 10 bits of mantissa.
                stack.enter_context(torch.backends.cudnn.flags(enabled=True, allow_tf32=self._dtype != torch.float32))
            threads = torch.get_num_threads()
            torch.set_num_threads(self._threads)
            stack.callback(torch.set_num_threads, threads)
            yield


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in OUT_OF_MEMORY)

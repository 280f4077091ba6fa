"""Work in a process of its own, whose memory is that of the work and of nothing else."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from typing import TypeVar

T = TypeVar("T")

DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux


def alone(work: Callable[..., T], *given: object) -> T:
    """What a function of a module gives, called in a new process; an error of it is raised here. Whoever kills this process ends that one."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=end_with_parent) as process:
        return process.submit(work, *given).result()


def end_with_parent() -> None:
    """Have this process end when the one that started it does, where the operating system can do that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL)
    parent = parent_process()
    if parent is not None and not parent.is_alive():  # it ended before that was asked for
        os._exit(1)

"""What processes do with a store, for its tests."""

import os
import textwrap
from collections.abc import Callable
from pathlib import Path

from seealso import ObjectStore


def script(cls: type[ObjectStore], folder: Path, code: str) -> str:
    """Some code, indented as one likes, for a Python where ``store(…)`` opens the store, and ``put``, ``rows`` and ``np`` are there."""
    head = f"""
    import functools, pathlib
    import numpy as np
    from {cls.__module__} import {cls.__name__}
    from seealso.testing.opening import open_store, put, rows
    store = functools.partial(open_store, {cls.__name__}, pathlib.Path({str(folder)!r}))
    """
    return textwrap.dedent(head) + textwrap.dedent(code)


def fork(check: Callable[[], bool]) -> int:
    """A child process that ends with 0 if ``check`` is true there."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if check() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

"""What processes do with a store, for its tests."""

import textwrap
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

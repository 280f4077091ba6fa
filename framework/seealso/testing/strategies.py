"""Hypothesis strategies for what plugins handle: descriptors, IDs and images."""

from collections.abc import Iterable
from typing import Literal

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

LARGEST_ID = (1 << 63) - 1


def ids(max_size: int = 20, largest: int = LARGEST_ID) -> st.SearchStrategy[np.ndarray]:
    """IDs: int64 ``(n,)``, ascending, each once, from 0 to ``largest``."""
    return st.sets(st.integers(0, largest), max_size=max_size).map(_as_ids)


def _as_ids(numbers: Iterable[int]) -> np.ndarray:
    return np.array(sorted(numbers), dtype=np.int64)


@st.composite
def descriptors(
    draw: st.DrawFn, count: int | None = None, dim: int | None = None, dtype: str = "float32", most: float = 1e4
) -> np.ndarray:
    """Descriptors ``(n, dim)`` of finite numbers, with many zeros, as networks give them, and many that are equal.

    Args:
        draw: given by hypothesis.
        count: n; by default 0 to 12.
        dim: by default 1 to 40.
        dtype: a floating-point type, or ``uint8`` for bits.
        most: the largest absolute value, of floating-point numbers.
    """
    shape = (
        draw(st.integers(0, 12)) if count is None else count,
        draw(st.integers(1, 40)) if dim is None else dim,
    )
    if dtype == "uint8":
        return draw(arrays.arrays(np.uint8, shape))
    widths: dict[int, Literal[16, 32, 64]] = {2: 16, 4: 32, 8: 64}
    values = st.floats(-most, most, width=widths[np.dtype(dtype).itemsize], allow_nan=False, allow_subnormal=False)
    found: np.ndarray = draw(arrays.arrays(dtype, shape, elements=values, fill=st.just(0)))
    return found


@st.composite
def images(draw: st.DrawFn, most: int = 300) -> Image.Image:
    """RGB images of 1 × 1 to ``most`` × ``most`` pixels: of one colour, of noise, or with an edge."""
    size = (draw(st.integers(1, most)), draw(st.integers(1, most)))
    return picture(size, draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from(["plain", "noise", "edge"])))


def picture(size: tuple[int, int], seed: int, kind: str = "edge") -> Image.Image:
    """An RGB image of known content: the same for the same arguments.

    Args:
        size: width and height in pixels.
        seed: which of them.
        kind: ``plain``, of one colour; ``noise``; or ``edge``: two colours, and a line between them.
    """
    rng = np.random.default_rng(seed)
    width, height = size
    if kind == "noise":
        return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[...] = rng.integers(0, 256, 3)
    if kind == "edge":
        slope = rng.uniform(-1, 1)
        across, down = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
        pixels[down > slope * across + rng.uniform(-0.5, 0.5)] = rng.integers(0, 256, 3)
    return Image.fromarray(pixels)

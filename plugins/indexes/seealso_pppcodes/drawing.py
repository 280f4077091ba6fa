"""Draws a recursive Voronoi partitioning of a plane: ``python -m seealso_pppcodes.drawing FILE.png``."""

from __future__ import annotations

import colorsys
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from seealso import Distance, load_plugins
from seealso_pppcodes.pivots import PivotSpaces

PIVOTS = 12
DRAWN_TWICE = 2  # as large as asked for, then reduced: smooth borders


def draw(distance: Distance, side: int = 720, seed: int = 4) -> Image.Image:
    """A plane of ``side`` × ``side`` pixels, with a colour for each nearest pivot and a shade for each second nearest one."""
    fine = side * DRAWN_TWICE
    pivots = np.random.default_rng(seed).uniform(0.06 * fine, 0.94 * fine, (1, PIVOTS, 2)).astype(np.float32)
    rows, columns = np.mgrid[:fine, :fine]
    plane = np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float32)
    first, second = PivotSpaces(distance, pivots, length=2).codes(plane).T.reshape(2, fine, fine)

    palette = np.array([[_colour(a, b) for b in range(PIVOTS)] for a in range(PIVOTS)], np.uint8)
    pixels = palette[first, second]
    pixels[_borders(second) | _borders(first)] = 255
    pixels[_borders(first, width=2 * DRAWN_TWICE)] = 40

    image = Image.fromarray(pixels)
    pen = ImageDraw.Draw(image)
    size = 5 * DRAWN_TWICE
    for number, (x, y) in enumerate(pivots[0]):
        pen.ellipse((x - size, y - size, x + size, y + size), fill="black", outline="white", width=DRAWN_TWICE)
        pen.text((x + 1.5 * size, y), str(number + 1), fill="black", font_size=14 * DRAWN_TWICE, anchor="lm")
    return image.resize((side, side), Image.Resampling.LANCZOS)


def _colour(first: int, second: int) -> tuple[int, ...]:
    # Hues of neighbouring numbers lie far apart.
    hue = first * 5 % PIVOTS / PIVOTS
    shade = 0.75 + 0.25 * (second * 5 % PIVOTS) / PIVOTS
    return tuple(round(255 * value) for value in colorsys.hsv_to_rgb(hue, 0.45, shade))


def _borders(symbols: np.ndarray, width: int = DRAWN_TWICE) -> np.ndarray:
    """Where a symbol differs from that of a pixel to the right or below, ``width`` pixels away."""
    found = np.zeros(symbols.shape, np.bool_)
    found[:-width] |= symbols[:-width] != symbols[width:]
    found[:, :-width] |= symbols[:, :-width] != symbols[:, width:]
    return found


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m seealso_pppcodes.drawing FILE.png")
    euclidean = load_plugins().get("distance", "euclidean")
    assert issubclass(euclidean, Distance)
    draw(euclidean()).save(Path(sys.argv[1]))

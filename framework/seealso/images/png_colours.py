"""What a PNG says of its colours beside a profile: gamma, chromaticity (gAMA, cHRM), or a colour space by its numbers (cICP).

From that come the colours of a screen as everybody has one: sRGB's primaries, and as it is usual for gamma, a screen's power of 2.2. What a
file says stands in the order of the PNG specification (third edition): cICP, a profile, sRGB, then chromaticity and gamma.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

SCREEN = 2.2
"""The power of a screen. Gamma that makes the picture for such a one (0.45455) says nothing new."""

GAMMAS = (0.1, 10.0)
"""The least and the largest gamma that is believed."""

LEAST_NOTICED = 2
"""Colours that change by no more than this (of 255) stay as they are."""

WIDEST = 1000.0
"""How near to a line the primaries may lie (the condition of their matrix); nearer, and they span no colours."""

STEPS = 1 << 16  # of the table that encodes linear light
BLOCK = 1 << 20  # pixels that are converted at once

WHITE_D65 = (0.3127, 0.3290)
SRGB = (*WHITE_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
"""Chromaticities as cHRM has them: x and y of white, red, green and blue."""

PRIMARIES = {
    1: SRGB,
    5: (*WHITE_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*WHITE_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*WHITE_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (*WHITE_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*WHITE_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
"""Those that the numbers of ITU-T H.273 stand for."""

GAMMA, BT709, POWER_22, POWER_28, LINEAR, SRGB_CURVE, PQ, HLG = 0, 1, 4, 5, 8, 13, 16, 18
CURVES = {1: BT709, 6: BT709, 14: BT709, 15: BT709} | {each: each for each in (4, 5, 8, 13, 16, 18)}
"""Transfer functions by their numbers in H.273, as far as they are known here."""

REFERENCE_WHITE = 203.0
"""The brightness (cd/m²) of white in pictures of high dynamic range, by ITU-R BT.2408; what is brighter is white, too."""

BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""From XYZ to the responses of the eye that adapt from one white to another."""


Conversion = Callable[[Image.Image], Image.Image]
"""From an image of mode L or RGB to another one, perhaps the same."""


class Stated(NamedTuple):
    """What a PNG says of its colours: which transfer function, with which gamma, between which primaries, and in which range."""

    curve: int
    gamma: float = 1 / SCREEN
    primaries: tuple[float, ...] = SRGB
    full: bool = True


@dataclass(frozen=True, slots=True)
class _Converter:
    """From what the numbers of a PNG stand for to sRGB's.

    Attributes:
        linear: the light that each number stands for: float32 ``(256,)``, 0 to 1.
        matrix: from the primaries of the PNG to sRGB's: float32 ``(3, 3)``; None where they are the same.
        encoded: the number of a light, of `STEPS` steps: uint8.
    """

    linear: np.ndarray
    matrix: np.ndarray | None
    encoded: np.ndarray

    def __call__(self, image: Image.Image) -> Image.Image:
        """An image of mode L or RGB → RGB."""
        if self.matrix is None or image.mode == "L":
            table = self.encoded[_steps(self.linear)].tolist()
            return image.point(table * len(image.getbands())).convert("RGB")
        pixels = np.array(image)
        rows = max(1, BLOCK // pixels.shape[1])
        for top in range(0, len(pixels), rows):
            light = self.linear[pixels[top : top + rows]] @ self.matrix
            pixels[top : top + rows] = self.encoded[_steps(light)]
        return Image.fromarray(pixels)


def stated(image: Image.Image, data: bytes) -> Stated | None:
    """What a PNG says of its colours beside a profile.

    Args:
        image: the file, opened.
        data: its bytes.

    Returns:
        None where it says nothing, or what counts more (a profile, or that it is sRGB), or nothing that makes sense.
    """
    found = _coded(data)
    if found is not None:
        return found
    info: dict[Any, Any] = image.info
    if info.get("icc_profile") or "srgb" in info:
        return None
    gamma, primaries = info.get("gamma"), info.get("chromaticity")
    if not isinstance(gamma, float) or not GAMMAS[0] <= gamma <= GAMMAS[1]:
        gamma = None
    if not isinstance(primaries, tuple) or not _make_sense(primaries):
        primaries = None
    if gamma is None and primaries is None:
        return None
    return Stated(GAMMA, gamma or 1 / SCREEN, primaries or SRGB)


def _coded(data: bytes) -> Stated | None:
    """What the chunk cICP says, if there is one and it is understood."""
    place = data.find(b"cICP", 0, max(0, data.find(b"IDAT")))
    chunk = data[max(0, place - 4) : place + 12]
    if place < 0 or chunk[:4] != b"\0\0\0\4" or zlib.crc32(chunk[4:12]) != int.from_bytes(chunk[12:], "big"):
        return None
    primaries, curve, matrix, full = chunk[8:12]
    if primaries not in PRIMARIES or curve not in CURVES or matrix != 0 or full > 1:
        return None
    return Stated(CURVES[curve], primaries=PRIMARIES[primaries], full=bool(full))


def _as_it_is(image: Image.Image) -> Image.Image:
    return image


@lru_cache(maxsize=16)
def conversion(colours: Stated) -> Conversion:
    """From what a PNG says of its colours to sRGB; where nobody would notice the change, images stay as they are."""
    matrix = _between(colours.primaries)
    made = _Converter(_linear(colours), matrix, _encoded(by_power=colours.curve == GAMMA))
    levels = np.linspace(0, 255, 8).astype(np.uint8)
    sample = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(1, -1, 3)
    ramp = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(1, -1, 3)
    pixels = np.concatenate([sample, ramp], axis=1)
    changed = np.asarray(made(Image.fromarray(pixels)), np.int16) - pixels
    return made if np.abs(changed).max() > LEAST_NOTICED else _as_it_is


def _steps(light: np.ndarray) -> np.ndarray:
    return (light.clip(0, 1) * (STEPS - 1) + 0.5).astype(np.uint16)


def _linear(colours: Stated) -> np.ndarray:
    """The light that each number from 0 to 255 stands for."""
    level = np.arange(256) / 255
    if not colours.full:
        level = ((level * 255 - 16) / 219).clip(0, 1)
    return _light(colours.curve, colours.gamma, level).clip(0, 1).astype(np.float32)


def _light(curve: int, gamma: float, level: np.ndarray) -> np.ndarray:
    """The light of a level, 0 to 1, by a transfer function; above 1 where it is brighter than white."""
    if curve == GAMMA:
        return level ** (1 / gamma)
    if curve == BT709:
        return np.where(level < 0.081, level / 4.5, ((level + 0.099) / 1.099) ** (1 / 0.45))
    if curve == SRGB_CURVE:
        return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    if curve == PQ:
        root = level ** (1 / 78.84375)
        light = (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
        return light * 10_000 / REFERENCE_WHITE
    if curve == HLG:
        scene = np.where(level <= 0.5, level**2 / 3, (np.exp((level - 0.55991073) / 0.17883277) + 0.28466892) / 12)
        return scene**1.2 * 1000 / REFERENCE_WHITE
    return level ** {POWER_22: 2.2, POWER_28: 2.8, LINEAR: 1.0}[curve]


@lru_cache(maxsize=2)
def _encoded(*, by_power: bool) -> np.ndarray:
    """The number of each step of light on a screen: by a power, as it is usual for gamma, or by the curve of sRGB."""
    light = np.arange(STEPS) / (STEPS - 1)
    if by_power:
        level = light ** (1 / SCREEN)
    else:
        level = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return (level * 255 + 0.5).astype(np.uint8)


def _to_xyz(primaries: tuple[float, ...]) -> np.ndarray:
    """From light of some primaries to XYZ, both in rows; their white becomes sRGB's.

    Raises:
        ValueError, numpy.linalg.LinAlgError: they are none.
    """
    columns = [np.array([x / y, 1, (1 - x - y) / y]) for x, y in zip(primaries[::2], primaries[1::2], strict=True)]
    white, of_each = columns[0], np.array(columns[1:])
    shares = np.linalg.solve(of_each.T, white)
    if not (shares > 0).all():
        raise ValueError("white lies outside of the primaries")
    scaled = shares[:, np.newaxis] * of_each
    x, y = WHITE_D65
    adapted = BRADFORD @ np.array([x / y, 1, (1 - x - y) / y]) / (BRADFORD @ white)
    return np.asarray(scaled @ (np.linalg.inv(BRADFORD) @ np.diag(adapted) @ BRADFORD).T)


def _between(primaries: tuple[float, ...]) -> np.ndarray | None:
    """From light of some primaries to sRGB's, both in rows; None where they are the same."""
    if primaries == SRGB:
        return None
    return (_to_xyz(primaries) @ np.linalg.inv(_to_xyz(SRGB))).astype(np.float32)


def _make_sense(primaries: tuple[float, ...]) -> bool:
    """Whether chromaticities are those of colours that span any."""
    points = list(zip(primaries[::2], primaries[1::2], strict=True))
    if len(points) != 4 or not all(0 <= x <= 1 and 0 < y <= 1 for x, y in points):
        return False
    try:
        return bool(np.linalg.cond(_to_xyz(primaries)) < WIDEST)
    except (ValueError, np.linalg.LinAlgError):
        return False

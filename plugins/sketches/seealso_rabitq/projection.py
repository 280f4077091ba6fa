"""The projection: from a descriptor to the values that are encoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from seealso_rabitq.coded import finite_numbers, unit_of

EXACT = 1536
"""Where neither the sample nor a descriptor has more than this, principal axes are computed exactly: it takes the third power of it."""

PASSES = 4
"""Passes over the sample that find them otherwise."""

SPARE = 32
"""Axes that are looked for beyond those that are wanted: the last ones are found the least well."""

CHUNK = 256  # descriptors that are projected together; they stay in the cache

MEASURED = 512
"""Of so many of a sample the length is looked at, to know the usual one."""

LARGEST = 1e12
"""Values beyond this times the usual length of a descriptor are cut off, so that no square is infinite."""


def principal_axes(sample: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Orthonormal axes of the largest variance of a centred sample, float32 ``(m, dim)``: ``(dim, count)``, the largest first.

    ``count`` is at most ``dim``. What the sample says nothing of is filled up with directions at random.
    """
    random = np.random.default_rng(seed)
    dim = sample.shape[1]
    if min(sample.shape) <= EXACT:
        found = _exact_axes(sample)[:, :count]
    else:
        found = _approximate_axes(sample, count, random)
    missing = count - found.shape[1]
    if missing:
        found = np.linalg.qr(np.hstack([found, random.normal(size=(dim, missing)).astype(np.float32)]))[0]
    return found


def _exact_axes(sample: np.ndarray) -> np.ndarray:
    """All axes in which the sample varies at all."""
    wide = sample.shape[1] <= sample.shape[0]
    squares, vectors = np.linalg.eigh(sample.T @ sample if wide else sample @ sample.T)
    order = np.argsort(-squares)
    order = order[squares[order] > 1e-6 * max(float(squares.max()), 1e-30)]
    axes: np.ndarray = vectors[:, order] if wide else sample.T @ (vectors[:, order] / np.sqrt(squares[order]))
    return axes


def _approximate_axes(sample: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """The first axes, by subspace iteration (Halko, Martinsson, Tropp, SIAM Review 2011)."""
    width = min(count + SPARE, *sample.shape)
    axes = np.linalg.qr(random.normal(size=(sample.shape[1], width)).astype(np.float32))[0]
    for _ in range(PASSES):
        axes = np.linalg.qr(sample.T @ (sample @ axes))[0]
    # Within the subspace, by the variance along each.
    inside = sample @ axes
    squares, vectors = np.linalg.eigh(inside.T @ inside)
    turned: np.ndarray = axes @ vectors[:, np.argsort(-squares)]
    return turned[:, :count]


def frame(count: int, values: int, seed: int) -> np.ndarray:
    """A random rotation, float32 ``(count, values)``, that leaves lengths and angles as they are; ``values`` is at least ``count``.

    By it what an axis says is spread over all values, so that each is worth the same number of bits. Without it most bits tell of axes
    along which hardly anything varies.
    """
    square, signs = np.linalg.qr(np.random.default_rng(seed).normal(size=(values, count)))
    return np.ascontiguousarray((square * np.sign(np.diag(signs))).T, np.float32)


def multiplied(blocks: Iterable[np.ndarray], count: int, matrix: np.ndarray) -> np.ndarray:
    """Blocks of ``count`` rows in all, each times ``matrix``: float32 ``(count, values)``. It holds one block at a time."""
    found = np.empty((count, matrix.shape[1]), np.float32)
    start = 0
    for block in blocks:
        np.matmul(block, matrix, out=found[start : start + len(block)])
        start += len(block)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Centres, projects and rotates descriptors.

    Attributes:
        directed: only the direction of a descriptor counts.
        unit: descriptors are divided by this first.
        mean: and this is taken from them, float32 ``(dim,)``.
        matrix: then they are multiplied by this, float32 ``(dim, values)``; its rows keep lengths, as far as it keeps them.
    """

    directed: bool
    unit: float
    mean: np.ndarray
    matrix: np.ndarray

    @classmethod
    def centre(cls, sample: np.ndarray, *, directed: bool) -> Self:
        """One that only centres, by a sample ``(m, dim)``."""
        nothing, unit = np.empty((0, 0), np.float32), 1.0
        if not directed:
            with np.errstate(over="ignore"):
                wide = sample[:: -(-len(sample) // MEASURED)].astype(np.float64)
                usual = float(np.median(np.sqrt(np.square(wide - wide.mean(axis=0)).sum(axis=1))))
                # All may be the same; or so large that not even their squares are numbers.
                unit = usual if 0 < usual < np.inf else max(float(np.abs(wide).max()), 1e-30)
        scaled = cls(directed, unit, np.zeros(sample.shape[1], np.float32), nothing)
        total = sum(block.sum(axis=0, dtype=np.float64) for block in scaled.centred(sample))
        return cls(directed, unit, (total / len(sample)).astype(np.float32), nothing)

    def onto(self, matrix: np.ndarray) -> Projection:
        """The same with another matrix."""
        return Projection(self.directed, self.unit, self.mean, matrix)

    def centred(self, descriptors: np.ndarray) -> Iterator[np.ndarray]:
        """Descriptors ``(n, dim)`` of any type, centred: float32, in blocks."""
        for start in range(0, len(descriptors), CHUNK):
            block = descriptors[start : start + CHUNK]
            if self.directed:
                yield _directions(block) - self.mean
            else:
                with np.errstate(over="ignore", invalid="ignore"):
                    # float64 may hold what float32 does not, even where it is divided.
                    scaled = np.divide(block, self.unit, dtype=np.promote_types(block.dtype, np.float32)).astype(
                        np.float32
                    )
                yield np.clip(scaled, -LARGEST, LARGEST, out=scaled) - self.mean

    def __call__(self, descriptors: np.ndarray) -> np.ndarray:
        """Descriptors ``(n, dim)`` → float32 ``(n, values)``."""
        return multiplied(self.centred(descriptors), len(descriptors), self.matrix)

    def arrays(self) -> dict[str, np.ndarray]:
        """What it takes to make it again."""
        return {"unit": np.array(self.unit), "mean": self.mean, "matrix": self.matrix}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray], *, directed: bool, dim: int, values: int) -> Self:
        """From what `arrays` gave.

        Raises:
            ValueError: they do not fit.
        """
        mean, matrix = (
            np.ascontiguousarray(finite_numbers(arrays, name, form), np.float32)
            for name, form in (("mean", (dim,)), ("matrix", (dim, values)))
        )
        return cls(directed, unit_of(arrays), mean, matrix)


def _directions(block: np.ndarray) -> np.ndarray:
    """Vectors as float32 of length 1; one of nothing but zeros stays so."""
    wide = block.astype(np.promote_types(block.dtype, np.float32))
    # By the largest value first, so that squares neither overflow nor vanish.
    largest = np.abs(wide).max(axis=1, keepdims=True, initial=0)
    scaled = np.divide(wide, largest, out=np.zeros_like(wide), where=largest != 0).astype(np.float32)
    lengths = np.sqrt(np.vecdot(scaled, scaled))[:, np.newaxis]
    found: np.ndarray = np.divide(scaled, lengths, out=scaled, where=lengths != 0)
    return found

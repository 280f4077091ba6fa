"""Descriptors to measure with: those of random crops of a person's own photographs, made once and kept."""

import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import platformdirs
from report import photographs_below

import seealso


def crop_descriptors(folder: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Descriptors ``(count, dim)`` of crops, mapped, and for each the number of its photograph ``(count,)``.

    Every photograph gives as many crops as any other, give or take one; crop ``i`` is of photograph ``i % photographs``.
    A crop is 5 to 100 % of the area. They are made by the default extractor, and kept in the user's cache.
    """
    photographs = photographs_below(folder)
    owners = np.arange(count) % len(photographs)
    with tempfile.TemporaryDirectory() as none, seealso.open(Path(none) / "none") as collection:
        extractor = collection.parts.extractor
        names = "\n".join(f"{path.name} {path.stat().st_size}" for path in photographs)
        key = hashlib.sha256(f"{extractor.provenance} {count} {names}".encode()).hexdigest()[:16]
        cached = Path(platformdirs.user_cache_dir("seealso")) / "benchmarks" / f"crops-{key}.npy"
        if not cached.exists():
            cached.parent.mkdir(parents=True, exist_ok=True)
            _make(photographs, count, extractor, cached)
    return np.load(cached, mmap_mode="r"), owners


def _make(photographs: list[Path], count: int, extractor: seealso.Extractor, file: Path) -> None:
    started = told = time.monotonic()
    unfinished = file.with_suffix(f".{os.getpid()}.part")
    dim = extractor.provenance.dim
    descriptors = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.float32, shape=(count, dim))

    def crops_of(number: int) -> tuple[np.ndarray, np.ndarray]:
        """The places and the prepared crops of one photograph: it is decoded once."""
        image = seealso.decode_image(photographs[number].read_bytes()).image
        places = np.arange(number, count, len(photographs))
        boxes = _boxes(image.size, places.size, np.random.default_rng(number))
        return places, np.stack([extractor.prepare(image.crop(box)) for box in boxes])

    made = 0
    with ThreadPoolExecutor(1) as pool:
        # One photograph is prepared while the crops of the one before are extracted.
        following = pool.submit(crops_of, 0)
        for number in range(1, min(count, len(photographs)) + 1):
            places, prepared = following.result()
            following = pool.submit(crops_of, number % len(photographs))
            for start in range(0, places.size, extractor.batch_size):
                part = slice(start, start + extractor.batch_size)
                descriptors[places[part]] = extractor.extract(prepared[part])
            made += places.size
            if time.monotonic() > told + 10:
                told = time.monotonic()
                rate = made / (told - started)
                print(f"crops: {made} of {count}, {rate:.0f} a second", file=sys.stderr, flush=True)
    descriptors.flush()
    os.rename(unfinished, file)


def _boxes(size: tuple[int, int], count: int, random: np.random.Generator) -> Iterator[tuple[int, int, int, int]]:
    """Boxes of 5 to 100 % of the area, sides between 3:4 and 4:3 of the image's own."""
    width, height = size
    for _ in range(count):
        share, stretch = random.uniform(0.05, 1), np.exp(random.uniform(-0.29, 0.29))
        across = min(width, max(8, round(width * np.sqrt(share) * stretch)))
        down = min(height, max(8, round(height * np.sqrt(share) / stretch)))
        left, top = random.integers(width - across + 1), random.integers(height - down + 1)
        yield int(left), int(top), int(left) + across, int(top) + down

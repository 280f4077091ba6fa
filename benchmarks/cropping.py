"""Descriptors to measure with: those of random crops of a person's own photographs, made once and kept."""

import hashlib
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
from filelock import FileLock
from report import photographs_below

import seealso

ROUNDS = 4
"""So many crops of a photograph are made together: it is decoded once for them."""

TOGETHER = 8
"""Photographs whose crops go through the network together."""

QUICK = {"size": 180, "queries": 20, "photographs": 50}
"""For a glance: what `Split.of` gives then."""

HELD_OUT = 10
"""One photograph of so many is kept out of the collection, and its crops are queries."""


def crop_descriptors(
    folder: str,
    count: int,
    network: Mapping[str, object] | None = None,
    cache: Path | None = None,
    photographs: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Descriptors ``(count, dim)`` of crops, mapped, and for each the number of its photograph ``(count,)``.

    Every photograph gives as many crops as any other, give or take one; crop ``i`` is of photograph ``i % photographs``, and is the same
    however many there are. A crop is 5 to 100 % of the area. They are kept: only what is missing is made, also after an interruption.

    Args:
        folder: of the photographs.
        count: of crops.
        network: the extractor, as in the configuration; None: the one there is without a configuration.
        cache: where they are kept; by default in the user's cache.
        photographs: only so many of them, spread over all; 0: all.
    """
    found = photographs_below(folder)
    if photographs:
        found = found[:: max(1, len(found) // photographs)][:photographs]
    cache = cache or Path(platformdirs.user_cache_dir("seealso")) / "benchmarks"
    cache.mkdir(parents=True, exist_ok=True)
    settings = {} if network is None else {"extractor": dict(network)}
    with tempfile.TemporaryDirectory() as none, seealso.open(Path(none) / "none", **settings) as collection:
        extractor = collection.parts.extractor
        names = "\n".join(f"{path.name} {path.stat().st_size}" for path in found)
        key = hashlib.sha256(f"{extractor.provenance} {names}".encode()).hexdigest()[:16]
        file = cache / f"crops-{key}.f32"
        with FileLock(file.with_suffix(".lock")):
            _Making(found, extractor, file).make(count)
        dim = extractor.provenance.dim
    return np.memmap(file, np.float32, "r", shape=(count, dim)), np.arange(count) % len(found)


@dataclass(frozen=True)
class Split:
    """Crops, and queries that are crops of other photographs: no query has a crop of its own photograph among its neighbours.

    Attributes:
        objects: descriptors ``(n, dim)``.
        owners: the number of the photograph of each, ``(n,)``.
        queries: descriptors ``(m, dim)``.
    """

    objects: np.ndarray
    owners: np.ndarray
    queries: np.ndarray

    @classmethod
    def of(cls, folder: str, size: int, queries: int, photographs: int = 0, **more: object) -> "Split":
        """So many of each; see `crop_descriptors`."""
        everyone = len(photographs_below(folder))
        everyone = min(everyone, photographs) if photographs else everyone
        asked = len(range(HELD_OUT // 2, everyone, HELD_OUT))
        rounds = max(-(-size // (everyone - asked)), -(-queries // asked))
        descriptors, owners = crop_descriptors(folder, rounds * everyone, photographs=photographs, **more)
        held = owners % HELD_OUT == HELD_OUT // 2
        kept = np.flatnonzero(~held)[:size]
        return cls(descriptors[kept], owners[kept], descriptors[np.flatnonzero(held)[:queries]])


class _Making:
    """Makes what is missing in a file of descriptors. One unit of work is a photograph with `ROUNDS` crops of it.

    Args:
        photographs: the files.
        extractor: makes the descriptors.
        file: of float32 values; another beside it says how many units are there.
    """

    def __init__(self, photographs: list[Path], extractor: seealso.Extractor, file: Path) -> None:
        self._photographs = photographs
        self._extractor = extractor
        self._file = file
        self._progress = file.with_suffix(".made")

    def make(self, count: int) -> None:
        """See to it that the first ``count`` crops are there."""
        units = -(-count // (ROUNDS * len(self._photographs))) * len(self._photographs)
        done = int(self._progress.read_text()) if self._progress.exists() and self._file.exists() else 0
        if done >= units:
            return
        shape = (units * ROUNDS, self._extractor.provenance.dim)
        with self._file.open("ab") as file:
            file.truncate(4 * shape[0] * shape[1])
        descriptors = np.memmap(self._file, np.float32, "r+", shape=shape)
        name = getattr(self._extractor.options, "model", self._extractor.name)
        told = _Told(ROUNDS * (units - done), name)
        with ThreadPoolExecutor(1) as pool:
            # Some photographs are prepared while the crops of those before are extracted.
            following = pool.submit(self._prepared, done, units)
            for first in range(done, units, TOGETHER):
                places, prepared = following.result()
                following = pool.submit(self._prepared, first + TOGETHER, units)
                for start in range(0, len(places), self._extractor.batch_size):
                    part = slice(start, start + self._extractor.batch_size)
                    descriptors[places[part]] = self._extractor.extract(prepared[part])
                if told.so_far(len(places)) or first + TOGETHER >= units:
                    descriptors.flush()
                    self._save(min(first + TOGETHER, units))

    def _save(self, done: int) -> None:
        unfinished = self._progress.with_suffix(".part")
        unfinished.write_text(str(done))
        unfinished.replace(self._progress)

    def _prepared(self, first: int, units: int) -> tuple[np.ndarray, np.ndarray]:
        """The places and the prepared crops of some units."""
        places, prepared = [], []
        for unit in range(first, min(first + TOGETHER, units)):
            block, number = divmod(unit, len(self._photographs))
            image = seealso.decode_image(self._photographs[number].read_bytes()).image
            for turn, box in enumerate(_boxes(image.size, np.random.default_rng([number, block]))):
                places.append((block * ROUNDS + turn) * len(self._photographs) + number)
                prepared.append(self._extractor.prepare(image.crop(box)))
        return np.array(places, np.int64), np.stack(prepared) if prepared else np.empty(0)


class _Told:
    """Says how long it will take, first of all and now and then."""

    EVERY = 20.0  # seconds

    def __init__(self, wanted: int, name: str) -> None:
        self._wanted, self._name = wanted, name
        self._made = 0
        self._started = self._last = 0.0

    def so_far(self, more: int) -> bool:
        """So many more were made; whether it was time to say so."""
        now = time.monotonic()
        if not self._started:
            # The first ones also load the network: from here on it is timed.
            self._started, self._wanted = now, self._wanted - more
            return False
        self._made += more
        first = self._made == more
        if not first and now < self._last + self.EVERY:
            return False
        self._last = now
        rate = self._made / max(now - self._started, 1e-9)
        left = max(0, self._wanted - self._made)
        print(
            f"{time.strftime('%H:%M:%S')} {left:,} crops are to be made by {self._name}, {rate:.0f} a second: "
            f"about {left / rate / 60:.0f} minutes more; it may be interrupted, and goes on then",
            file=sys.stderr,
            flush=True,
        )
        return True


def _boxes(size: tuple[int, int], random: np.random.Generator) -> Iterator[tuple[int, int, int, int]]:
    """Boxes of 5 to 100 % of the area, sides between 3:4 and 4:3 of the image's own."""
    width, height = size
    for _ in range(ROUNDS):
        share, stretch = random.uniform(0.05, 1), np.exp(random.uniform(-0.29, 0.29))
        across = min(width, max(8, round(width * np.sqrt(share) * stretch)))
        down = min(height, max(8, round(height * np.sqrt(share) / stretch)))
        left, top = random.integers(width - across + 1), random.integers(height - down + 1)
        yield int(left), int(top), int(left) + across, int(top) + down

"""What `status` costs, in a collection with a store and an index that do keep something.

    python benchmarks/status.py [--size 1000000] [--quick] [--json FILE]

Descriptors of 32 values are imported into a store flat-file and an index ppp-codes; then the status is taken again and again in one
process that has the collection open. It is done with a tenth of them first: neither time nor memory may grow with the collection.
Memory is what the status itself takes at once, arrays included.
"""

import tempfile
import time
import tracemalloc
from pathlib import Path
from statistics import median

import numpy as np
from report import Figure, arguments, report

import seealso

DIM = 32
SIZE = 1_000_000
REPEATS = 100
MOST = 5.0
"""Milliseconds that a status may take."""


def taken_in(folder: Path, first: int, end: int) -> None:
    """Add random descriptors of these numbers."""
    vectors = np.random.default_rng(first).normal(size=(end - first, DIM)).astype(np.float32)
    file = folder / f"{first}.npy"
    np.save(file, vectors)
    with opened(folder) as collection:
        collection.import_descriptors(file, made_by="chance")
    file.unlink()


def opened(folder: Path) -> seealso.Collection:
    """The collection."""
    return seealso.open(folder / "status.seealso", store="flat-file", index="ppp-codes", text=False, keywords=[])


def measured(folder: Path) -> tuple[float, float, str]:
    """Milliseconds and MiB of a status; and of how many objects it tells, with what it costs a processor."""
    with opened(folder) as collection:
        expected = collection.counts().objects
        # The first one may have to bring the index up to date.
        collection.status()
        tracemalloc.start()
        found = collection.status()
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        times, worked = [], time.process_time()
        for _ in range(REPEATS):
            started = time.perf_counter()
            collection.status()
            times.append(1000 * (time.perf_counter() - started))
        worked = 1000 * (time.process_time() - worked) / REPEATS
    told = {found["objects"], *(found[part]["objects"] for part in ("store", "index"))}  # type: ignore[index]
    if told != {expected}:
        raise SystemExit(f"of {expected} objects it tells {told}")
    return median(times), peak, f"{expected:,} objects; {worked:.2f} ms of a processor"


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", size=SIZE)
    size = 50_000 if options.quick else options.size
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        taken_in(folder, 0, size // 10)
        few, memory_of_few, beside_few = measured(folder)
        taken_in(folder, size // 10, size)
        many, memory_of_many, beside_many = measured(folder)
    growth = memory_of_many / memory_of_few
    figures = [
        Figure("status, a tenth of the collection", few, "ms", f"<= {MOST:g}", few <= MOST, beside_few),
        Figure("status, the whole collection", many, "ms", f"<= {MOST:g}", many <= MOST, beside_many),
        Figure("memory that it takes, a tenth of the collection", memory_of_few, "MiB"),
        Figure(
            *("memory that it takes, the whole collection", memory_of_many, "MiB"),
            *("<= 1.25 x", growth <= 1.25, f"{growth:.2f} x that of a tenth"),
        ),
    ]
    report(f"The status of a collection of {size:,} objects", figures, options, whole=size >= SIZE)


if __name__ == "__main__":
    main()

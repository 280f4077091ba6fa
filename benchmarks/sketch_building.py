"""What sketches cost those who take descriptors and photographs in: processor time with and without, in pairs.

    python benchmarks/sketch_building.py --photos DIR [--size 100000] [--rounds 5] [--folder DIR] [--quick] [--json FILE]

Descriptors of 1,280 and of 4,096 values (activations.py) are imported into a new collection, index included, with ``sketch: none`` and with
``rabitq`` of 40 bytes; and the photographs are indexed with and without. Both take turns in one process, the one first and then the other, and the
median of the ratios counts: machines are noisy. An interrupted run goes on behind the pairs that were measured.
"""

import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from activations import CHUNK, Activations
from asking import tell
from ingest import warm_up
from kept import Kept, kept_in
from report import Figure, arguments, photographs_below, report

import seealso

SKETCHES: tuple[object, object] = ("none", {"plugin": "rabitq", "bytes": 40})
GOALS = {1280: 1.3, 4096: 1.2}
INGEST = 1.02
WHOLE = 100_000

Cost = tuple[float, float]
"""Seconds of the processors, and seconds."""


def cost_of(work: Callable[[], object]) -> Cost:
    """What it takes."""
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    work()
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, seconds


def imported(file: Path, folder: Path, sketch: object) -> Cost:
    """A whole import into a new collection."""
    with tempfile.TemporaryDirectory(dir=folder) as place:

        def work() -> None:
            with seealso.open(Path(place) / "c.seealso", index="ppp-codes", store="flat-file", sketch=sketch) as new:
                new.import_descriptors(file)

        return cost_of(work)


def indexed(photographs: list[Path], folder: Path, sketch: object) -> Cost:
    """All photographs into a new collection."""
    with (
        tempfile.TemporaryDirectory(dir=folder) as place,
        seealso.open(Path(place) / "c.seealso", index="ppp-codes", sketch=sketch) as collection,
    ):
        warm_up(collection.parts.extractor)
        return cost_of(lambda: collection.index(photographs))


def pair(work: Callable[[object], Cost], number: int) -> list[Cost]:
    """Without and with a sketch; every second time the other way round."""
    turns = [(place, work(SKETCHES[place])) for place in ((0, 1) if number % 2 == 0 else (1, 0))]
    without, with_it = (cost for _, cost in sorted(turns))
    tell(f"without {without[0]:.2f} s of the processors, with {with_it[0]:.2f} s")
    return [without, with_it]


def figure(name: str, pairs: list[list[Cost]], most: float, *, judged: bool = True) -> Figure:
    """The median of the ratios."""
    ratio = median(with_it[0] / without[0] for without, with_it in pairs)
    seconds = median(with_it[1] / without[1] for without, with_it in pairs)
    without = median(without[0] for without, _ in pairs)
    shown = ", ".join(f"{with_it[0] / without[0]:.3f}" for without, with_it in pairs)
    return Figure(
        f"{name}: processor time with a sketch over that without", ratio, "x", f"<= {most:g}", ratio <= most if judged else None,
        f"without {without:.1f} s; of the seconds {seconds:.3f}; pairs: {shown}",
    )  # fmt: skip


def vectors(file: Path, dim: int, size: int) -> Path:
    """A file of so many descriptors."""
    made = Activations(dim)
    rows = np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=(size, dim))
    for start in range(0, size, CHUNK):
        rows[start : start + CHUNK] = made.chunk(start // CHUNK, min(CHUNK, size - start))
    rows.flush()
    return file


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", photos="", size=WHOLE, rounds=5, folder="")
    size, rounds = (2000, 1) if options.quick else (options.size, options.rounds)
    photographs = photographs_below(options.photos)
    if options.quick:
        photographs = photographs[:: max(1, len(photographs) // 50)]
    folder = kept_in(options.folder)
    kept = Kept(folder, "sketch_building", {"photos": options.photos, "size": size, "quick": options.quick})
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        place = Path(temporary)
        for dim, most in GOALS.items():
            tell(f"{size:,} descriptors of {dim:,} values")
            file = vectors(place / f"{dim}.npy", dim, size)
            small = vectors(place / "small.npy", dim, 300)
            # Compile everything before anything is timed.
            imported(small, place, SKETCHES[1])
            pairs = [
                kept.measured(
                    f"{dim}, {number}",
                    lambda file=file, number=number: pair(lambda sketch: imported(file, place, sketch), number),
                )
                for number in range(rounds)
            ]
            figures.append(figure(f"importing {size:,} of {dim:,} values", pairs, most, judged=size >= WHOLE))
            file.unlink()
        tell(f"{len(photographs):,} photographs")
        pairs = [
            kept.measured(
                f"photographs, {number}",
                lambda number=number: pair(lambda sketch: indexed(photographs, place, sketch), number),
            )
            for number in range(rounds)
        ]
        figures.append(figure(f"indexing {len(photographs):,} photographs", pairs, INGEST))
    report("What sketches cost to make", figures, options)
    kept.forget()


if __name__ == "__main__":
    main()

"""How fast sketches are scored, on one thread: all in order, beside faiss's fast scan and what the memory gives; and a few of very many.

    python benchmarks/sketch_kernel.py [--size 4000000] [--largest 20000000] [--folder DIR] [--quick] [--json FILE]

The rows are those of ``rabitq`` with 40 bytes: 256 values of a bit each, and two numbers. In order they are scored as one table in memory,
160,000 of them, as a small collection has, and ``--size``, more than any cache holds. faiss has ``RaBitQfs`` of 256 values, as many objects,
and one thread (``pip install -r benchmarks/requirements.txt``); it also picks the best hundred on the way, so ours is measured with that as
well. What the memory gives is the rate at which one thread reads as many bytes and does next to nothing with them.

The few are 5,000 random rows, in the order of their places, of ``--largest`` in a mapped file that lies in the system's cache, other rows every
time: as the collection scores them, in parts of a million, and as one array. The file takes 800 MB below ``--folder``, and is kept there.
"""

import os

# Before NumPy is loaded: one thread, whatever multiplies.
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", NUMBA_NUM_THREADS="1")

import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from statistics import median

import numpy as np
from asking import tell
from kept import kept_in
from report import Figure, arguments, report

import seealso
from seealso.collection.sketches.rows import PART, Part, Rows
from seealso.collection.sketches.runs import Runs

BYTES = 40
VALUES = 256
DIM = 256  # of the descriptors: what is before the code costs a query nothing here
SMALL = 160_000
FEW = 5000
BEST = 100
MADE = 1 << 16  # rows that are really encoded; larger tables repeat them
FEW_MS = 0.5
HALF, NEAR_MEMORY = 0.5, 1.5


def trained(random: np.random.Generator) -> tuple[seealso.Sketch, np.ndarray]:
    """The sketch, and encoded rows ``(MADE, BYTES)``."""
    plugins = seealso.load_plugins()
    cls = plugins.get("sketch", "rabitq")
    context = seealso.SketchContext(plugins.get("distance", "euclidean")(), DIM, np.dtype(np.float32), 1)
    sketch = cls(cls.Options(bytes=BYTES, bits=1), context)
    descriptors = random.normal(size=(MADE, DIM)).astype(np.float32)
    sketch.train(descriptors[: sketch.sample_size])
    return sketch, sketch.encode(descriptors)


def milliseconds(work: Callable[[], object], rounds: int) -> float:
    """The median."""
    work()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - started))
    return median(times)


def memory_rate(size: int, rounds: int) -> float:
    """Milliseconds in which one thread reads so many bytes: the better of two ways to do so."""
    values = np.ones(size // 4, np.float32)
    return min(milliseconds(lambda: np.dot(values, values), rounds), milliseconds(values.max, rounds))


def fast_scan(size: int, rounds: int) -> float | None:
    """Milliseconds of a query of faiss's; None where it is not installed."""
    try:
        import faiss
    except ImportError as error:
        tell(f"faiss is left out: {error}")
        return None
    faiss.omp_set_num_threads(1)
    random = np.random.default_rng(1)
    index = faiss.index_factory(VALUES, "RaBitQfs")
    some = random.normal(size=(MADE, VALUES)).astype(np.float32)
    index.train(some)
    for start in range(0, size, MADE):
        index.add(some[: size - start])
    queries = random.normal(size=(64, VALUES)).astype(np.float32)
    numbers = count()
    return milliseconds(lambda: index.search(queries[next(numbers) % 64][np.newaxis], BEST), rounds)


def in_order(sketch: seealso.Sketch, made: np.ndarray, size: int, rounds: int) -> Iterator[Figure]:
    """All rows of a table."""
    tell(f"{size:,} rows in order")
    rows = np.tile(made, (-(-size // MADE), 1))[:size]
    rows.flags.writeable = False
    places, scores = np.arange(size), np.empty(size, np.float32)
    query = sketch.query(np.random.default_rng(2).normal(size=DIM).astype(np.float32))

    def score() -> None:
        query.scores(rows, places, scores)

    def score_and_choose() -> None:
        score()
        np.argpartition(scores, BEST - 1)[:BEST]

    ours, chosen = milliseconds(score, rounds), milliseconds(score_and_choose, rounds)
    memory, theirs = memory_rate(size * BYTES, rounds), fast_scan(size, rounds)
    each = 1e6 / size  # nanoseconds an object, of milliseconds for all
    reached = ours <= NEAR_MEMORY * memory or (theirs is not None and theirs >= HALF * ours)
    beside = [f"memory gives {memory * each:.2f} ns ({size * BYTES / memory / 1e6:.1f} GB/s)"]
    beside += [f"faiss, best {BEST} chosen: {theirs * each:.2f} ns"] if theirs is not None else []
    beside += [f"ours, best {BEST} chosen: {chosen * each:.2f} ns"]
    goal = f"half of faiss's rate, or {NEAR_MEMORY:g} x what memory allows"
    yield Figure(
        f"{size:,} rows of {BYTES} bytes in order, one thread", ours * each, "ns each", goal,
        reached, "; ".join(beside),
    )  # fmt: skip


def mapped(file: Path, made: np.ndarray, size: int) -> np.ndarray:
    """A file of so many rows, mapped, and read once."""
    if not file.exists() or file.stat().st_size != size * BYTES:
        tell(f"{file}: {size * BYTES / 1e6:,.0f} MB are written")
        unfinished = file.with_suffix(".part")
        with unfinished.open("wb") as out:
            for start in range(0, size, MADE):
                out.write(made[: size - start].tobytes())
        unfinished.replace(file)
    rows = np.memmap(file, np.uint8, "r", shape=(size, BYTES)).view(np.ndarray)
    for start in range(0, size, PART):
        rows[start : start + PART].max()
    return rows


def few_of_many(sketch: seealso.Sketch, rows: np.ndarray, rounds: int, *, judged: bool) -> Iterator[Figure]:
    """A few random rows of a large table."""
    size = len(rows)
    tell(f"{FEW:,} of {size:,} rows")
    parts = tuple(Part(rows[start : start + PART]) for start in range(0, size, PART))
    one = Runs(*(np.array([value], np.int64) for value in (1, size, 0)))
    table = Rows(BYTES, one, parts, size)
    random = np.random.default_rng(3)
    query = sketch.query(random.normal(size=DIM).astype(np.float32))
    # Enough sets that the rows of one have left the caches when it comes again.
    sets = [np.sort(random.choice(size, min(FEW, size // 2), replace=False)) for _ in range(2 * rounds)]
    scores = np.empty(sets[0].size, np.float32)
    numbers = count()
    ours = milliseconds(lambda: table.score(query.scores, sets[next(numbers) % len(sets)]), rounds)
    as_one = milliseconds(lambda: query.scores(rows, sets[next(numbers) % len(sets)], scores), rounds)
    yield Figure(
        f"{sets[0].size:,} random rows of {size:,} in a mapped file, one thread", ours, "ms", f"<= {FEW_MS:g}",
        ours <= FEW_MS if judged else None,
        f"in {len(parts)} parts, as a collection has them; the same as one array: {as_one:.3f} ms",
    )  # fmt: skip


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", size=4_000_000, largest=20_000_000, folder="")
    folder = kept_in(options.folder)
    rounds = 5 if options.quick else 40
    sketch, made = trained(np.random.default_rng(0))
    figures: list[Figure] = []
    for size in (SMALL,) if options.quick else (SMALL, options.size):
        figures += in_order(sketch, made, size, rounds)
    largest = 500_000 if options.quick else options.largest
    file = folder / f"sketch-rows-{largest}.bin"
    figures += few_of_many(sketch, mapped(file, made, largest), rounds, judged=largest >= 20_000_000)
    report("The kernel of sketches", figures, options)


if __name__ == "__main__":
    main()

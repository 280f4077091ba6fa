"""What asking queries together brings: `Collection.search_many` beside a loop of `Collection.search`, in turns.

    python benchmarks/search_many.py [--vectors FILE.npy] [--size 100000] [--repeats 15] [--quick] [--json FILE]

A collection of the descriptors in the file (or of synthetic ones) with a sketch and one without are asked 100 queries at a time, by their
IDs and by descriptors. Times are of the processor, so that what else the machine does counts little.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from report import Figure, arguments, report
from synthetic import CHUNK, Clusters

import seealso
from seealso import Query

SIZE = 100_000
QUERIES = 100
WORTH = 0.1
"""The share of the time that has to be saved for it to be worth its code."""


def descriptors(file: str, size: int) -> np.ndarray:
    """``(size, dim)``, or as many as the file has."""
    if file:
        return np.load(file)[:size].astype(np.float32)
    chunks = [Clusters().chunk(number) for number in range(-(-size // CHUNK))]
    return np.concatenate(chunks)[:size]


def milliseconds(ask: Callable[[], object]) -> float:
    """Of the processor, a query."""
    started = time.process_time()
    ask()
    return 1000 * (time.process_time() - started) / QUERIES


def compared(collection: seealso.Collection, queries: Sequence[Query], repeats: int) -> tuple[float, float]:
    """Milliseconds a query of a loop and of all together, the medians, in turns."""

    def loop() -> list[list[int]]:
        return [[hit.id for hit in collection.search(query).hits] for query in queries]

    def together() -> list[list[int]]:
        return [[hit.id for hit in answer.hits] for answer in collection.search_many(queries)]

    assert loop() == together()
    times = np.array([[milliseconds(loop), milliseconds(together)] for _ in range(repeats)])
    alone, joined = np.median(times, axis=0).tolist()
    return alone, joined


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", vectors="", size=SIZE, repeats=15)
    made = descriptors(options.vectors, 5000 if options.quick else options.size)
    repeats = 3 if options.quick else options.repeats
    figures = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        np.save(folder / "vectors.npy", made)
        for sketch in ("rabitq", "none"):
            with seealso.open(folder / sketch, text=False, sketch=sketch) as collection:
                collection.import_descriptors(folder / "vectors.npy")
                ids = np.random.default_rng(0).choice(collection.ids(), QUERIES, replace=False)
                queries = {
                    "ID": [Query.like(id_, others=True) for id_ in ids.tolist()],
                    "descriptor": [Query.like(each) for each in collection.descriptors(ids)],
                }
                for by, asked in queries.items():
                    alone, joined = compared(collection, asked, repeats)
                    saved = 1 - joined / alone
                    figures.append(
                        Figure(
                            f"saved by asking {QUERIES} together, by {by}, sketch {sketch}", 100 * saved, "%", ">= 10",
                            saved >= WORTH, f"{joined:.3f} ms a query, {alone:.3f} in a loop",
                        )
                    )  # fmt: skip
    title = f"Queries asked together, {len(made):,} descriptors of {made.shape[1]:,} values"
    report(title, figures, options, whole=len(made) >= SIZE)


if __name__ == "__main__":
    main()

"""How a query grows with the collection, the sketch being named: time, memory, and the exponent; from 100,000 objects to 20 million.

    python benchmarks/growth.py [--folder DIR] [--steps 306] [--index NAME] [--quick] [--json FILE]

Synthetic descriptors of 64 values in clusters are imported into one collection, with ``sketch: {plugin: rabitq, bytes: 40}`` and the index there is
without a configuration, or ``--index``. At each size a fresh process on one core opens the collection, and asks for the neighbours of queries that
are no objects: through the public interface, reads and catalogue rows included. Where the index changes by itself, sizes are close to one another,
so that a step would show. 20 million take about an hour, and some 20 GB below ``--folder``; a run that is interrupted goes on there.
"""

import os
import re
import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from asking import WARM_UP, tell
from kept import Kept
from nearest import Nearest
from report import Figure, arguments, bytes_below, peak_memory, report
from synthetic import CHUNK, DIM, Clusters

import seealso

K = 10
QUERIES = 200
STEPS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 32, 64, 128, 306)
"""Sizes, in chunks of 65,536."""

FINE = (4, 12)
"""From the one to the other of these steps sizes grow by a quarter at most."""

STEP = 1.3
AT_ONCE = 16  # chunks in a file
SKETCH = {"plugin": "rabitq", "bytes": 40}


def opened(folder: Path, index: str) -> seealso.Collection:
    """The collection."""
    settings: dict[str, object] = {"index": index} if index else {}
    return seealso.open(folder / "growth.seealso", store="flat-file", text=False, sketch=SKETCH, **settings)


def answer(folder: Path, index: str, queries: np.ndarray, last: np.ndarray) -> dict[str, Any]:
    """Ask, on one core, in a process that does nothing else."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with opened(folder, index) as collection:
        for query in queries[:WARM_UP]:
            collection.similar_to_descriptor(query, K)
        times, right, costs = [], [], []
        for query, far in zip(queries, last, strict=True):
            started = time.perf_counter()
            found = collection.similar_to_descriptor(query, K)
            times.append(1000 * (time.perf_counter() - started))
            # By distance: after an interruption IDs are not the numbers of rows.
            right.append(sum(hit.distance <= far * (1 + 1e-4) for hit in found.hits) / K)
            costs.append(found.cost)
        status = collection.status()
        with collection._opening.using() as parts:
            name = parts.index.view(parts.catalog).part.name
    stages = {
        stage: float(np.median([getattr(cost.ms, stage) for cost in costs]))
        for stage in ("candidates", "sketch", "read")
    }
    index_bytes, sketch_bytes = (status[part]["bytes"] for part in ("index", "sketch"))
    return {
        "ms": float(np.median(times)), "recall": float(np.mean(right)), "stages": stages, "index": name,
        "resident": resident(), "bytes": index_bytes + sketch_bytes, "refined": float(np.mean([cost.refined for cost in costs])),
    }  # fmt: skip


def resident() -> int:
    """Bytes that this process holds now; at its peak, where the system does not tell."""
    status = Path("/proc/self/status")
    return 1024 * int(re.search(r"VmRSS:\s+(\d+) kB", status.read_text())[1]) if status.exists() else peak_memory()


class Growing:
    """A collection that is filled up to one size after the other.

    Args:
        folder: where it lies.
        index: its name; empty: the one there is without a configuration.
        unit: descriptors in a chunk.
    """

    def __init__(self, folder: Path, index: str, unit: int) -> None:
        self._folder, self._index, self._unit = folder, index, unit
        self._clusters = Clusters()
        self.nearest = Nearest(self._clusters.queries(QUERIES), K)
        self._passed = 0

    def objects(self) -> int:
        """How many there are."""
        with opened(self._folder, self._index) as collection:
            return collection.counts().objects if collection.exists() else 0

    def measured(self, chunks: int) -> dict[str, Any]:
        """Grow to so many chunks, and ask in a process of its own."""
        self.grow(chunks)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            given = (self._folder, self._index, self.nearest.queries, self.nearest.last)
            return process.submit(answer, *given).result()

    def grow(self, chunks: int) -> None:
        """Up to so many chunks: what is there already is only compared with the queries."""
        there = self.objects()
        while self._passed < chunks:
            first, end = self._passed, min(chunks, self._passed + AT_ONCE)
            rows = np.concatenate([self._clusters.chunk(number, self._unit) for number in range(first, end)])
            self.nearest.offer(first * self._unit, rows)
            self._passed = end
            missing = rows[max(0, there - first * self._unit) :]
            if not len(missing):
                continue
            file = self._folder / f"from-{end * self._unit - len(missing):09}.npy"
            np.save(file, missing)
            with opened(self._folder, self._index) as collection:
                collection.import_descriptors(file)
            file.unlink()
            tell(f"{end * self._unit:,} objects")


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", folder="", steps=STEPS[-1], index="")
    unit = 4096 if options.quick else CHUNK
    steps = (1, 2, 4) if options.quick else tuple(step for step in STEPS if step <= options.steps)
    folder = Path(options.folder or tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    kept = Kept(folder, "growth", {"unit": unit, "index": options.index})
    try:
        growing = Growing(folder, options.index, unit)
        missing = [step for step in steps if str(step) not in kept]
        if missing and growing.objects() > missing[0] * unit:
            tell("the collection has outgrown what is to be measured: it is begun anew")
            shutil.rmtree(folder / "growth.seealso")
        measured = {}
        for step in steps:
            measured[step * unit] = kept.measured(str(step), lambda step=step: growing.measured(step))
        figures = list(figures_of(measured, unit))
        if not options.quick:
            on_disk = bytes_below(folder / "growth.seealso") / max(measured)
            figures.append(Figure("on disk, all of it", on_disk, "bytes an object"))
        report(f"Growth, {DIM} values, one core", figures, options)
        kept.forget()
    finally:
        if not options.folder:
            shutil.rmtree(folder, ignore_errors=True)


def figures_of(measured: dict[int, dict[str, Any]], unit: int) -> list[Figure]:
    """Time and memory at each size; the exponent, and the steps."""
    figures = []
    for size, each in measured.items():
        stages = ", ".join(f"{stage} {ms:.1f}" for stage, ms in each["stages"].items())
        figures += [
            Figure(f"{size:,} objects: a query", each["ms"], "ms", beside=f"{each['index']}; {stages}; {each['refined']:.0f} read; recall {each['recall']:.3f}"),
            Figure(f"{size:,} objects: index and sketches", each["bytes"] / size, "bytes an object", beside=f"resident {each['resident'] / 1e6:,.0f} MB"),
        ]  # fmt: skip
    sizes, times = np.array(list(measured), float), np.array([each["ms"] for each in measured.values()])
    for least in (0, 900_000):
        some = sizes >= least
        if some.sum() > 1:
            exponent = float(np.polyfit(np.log(sizes[some]), np.log(times[some]), 1)[0])
            name = f"from {int(sizes[some][0]):,} to {int(sizes[-1]):,}: a query grows with the power"
            figures.append(Figure(name, exponent, "of the size"))
    fine = (sizes >= FINE[0] * CHUNK) & (sizes <= FINE[1] * CHUNK)
    if fine.sum() > 1:
        step = float((times[fine][1:] / times[fine][:-1]).max())
        names = ", ".join(dict.fromkeys(each["index"] for each in measured.values()))
        figures.append(
            Figure(
                "the largest step between neighbouring sizes where the index changes", step, "x", f"<= {STEP:g}", step <= STEP,
                f"{int(sizes[fine][0]):,} to {int(sizes[fine][-1]):,} objects; {names}",
            )
        )  # fmt: skip
    return figures


if __name__ == "__main__":
    main()

"""The metric index ppp-codes: what it finds, what it takes in memory, how fast it answers and is built.

    python benchmarks/metric_index.py --photos ~/Pictures [--size 1000000] [--largest 20000000] [--quick] [--json FILE]

What it finds is measured on descriptors of random crops of photographs (made once, and kept), beside a plain NumPy
implementation of the method that ranks every object, and beside faiss and hnswlib where they are installed
(``pip install -r benchmarks/requirements.txt``). One crop is the query, its sibling crops are left out of the answer. Time
and memory are measured on synthetic descriptors of 64 values in clusters, generated in chunks: 100,000 of them, ``--size``,
and ``--largest``. ``--quick`` leaves the others out: a thousand descriptors are too few to train them on.
"""

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np
from cropping import crop_descriptors
from nearest import Nearest
from report import Figure, arguments, own_memory, report
from rivals import BruteForce, Faiss, Graph, Ours, Rival, make_index
from synthetic import CHUNK, DIM, Clusters

import seealso

CANDIDATES = (100, 500, 1000, 2000, 5000)
NEIGHBOURS = 10
SAMPLE = 2560
COMPARED = 1000  # candidates that are refined, of each of those compared


def trained(dim: int, sample: np.ndarray, distance: str = "euclidean", threads: int = 1) -> seealso.MetricIndex:
    """Our index with its defaults."""
    index = make_index("ppp-codes", dim, threads, distance=distance)
    index.train(sample)
    return index


def usable_threads() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


# What it finds


def true_neighbours(descriptors: np.ndarray, owners: np.ndarray, queries: np.ndarray) -> list[np.ndarray]:
    """The nearest neighbours of each query that are no siblings of it, by brute force."""
    squares = np.vecdot(descriptors, descriptors)
    found = []
    for query in queries:
        distances = squares - 2 * (descriptors @ descriptors[query])
        distances[owners == owners[query]] = np.inf
        found.append(np.argpartition(distances, NEIGHBOURS)[:NEIGHBOURS])
    return found


def reference_rankings(
    descriptors: np.ndarray, pivots: np.ndarray, queries: np.ndarray, length: int, weight: float
) -> Iterator[np.ndarray]:
    """All objects for each query, best first, by the method as it is written: argsort, and every object looked at."""
    spaces, count, dim = pivots.shape
    flat = pivots.reshape(-1, dim)
    codes = np.empty((len(descriptors), spaces, length), np.int16)
    for start in range(0, len(descriptors), 2048):
        part = descriptors[start : start + 2048]
        distances = np.vecdot(part, part)[:, np.newaxis] + np.vecdot(flat, flat) - 2 * (part @ flat.T)
        codes[start : start + 2048] = np.argsort(distances.reshape(len(part), spaces, count), axis=2)[:, :, :length]
    for query in queries:
        distances = np.linalg.norm(flat - descriptors[query], axis=1).reshape(spaces, count)
        scores = np.zeros(len(descriptors))
        for space in range(spaces):
            for place in range(length):
                scores += weight**place * distances[space, codes[:, space, place]]
        yield np.argsort(scores, kind="stable")


def recall(ranking: np.ndarray, owners: np.ndarray, query: int, neighbours: np.ndarray, count: int) -> float:
    """The share of the true neighbours among the first ``count`` that are no siblings."""
    others = ranking[owners[ranking] != owners[query]]
    return float(np.isin(neighbours, others[:count]).mean())


class Photographs:
    """Descriptors of crops, and queries among them with their true neighbours."""

    def __init__(self, folder: str, crops: int, asked: int) -> None:
        mapped, self.owners = crop_descriptors(folder, crops)
        self.descriptors = np.array(mapped)
        self.random = np.random.default_rng(0)
        self.sample = self.descriptors[self.random.permutation(crops)[:SAMPLE]]
        self.queries = self.random.permutation(crops)[:asked]
        self.neighbours = true_neighbours(self.descriptors, self.owners, self.queries)
        self.siblings = -(-crops // len(np.unique(self.owners)))

    def recall(self, search: Callable[[np.ndarray, int], np.ndarray], count: int) -> float:
        """Mean recall among ``count`` candidates; the siblings are asked for on top."""
        return float(
            np.mean(
                [
                    recall(search(self.descriptors[query], count + self.siblings), self.owners, query, near, count)
                    for query, near in zip(self.queries, self.neighbours, strict=True)
                ]
            )
        )


def measure_recall(photographs: Photographs) -> list[Figure]:
    """Recall beside the reference's."""
    descriptors, queries = photographs.descriptors, photographs.queries
    index = trained(descriptors.shape[1], photographs.sample)
    for start in range(0, len(descriptors), 8192):
        part = descriptors[start : start + 8192]
        index.add(start + np.arange(len(part)), part)
    options = index.options
    plain = np.zeros(len(CANDIDATES))
    rankings = reference_rankings(descriptors, index.pivots, queries, options.prefix_length, options.weight)
    for ranking, query, near in zip(rankings, queries, photographs.neighbours, strict=True):
        plain += [recall(ranking, photographs.owners, query, near, count) for count in CANDIDATES]
    plain /= len(queries)
    figures = []
    for count, reference in zip(CANDIDATES, plain, strict=True):
        ours = photographs.recall(lambda query, wanted: next(index.candidates(query, wanted=wanted)).ids, count)
        figures.append(
            Figure(
                f"recall of the {NEIGHBOURS} nearest among {count} candidates",
                ours,
                "",
                ">= the reference's − 0.002",
                ours >= reference - 0.002,
                f"reference, every object ranked: {reference:.4f}; {len(descriptors)} crops, {len(queries)} queries",
            )
        )
    index.close()
    return figures


def measure_building(photographs: Photographs, metric: str, size: int) -> list[Figure]:
    """How fast an index is built, beside a matrix product of the same size; both take turns, a slice each."""
    descriptors = photographs.descriptors
    index = trained(descriptors.shape[1], photographs.sample, metric, usable_threads())
    flat = index.pivots.reshape(-1, descriptors.shape[1])
    ratios, building, added = [], 0.0, 0
    while added < size:
        start = added % (len(descriptors) - 8191) if len(descriptors) > 8192 else 0
        part = descriptors[start : start + min(8192, size - added)]
        product = seconds(lambda part=part: part @ flat.T)
        took = seconds(lambda part=part, added=added: index.add(added + np.arange(len(part)), part))
        building += took
        ratios.append(product / took)
        added += len(part)
    index.close()
    # The first only warms up.
    ratio = median(ratios[1:] or ratios)
    dim = descriptors.shape[1]
    return [
        Figure(
            f"building, {metric}, as a share of the machine's matrix-multiply rate",
            ratio,
            "",
            ">= 0.5",
            ratio >= 0.5,
            f"{dim} dimensions, {len(flat)} pivots; the same products by sgemm in turns, on as many cores",
        ),
        Figure(f"adding {size} of {dim} dimensions, {metric}", building, "s", "in minutes", building < 600),
    ]


# Beside others


def measure_rivals(photographs: Photographs) -> list[Figure]:
    """Recall, time, memory, building, adding and removing a tenth: ours and others', on the same descriptors."""
    descriptors = photographs.descriptors
    most = len(descriptors) * 9 // 10
    threads = usable_threads()
    figures = []
    rivals: tuple[type[Rival], ...] = (Ours, Faiss, Graph, BruteForce)
    for make in rivals:
        try:
            rival = make(descriptors.shape[1], threads)
        except ImportError as error:
            print(f"{make.name} is left out: {error}", file=sys.stderr)
            continue
        building = seconds(lambda rival=rival: rival.build(descriptors[:most]))
        adding = seconds(lambda rival=rival: rival.add(most, descriptors[most:]))
        size = rival.bytes()

        def answer(query: np.ndarray, count: int, rival: Rival = rival) -> np.ndarray:
            """Candidates, ordered by their true distance."""
            ids = rival.search(query, count)
            if rival.refines:
                ids = ids[np.argsort(np.linalg.norm(descriptors[ids] - query, axis=1))]
            return ids

        found = photographs.recall(answer, COMPARED)
        times = [
            1000 * seconds(lambda query=query: answer(query, COMPARED)) for query in descriptors[photographs.queries]
        ]
        removing = seconds(lambda rival=rival: rival.remove(np.arange(most, len(descriptors))))
        beside = f"{COMPARED} candidates refined; {rival.setting}"
        name = rival.name
        figures += [
            Figure(f"{name}: recall of the {NEIGHBOURS} nearest", found, "", beside=beside),
            Figure(f"{name}: a query with refinement, one core", median(times), "ms"),
            Figure(f"{name}: memory an object", size / len(descriptors), "bytes", beside="everything included"),
            Figure(f"{name}: building nine tenths", building, "s", beside=f"{threads} threads"),
            Figure(f"{name}: adding a tenth", adding, "s"),
            Figure(f"{name}: removing a tenth", removing, "s"),
        ]
    return figures


# Time and memory


def query_times(index: seealso.MetricIndex, queries: np.ndarray) -> list[float]:
    """Milliseconds to 5,000 candidates, for each query."""
    return [1000 * seconds(lambda query=query: next(index.candidates(query, wanted=5000))) for query in queries]


def measure_size(size: int, queries: int, goal: float | None) -> list[Figure]:
    """Time of a query, what it finds, and memory, at one size."""
    clusters = Clusters()
    index = trained(DIM, clusters.chunk(0)[:SAMPLE])
    nearest = Nearest(clusters.queries(queries), NEIGHBOURS)
    building = 0.0
    for start in range(0, size, CHUNK):
        part = clusters.chunk(start)[: size - start]
        building += seconds(lambda part=part, start=start: index.add(start + np.arange(len(part)), part))
        nearest.offer(start, part)
    with tempfile.TemporaryDirectory() as folder:
        saving = seconds(lambda: index.save(Path(folder)))
        fresh = make_index("ppp-codes", DIM, 1)
        opening = seconds(lambda: fresh.load(Path(folder)))
        fresh.close()
    statistics = index.statistics()
    query_times(index, nearest.queries[:20])
    times = query_times(index, nearest.queries)
    found = [next(index.candidates(query, wanted=5000)).ids for query in nearest.queries]
    ours = np.mean([np.isin(near, ids).mean() for near, ids in zip(nearest.ids, found, strict=True)])
    # Ranking every object takes seconds where there are 20 million: fewer queries tell.
    some = slice(max(5, min(queries, 50_000_000 // size)))
    index.options = index.options.model_copy(update={"scored_per_candidate": float(size)})
    ranked = [next(index.candidates(query, wanted=5000)).ids for query in nearest.queries[some]]
    every = np.mean([np.isin(near, ids).mean() for near, ids in zip(nearest.ids[some], ranked, strict=True)])
    index.close()
    return [
        Figure(
            f"5,000 candidates of {size}, one core",
            median(times),
            "ms",
            "" if goal is None else f"<= {goal:g}",
            None if goal is None else median(times) <= goal,
            f"slowest of {len(times)}: {max(times):.1f} ms",
        ),
        Figure(
            f"recall of the {NEIGHBOURS} nearest among 5,000 of {size}",
            float(ours),
            "",
            ">= all ranked − 0.01",
            bool(ours >= every - 0.01),
            f"every object ranked: {every:.4f} ({len(ranked)} queries)",
        ),
        Figure(
            f"memory an object at {size}",
            float(statistics["bytes_per_object"]),
            "bytes",
            "<= 55" if size >= 1_000_000 else "",
            float(statistics["bytes_per_object"]) <= 55 if size >= 1_000_000 else None,
            f"all but the pivots ({statistics['bytes_pivots']} bytes)",
        ),
        Figure(
            f"opening a snapshot of {size}",
            opening,
            "s",
            "< 1" if size <= 1_000_000 else "",
            opening < 1 if size <= 1_000_000 else None,
            f"saving took {saving:.2f} s",
        ),
        Figure(f"adding {size} of {DIM} dimensions, one thread", building, "s"),
    ]


def measure_merging(size: int) -> list[Figure]:
    """Query times at ten a second, and memory, while what is added makes all segments one."""
    clusters = Clusters()
    index = trained(DIM, clusters.chunk(0)[:SAMPLE])
    for start in range(0, size, CHUNK):
        part = clusters.chunk(start)[: size - start]
        index.add(start + np.arange(len(part)), part)
    with tempfile.TemporaryDirectory() as folder:
        index.save(Path(folder))
    queries = clusters.queries(200)
    query_times(index, queries[:20])
    quiet = query_times(index, queries)
    # A quarter more makes the largest segment merge. It is made beforehand, so that its memory is not the merge's.
    more = [clusters.chunk(size + start) for start in range(0, size // 3, CHUNK)]
    held, steady, peak = int(index.statistics()["bytes"]), own_memory(), [own_memory()]
    times: list[float] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.wait(0.1):
            times.extend(query_times(index, queries[len(times) % 200][np.newaxis]))

    def watch() -> None:
        while not stop.wait(0.005):
            peak.append(own_memory())

    threads = [threading.Thread(target=work) for work in (ask, watch)]
    for thread in threads:
        thread.start()
    for number, part in enumerate(more):
        index.add(size + number * CHUNK + np.arange(CHUNK), part)
    # Merging goes on in the background; saving waits for it.
    with tempfile.TemporaryDirectory() as folder:
        index.save(Path(folder))
    stop.set()
    for thread in threads:
        thread.join()
    after = int(index.statistics()["bytes"])
    index.close()
    slower = max(times) - max(quiet)
    return [
        Figure(
            f"slowest query during a merge, beyond the slowest without, at {size}",
            slower,
            "ms",
            "<= 50",
            slower <= 50 if size >= 1_000_000 else None,
            f"{max(times):.1f} and {max(quiet):.1f} ms; {len(times)} queries, ten a second, while objects are added",
        ),
        Figure(
            f"memory at {size}, at rest",
            held / 2**20,
            "MiB",
            beside=f"pivots included; {len(more) * CHUNK} objects and the merge later {after / 2**20:.1f} MiB",
        ),
        Figure(
            "memory at the peak of the merge",
            (held + max(peak) - steady) / 2**20,
            "MiB",
            beside="what the process holds more than at rest, mapped files not counted, on top of that",
        ),
    ]


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", photos="", crops=150_000, size=1_000_000, largest=20_000_000)
    quick = options.quick
    crops, asked = (1000, 50) if quick else (options.crops, 200)
    # First, while nothing that was measured before lies in the process' memory.
    merging = measure_merging(100_000 if quick else options.size)
    photographs = Photographs(options.photos, crops, asked)
    figures = measure_recall(photographs)
    for metric, size in (("euclidean", 10_000 if quick else 1_000_000), ("cosine", 10_000 if quick else 100_000)):
        figures += measure_building(photographs, metric, size)
    if not quick:
        figures += measure_rivals(photographs)
    del photographs
    goals = {1_000_000: 10.0, 20_000_000: 25.0}
    for size in (50_000,) if quick else dict.fromkeys((100_000, options.size, options.largest)):
        figures += measure_size(size, 20 if quick else 100, goals.get(size))
    figures += merging
    report("Metric index", figures, options)


if __name__ == "__main__":
    main()

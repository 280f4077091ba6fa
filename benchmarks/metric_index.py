"""The metric index ppp-codes: what it finds, what it takes in memory, how fast it answers and is built.

    python benchmarks/metric_index.py --photos ~/Pictures [--size 1000000] [--quick] [--json FILE]

What it finds is measured on descriptors of random crops of photographs (made once, and kept), beside a plain NumPy
implementation of the method that ranks every object. One crop is the query, its sibling crops are left out of the answer.
Time and memory are measured on ``--size`` synthetic descriptors of 64 values in clusters, generated in chunks.
"""

import resource
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np
from crops import crop_descriptors
from report import Figure, arguments, report

import seealso

CANDIDATES = (100, 500, 1000, 2000, 5000)
NEIGHBOURS = 10
DIM = 64
CLUSTERS = 2000
CHUNK = 1 << 16


def make_index(dim: int, sample: np.ndarray, threads: int = 1, **options: object) -> seealso.MetricIndex:
    """A trained index on the Euclidean distance."""
    plugins = seealso.load_plugins()
    cls = plugins.get("index", "ppp-codes")
    distance = plugins.get("distance", "euclidean")()
    context = seealso.IndexContext(distance, None, dim, np.dtype(np.float32), threads)
    index = cls(cls.Options(**options), context)
    index.train(sample)
    return index


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


def recall(ranking: np.ndarray, owners: np.ndarray, query: int, neighbours: np.ndarray) -> list[float]:
    """The share of the true neighbours among the first candidates, for each number of candidates."""
    others = ranking[owners[ranking] != owners[query]]
    return [float(np.isin(neighbours, others[:count]).mean()) for count in CANDIDATES]


def measure_recall(photos: str, crops: int, asked: int) -> list[Figure]:
    """Recall beside the reference's, and how fast the index was built beside a matrix product of the same size."""
    mapped, owners = crop_descriptors(photos, crops)
    descriptors = np.array(mapped)
    random = np.random.default_rng(0)
    index = make_index(descriptors.shape[1], descriptors[random.permutation(crops)[:4096]])
    queries = random.permutation(crops)[:asked]
    neighbours = true_neighbours(descriptors, owners, queries)

    # Both take turns, a slice each; the first of each only warms up.
    pivots = index.pivots
    flat = pivots.reshape(-1, pivots.shape[2])
    ratios = []
    for start in range(0, crops, 8192):
        part = descriptors[start : start + 8192]
        product = seconds(lambda part=part: part @ flat.T)
        ratios.append(product / seconds(lambda part=part, start=start: index.add(start + np.arange(len(part)), part)))

    siblings = -(-crops // len(np.unique(owners)))
    taken = []
    for query in queries:
        near = neighbours[len(taken)]
        blocks = [next(index.candidates(descriptors[query], wanted=count + siblings)) for count in CANDIDATES]
        taken.append([recall(block.ids, owners, query, near)[place] for place, block in enumerate(blocks)])
    ours = np.mean(taken, axis=0)
    options = index.options
    rankings = reference_rankings(descriptors, pivots, queries, options.prefix_length, options.weight)
    plain = np.mean(
        [recall(r, owners, q, near) for r, q, near in zip(rankings, queries, neighbours, strict=True)], axis=0
    )
    figures = [
        Figure(
            f"recall of the {NEIGHBOURS} nearest among {count} candidates",
            float(ours[place]),
            "",
            ">= the reference's − 0.01",
            bool(ours[place] >= plain[place] - 0.01),
            f"reference, every object ranked: {plain[place]:.3f}; {crops} crops, {asked} queries",
        )
        for place, count in enumerate(CANDIDATES)
    ]
    ratio = median(ratios[1:] or ratios)
    figures.append(
        Figure(
            "building, as a share of the machine's matrix-multiply rate",
            ratio,
            "",
            ">= 0.5",
            ratio >= 0.5,
            f"{descriptors.shape[1]} dimensions, euclidean, {len(flat)} pivots; the same products by sgemm in turns",
        )
    )
    return figures


# Time and memory


class Clusters:
    """Synthetic descriptors: clusters that are flat in most directions; a chunk is the same whenever it is made."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self.centres = 0.6 * random.normal(size=(CLUSTERS, DIM)).astype(np.float32)
        self.directions = 0.35 * random.normal(size=(CLUSTERS, 8, DIM)).astype(np.float32)

    def chunk(self, number: int, count: int = CHUNK) -> np.ndarray:
        """Descriptors ``(count, DIM)``."""
        random = np.random.default_rng([1, number])
        cluster = random.integers(0, CLUSTERS, count)
        along = random.normal(size=(count, 8)).astype(np.float32)
        noise = 0.1 * random.normal(size=(count, DIM)).astype(np.float32)
        return self.centres[cluster] + np.einsum("nj,njd->nd", along, self.directions[cluster]) + noise


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def query_times(index: seealso.MetricIndex, queries: np.ndarray) -> list[float]:
    """Milliseconds to 5,000 candidates, for each query."""
    return [1000 * seconds(lambda query=query: next(index.candidates(query, wanted=5000))) for query in queries]


def measure_merging(index: seealso.MetricIndex, clusters: Clusters, size: int) -> list[float]:
    """Query times at ten a second, while what was added makes all segments one."""
    queries = clusters.chunk(1 << 30, 200)
    times: list[float] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.wait(0.1):
            times.extend(query_times(index, queries[len(times) % 200][np.newaxis]))

    asking = threading.Thread(target=ask)
    asking.start()
    more = 0
    # A quarter more makes the largest segment merge.
    while more < size // 3:
        index.add(size + more + np.arange(CHUNK), clusters.chunk(size + more))
        more += CHUNK
    time.sleep(2)
    stop.set()
    asking.join()
    return times


def measure_size(size: int) -> list[Figure]:
    """Memory, the time of a query, opening a snapshot, and queries during a merge, at one size."""
    clusters = Clusters()
    index = make_index(DIM, clusters.chunk(0)[:4096])
    building = 0.0
    for start in range(0, size, CHUNK):
        part = clusters.chunk(start)[: size - start]
        building += seconds(lambda part=part, start=start: index.add(start + np.arange(len(part)), part))
    queries = clusters.chunk(1 << 31, 110)
    with tempfile.TemporaryDirectory() as folder:
        saving = seconds(lambda: index.save(Path(folder)))
        fresh = make_index(DIM, clusters.chunk(0)[:4096])
        opening = seconds(lambda: fresh.load(Path(folder)))
        fresh.close()
    statistics = index.statistics()
    query_times(index, queries[:10])
    times = query_times(index, queries[10:])
    figures = [
        Figure(
            f"memory an object at {size}",
            float(statistics["bytes_per_object"]),
            "bytes",
            "<= 55",
            float(statistics["bytes_per_object"]) <= 55,
            f"all but the pivots ({statistics['bytes_pivots']} bytes); peak of the process "
            f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB",
        ),
        Figure(
            f"5,000 candidates at {size}, one core",
            median(times),
            "ms",
            "<= 10 at 1 M, <= 25 at 20 M",
            {1_000_000: median(times) <= 10, 20_000_000: median(times) <= 25}.get(size),
            f"slowest of {len(times)}: {max(times):.1f} ms",
        ),
        Figure(f"opening a snapshot of {size}", opening, "s", "< 1 at 1 M", opening < 1, f"saving took {saving:.2f} s"),
        Figure(f"adding {size} of {DIM} dimensions", building, "s"),
    ]
    quiet = query_times(index, queries)
    merging = measure_merging(index, clusters, size)
    slower = max(merging) - max(quiet)
    figures.append(
        Figure(
            f"slowest query during a merge, beyond the slowest without, at {size}",
            slower,
            "ms",
            "<= 50",
            slower <= 50,
            f"{max(merging):.1f} and {max(quiet):.1f} ms; {len(merging)} queries, ten a second, while objects are added",
        )
    )
    index.close()
    return figures


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", photos="../shared/photos", crops=150_000, size=1_000_000)
    crops, size, asked = (6000, 100_000, 50) if options.quick else (options.crops, options.size, 200)
    figures = measure_recall(options.photos, crops, asked) + measure_size(size)
    if options.quick:
        for figure in figures:
            figure.holds = None
    report("Metric index", figures, options.json)


if __name__ == "__main__":
    main()

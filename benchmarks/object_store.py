"""The object store flat-file: bytes on disk, write rate, and refining 5,000 candidates at the disk's speed.

    python benchmarks/object_store.py [--size 1000000] [--folder DIR] [--quick] [--json FILE]

Descriptors are shaped like DeCAF7: 4,096 float32 values, rectified, in clusters, generated in chunks. Beside flat-file stand
lmdb with zstd, a plain memory map of the values as they are, and as the physical limit a bare loop that reads the same
places and decodes nothing, at its best number of readers. *Warm* is what lies in the operating system's cache, *cold* is what
was dropped from it just before (files synced, maps closed). A million take some 27 GB below ``--folder``.
"""

import os
import shutil
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
from page_cache import drop_cache
from report import Figure, arguments, report
from rivals import make_index

import seealso
from seealso_flatfile.reading import plans

DIM = 4096
CHUNK = 2048
SIZE, SMALL = 1_000_000, 50_000
CLUSTERS = 1000
CANDIDATES = 5000
ROUNDS = 5
READERS = (1, 2, 4, 8, 16, 32, 64)
THRESHOLDS = {55: 0.126, 65: 0.385, 75: 0.674}
"""What has to be taken from a normal value for so many per cent to be below zero."""


class Activations:
    """Rectified descriptors in clusters; a chunk is the same whenever it is made."""

    def __init__(self, zeros: int = 75) -> None:
        self.threshold = THRESHOLDS[zeros]
        self.centres = np.sqrt(0.7) * np.random.default_rng(0).standard_normal((CLUSTERS, DIM), np.float32)

    def chunk(self, number: int, count: int = CHUNK) -> np.ndarray:
        """Descriptors ``(count, DIM)``."""
        random = np.random.default_rng([1, number])
        values = random.standard_normal((count, DIM), np.float32)
        values *= np.float32(np.sqrt(0.3))
        values += self.centres[random.integers(0, CLUSTERS, count)]
        values -= np.float32(self.threshold)
        return np.maximum(values, 0, out=values)

    def chunks(self, size: int) -> Iterator[tuple[int, np.ndarray]]:
        """All of them: the number of the first, and descriptors."""
        for start in range(0, size, CHUNK):
            yield start, self.chunk(start)[: size - start]


def open_store(name: str, codec: str, folder: Path, dim: int = DIM) -> seealso.ObjectStore:
    """A store of such descriptors."""
    plugins = seealso.load_plugins()
    cls = plugins.get("store", name)

    def make_codec(choice: seealso.PluginChoice) -> seealso.Codec:
        codec_class = plugins.get("codec", choice.plugin)
        options = codec_class.Options(**choice.options)
        return codec_class(options, seealso.CodecContext(dim, np.dtype(np.float32)))

    folder.mkdir(parents=True, exist_ok=True)
    choice = seealso.PluginChoice(codec)
    context = seealso.StoreContext(folder, dim, np.dtype(np.float32), False, make_codec, lambda _: choice)
    return cls(cls.Options(codec=choice), context)


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def fill(store: seealso.ObjectStore, activations: Activations, size: int) -> float:
    """Put descriptors; returns the seconds that the store took."""
    taken = 0.0
    for start, descriptors in activations.chunks(size):
        ids = start + np.arange(len(descriptors))
        taken += seconds(lambda ids=ids, descriptors=descriptors: store.put_many(ids, descriptors))
        tell(f"{start + len(descriptors)} of {size}")
    return taken + seconds(store.flush)


_told = time.monotonic()


def tell(what: str) -> None:
    """Now and then a line on standard error."""
    global _told
    if time.monotonic() > _told + 10:
        _told = time.monotonic()
        print(what, file=sys.stderr, flush=True)


# Bytes on disk


def measure_bytes(folder: Path, size: int) -> list[Figure]:
    """How large the files are, against bitmap plus non-zeros, at three shares of zeros."""
    figures = []
    for zeros in THRESHOLDS:
        activations = Activations(zeros)
        present = sum(int(np.count_nonzero(part)) for _, part in activations.chunks(size))
        for codec, width in (("sparse", 4), ("sparse-f16", 2)):
            store = open_store("flat-file", codec, folder / "bytes")
            fill(store, activations, size)
            store.close()
            held = sum(path.stat().st_size for path in (folder / "bytes").rglob("*") if path.is_file())
            shutil.rmtree(folder / "bytes")
            ideal = size * DIM // 8 + present * width
            figures.append(
                Figure(
                    f"flat-file, {codec}, at {zeros} % zeros, over bitmap plus non-zeros",
                    held / ideal,
                    "",
                    "<= 1.02",
                    held / ideal <= 1.02,
                    f"{size} descriptors, {100 - 100 * present / size / DIM:.1f} % zeros; "
                    f"{size * DIM * 4 / held:.2f} × smaller than raw, {held / size:.0f} bytes each",
                )
            )
    return figures


# Refining


Contender = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Distances of a query ``(DIM,)`` to the candidates ``(n,)``, in any order."""


def refining(store: seealso.ObjectStore) -> Contender:
    """As a search does it."""
    euclidean = seealso.load_plugins().get("distance", "euclidean")()

    def refine(query: np.ndarray, ids: np.ndarray) -> np.ndarray:
        return np.concatenate([block.distances(euclidean, query) for block in store.read_blocks(ids)])

    return refine


@contextmanager
def opened(folder: Path, name: str) -> Iterator[Contender]:
    """A contender by its name."""
    if name == "np.memmap":
        raw = np.memmap(folder / name / "raw", np.float32, "r").reshape(-1, DIM)
        yield lambda query, ids: np.linalg.norm(raw[np.sort(ids)] - query, axis=1)
        raw._mmap.close()
        return
    plugin, codec = name.split(" ")
    store = open_store(plugin, codec, folder / name)
    yield refining(store)
    store.close()


def bare_loop(folder: Path, ids: np.ndarray, readers: int) -> float:
    """Milliseconds to read the places of candidates in flat-file's own files, and no more."""
    store = open_store("flat-file", "sparse", folder)
    _, places = store._open.lookup(np.sort(ids))
    reads = [(plan.segment, *each) for plan in plans(np.sort(ids), places) for each in plan.reads.tolist()]
    store.close()
    drop_cache(folder)
    files = {number: os.open(folder / "segments" / f"{number:08}.seg", os.O_RDONLY) for number in {r[0] for r in reads}}

    def read(part: list[tuple[int, int, int, int]]) -> None:
        for segment, start, _, size in part:
            os.pread(files[segment], size, start)

    with ThreadPoolExecutor(readers) as pool:
        list(pool.map(lambda _: None, range(readers)))
        # Each reader goes through its own stretch of the sorted places.
        parts = [reads[len(reads) * n // readers : len(reads) * (n + 1) // readers] for n in range(readers)]
        taken = 1000 * seconds(lambda: list(pool.map(read, parts)))
    for descriptor in files.values():
        os.close(descriptor)
    return taken


def peak_while(work: Callable[[], object]) -> float:
    """MiB that were held at once by what some work has made, arrays and all."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def measure_refining(folder: Path, activations: Activations, size: int) -> list[Figure]:
    """Write rates, then refining, cold and warm, for each contender."""
    figures = []
    names = ("flat-file sparse", "lmdb sparse", "lmdb zstd", "np.memmap")
    for name in names[:3]:
        plugin, codec = name.split(" ")
        store = open_store(plugin, codec, folder / name)
        taken = fill(store, activations, size)
        store.close()
        held = sum(path.stat().st_blocks * 512 for path in (folder / name).rglob("*"))
        figures.append(
            Figure(
                f"{name}: writing",
                size * DIM * 4 / taken / 1e6,
                "MB/s",
                beside=f"of descriptors as they are; {size / taken:.0f} descriptors/s, {held / size:.0f} bytes each on disk",
            )
        )
    (folder / "np.memmap").mkdir()
    with (folder / "np.memmap" / "raw").open("wb") as file:
        for _, descriptors in activations.chunks(size):
            file.write(descriptors.data)
    random = np.random.default_rng(2)
    rounds = [random.choice(size, CANDIDATES, replace=False).astype(np.int64) for _ in range(ROUNDS)]
    query = activations.chunk(1 << 31, 1)[0]
    loops = {readers: median(bare_loop(folder / names[0], ids, readers) for ids in rounds) for readers in READERS}
    best = min(loops, key=loops.__getitem__)
    figures.append(
        Figure(
            f"bare loop, {CANDIDATES} cold places, best number of readers",
            loops[best],
            "ms",
            beside="; ".join(f"{readers}: {taken:.0f}" for readers, taken in loops.items()),
        )
    )
    cold, warm = {}, {}
    for name in names:
        times = []
        for ids in rounds:
            drop_cache(folder / name)
            with opened(folder, name) as refine:
                refine(query, ids[:1])
                times.append(1000 * seconds(lambda ids=ids, refine=refine: refine(query, ids)))
        cold[name] = median(times)
        with opened(folder, name) as refine:
            refine(query, rounds[-1])
            warm[name] = median(1000 * seconds(lambda refine=refine: refine(query, rounds[-1])) for _ in range(ROUNDS))
            if name == names[0]:
                many = np.unique(np.concatenate([random.integers(0, size, 9 * CANDIDATES), rounds[-1]]))
                memory = [peak_while(lambda refine=refine, ids=ids: refine(query, ids)) for ids in (rounds[-1], many)]
    ours = names[0]
    for name in names:
        figures.append(Figure(f"{name}: refining {CANDIDATES}, cold", cold[name], "ms"))
        figures.append(Figure(f"{name}: refining {CANDIDATES}, warm", warm[name], "ms"))
    ratio, faster = cold[ours] / loops[best], warm["lmdb zstd"] / warm[ours]
    figures += [
        Figure(f"{ours}, cold, over the bare loop", ratio, "", "<= 1.5", ratio <= 1.5),
        Figure(f"lmdb zstd, warm, over {ours}", faster, "", ">= 10", faster >= 10),
        Figure(f"memory while {ours} refines {CANDIDATES}", memory[0], "MiB", beside="arrays and objects, at the peak"),
        Figure(f"and while it refines {many.size}", memory[1], "MiB"),
    ]
    return figures


# In the order of the index


def measure_order(folder: Path, activations: Activations, size: int) -> list[Figure]:
    """Reads and time for the candidates of real queries, before and after the store is laid in the index's order."""
    index = make_index("ppp-codes", DIM, os.cpu_count() or 1)
    index.train(activations.chunk(0)[: index.sample_size])
    for start, descriptors in activations.chunks(size):
        index.add(start + np.arange(len(descriptors)), descriptors)
        tell(f"indexed {start + len(descriptors)} of {size}")
    queries = activations.chunk(1 << 31, ROUNDS)
    candidates = [next(index.candidates(query, wanted=CANDIDATES)).ids for query in queries]
    euclidean = seealso.load_plugins().get("distance", "euclidean")()
    found = {}
    for when in ("before", "after"):
        reads, amounts, times = [], [], []
        for query, ids in zip(queries, candidates, strict=True):
            drop_cache(folder)
            store = open_store("flat-file", "sparse", folder)
            cost = [0, 0]

            def refine(store: seealso.ObjectStore, query: np.ndarray, ids: np.ndarray, cost: list[int]) -> None:
                for block in store.read_blocks(ids):
                    block.distances(euclidean, query)
                    cost[0] += block.reads
                    cost[1] += block.bytes_read

            refine(store, query, ids[:1], [0, 0])
            times.append(1000 * seconds(lambda s=store, q=query, i=ids, c=cost: refine(s, q, i, c)))
            store.close()
            reads.append(cost[0])
            amounts.append(cost[1])
        found[when] = median(reads), median(amounts), median(times)
        if when == "before":
            store = open_store("flat-file", "sparse", folder)
            moving = seconds(lambda store=store: store.compact(index.storage_order(), np.arange(size)))
            store.close()
    index.close()
    before, after = found["before"], found["after"]
    return [
        Figure("reads for a query's candidates, before `maintain`", before[0], "", beside=f"{before[1] / 1e6:.1f} MB"),
        Figure("and after it", after[0], "", beside=f"{after[1] / 1e6:.1f} MB; it took {moving:.0f} s"),
        Figure("refining them cold, before `maintain`", before[2], "ms"),
        Figure("and after it", after[2], "ms"),
    ]


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", size=SIZE, small=SMALL, folder="")
    size, small = (20_000, 4000) if options.quick else (options.size, options.small)
    if options.folder:
        Path(options.folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.folder or None) as name:
        folder, activations = Path(name), Activations()
        figures = measure_bytes(folder, small)
        figures += measure_refining(folder, activations, size)
        figures += measure_order(folder / "flat-file sparse", activations, size)
    report("Object store", figures, options, whole=size >= SIZE and small >= SMALL)


if __name__ == "__main__":
    main()

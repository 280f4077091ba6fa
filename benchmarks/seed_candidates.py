"""The experiment of Novak, Batko and Zezula (SIGIR 2015) without a sketch: recall, time, reads and memory by candidate-set size.

    python benchmarks/seed_candidates.py [--size 1000000] [--latent 40,160] [--folder DIR] [--page FILE] [--quick] [--json FILE]

This is the paper's own way: every candidate is read. With a sketch, and at the paper's size, it is seed_experiment.py. The descriptors are the
same: shaped like DeCAF7, 4,096 rectified float32 values, seven tenths of them zero. They come from points in clusters of very
different sizes in a space of few dimensions, through a layer of random weights and a rectifier, as an image's content comes to fc7. The
clusters are such that 140,000 are about as hard to search as 150,000 crops of photographs are by the built-in network: 500, 1,000, 2,000 and
5,000 candidates give a recall of .90, .95, .97 and .99 here, and .88, .94, .97 and .99 there (metric_index.py). The intrinsic dimension
(Levina and Bickel, 2004) is measured and reported.

They are indexed by ppp-codes and kept by flat-file; the true neighbours are found by brute force. The memory of the process is limited
to 8 GB all the while. What answers cost is measured in a process of its own, so that its memory is that of answering and of nothing
else. *Cold* is when nothing of the store lies in the system's cache. The same is done with 160 latent dimensions (``--latent``).

An interrupted run goes on in the same folder. A million take 5 GB there, for each number of dimensions. The report is one page that needs
nothing else.
"""

import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from activations import CHUNK, DIM, LATENT, Activations
from alone import alone
from asking import tell
from candidates_page import LIMIT_BYTES, Known, Measured, page, result_of
from kept import Kept
from nearest import intrinsic_dimension
from page_cache import drop_cache
from report import Figure, arguments, peak_memory, report
from seed_page import SEED_SAYS
from ways import Way

import seealso

SIZES = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)
COLD_QUERIES = 20
NEIGHBOURS = 10
WANTED = 0.8
SIZE = 1_000_000
PLAIN = Way("ppp-codes", "ppp-codes", 0)


def opened(folder: Path, way: Way) -> seealso.Collection:
    """The collection."""
    return seealso.open(folder / "seed.seealso", store="flat-file", **way.settings)


def fill(collection: seealso.Collection, folder: Path, size: int, latent: int) -> float:
    """Take in what is missing; the seconds that the collection took."""
    activations, taken = Activations(latent=latent), 0.0
    done = collection.counts().objects if collection.exists() else 0
    for number in range(done // CHUNK, -(-size // CHUNK)):
        file = folder / f"chunk-{number:06}.npy"
        np.save(file, activations.chunk(number)[: size - number * CHUNK])
        started = time.perf_counter()
        collection.import_descriptors(file, made_by="random weights")
        taken += time.perf_counter() - started
        file.unlink()
        if number % 5 == 4:
            tell(f"{min((number + 1) * CHUNK, size):,} of {size:,} imported")
    return taken


def build(folder: Path, size: int, latent: int) -> list[Figure]:
    """The collection; and what it took to make it, where nothing of it was there."""
    figures = []
    with opened(folder, PLAIN) as collection:
        taken = fill(collection, folder, size, latent)
        if taken:
            figures.append(
                Figure("taking in, index included", size / taken, "descriptors/s", beside="of those missing")
            )
            started = time.perf_counter()
            collection.maintain()
            figures.append(Figure("laying the store in the order of the index", time.perf_counter() - started, "s"))
            tell("maintained")
    return figures


def limit_memory() -> None:
    """What the process allocates is limited; more fails."""
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT_BYTES, LIMIT_BYTES))


def progress(what: str, done: int, total: int) -> None:
    """Tell a tenth at a time."""
    if done == total or (done % max(1, total // 10)) == 0:
        tell(f"{what}: {done:,} of {total:,}")


def find_truth(folder: Path, queries: int) -> Known:
    """The true neighbours, which the collection keeps; their intrinsic dimension; and the candidates that are enough."""
    with opened(folder, PLAIN) as collection:
        sample = seealso.sample_of(collection, queries, seed=0)
        truth = seealso.true_neighbours(collection, sample, NEIGHBOURS, progress=progress)
        tell(f"looking for the candidates that give a recall of {WANTED}")
        tuned = seealso.tune(collection, WANTED, k=NEIGHBOURS, count=queries)
        return Known(intrinsic_dimension(truth.distances), tuned, collection.status())


def answer(folder: Path, queries: int, candidates: int) -> Measured:
    """Recall and cost by candidate-set size: run in a process that does nothing else."""
    limit_memory()
    with opened(folder, PLAIN) as collection:
        objects = collection.counts().objects
        sizes = [size for size in (*SIZES, candidates) if size < objects]
        found = seealso.evaluate(collection, count=queries, k=NEIGHBOURS, sizes=sizes, progress=progress)
        cold = []
        for id_ in seealso.sample_of(collection, queries, seed=0).ids[:COLD_QUERIES].tolist():
            drop_cache(folder / "seed.seealso")
            cold.append(collection.similar(id_, NEIGHBOURS, candidates=candidates).cost.ms.total)
        return Measured(found, cold, peak_memory())


def figures_of(truth: Known, measured: Measured) -> Iterator[Figure]:
    """The figures."""
    found, tuned, index = measured.found, truth.tuned, truth.status["index"]
    assert isinstance(index, dict)
    pivots = index.get("bytes_pivots", 0)
    an_object = (index["bytes"] - pivots) / found.objects
    on_disk = float(str(truth.status["bytes"])) / found.objects
    yield Figure(
        "intrinsic dimension", truth.dimension, "", beside="150,000 crops of photographs, by the built-in network: 5.9"
    )
    yield Figure(
        "memory of the index",
        an_object,
        "bytes an object",
        "<= 60",
        # Of few objects the table of cells takes more than the codes.
        an_object <= 60 if found.objects >= 100_000 else None,
        f"and {pivots / 1e6:.1f} MB of pivots",
    )
    yield Figure("on disk, all of it", on_disk, "bytes an object", beside=f"{4 * DIM} as they are")
    yield Figure(
        "resident memory of the process that answers, at its peak", measured.peak / 1e6, "MB", "<= 8000",
        measured.peak <= LIMIT_BYTES, "mapped files included",
    )  # fmt: skip
    yield Figure("memory of the process that built it, at its peak", peak_memory() / 1e6, "MB", "<= 8000", None,
                 "with the brute force for the true neighbours")  # fmt: skip
    for result in found.results:
        low, high = result.recall_interval
        total = result.ms["total"]
        yield Figure(
            f"{result.candidates:,} candidates: recall of the {found.k} nearest", result.recall, "", "", None,
            f"95 % sure: {low:.3f} to {high:.3f}; {total.median:.1f} ms (95 %: {total.p95:.1f}, 99 %: {total.p99:.1f}), "
            f"{result.reads:,.0f} reads, {result.bytes_read / 1e6:.1f} MB",
        )  # fmt: skip
    yield Figure(
        f"candidates that give {100 * WANTED:.0f} % recall", tuned.candidates, "", "", None,
        f"{tuned.recall:.3f} (95 % sure: {tuned.recall_interval[0]:.3f} at least); {result_of(truth, measured).ms['total'].median:.1f} ms warm, "
        f"{float(np.median(measured.cold_ms)):.1f} ms cold. {SEED_SAYS}",
    )  # fmt: skip


def measure(folder: Path, size: int, queries: int, latent: int, page_file: Path | None) -> Iterator[Figure]:
    """By candidates, without a sketch."""
    figures = build(folder, size, latent)
    truth = find_truth(folder, queries)
    measured = alone(answer, folder, queries, truth.tuned.candidates)
    figures += figures_of(truth, measured)
    if page_file is not None:
        page_file.write_text(page(truth, measured, figures))
    for figure in figures:
        figure.name = f"{latent} latent dimensions: {figure.name}"
        yield figure


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", size=SIZE, queries=500, latent=f"{LATENT},160", folder="", page="")
    size, queries = (3000, 20) if options.quick else (options.size, options.queries)
    limit_memory()
    folder = Path(options.folder or tempfile.mkdtemp())
    kept = Kept(folder, "seed_candidates", {"size": size, "queries": queries})
    figures: list[Figure] = []
    try:
        for latent in map(int, options.latent.split(",")):
            place = folder / f"latent-{latent}"
            place.mkdir(exist_ok=True)
            page_file = Path(options.page) if options.page and latent == LATENT else None
            work = partial(measure, place, size, queries, latent, page_file)
            figures += kept.figures(f"{latent}", lambda work=work: list(work()))
        title = f"The seed's experiment without a sketch, {size:,} descriptors"
        report(title, figures, options, whole=size >= SIZE)
        kept.forget()
    finally:
        if not options.folder:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

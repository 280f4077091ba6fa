"""The experiment of Novak, Batko and Zezula (SIGIR 2015) again: recall, time, reads and memory by candidate-set size.

    python benchmarks/seed_experiment.py [--size 1000000] [--folder DIR] [--page FILE] [--quick] [--json FILE]

Descriptors are shaped like DeCAF7: 4,096 rectified float32 values, seven tenths of them zero. They come from points in clusters of very
different sizes in a space of few dimensions, through a layer of random weights and a rectifier, as an image's content comes to fc7. The
clusters are such that 140,000 are about as hard to search as 150,000 crops of photographs are by the built-in network: 500, 1,000, 2,000 and
5,000 candidates give a recall of .90, .95, .97 and .99 here, and .88, .94, .97 and .99 there (metric_index.py). The intrinsic dimension
(Levina and Bickel, 2004) is measured and reported.

They are indexed by ppp-codes and kept by flat-file; the true neighbours are found by brute force. The memory of the process is limited
to 8 GB all the while. What answers cost is measured in a process of its own, so that its memory is that of answering and of nothing else.

An interrupted run goes on in the same folder. A million take 5 GB there. The report is one page that needs nothing else.
"""

import html
import io
import json
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from report import Figure, arguments, drop_cache, machine, package_versions, peak_memory, report

import seealso

DIM = 4096
LATENT = 40
CLUSTERS = 1000
SPREAD = 0.8  # of the points of a cluster, beside 1 of the clusters; the median of them
UNEVEN = 0.8  # standard deviation of its logarithm
CHUNK = 20_000
SIZES = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)
COLD_QUERIES = 20
NEIGHBOURS = 10
WANTED = 0.8
LIMIT_BYTES = 8_000_000_000
SEED_SAYS = "20 million DeCAF7 descriptors, 8 GB of memory, 8 cores, SSD: 5,000 candidates give 80 % of the 10 nearest in about 400 ms"


class Activations:
    """Rectified descriptors of ``dim`` values; a chunk is the same whenever it is made."""

    def __init__(self, dim: int = DIM) -> None:
        random = np.random.default_rng(2015)
        self.centres = random.normal(size=(CLUSTERS, LATENT)).astype(np.float32)
        self.spreads = np.float32(SPREAD) * np.exp(np.float32(UNEVEN) * random.normal(size=CLUSTERS).astype(np.float32))
        self.weights = random.normal(size=(LATENT, dim)).astype(np.float32) / np.float32(np.sqrt(LATENT))
        self.bias = np.float32(0.75) + random.normal(size=dim).astype(np.float32) * np.float32(0.3)

    def chunk(self, number: int, count: int = CHUNK) -> np.ndarray:
        """Descriptors ``(count, dim)``."""
        random = np.random.default_rng([1, number])
        cluster = random.integers(0, CLUSTERS, count)
        around = self.spreads[cluster, np.newaxis] * random.normal(size=(count, LATENT)).astype(np.float32)
        return np.maximum((self.centres[cluster] + around) @ self.weights - self.bias, 0)


def intrinsic_dimension(distances: np.ndarray) -> float:
    """From the distances of queries to their k nearest ``(queries, k)``: the maximum-likelihood estimate of Levina and Bickel."""
    last = distances[:, -1:]
    logs = np.log(last / np.maximum(distances[:, :-1], 1e-12))
    return float(1 / logs.mean())


def tell(what: str) -> None:
    """A line on standard error."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def fill(collection: seealso.Collection, folder: Path, size: int) -> float:
    """Take in what is missing; the seconds that the collection took."""
    activations, taken = Activations(), 0.0
    done = collection.counts().objects if collection.exists() else 0
    for number in range(done // CHUNK, -(-size // CHUNK)):
        file = folder / f"chunk-{number:06}.npy"
        np.save(file, activations.chunk(number)[: size - number * CHUNK])
        started = time.perf_counter()
        collection.import_descriptors(file, made_by="random weights")
        taken += time.perf_counter() - started
        file.unlink()
        if number % 5 == 4:
            tell(f"{min((number + 1) * CHUNK, size):,} of {size:,} taken in")
    return taken


def build(folder: Path, size: int) -> list[Figure]:
    """The collection; and what it took to make it, where nothing of it was there."""
    figures = []
    with seealso.open(folder / "seed.seealso", index="ppp-codes", store="flat-file") as collection:
        taken = fill(collection, folder, size)
        if taken:
            figures.append(
                Figure("taking in, index included", size / taken, "descriptors/s", beside="of those missing")
            )
            started = time.perf_counter()
            collection.maintain()
            figures.append(Figure("laying the store in the order of the index", time.perf_counter() - started, "s"))
            tell("maintained")
    return figures


@dataclass(frozen=True)
class Truth:
    """What was found out before anything was measured."""

    dimension: float
    tuned: seealso.Tuned
    status: dict[str, object]


@dataclass(frozen=True)
class Measured:
    """What the process that answers found.

    Attributes:
        found: recall and cost by candidate-set size.
        cold_ms: of some queries, with the tuned number of candidates, when nothing of the store lies in the system's cache.
        peak: bytes of memory that the process held at its peak, mapped files included.
    """

    found: seealso.Evaluation
    cold_ms: list[float]
    peak: int


def limit_memory() -> None:
    """What the process allocates is limited; more fails."""
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT_BYTES, LIMIT_BYTES))


def progress(what: str, done: int, total: int) -> None:
    """Tell a tenth at a time."""
    if done == total or (done % max(1, total // 10)) == 0:
        tell(f"{what}: {done:,} of {total:,}")


def find_truth(folder: Path, queries: int) -> Truth:
    """The true neighbours, which the collection keeps; their intrinsic dimension; and the candidates that are enough."""
    with seealso.open(folder / "seed.seealso", index="ppp-codes", store="flat-file") as collection:
        sample = seealso.sample_of(collection, queries, seed=0)
        truth = seealso.true_neighbours(collection, sample, NEIGHBOURS, progress=progress)
        tell(f"looking for the candidates that give a recall of {WANTED}")
        tuned = seealso.tune(collection, WANTED, k=NEIGHBOURS, count=queries)
        return Truth(intrinsic_dimension(truth.distances), tuned, collection.status())


def answer(folder: Path, queries: int, candidates: int) -> Measured:
    """Recall and cost by candidate-set size: run in a process that does nothing else."""
    limit_memory()
    with seealso.open(folder / "seed.seealso", index="ppp-codes", store="flat-file") as collection:
        objects = collection.counts().objects
        sizes = [size for size in (*SIZES, candidates) if size < objects]
        found = seealso.evaluate(collection, count=queries, k=NEIGHBOURS, sizes=sizes, progress=progress)
        cold = []
        for id_ in seealso.sample_of(collection, queries, seed=0).ids[:COLD_QUERIES].tolist():
            drop_cache(folder / "seed.seealso")
            cold.append(collection.similar(id_, NEIGHBOURS, candidates=candidates).cost.ms.total)
        return Measured(found, cold, peak_memory())


def figures_of(truth: Truth, measured: Measured) -> Iterator[Figure]:
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
        an_object <= 60,
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


def result_of(truth: Truth, measured: Measured) -> seealso.SizeResult:
    """What was measured with the candidates that are enough."""
    return next(result for result in measured.found.results if result.candidates == truth.tuned.candidates)


def drawing(found: seealso.Evaluation) -> str:
    """The plots as SVG, to stand in the page."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plot.svg"
        seealso.plot_evaluation(found, file)
        text = file.read_text()
    return text[text.index("<svg") :]


def page(truth: Truth, measured: Measured, figures: list[Figure]) -> str:
    """The report, in one file."""
    out = io.StringIO()
    found, best = measured.found, result_of(truth, measured)
    versions = ", ".join(f"{key}: {value}" for key, value in {**machine(), **package_versions()}.items())
    out.write(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        "<title>The seed's experiment</title><style>body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#222}"
        "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}td,th{padding:.3rem .6rem;border-bottom:1px solid #ddd;text-align:right}"
        "td:first-child,th:first-child{text-align:left}svg{width:100%;height:auto}.quiet{color:#666}</style>"
        f"<h1>The experiment of SIGIR 2015, again</h1><p>{found.objects:,} descriptors of {DIM:,} values, PPP-Codes, descriptors on disk; "
        f"{found.queries} queries from among them, each left out of its own answer; recall of the {found.k} nearest.</p>"
    )
    out.write(
        f"<p><strong>{best.candidates:,} candidates give {100 * best.recall:.1f} % recall</strong> ({100 * best.recall_interval[0]:.1f} % at "
        f"least, 95 % sure), in {best.ms['total'].median:.1f} ms (the median; {best.ms['total'].p99:.1f} ms for 99 of a hundred) with what "
        f"the operating system keeps in its cache, in {float(np.median(measured.cold_ms)):.1f} ms when it keeps nothing of the descriptors; "
        f"{best.reads:,.0f} reads and {best.bytes_read / 1e6:.2f} MB. The process that answers held {measured.peak / 1e6:,.0f} MB of "
        f"resident memory at its peak, candidate sets of {found.results[-1].candidates:,} included.</p>"
        f"<p>The paper: {html.escape(SEED_SAYS)}.</p>"
    )
    out.write(drawing(found))
    heads = (
        "candidates",
        "recall",
        "95 % sure",
        "worst 5 %",
        "distance",
        "ms, median",
        "95 %",
        "99 %",
        "index ms",
        "read ms",
        "refine ms",
        "reads",
        "MB",
    )
    out.write("<table><tr>" + "".join(f"<th>{head}" for head in heads) + "</tr>")
    for result in found.results:
        low, high = result.recall_interval
        total = result.ms["total"]
        cells = [
            f"{result.candidates:,}", f"{result.recall:.4f}", f"{low:.3f}-{high:.3f}", f"{result.recall_p5:.2f}",
            f"+{100 * result.distance_error:.2f} %", f"{total.median:.1f}", f"{total.p95:.1f}", f"{total.p99:.1f}",
            *(f"{result.ms[stage].median:.1f}" for stage in ("candidates", "read", "refine")),
            f"{result.reads:,.0f}", f"{result.bytes_read / 1e6:.1f}",
        ]  # fmt: skip
        out.write("<tr>" + "".join(f"<td>{cell}" for cell in cells) + "</tr>")
    out.write("</table><h2>Figures</h2><table>")
    for figure in figures:
        if "candidates: recall" in figure.name:
            continue  # it stands above
        out.write(
            f"<tr><td>{html.escape(figure.name)}<td>{figure.value:,.4g} {html.escape(figure.unit)}<td>{html.escape(figure.beside)}</tr>"
        )
    out.write(
        f"</table><p class=quiet>Descriptors: points in {CLUSTERS:,} clusters of uneven size in {LATENT} dimensions, through random weights and a "
        f"rectifier, made to be about as hard to search as crops of photographs are. "
        f"Intrinsic dimension {truth.dimension:.1f}. Index: {html.escape(json.dumps(found.index))}. Memory limited to {LIMIT_BYTES / 1e9:.0f} GB. "
        f"{date.today()}, {html.escape(versions)}.</p></html>\n"
    )
    return out.getvalue()


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", size=1_000_000, queries=500, folder="", page="")
    size, queries = (20_000, 100) if options.quick else (options.size, options.queries)
    limit_memory()
    folder = Path(options.folder or tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    try:
        figures = build(folder, size)
        truth = find_truth(folder, queries)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
            measured = alone.submit(answer, folder, queries, truth.tuned.candidates).result()
        figures += figures_of(truth, measured)
        report(f"The seed's experiment, {measured.found.objects:,} descriptors", figures, options.json)
        if options.page:
            Path(options.page).write_text(page(truth, measured, figures))
    finally:
        if not options.folder:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

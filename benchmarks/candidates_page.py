"""What the seed's experiment found without a sketch, and the page that tells it."""

import html
import io
import json
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from activations import CLUSTERS, DIM, LATENT
from report import Figure, machine, package_versions
from seed_page import SEED_SAYS, STYLE

import seealso

LIMIT_BYTES = 8_000_000_000


@dataclass(frozen=True)
class Known:
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


def result_of(truth: Known, measured: Measured) -> seealso.SizeResult:
    """What was measured with the candidates that are enough."""
    return next(result for result in measured.found.results if result.candidates == truth.tuned.candidates)


def drawing(found: seealso.Evaluation) -> str:
    """The plots as SVG, to stand in the page."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plot.svg"
        seealso.plot_evaluation(found, file)
        text = file.read_text()
    return text[text.index("<svg") :]


def page(truth: Known, measured: Measured, figures: list[Figure]) -> str:
    """The report, in one file."""
    out = io.StringIO()
    found, best = measured.found, result_of(truth, measured)
    versions = ", ".join(f"{key}: {value}" for key, value in {**machine(), **package_versions()}.items())
    out.write(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>The seed's experiment without a sketch</title><style>{STYLE}</style>"
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

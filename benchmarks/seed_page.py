"""The page of the seed's experiment: what was found by reads, with plots; in one file that needs nothing else."""

import html
import io
from collections.abc import Mapping
from datetime import date
from typing import Any

from activations import CLUSTERS
from report import Figure, machine, package_versions
from seed_record import Record
from seed_truth import NEIGHBOURS

SEED_SAYS = "20 million DeCAF7 descriptors, 8 GB of memory, 8 cores, SSD: 5,000 candidates give 80 % of the 10 nearest in about 400 ms"

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}td,th{padding:.3rem .6rem;border-bottom:1px solid #ddd;text-align:right}"
    "td:first-child,th:first-child{text-align:left}svg{width:100%;height:auto}.quiet{color:#666}"
)
HEADS = (
    "reads",
    "recall",
    "95 % sure",
    "ms, warm",
    "95 %",
    "99 %",
    "ms, cold",
    "index ms",
    "sketch ms",
    "read ms",
    "refine ms",
    "MB",
)


def page(record: Record, found: Mapping[str, Any], figures: list[Figure]) -> str:
    """The page.

    Args:
        record: of the experiment; it has the answers of other sizes, too.
        found: the answers of the size that the page is about.
        figures: of it.
    """
    versions = ", ".join(f"{key}: {value}" for key, value in {**machine(), **package_versions()}.items())
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>The seed's experiment</title><style>{STYLE}</style>"
        f"<h1>The experiment of SIGIR 2015, again</h1><p>{found['objects']:,} descriptors of {record.dim:,} values; {html.escape(found['way'])}; "
        f"descriptors on disk by the codec {html.escape(record.codec)}. {record.queries} queries that are not among them; the true neighbours are "
        f"those of the float32 values, all of which were compared. Recall of the {NEIGHBOURS} nearest.</p>"
        f"<p>The paper: {html.escape(SEED_SAYS)}.</p>",
        drawing(record, found),
        _table(HEADS, [_row(each) for each in found["by_reads"]]),
        "<h2>Figures</h2>",
        _table(("figure", "value", "goal", "holds", ""), [_figure(figure) for figure in figures]),
        f"<p class=quiet>Descriptors: points in {CLUSTERS:,} clusters of uneven size in {record.latent} dimensions, through random weights and a "
        f"rectifier, made to be about as hard to search as crops of photographs are. {date.today()}, {html.escape(versions)}.</p></html>\n",
    ]
    return "".join(parts)


def _row(each: Mapping[str, Any]) -> list[str]:
    low, high = each["sure"]
    cold, stages = each.get("cold"), each["stages"]
    return [
        f"{each['reads']:,}", f"{each['recall']:.4f}", f"{low:.3f}-{high:.3f}", f"{each['ms']:.1f}", f"{each['p95']:.1f}", f"{each['p99']:.1f}",
        "" if cold is None else f"{cold['ms']:.1f}{'' if cold['verified'] else ' ?'}",
        *(f"{stages[stage]:.1f}" for stage in ("candidates", "sketch", "read", "refine")), f"{each['bytes'] / 1e6:.2f}",
    ]  # fmt: skip


def _figure(figure: Figure) -> list[str]:
    holds = {True: "yes", False: "NO", None: ""}[figure.holds]
    return [figure.name, f"{figure.value:,.4g} {figure.unit}", figure.goal, holds, figure.beside]


def _table(heads: tuple[str, ...], rows: list[list[str]]) -> str:
    lines = ["<tr>" + "".join(f"<th>{html.escape(head)}" for head in heads) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{html.escape(cell)}" for cell in row) + "</tr>" for row in rows]
    return f"<table>{''.join(lines)}</table>"


def require_plots() -> None:
    """See whether plots can be drawn, before anything takes long.

    Raises:
        SystemExit: matplotlib is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise SystemExit("--page: its plots need matplotlib; pip install 'seealso[plot]'") from None


def drawing(record: Record, found: Mapping[str, Any]) -> str:
    """The plots as SVG, to stand in the page: recall by reads, time by reads, where the time went, and growth where there are several sizes."""
    from matplotlib.figure import Figure as Drawing

    drawn = Drawing(figsize=(13, 7), layout="constrained")
    (recall, time), (spent, growth) = drawn.subplots(2, 2)
    _draw_reads(recall, time, found["by_reads"])
    stages = list(record.seconds)
    spent.barh(stages, [record.seconds[stage] / 60 for stage in stages], color="tab:green")
    spent.set(xlabel="minutes, of what was not killed")
    _draw_growth(growth, record.answers)
    for axes in (recall, time, spent, growth):
        axes.grid(alpha=0.3)
    out = io.StringIO()
    drawn.savefig(out, format="svg")
    text = out.getvalue()
    return text[text.index("<svg") :]


def _draw_reads(recall: Any, time: Any, by_reads: list[dict[str, Any]]) -> None:
    """Recall and time by reads."""
    reads = [each["reads"] for each in by_reads]
    low, high = ([each["sure"][end] for each in by_reads] for end in (0, 1))
    recall.plot(reads, [each["recall"] for each in by_reads], marker="o", color="tab:orange")
    recall.fill_between(reads, low, high, alpha=0.25, color="tab:orange", linewidth=0)
    recall.set(xlabel="reads", ylabel=f"recall of the {NEIGHBOURS} nearest")
    cold = [each for each in by_reads if "cold" in each]
    time.plot(reads, [each["ms"] for each in by_reads], marker="o", label="warm")
    time.plot([each["reads"] for each in cold], [each["cold"]["ms"] for each in cold], marker="o", label="cold")
    time.set(xlabel="reads", ylabel="milliseconds, median", ylim=(0, None))
    time.legend(frameon=False, loc="upper left")
    for axes in (recall, time):
        axes.set_xscale("log")
        axes.set_xticks(reads, [f"{count:,}" for count in reads])
        axes.minorticks_off()


def _draw_growth(growth: Any, answers: Mapping[str, dict[str, Any]]) -> None:
    """Time by the number of descriptors."""
    sizes = sorted(map(int, answers))
    for count in (100, 250):
        asked = [{each["reads"]: each["ms"] for each in answers[str(size)]["by_reads"]} for size in sizes]
        growth.plot(sizes, [times[count] for times in asked], marker="o", label=f"{count} reads")
    growth.set(xscale="log", xlabel="descriptors", ylabel="milliseconds, warm, median", ylim=(0, None))
    growth.legend(frameon=False, loc="upper left")
    growth.set_visible(len(sizes) > 1)

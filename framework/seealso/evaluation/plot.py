"""An evaluation as a picture: recall against candidates, recall against time, and where the time goes."""

from __future__ import annotations

from pathlib import Path

from seealso.durability import writing_to
from seealso.errors import FileError, MissingExtra
from seealso.evaluation.evaluate import Evaluation

SUFFIXES = (".png", ".svg", ".pdf")
SHOWN = ("extract", "candidates", "sketch", "read", "refine")


def plot_evaluation(evaluation: Evaluation, file: Path) -> None:
    """Draw an evaluation; the file's suffix says as what: .png, .svg or .pdf.

    Raises:
        FileError: the suffix is another, or the file cannot be written.
        DiskFull: no space is left for it.
        MissingExtra: matplotlib is not installed.
    """
    if file.suffix.lower() not in SUFFIXES:
        raise FileError(f"{file}: a plot is written as one of {', '.join(SUFFIXES)}; name the file so")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("a plot needs matplotlib", "seealso[plot]") from None
    figure = Figure(figsize=(13, 4), layout="constrained")
    against_candidates, against_time, stages = figure.subplots(1, 3)
    results = evaluation.results
    sizes = [result.candidates for result in results]
    recalls = [result.recall for result in results]
    lower = [result.recall_interval[0] for result in results]
    upper = [result.recall_interval[1] for result in results]
    against_candidates.plot(sizes, recalls, marker="o", color="tab:orange")
    against_candidates.fill_between(sizes, lower, upper, alpha=0.25, color="tab:orange", linewidth=0)
    against_candidates.set(xscale="log", xlabel="candidates", ylabel=f"recall of the {evaluation.k} nearest")
    times = [result.ms["total"].median for result in results]
    against_time.plot(times, recalls, marker="o", color="tab:blue")
    against_time.set(xscale="log", xlabel="milliseconds, median", ylabel=f"recall of the {evaluation.k} nearest")
    for axes in (against_candidates, against_time):
        axes.grid(alpha=0.3)
    below = [0.0] * len(results)
    places = range(len(results))
    for stage in SHOWN:
        values = [result.ms[stage].median for result in results]
        stages.bar(places, values, bottom=below, label=stage)
        below = [one + other for one, other in zip(below, values, strict=True)]
    stages.set_xticks(list(places), [f"{size:,}" for size in sizes], rotation=40, ha="right")
    stages.set(xlabel="candidates", ylabel="milliseconds, median")
    stages.legend(frameon=False)
    figure.suptitle(f"{evaluation.collection}: {evaluation.objects:,} objects, {evaluation.queries:,} queries")
    with writing_to(file):
        figure.savefig(file, dpi=150)

"""The commands that measure: ``evaluate`` and ``tune``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seealso import ConfigError, QueryError, printable
from seealso_cli.distances import show_distances
from seealso_cli.output import Number, json_option, note, say, size, write_json, write_rows
from seealso_cli.progress import showing_share
from seealso_cli.session import Session

if TYPE_CHECKING:
    from seealso import Collection, Evaluation, SizeResult, Tuned

COLUMNS = [
    "candidates",
    "recall",
    "95 % sure",
    "worst 5 %",
    "distance",
    "ms",
    "95 %",
    "99 %",
    "index",
    "read",
    "refine",
    "reads",
    "MB",
]

COLUMNS_BY_READS = [
    "of them read",
    "recall",
    "95 % sure",
    "worst 5 %",
    "ms",
    "95 %",
    "99 %",
    "sketch",
    "read",
    "refine",
    "MB",
]


@contextmanager
def _telling() -> Iterator[Callable[[str, int, int], None]]:
    """Gives the function to tell what is being done, how far it is, and of how much."""
    with showing_share("Evaluating", "step") as tell:
        yield lambda what, done, total: tell(done, total)


@click.command("evaluate")
@click.option("-k", "k", type=Number(min=1), default=10, show_default=True, help="How many nearest neighbours count.")
@click.option(
    "--queries", "count", type=Number(min=1), default=500, show_default=True, help="How many queries, at random."
)
@click.option(
    "--from", "source", type=click.Path(path_type=Path, exists=True), metavar="PATH",
    help="Queries from a folder of images, or from a file of descriptors, instead of from the collection.",
)  # fmt: skip
@click.option("--candidates", "sizes", type=Number(min=1), multiple=True, help="A candidate-set size; may be repeated.")
@click.option(
    "--seed", type=Number(min=0), default=0, show_default=True, help="Of the queries; the same gives the same recalls."
)
@click.option(
    "--labels", type=click.Choice(["folder"]), help="Also whether the nearest are of the query's class: its folder."
)
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Also draw it (.png, .svg, .pdf).")
@json_option
@click.pass_obj
def evaluate_command(
    session: Session,
    k: int,
    count: int,
    source: Path | None,
    sizes: tuple[int, ...],
    seed: int,
    labels: str | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Recall and cost of the answers, against exact search, for a range of candidate-set sizes; and of reads, where there is a sketch.

    Recall: which share of the true nearest neighbours is found. A query is left out of its own answers. The first time every
    query is compared with every object; that is kept, and an interrupted run goes on.

    Then how far apart images are: altered copies from their originals, images from the nearest other, and random pairs. The thresholds that
    follow are suggested for --within, and remembered: hits further away than alike images are marked from then on.
    """
    from seealso import evaluate, plot_evaluation

    collection = session.collection()
    queries = None if source is None else _queries_from(collection, source, count, seed)
    with _telling() as tell:
        found = evaluate(
            collection,
            queries=queries,
            count=count,
            k=k,
            sizes=sizes or None,
            seed=seed,
            labels=labels is not None,
            distances=True,
            progress=tell,
        )
    if plot is not None:
        plot_evaluation(found, plot)
        note(f"plot: {plot}")
    if as_json:
        write_json(found.as_json())
    else:
        _show(found)


def _queries_from(collection: Collection, source: Path, count: int, seed: int) -> Any:
    from seealso import queries_from

    queries, unusable = queries_from(collection, source, count, seed)
    for line in unusable:
        note(f"seealso: warning: {line}")
    return queries


def _show(found: Evaluation) -> None:
    rows = []
    for result in found.results:
        rows.append(
            [
                f"{result.candidates:,}",
                *_recall(result),
                f"+{100 * result.distance_error:.2f} %",
                *_times(result, "candidates", "read", "refine"),
                f"{result.reads:,.0f}",
                f"{result.bytes_read / 1e6:.1f}",
            ]
        )
    note(
        f"{found.collection}: {found.objects:,} objects; {found.queries:,} queries from {found.source} (seed {found.seed}); "
        f"recall of the {found.k} nearest; {size(found.memory)} of memory"
    )
    write_rows(rows, COLUMNS)
    if found.by_reads:
        _show_by_reads(found.by_reads)
    for nearest, share in found.same_class.items():
        say(f"of the {nearest} nearest, {100 * share:.1f} % are in the query's folder")
    if found.distances is not None:
        show_distances(found.distances)


def _show_by_reads(results: Sequence[SizeResult]) -> None:
    say(f"with {results[0].candidates:,} candidates, by how many of them are read, the best by the sketch:")
    rows = [
        [
            f"{result.asked_reads:,}",
            *_recall(result),
            *_times(result, "sketch", "read", "refine"),
            f"{result.bytes_read / 1e6:.2f}",
        ]
        for result in results
    ]
    write_rows(rows, COLUMNS_BY_READS)


def _recall(result: SizeResult) -> list[str]:
    """Its mean, the 95 % interval of that, and its 5th percentile."""
    low, high = result.recall_interval
    return [f"{result.recall:.4f}", f"{low:.3f}-{high:.3f}", f"{result.recall_p5:.2f}"]


def _times(result: SizeResult, *stages: str) -> list[str]:
    """Milliseconds: median, 95th and 99th percentile of a query, and the median of each stage."""
    total = result.ms["total"]
    return [f"{each:.1f}" for each in (total.median, total.p95, total.p99, *(result.ms[it].median for it in stages))]


@click.command("tune")
@click.option(
    "--recall", type=float, default=0.9, show_default=True, help="What is to be reached: a share, above 0 and below 1."
)
@click.option("-k", "k", type=Number(min=1), default=10, show_default=True, help="Of how many nearest neighbours.")
@click.option(
    "--queries", "count", type=Number(min=2), default=1000, show_default=True, help="How many queries, at random."
)
@click.option("--seed", type=Number(min=0), default=0, show_default=True, help="Of the queries.")
@click.option(
    "--index", "ranges", multiple=True, metavar="OPTION=VALUE,…",
    help="Also try these values of an option of the index, each with an index of its own; may be repeated.",
)  # fmt: skip
@click.option("--write", is_flag=True, help="Write what is found to the configuration.")
@json_option
@click.pass_obj
def tune_command(
    session: Session, recall: float, k: int, count: int, seed: int, ranges: tuple[str, ...], write: bool, as_json: bool
) -> None:
    """The smallest candidate set that reaches a recall, surely: at the lower end of its 95 % interval.

    Where there is a sketch: the fewest reads that do, and the candidates that they are the best of.
    """
    from seealso import tune, with_index_options

    collection = session.collection()
    tried: list[Tuned] = []
    with _telling() as tell:
        if ranges:
            for trial in with_index_options(collection, _parsed(ranges)):
                with trial:
                    tried.append(tune(trial, recall, k=k, count=count, seed=seed, progress=tell))
        else:
            tried.append(tune(collection, recall, k=k, count=count, seed=seed, progress=tell))
    best = min(tried, key=lambda each: (not each.reached, each.ms))
    if as_json:
        write_json({"best": best.as_json(), "tried": [each.as_json() for each in tried]})
    else:
        _show_tuned(tried, best)
    if not best.reached:
        read = "" if best.reads is None else f", {best.reads:,} of them read,"
        raise QueryError(
            f"no candidate set reaches a recall of {recall}, surely: {best.candidates:,} candidates{read} reach {best.recall:.4f}; "
            "aim lower, or use `index: exact`"
        )
    if write:
        _write(session, collection, best)


def _parsed(ranges: tuple[str, ...]) -> dict[str, list[Any]]:
    import yaml

    parsed = {}
    for each in ranges:
        name, equals, values = each.partition("=")
        if not equals or not name or not values:
            raise click.UsageError(f"--index {each}: write it as OPTION=VALUE,VALUE, as prefix_length=6,7,8")
        try:
            parsed[name] = [yaml.safe_load(value) for value in values.split(",")]
        except Exception:  # what makes the values raises whatever Python's own conversions do
            raise click.UsageError(f"--index {each}: there is a value in it that is none of YAML") from None
    return parsed


def _show_tuned(tried: list[Tuned], best: Tuned) -> None:
    note(
        f"{best.objects:,} objects; {best.queries:,} queries (seed {best.seed}); recall of the {best.k} nearest, {best.target} wanted"
    )
    rows = []
    by_reads = any(each.reads is not None for each in tried)
    for each in tried:
        low, high = each.recall_interval
        index = each.index if isinstance(each.index, str) else str(each.index)
        reached = "" if each.reached else " (not reached)"
        rows.append(
            [
                f"{each.candidates:,}{reached}",
                *(["" if each.reads is None else f"{each.reads:,}"] if by_reads else []),
                f"{each.recall:.4f}",
                f"{low:.3f}-{high:.3f}",
                f"{each.ms:.1f}",
                *([printable(index)] if len(tried) > 1 else []),
            ]
        )
    heads = ["candidates", *(["reads"] if by_reads else []), "recall", "95 % sure", "ms"]
    write_rows(rows, [*heads, *(["index"] if len(tried) > 1 else [])])


def _write(session: Session, collection: Collection, best: Tuned) -> None:
    from seealso import set_configuration_value

    path = collection.config.source.path
    if path is None:
        raise ConfigError("there is no configuration file to write to; `seealso init` writes one")
    comment = (
        f"tuned {time.strftime('%Y-%m-%d')} on {best.objects:,} objects: recall of the {best.k} nearest {best.recall:.3f} "
        f"({best.recall_interval[0]:.3f} at least), {best.queries:,} queries"
    )
    search = ("collections", collection.name, "search")
    set_configuration_value(path, (*search, "candidates"), best.candidates, comment)
    if best.reads is not None:
        set_configuration_value(path, (*search, "reads"), best.reads, "tuned together with the candidates")
    reads = "" if best.reads is None else f", reads: {best.reads}"
    note(f"wrote search: candidates: {best.candidates}{reads} to {path}")
    if not isinstance(best.index, str) and best.index != collection.choices()["index"]:
        note(f"the index that was best has other options; write them yourself: index: {best.index}")

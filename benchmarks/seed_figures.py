"""The figures of the seed's experiment, held against what is wanted at its size."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from report import Figure, bytes_below
from seed_record import GENERATION, QUERIES, TAKING_IN, TRUTH, Record
from seed_truth import NEIGHBOURS


@dataclass(frozen=True)
class Goals:
    """What is wanted of a number of descriptors.

    Attributes:
        recall: reads → recall at least.
        reads: for which time is judged.
        warm, cold: milliseconds of a query, the medians.
        together: bytes of index and sketch an object.
        resident: bytes that the process which answers holds at its peak; 0: any.
        opening: seconds.
        taking_in: minutes, index and sketch included; 0: any.
        beside: minutes of generation, truth and queries; 0: any.
    """

    recall: dict[int, float] = field(default_factory=dict)
    reads: int = 250
    warm: float = 25
    cold: float = 40
    together: float = 70
    resident: int = 0
    opening: float = 1
    taking_in: float = 0
    beside: float = 0


GOALS = {
    1_000_000: Goals({25: 0.8, 100: 0.95}, reads=100, warm=10, cold=25, together=75),
    20_000_000: Goals({100: 0.8, 250: 0.9}, resident=1_800_000_000, taking_in=75, beside=60),
}
"""Size → the goals for it; what lies between two sizes has those of the smaller."""


def goals_for(size: int) -> Goals:
    """The goals for so many descriptors; for fewer than any goals are for, those of the fewest."""
    return GOALS[max([least for least in GOALS if least <= size], default=min(GOALS))]


def most(name: str, value: float, unit: str, limit: float, beside: str = "") -> Figure:
    """A figure that may be no larger than a limit; a limit of 0 is none."""
    return Figure(name, value, unit, f"<= {limit:g}" if limit else "", value <= limit if limit else None, beside)


def figures_of(folder: Path, record: Record, found: dict[str, Any]) -> Iterator[Figure]:
    """All figures of one size.

    Args:
        folder: of the experiment.
        record: of it.
        found: what its answers were like.
    """
    size = found["objects"]
    goals = goals_for(size)
    yield from _of_answers(found, goals)
    index, sketch = found["status"]["index"], found["status"]["sketch"]
    each_index = (index["bytes"] - index.get("bytes_pivots", 0)) / size
    each_sketch = sketch["bytes"] / size
    yield most(
        "index and sketch in memory", each_index + each_sketch, "bytes an object", goals.together,
        f"index {each_index:.1f}, {found['way']}; {sketch.get('values')} values of {sketch.get('bits')} bits",
    )  # fmt: skip
    yield most(
        "resident memory of the process that answers, at its peak", found["resident"] / 1e6, "MB", goals.resident / 1e6,
        f"mapped files included; of its own {found['own'] / 1e6:,.0f} MB",
    )  # fmt: skip
    yield most("opening", found["opening"], "s", goals.opening)
    yield Figure("memory of the process that imports, at its peak", record.peaks.get(TAKING_IN, 0) / 1e6, "MB")
    on_disk = bytes_below(folder)
    yield Figure(
        "on disk, all of it", on_disk / size, "bytes an object", beside=f"{on_disk / 1e9:,.2f} GB; codec {record.codec}"
    )
    yield from _of_time(record, size, goals)


def _of_answers(found: dict[str, Any], goals: Goals) -> Iterator[Figure]:
    for each in found["by_reads"]:
        low, high = each["sure"]
        least = goals.recall.get(each["reads"])
        stages = ", ".join(f"{stage} {ms:.1f}" for stage, ms in each["stages"].items())
        yield Figure(
            f"{each['reads']} read: recall of the {NEIGHBOURS} nearest", each["recall"], "", "" if least is None else f">= {least:g}",
            None if least is None else each["recall"] >= least,
            f"95 % sure: {low:.3f} to {high:.3f}; {len(each['recalls'])} queries that are held out; {each['refined']:.0f} compared",
        )  # fmt: skip
        judged = each["reads"] == goals.reads
        yield most(
            f"{each['reads']} read: a query, warm, the median", each["ms"], "ms", goals.warm if judged else 0,
            f"95 %: {each['p95']:.1f}, 99 %: {each['p99']:.1f}; {stages}",
        )  # fmt: skip
        if "cold" in each:
            cold = each["cold"]
            sure = "dropped, and read from the disk" if cold["verified"] else "whether it was cold is not sure"
            figure = most(
                f"{each['reads']} read: a query, cold, the median", cold["ms"], "ms", goals.cold if judged else 0,
                f"95 %: {cold['p95']:.1f}; store {sure}",
            )  # fmt: skip
            figure.holds = figure.holds if cold["verified"] else None
            yield figure


def _of_time(record: Record, size: int, goals: Goals) -> Iterator[Figure]:
    # What a killed run did last was not counted.
    scale = size / max(1, record.rows) / 60
    minutes = {stage: scale * record.seconds.get(stage, 0.0) for stage in (TAKING_IN, GENERATION, TRUTH)}
    minutes[QUERIES] = record.seconds.get(QUERIES, 0.0) / 60
    rate = record.rows / max(1e-9, record.seconds.get(TAKING_IN, 0.0))
    yield Figure("taking in, index and sketch included", rate, "descriptors/s")
    yield most("taking all in, index and sketch included", minutes[TAKING_IN], "minutes", goals.taking_in)
    others = [(stage, minutes[stage]) for stage in (GENERATION, TRUTH, QUERIES)]
    yield most(
        "generation, truth and queries", sum(value for _, value in others), "minutes", goals.beside,
        ", ".join(f"{stage} {value:.1f}" for stage, value in others),
    )  # fmt: skip

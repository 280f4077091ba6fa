"""How ``evaluate`` shows how far apart images are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seealso_cli.output import count, note, percent, say

if TYPE_CHECKING:
    from seealso import DistanceReport

BAR = 18
"""Characters of the longest bar of a histogram."""

COLUMN = 22
"""Characters of a column of bars, with the space behind it."""

HEADS = ("pairs", "least", "1 %", "5 %", "half", "95 %", "99 %", "most")


def show_distances(report: DistanceReport) -> None:
    """Show what was measured: quantiles, bars, and the thresholds that follow. There is no tab in it, so that scripts can tell these
    lines from the rows of a table."""
    if report.unusable:
        note(f"seealso: warning: {count(report.unusable, 'image')} could not be copied: {report.reason}")
    _show_quantiles(report)
    if report.bin > 0:
        _show_bars(report)
    _show_thresholds(report)


def _show_quantiles(report: DistanceReport) -> None:
    say("")
    rows = [
        [
            each.of,
            f"{each.pairs:,}",
            *(f"{value:.4g}" for value in (each.least, each.p1, each.p5, each.median, each.p95, each.p99, each.most)),
        ]
        for each in report.kinds
    ]
    _show_aligned([["distances of", *HEADS], *rows])


def _show_aligned(rows: list[list[str]]) -> None:
    """Rows of equally many cells, the first column flush left and the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *cells in rows:
        right = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        say("  ".join([first.ljust(widths[0]), *right]))


def _show_bars(report: DistanceReport) -> None:
    """The histograms side by side: altered copies together, nearest others, random pairs; each as long as its own longest bar."""
    *copies, nearest, unrelated = (each.histogram for each in report.kinds)
    columns = {"nearest others": nearest, "unrelated": unrelated}
    if copies:
        columns = {"altered copies": tuple(map(sum, zip(*copies, strict=True))), **columns}
    say("")
    say(("distance  likeness  " + "".join(head.ljust(COLUMN) for head in columns)).rstrip())
    for place in range(len(unrelated)):
        start = place * report.bin
        bars = (("█" * _length(column[place], max(column))).ljust(COLUMN) for column in columns.values())
        say(f"{f'{start:.4g}':<10}{percent(report.likeness.percent(start)):<10}{''.join(bars)}".rstrip())


def _length(number: int, most: int) -> int:
    """Characters of a bar; at least one where there is anything."""
    return -(-BAR * number // most) if most else 0


def _show_thresholds(report: DistanceReport) -> None:
    likeness, lines = report.likeness, []
    if likeness.same is not None:
        lines.append(
            f"the same picture: {_limit(report, likeness.same)}, where {_share(report.copies_within)} of the altered copies are, and "
            f"{_share(report.others_within)} of the images have another one"
        )
    if likeness.alike is not None:
        lines.append(
            f"alike: {_limit(report, likeness.alike)}, where {_share(report.alike_within)} of the images have another one, and 5 % of random "
            "pairs are; hits that are further away are marked"
        )
    if not lines:
        lines.append(f"{count(likeness.pairs, 'random pair')} of images are too few to suggest a threshold")
    say("")
    for line in lines:
        say(line)


def _limit(report: DistanceReport, distance: float) -> str:
    """A threshold as a person may use it."""
    shown = percent(report.likeness.percent(distance)).replace(" ", "")
    return f"`--within {shown}` ({distance:.4g})" if shown != "0%" else f"`--within {distance:.4g}`"


def _share(share: float | None) -> str:
    return f"{100 * (share or 0):.0f} %"

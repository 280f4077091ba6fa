"""How results are shown: to people, to scripts, to other programs."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from seealso import one_line, own_stdout, printable, shown_path

if TYPE_CHECKING:
    from seealso import Hit, Within

KEYWORDS_WIDTH = 60

F = TypeVar("F", bound=Callable[..., Any])


def output_options(function: F) -> F:
    """The options of every command that shows objects."""
    for option in (
        click.option(
            "--sheet", type=click.Path(path_type=Path), metavar="FILE", help="Also draw a contact sheet (.png)."
        ),
        click.option("-0", "null", is_flag=True, help="Paths only, each ended by NUL; safe for any name."),
        click.option("--paths", is_flag=True, help="Paths only, one a line, byte for byte."),
        click.option("--json", "as_json", is_flag=True, help="One JSON document."),
    ):
        function = option(function)
    return function


def refuse_two_forms(as_json: bool, paths: bool) -> None:
    """Refuse to give one answer in two forms."""
    if as_json and paths:
        raise click.UsageError("--json and --paths (or -0) exclude each other; ask for one of them")


class Number(click.IntRange):
    """How many of something; what else is given is called by a name that people know."""

    name = "whole number"


class Limit(click.ParamType["Within"]):
    """How near hits have to be: a distance, or a likeness in percent."""

    name = "distance or likeness"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Within:
        """What was typed."""
        from seealso import QueryError, Within

        try:
            return value if isinstance(value, Within) else Within.parse(value)
        except QueryError as error:
            self.fail(str(error), param, ctx)


def given_path(_: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Refuse an empty path, as a variable that is not set gives it to a command: it would be the current folder."""
    if "" in (value if isinstance(value, tuple) else (value,)):
        raise click.BadParameter("a path is empty", param=parameter)
    return value


json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


def say(text: str, *, newline: bool = True) -> None:
    """A line of the answer, on standard output: nothing else gets there while a command runs."""
    with own_stdout() as stream:
        click.echo(text, stream, nl=newline)


def write_json(document: object) -> None:
    """One JSON document on standard output."""
    say(json.dumps(document, ensure_ascii=False, allow_nan=False))


def write_paths(hits: Sequence[Hit], *, null: bool) -> None:
    """One path for each hit, byte for byte."""
    end = b"\0" if null else b"\n"
    with own_stdout() as stream:
        stream.flush()
        stream.buffer.write(b"".join(hit.paths[0] + end for hit in hits))
        stream.buffer.flush()


def write_hits(hits: Sequence[Hit], itself: Collection[int] = (), *, ways: bool = False) -> None:
    """A line for each hit: for people in columns, elsewhere separated by tabs.

    Args:
        hits: what was found.
        itself: the IDs of what was asked.
        ways: say by what of the words each was found, instead of its distance.
    """
    rows = []
    # Columns that came later are for people alone: what scripts split at tabs stays as it is.
    described = for_people() and any(hit.keywords for hit in hits)
    alike = for_people() and not ways and any(hit.likeness is not None for hit in hits)
    for hit in hits:
        distance = [] if hit.distance is None or ways else [f"{hit.distance:.4f}"]
        likeness = ["" if hit.likeness is None else percent(hit.likeness)] if alike else []
        marked = " (the query itself)" if hit.id in itself else ""
        more = f" (and {len(hit.paths) - 1} more)" if len(hit.paths) > 1 else ""
        more += f" ({len(hit.folded):,} nearly the same)" if hit.folded else ""
        keywords = [printable(", ".join(hit.keywords))[:KEYWORDS_WIDTH]] if described else []
        found = [", ".join(hit.by)] if ways else []
        path = printable(shown_path(hit.paths[0])) + marked + more
        rows.append([str(hit.id), *distance, *likeness, path, *found, *keywords])
    compared = not ways and any(hit.distance is not None for hit in hits)
    heads = ["id", *(["distance"] if compared else []), *(["likeness"] if alike else []), "path"]
    heads += [*(["found by"] if ways else []), *(["keywords"] if described else [])]
    write_rows(rows, heads, pale={place for place, hit in enumerate(hits) if hit.beyond})


def write_rows(rows: Sequence[Sequence[str]], heads: Sequence[str], pale: Collection[int] = ()) -> None:
    """Rows for people in columns with their heads, those at the places ``pale`` dimmed; elsewhere separated by tabs, without heads."""
    if not for_people():
        for row in rows:
            say("\t".join(row))
        return
    widths = [max(len(head), *(len(row[place]) for row in rows), 0) for place, head in enumerate(heads)]
    for place, row in enumerate([heads, *rows] if rows else [], -1):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        line = "  ".join(cells).rstrip()
        say(click.style(line, bold=True) if row is heads else click.style(line, dim=True) if place in pale else line)


def percent(likeness: float) -> str:
    """A likeness for people: ``79 %``. It is rounded down, so that `--within` with what is shown finds what is shown with it."""
    return f"{math.floor(likeness)} %"


def for_people() -> bool:
    """Whether the output goes to a terminal."""
    with own_stdout() as stream:
        try:
            return os.isatty(stream.fileno())
        except (OSError, ValueError):
            return False


def note(text: str) -> None:
    """A line for the person, on standard error."""
    click.echo(one_line(text), err=True)


def count(number: int, singular: str, plural: str = "") -> str:
    """``1 file``, ``1,485 files``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def size(number: float) -> str:
    """Bytes for people: ``1.4 MB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"

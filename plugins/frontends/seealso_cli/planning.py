"""The command that says what to expect: ``plan``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from seealso import printable
from seealso_cli.output import Number, given_path, json_option, note, size, write_json, write_rows
from seealso_cli.session import Session

if TYPE_CHECKING:
    from seealso import Plan, Plans


F = TypeVar("F", bound=Callable[..., Any])


def _also(kind: str) -> Callable[[F], F]:
    return click.option(
        f"--{kind}", kind, multiple=True, metavar="NAME",
        help=f"Also plan with this {kind} in the place of the configured one; `all` for every one; may be repeated.",
    )  # fmt: skip


@click.command("plan")
@click.argument("paths", nargs=-1, type=click.Path(), metavar="[PATH]…", callback=given_path)
@click.option("--objects", type=Number(min=1), help="For so many; by default, as many as there are.")
@_also("extractor")
@_also("index")
@_also("store")
@_also("codec")
@click.option(
    "--seconds", type=click.FloatRange(min=0.1), default=10.0, show_default=True,
    help="How long images are taken in for the trial.",
)  # fmt: skip
@click.option(
    "--scratch", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR",
    help="Where the trial is done; by default beside the collection, for its disk is what counts.",
)  # fmt: skip
@json_option
@click.pass_obj
def plan_command(
    session: Session,
    paths: tuple[str, ...],
    objects: int | None,
    extractor: tuple[str, ...],
    index: tuple[str, ...],
    store: tuple[str, ...],
    codec: tuple[str, ...],
    seconds: float,
    scratch: Path | None,
    as_json: bool,
) -> None:
    """What it would take to index the images below PATH, and to search them: time, disk, memory.

    A few of the images are taken in for a trial, into a folder that is removed again; what that tells is carried on to all of them, or to
    --objects. Without a PATH the collection's own images are tried, without a collection some pictures that are made up.
    """
    from seealso import plan

    collection = session.collection()
    also = {"extractor": extractor, "index": index, "store": store, "codec": codec}
    found = plan(
        collection,
        paths,
        objects=objects,
        also={kind: names for kind, names in also.items() if names},
        seconds=seconds,
        folder=scratch,
        tell=note,
    )
    for line in found.unusable:
        note(f"seealso: warning: {line}")
    if as_json:
        write_json(found.as_json())
    else:
        _show(found)


def _show(found: Plans) -> None:
    note(f"{found.objects:,} objects; tried with {found.sample}")
    heads = ["extractor", "index", "store", "to index", "on disk", "in memory", "ms a query", "from the disk"]
    write_rows([_row(each) for each in found.plans], heads)
    first = found.plans[0]
    estimates = {
        "to index": first.seconds,
        "on disk": first.disk,
        "in memory": first.memory,
        "ms a query": first.query,
        "from the disk": first.cold_query,
    }
    for name, estimate in estimates.items():
        if estimate is not None:
            note(f"{name}: {estimate.basis}")


def _row(each: Plan) -> list[str]:
    from seealso import shown_choice

    sketch = "" if each.sketch is None else f" + {shown_choice(each.sketch)}"
    return [
        printable(shown_choice(each.extractor)),
        printable(shown_choice(each.index) + sketch),
        printable(shown_choice(each.store)),
        _duration(each.seconds.value),
        size(round(each.disk.value)),
        size(round(each.memory.value)),
        f"{each.query.value:.1f}",
        "" if each.cold_query is None else f"{each.cold_query.value:.1f}",
    ]


def _duration(seconds: float) -> str:
    """Seconds for people: ``14 s``, ``3.2 min``, ``5.1 hours``, ``2.3 days``."""
    for unit, length in (("days", 86400), ("hours", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"

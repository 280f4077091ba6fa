"""The command ``index``."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from seealso_cli.output import count, given_path, json_option, note, say, write_json
from seealso_cli.progress import showing_progress
from seealso_cli.session import Session

if TYPE_CHECKING:
    from seealso import IngestReport, PluginChoice


@click.command("index")
@click.argument("paths", nargs=-1, required=True, type=click.Path(readable=False), metavar="PATH…", callback=given_path)
@click.option("--include", multiple=True, metavar="GLOB", help="Only files that match; may be given several times.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="No files or folders that match; several times too.")
@click.option("--hidden", is_flag=True, help="Also files and folders whose name begins with a dot.")
@click.option(
    "--keywords",
    metavar="TABLE",
    help="Also take words from a table (.csv, .tsv, .jsonl, .parquet), from now on; `none`: from none any more.",
)
@click.option("--prune/--no-prune", default=None, help="Drop all that is gone from disk / drop nothing.")
@json_option
@click.pass_obj
def index_command(
    session: Session,
    paths: tuple[str, ...],
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    hidden: bool,
    prune: bool | None,
    keywords: str | None,
    as_json: bool,
) -> int:
    """Take in the images below each PATH: add what is new, note what changed or moved, drop what is gone.

    Of a folder the files with an image's suffix (.jpg, .png, …) are taken; a file that is itself a PATH is taken whatever
    its name. The collection's own directory is passed over.

    What is gone from disk is dropped only below the paths given; and not when a path is missing or empty, or more than
    half of what was found below it is gone, for its drive may be away. --prune drops it all the same.

    A GLOB without a slash is matched against the name of a file and of every folder on the way to it, one with a slash
    against the path from PATH.

    A TABLE has a column `path` (or file, filename, image): a path or its end, as 2019/sea.jpg or sea.jpg; and columns such as
    keywords, title, caption, creator, date, place, caption_de.

    Exit status 1 means that a PATH itself could not be taken in. Files inside a folder that fail are listed by
    `seealso failures`.
    """
    collection = session.collection()
    with showing_progress() as progress:
        report = collection.index(
            paths,
            include=include,
            exclude=exclude,
            hidden=hidden,
            prune=prune,
            keywords=None if keywords is None else tables(keywords),
            progress=progress,
        )
    return finish(report, as_json=as_json)


def tables(given: str) -> list[PluginChoice]:
    """The keyword sources that `--keywords` names. (A table that is really called none is ./none.)"""
    from seealso import PluginChoice

    return [] if given == "none" else [PluginChoice("table", {"file": os.path.abspath(given)})]


def finish(report: IngestReport, *, as_json: bool, retry: bool = False) -> int:
    """Say what was done; returns the exit status."""
    for line in report.unusable:
        note(f"seealso: {line}")
    if as_json:
        write_json({**asdict(report), "changed": report.changed})
    elif report.files or report.changed or not report.unusable:
        say(summary(report, retry=retry))
    for line in report.warnings:
        note(f"seealso: warning: {line}")
    return 1 if report.unusable else 0


def summary(report: IngestReport, *, retry: bool = False) -> str:
    """What an ingest did, in a line; ``retry``: one of only the files that had failed."""
    card = f", on {report.device}" if report.device not in ("", "cpu") else ""
    seconds = f" ({report.seconds:.1f} s{card})"
    known = f"{count(report.known_failures, 'file')} failed {'again' if retry else 'before'} (see `seealso failures`)"
    if not report.files and not report.changed:
        return "nothing to retry" if retry else "no image files were found" + seconds
    if not report.changed and retry:
        return known + seconds
    if not report.changed:
        unchanged = f"nothing to do: {count(report.unchanged, 'file')} unchanged"
        return unchanged + (f"; {known}" if report.known_failures else "") + seconds
    damaged = f" ({report.damaged:,} damaged, see `seealso failures --damaged`)" if report.damaged else ""
    parts = [
        text
        for number, text in (
            (report.added, f"{count(report.added, 'new image')}{damaged}"),
            (report.located, f"{count(report.located, 'file')} moved or copied"),
            (report.annotated, f"{count(report.annotated, 'image')} described anew"),
            (report.unchanged, f"{report.unchanged:,} unchanged"),
            (report.locations_removed, f"{count(report.locations_removed, 'file')} gone"),
            (report.removed, f"{count(report.removed, 'image')} removed"),
            (report.failed, f"{count(report.failed, 'file')} failed (see `seealso failures`)"),
        )
        if number
    ]
    return ", ".join(parts) + (f"; {known}" if report.known_failures else "") + seconds

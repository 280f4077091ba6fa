"""The command ``index``."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

import click

from seealso_cli.output import count, given_path, json_option, note, say, write_json
from seealso_cli.progress import showing_progress
from seealso_cli.session import Session

if TYPE_CHECKING:
    from seealso import Collection, DryRun, IngestReport, PluginChoice


def given_pattern(_: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse an empty pattern, as a variable that is not set gives it to a command."""
    if "" in value:
        raise click.BadParameter("a pattern is empty", param=parameter)
    return value


@click.command("index")
@click.argument("paths", nargs=-1, required=True, type=click.Path(readable=False), metavar="PATH…", callback=given_path)
@click.option(
    "--include",
    multiple=True,
    metavar="GLOB",
    callback=given_pattern,
    help="Only files that match, from now on; may be given several times.",
)
@click.option(
    "--exclude",
    multiple=True,
    metavar="GLOB",
    callback=given_pattern,
    help="No files or folders that match, from now on; several times too.",
)
@click.option(
    "--hidden/--no-hidden",
    default=None,
    help="Also files and folders whose name begins with a dot, from now on / no more.",
)
@click.option(
    "--rules",
    type=click.Choice(["default", "none"]),
    help="Take back what was given by the options above, and begin with the rules of a new collection, or with none.",
)
@click.option(
    "--keywords",
    metavar="TABLE",
    help="Also take words from a table (.csv, .tsv, .jsonl, .parquet), from now on; `none`: from none any more.",
)
@click.option(
    "--prune/--no-prune", default=None, help="Drop all that is gone from disk, or left out by the rules / drop nothing."
)
@click.option("--again", is_flag=True, help="Also take in what was forgotten; see `seealso forget`.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@json_option
@click.pass_obj
def index_command(
    session: Session,
    paths: tuple[str, ...],
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    hidden: bool | None,
    rules: Literal["default", "none"] | None,
    prune: bool | None,
    keywords: str | None,
    again: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Take in the images below each PATH: add what is new, note what changed or moved, drop what is gone.

    Of a folder the files with an image's suffix (.jpg, .png, …) are taken; a file that is itself a PATH is taken whatever
    its name. The collection's own directory is passed over.

    What is gone from disk is dropped only below the paths given; and not when a path is missing or empty, or more than
    half of what was found below it is gone, for its drive may be away. --prune drops it all the same.

    A GLOB without a slash is matched against the name of a file and of every folder on the way to it, one with a slash
    against the path from PATH, one that begins with a slash against the whole path. --include, --exclude and --hidden belong to the
    collection: they add to the rules that there are, hold for every later run, and `seealso status` shows them. What they leave out is
    dropped like what is gone. A new collection begins with rules that leave out @eaDir, #recycle and the like.

    A TABLE has a column `path` (or file, filename, image): a path or its end, as 2019/sea.jpg or sea.jpg; and columns such as
    keywords, title, caption, creator, date, place, caption_de.

    Exit status 1 means that a PATH itself could not be taken in. Files inside a folder that fail are listed by
    `seealso failures`.
    """
    collection = session.collection()
    options: dict[str, Any] = {"include": include, "exclude": exclude, "hidden": hidden, "rules": rules}
    options |= {"prune": prune, "again": again}
    if dry_run:
        return _dry_run(collection, paths, options, keywords, as_json=as_json)
    with showing_progress() as progress:
        report = collection.index(
            paths, **options, keywords=None if keywords is None else tables(keywords), progress=progress
        )
    return finish(report, as_json=as_json)


def _dry_run(
    collection: Collection, paths: tuple[str, ...], options: dict[str, Any], keywords: str | None, *, as_json: bool
) -> int:
    """Say what an ingest would do; returns the exit status."""
    if keywords is not None:
        raise click.UsageError("--dry-run says nothing of words; leave out --keywords")
    with showing_progress() as progress:
        run = collection.dry_run(paths, **options, progress=progress)
    return _tell(run, foreseen(run), asdict(run) if as_json else None)


def foreseen(run: DryRun) -> str:
    """What an ingest would do, in a line."""
    found = _counted(
        (run.new, count(run.new, "new image")),
        (run.changed, f"{count(run.changed, 'file')} changed"),
        (run.moved, f"{count(run.moved, 'file')} moved or copied"),
        (run.unchanged, f"{run.unchanged:,} unchanged"),
        (run.gone, f"{count(run.gone, 'file')} gone"),
        (run.excluded, f"{count(run.excluded, 'file')} left out by the rules"),
        (run.forgotten, f"{count(run.forgotten, 'file')} forgotten before"),
        (run.failed, f"{count(run.failed, 'file')} failed before, or cannot be read"),
        (run.left_out, f"{count(run.left_out, 'file or folder', 'files or folders')} passed over by the rules"),
    )
    return f"{found or 'no image files'}; this was a dry run: nothing was written ({run.seconds:.1f} s)"


def _counted(*counted: tuple[int, str]) -> str:
    """What there is any of."""
    return ", ".join(text for number, text in counted if number)


def tables(given: str) -> list[PluginChoice]:
    """The keyword sources that `--keywords` names. (A table that is really called none is ./none.)"""
    from seealso import PluginChoice

    return [] if given == "none" else [PluginChoice("table", {"file": os.path.abspath(given)})]


def finish(report: IngestReport, *, as_json: bool, retry: bool = False) -> int:
    """Say what was done; returns the exit status."""
    did_something = report.files or report.changed or not report.unusable
    document = {**asdict(report), "changed": report.changed} if as_json else None
    return _tell(report, summary(report, retry=retry) if did_something else "", document)


def _tell(run: IngestReport | DryRun, line: str, document: dict[str, Any] | None) -> int:
    """Say what is wrong, then the JSON document or else the line, then the warnings; returns the exit status."""
    for each in run.unusable:
        note(f"seealso: {each}")
    if document is not None:
        write_json(document)
    elif line:
        say(line)
    for each in run.warnings:
        note(f"seealso: warning: {each}")
    return 1 if run.unusable else 0


def summary(report: IngestReport, *, retry: bool = False) -> str:
    """What an ingest did, in a line; ``retry``: one of only the files that had failed."""
    card = f", on {report.device}" if report.device not in ("", "cpu") else ""
    seconds = f" ({report.seconds:.1f} s{card})"
    known = f"{count(report.known_failures, 'file')} failed {'again' if retry else 'before'} (see `seealso failures`)"
    out = f"{count(report.forgotten, 'file')} forgotten before (see `seealso forget --list`)"
    passed = "".join(
        f"; {text}" for number, text in ((report.known_failures, known), (report.forgotten, out)) if number
    )
    if not report.files and not report.changed:
        return "nothing to retry" if retry else f"no image files were found{_left_out(report)}" + seconds
    if not report.changed and retry:
        return known + seconds
    if not report.changed:
        return f"nothing to do: {count(report.unchanged, 'file')} unchanged{passed}{seconds}"
    damaged = f" ({report.damaged:,} damaged, see `seealso failures --damaged`)" if report.damaged else ""
    done = _counted(
        (report.added, f"{count(report.added, 'new image')}{damaged}"),
        (report.located, f"{count(report.located, 'file')} moved or copied"),
        (report.annotated, f"{count(report.annotated, 'image')} described anew"),
        (report.unchanged, f"{report.unchanged:,} unchanged"),
        (report.locations_removed, f"{count(report.locations_removed, 'file')} gone"),
        (report.excluded, f"{count(report.excluded, 'file')} left out by the rules"),
        (report.removed, f"{count(report.removed, 'image')} removed"),
        (report.failed, f"{count(report.failed, 'file')} failed (see `seealso failures`)"),
    )
    return done + passed + seconds


def _left_out(report: IngestReport) -> str:
    """Why there may be none."""
    if not report.left_out:
        return ""
    left_out = count(report.left_out, "file or folder", "files or folders")
    return f"; the collection's rules leave out {left_out} (see `seealso status`)"

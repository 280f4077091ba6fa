"""The command ``forget``: what stays out."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from seealso import printable, shown_path, uri_of_path
from seealso_cli.output import count, given_path, json_option, note, say, write_json, write_rows
from seealso_cli.session import Session

if TYPE_CHECKING:
    from seealso import ForgottenImage

ID = re.compile("(?:id:)?([0-9]{1,19})")


@click.command("forget")
@click.argument("which", nargs=-1, type=click.Path(readable=False), metavar="ID|PATH…", callback=given_path)
@click.option("--undo", is_flag=True, help="Let them come in again; without ID or PATH all that was forgotten.")
@click.option("--list", "listing", is_flag=True, help="List what was forgotten.")
@json_option
@click.pass_obj
def forget_command(session: Session, which: tuple[str, ...], undo: bool, listing: bool, as_json: bool) -> None:
    """Drop images, and have them stay out, wherever their files are found. No file is touched.

    ID is an object, as 123 or id:123. A PATH that is a file means its image, wherever else that is found; a PATH that is a folder the
    images that are found nowhere else. (A file that is really called 123 is ./123.)

    They stay out until --undo, or until `seealso index --again PATH` finds them.
    """
    if listing and (undo or which):
        raise click.UsageError("--list goes alone")
    if not (listing or undo or which):
        raise click.UsageError("say what to forget: an ID or a PATH; or --list, or --undo")
    collection = session.collection()
    if listing:
        _list(list(collection.forgotten()), as_json=as_json)
        return
    meant: list[int | str] = [int(found[1]) if (found := ID.fullmatch(each)) else each for each in which]
    if undo:
        called_back = collection.unforget(*meant)
        if as_json:
            write_json({"objects": called_back})
        else:
            say(
                f"{count(called_back, 'image')} forgotten no more; `seealso index PATH…` takes in what it finds of them"
            )
        return
    report = collection.forget(*meant)
    if as_json:
        write_json(asdict(report))
        return
    say(
        f"{count(report.objects, 'image')} forgotten, found at {count(report.locations, 'place')}; "
        "`seealso forget --undo` lets them come in again"
    )
    if report.elsewhere:
        note(
            f"{count(report.elsewhere, 'image')} found elsewhere, too, and kept; an ID or a file forgets it everywhere"
        )


def _list(images: Sequence[ForgottenImage], *, as_json: bool) -> None:
    """Show what was forgotten."""
    if as_json:
        listed = [
            {
                "id": image.id,
                "sha256": image.hash.hex(),
                "locations": [{"path": shown_path(path), "uri": uri_of_path(path)} for path in image.paths],
                "time": image.time,
            }
            for image in images
        ]
        write_json({"forgotten": listed})
        return
    rows = []
    for image in images:
        more = f" (and {len(image.paths) - 1} more)" if len(image.paths) > 1 else ""
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(image.time))
        rows.append([str(image.id), when, printable(shown_path(image.paths[0])) + more])
    write_rows(rows, ["id", "forgotten", "path"])
    if not images:
        note("nothing was forgotten")

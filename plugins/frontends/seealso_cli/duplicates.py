"""The command ``duplicates``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from seealso import IS_EMPTY, own_stdout, printable, shown_path, uri_of_path
from seealso_cli.output import Limit, count, for_people, note, refuse_two_forms, say, size
from seealso_cli.progress import showing_share
from seealso_cli.session import Session

if TYPE_CHECKING:
    from seealso import Collection, DuplicateGroup, Duplicates, ObjectRecord, Within

PAGE = 500  # images of a group that are looked up at once


class Image(NamedTuple):
    """An image of a group, as it is now."""

    record: ObjectRecord
    distance: float
    mirrored: bool
    largest: bool


@click.command("duplicates")
@click.option(
    "--within",
    type=Limit(),
    metavar="D|P%",
    help="How near the largest of its group an image has to be: a distance, or a likeness in percent.  [default: 30%, and the pictures have to fit]",
)
@click.option("--mirrored", is_flag=True, help="Mirror images count, too.")
@click.option("--others", is_flag=True, help="Leave out one file of the largest image of each group: what could go.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.option("--paths", is_flag=True, help="Paths only, one a line, byte for byte; an empty line between groups.")
@click.option("-0", "null", is_flag=True, help="Paths only, each ended by NUL; one more NUL between groups.")
@click.pass_obj
def duplicates_command(
    session: Session,
    within: Within | None,
    mirrored: bool,
    others: bool,
    as_json: bool,
    paths: bool,
    null: bool,
) -> None:
    """Groups of near-identical images: resized, compressed anew, cut a little, with something small on them.

    The largest image of a group comes first, then those within the distance of it, the nearest first. Several files with the same bytes
    are in one group, too. With --paths and --others there are no empty lines: every path is of a file that could go.
    """
    refuse_two_forms(as_json, paths or null)
    collection = session.collection()
    with showing_share("Comparing", "object") as tell:
        found = collection.duplicates(within, mirrored=mirrored, progress=lambda what, done, total: tell(done, total))
    if as_json:
        _write(_as_json(collection, found, others=others))
    elif paths or null:
        _write_paths(collection, found, b"\0" if null else b"\n", others=others)
    else:
        _show(collection, found, others=others)
    _sum_up(found)


def _images(collection: Collection, group: DuplicateGroup) -> Iterator[Image]:
    """The images of a group that are still there; a page at a time, since there may be a million."""
    largest = True
    for start in range(0, group.ids.size, PAGE):
        part = slice(start, start + PAGE)
        records = collection.records(group.ids[part].tolist())
        for id_, distance, mirrored in zip(*(each[part].tolist() for each in _columns(group)), strict=True):
            record = records.get(id_)
            if record is not None and record.paths:
                yield Image(record, distance, mirrored, largest)
                largest = False


def _columns(group: DuplicateGroup) -> tuple[Any, Any, Any]:
    return group.ids, group.distances, group.mirrored


def _paths(image: Image, *, others: bool) -> tuple[bytes, ...]:
    """The places of an image; ``others``: without the one file that stays."""
    return image.record.paths[others and image.largest :]


def _as_json(collection: Collection, found: Duplicates, *, others: bool) -> Iterator[str]:
    """One JSON document, piece by piece."""
    yield json.dumps(found.as_json(), allow_nan=False)[:-1] + ', "groups": ['
    for number, group in enumerate(found):
        facts = {"files": group.files, "spare": group.spare, "spread": group.spread}
        yield (", " if number else "") + json.dumps(facts, allow_nan=False)[:-1] + ', "images": ['
        between = ""
        for image in _images(collection, group):
            shown = _paths(image, others=others)
            if shown:
                yield between + json.dumps(_image_as_json(image, shown), ensure_ascii=False, allow_nan=False)
                between = ", "
        yield "]}"
    yield "]}\n"


def _image_as_json(image: Image, paths: tuple[bytes, ...]) -> dict[str, Any]:
    record = image.record
    return {
        "id": record.id,
        "width": record.width,
        "height": record.height,
        "bytes": record.file_size,
        "distance": image.distance,
        "mirrored": image.mirrored,
        "largest": image.largest,
        "locations": [{"path": shown_path(path), "uri": uri_of_path(path)} for path in paths],
    }


def _write(pieces: Iterator[str]) -> None:
    with own_stdout() as stream:
        for piece in pieces:
            stream.write(piece)


def _write_paths(collection: Collection, found: Duplicates, end: bytes, *, others: bool) -> None:
    with own_stdout() as stream:
        stream.flush()
        for number, group in enumerate(found):
            if number and not others:
                stream.buffer.write(end)
            for image in _images(collection, group):
                stream.buffer.writelines(path + end for path in _paths(image, others=others))
        stream.buffer.flush()


def _show(collection: Collection, found: Duplicates, *, others: bool) -> None:
    """A line for each file: for people in columns below a line for the group, elsewhere separated by tabs."""
    people = for_people()
    for number, group in enumerate(found, 1):
        if people:
            apart = f", at most {group.spread:.4f} apart" if group.ids.size > 1 else ", the same bytes"
            head = f"{_files(found, group.files)}{_spare(found, group.spare)}{apart}"
            say(("\n" if number > 1 else "") + click.style(head, bold=True))
        for image in _images(collection, group):
            for place, path in enumerate(_paths(image, others=others)):
                largest = image.largest and not place and not others
                shown = printable(shown_path(path))
                say(_line_for_people(found, image, shown, largest=largest) if people else _line(number, image, shown))


def _line(number: int, image: Image, path: str) -> str:
    record = image.record
    sides = f"{record.width}x{record.height}"
    return "\t".join([str(number), str(record.id), sides, str(record.file_size), f"{image.distance:.4f}", path])


def _line_for_people(found: Duplicates, image: Image, path: str, *, largest: bool) -> str:
    record = image.record
    if not found.of_images:
        return f"{record.id:>10}  {image.distance:.4f}  {path}"
    notes = ["the largest"] * largest + ["mirrored"] * image.mirrored
    noted = f" ({', '.join(notes)})" if notes else ""
    sides = f"{record.width} × {record.height}"
    return f"{record.id:>10}  {sides:>13}  {size(record.file_size):>10}  {image.distance:.4f}  {path}{noted}"


def _files(found: Duplicates, number: int) -> str:
    return count(number, "file" if found.of_images else "descriptor")


def _spare(found: Duplicates, number: int, comma: str = ", ") -> str:
    """How much could go; descriptors that were imported have no files that could."""
    return f"{comma}{size(number)} to spare" if found.of_images else ""


def _sum_up(found: Duplicates) -> None:
    """Say how much was found, and how."""
    alike = "" if found.asked.likeness is None else f", a likeness of {found.asked.likeness:g} %"
    objects = count(found.objects, "image" if found.of_images else "descriptor")
    among = f"among {objects} (within {found.within:.4g}{alike})"
    if not found.objects:
        note(IS_EMPTY)
    elif not len(found):
        note(f"no duplicates {among}")
    else:
        groups = count(len(found), "group")
        files, spare = (int(each.sum()) for each in (found.files, found.spare))
        note(f"{groups} of {_files(found, files)} {among}{_spare(found, spare, '; ')}")

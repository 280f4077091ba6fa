"""The commands that show objects: ``similar``, ``show``, ``random``."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from seealso import IS_EMPTY, SeealsoError, printable, shown_path, uri_of_path
from seealso_cli.output import (
    Limit,
    Number,
    count,
    given_path,
    json_option,
    note,
    output_options,
    percent,
    refuse_two_forms,
    say,
    size,
    write_hits,
    write_json,
    write_paths,
)
from seealso_cli.session import Session

if TYPE_CHECKING:
    from seealso import Answer, Example, Hit, Within, Words

DIGITS = "[0-9]{1,19}"

IMAGES: dict[str, Any] = {
    "multiple": True,
    "type": click.Path(readable=False),
    "metavar": "IMAGE",
    "callback": given_path,
}
"""What the options have in common that name images as examples."""


@click.command("similar")
@click.argument("examples", type=click.Path(readable=False), nargs=-1, metavar="IMAGE…", callback=given_path)
@click.option("--like", **IMAGES, help="One more IMAGE; may be given several times.")
@click.option("--unlike", **IMAGES, help="What they shall not look like; may be given several times.")
@click.option(
    "--words",
    multiple=True,
    metavar="WORDS",
    help='What the images shall show, as "red shoe"; the extractor has to know words.',
)
@click.option("-k", type=Number(min=1), default=10, metavar="N", show_default=True, help="How many neighbours.")
@click.option("--others", is_flag=True, help="Leave out the examples themselves, where the collection holds them.")
@click.option(
    "--where", metavar="WORDS", help='Only objects that match a text query, as "red -shoes"; see `seealso text`.'
)
@click.option(
    "--within",
    type=Limit(),
    metavar="D|P%",
    help="Only objects that are no further than a distance, or at least so alike, as 80%; see `seealso evaluate`.",
)
@click.option("--fold", is_flag=True, help="Hits that are nearly the same as a nearer one are folded into it.")
@click.option("--offset", type=Number(min=0), default=0, metavar="N", help="Leave out so many of the nearest.")
@click.option("--candidates", type=Number(min=1), metavar="N", help="How many candidates to look at, at most.")
@click.option(
    "--reads", type=Number(min=1), metavar="N", help="How many of them to read, at most, where there is a sketch."
)
@output_options
@click.pass_obj
def similar_command(
    session: Session,
    examples: tuple[str, ...],
    like: tuple[str, ...],
    unlike: tuple[str, ...],
    words: tuple[str, ...],
    k: int,
    others: bool,
    where: str | None,
    within: Within | None,
    fold: bool,
    offset: int,
    candidates: int | None,
    reads: int | None,
    as_json: bool,
    paths: bool,
    null: bool,
    sheet: Path | None,
) -> None:
    """The nearest neighbours of IMAGE: a file, or an object of the collection as id:123.

    Of several examples, whatever is near all of them comes first; behind ^ stands how much one counts beside the others, as in id:123^2
    or "snow^0.5". (A file that is really called id:123 is ./id:123.)
    """
    from seealso import NEARLY_THE_SAME, Query

    refuse_two_forms(as_json, paths or null)
    asked = [example_of(each) for each in (*examples, *like)]
    asked += [words_of(each) for each in words]
    if not asked:
        raise click.UsageError("say what the images shall be like: an IMAGE, or --words")
    asked += [replace(each, weight=-each.weight) for each in map(example_of, unlike)]
    answer = session.collection().search(
        Query.like(
            *asked,
            k=k,
            offset=offset,
            candidates=candidates,
            reads=reads,
            where=where,
            others=others,
            fold=NEARLY_THE_SAME if fold else None,
            **(within.limits if within is not None else {}),
        )
    )
    if as_json:
        write_json(answer.as_json())
    elif paths or null:
        write_paths(answer.hits, null=null)
    else:
        write_hits(answer.hits, {each.id for each in answer.asked if each.id is not None})
        note_matches(answer)
        note_beyond(answer)
    note_missing(answer)
    if sheet is not None:
        draw(session, sheet, answer.hits, answer.example.path)


def is_behind_the_last(answer: Answer) -> bool:
    """Whether words were looked for both ways, and fewer were found than were left out: that no keywords match says nothing then."""
    both = answer.query.keywords is not None and bool(answer.query.examples) and not answer.reasons
    return both and bool(answer.query.offset) and not answer.hits


def note_missing(answer: Answer) -> None:
    """Say why there are no hits, where it is not plain to see; and what was not searched."""
    if answer.empty:
        note(IS_EMPTY)
        return
    if answer.unsearched:
        note(f"{count(answer.unsearched, 'object')} not searched: too new to be in the index; run `seealso rebuild`")
    if answer.hits or (answer.matched == 0 and not is_behind_the_last(answer)):
        return
    if answer.query.offset:
        note(f"there are no more hits after the first {answer.query.offset:,}")
    elif answer.query.min_likeness is not None:
        note(f"nothing is {answer.query.min_likeness:g} % alike")
    elif answer.query.max_distance is not None:
        note(f"nothing is within {answer.query.max_distance:g}")


def note_beyond(answer: Answer) -> None:
    """Say which of the hits, nearest first, are as far away as unrelated images may be, where that is known."""
    beyond = sum(bool(hit.beyond) for hit in answer.hits)
    if not beyond or answer.likeness is None or answer.likeness.alike is None:
        return
    which = "the last hit is" if beyond == 1 else f"the last {beyond:,} hits are"
    if beyond == len(answer.hits):
        which = "every hit is"
    alike = answer.likeness.alike
    shown = percent(answer.likeness.percent(alike))
    note(f"{which} further away than {alike:.4f} ({shown}); so are unrelated images")


def note_matches(answer: Answer) -> None:
    """Say how many objects match a text query, where not all of them are shown."""
    text = answer.text or ""
    if answer.empty:
        return
    if answer.matched == 0:
        note(f"no object matches {text}")
    elif answer.matched is not None and answer.matched != len(answer.hits):
        note(f"{count(answer.matched, 'object')} {'matches' if answer.matched == 1 else 'match'} {text}")


def words_that_begin(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """What a shell completes a word of a text query to."""
    session = Session()
    options = context.find_root().params
    session.config_file, session.collection_name = options.get("config"), options.get("collection")
    try:
        return session.collection().suggest(incomplete, 20)
    except SeealsoError:
        return []


class TextCommand(click.Command):
    """A command whose words may begin with a hyphen: ``-bird`` excludes, though ``b``, ``i``, ``r`` or ``d`` may be options."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; only what is an option as it stands, or is its value, is one."""
        short = {name for parameter in self.get_params(context) for name in parameter.opts if len(name) == 2}
        kept = [MINUS + each[1:] if _excludes(each) and each not in short else each for each in args]
        return super().parse_args(context, kept)


MINUS = "\N{MINUS SIGN}"
"""Excludes, too, and begins no option."""


def _excludes(argument: str) -> bool:
    """Whether an argument is a word with a hyphen before it; not ``--option``, nor ``-k5``."""
    return re.fullmatch(r"-[^-\d].+", argument) is not None and re.fullmatch(r"-\w\d+", argument) is None


@click.command("text", cls=TextCommand, context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, required=True, metavar="WORDS…", shell_complete=words_that_begin)
@click.option("-k", type=Number(min=1), default=10, metavar="N", show_default=True, help="How many objects.")
@click.option("--offset", type=Number(min=0), default=0, metavar="N", help="Leave out so many of the best.")
@click.option(
    "--by",
    type=click.Choice(["keywords", "looks"]),
    help="Only objects that have the words as keywords, or only images that look like them; else both.",
)
@output_options
@click.pass_obj
def text_command(
    session: Session,
    words: tuple[str, ...],
    k: int,
    offset: int,
    by: Literal["keywords", "looks"] | None,
    as_json: bool,
    paths: bool,
    null: bool,
    sheet: Path | None,
) -> None:
    """The objects that are described by WORDS, or look like them, best first.

    As keywords, all words have to be there. "black bird" in quotation marks (quoted for the shell) is a phrase, bird* any word that begins
    so, brid~ one that is spelt nearly so, -bird must not be there, "bird OR cat" is either, creator:adams looks in one field, and
    date:2005..2010 in a range of dates.
    """
    from seealso import Query

    refuse_two_forms(as_json, paths or null)
    words = tuple("-" + word[1:] if word.startswith(MINUS) else word for word in words)
    # The shell has taken the quotation marks away from what it gave as one word.
    query = " ".join(f'"{word}"' if " " in word and '"' not in word and len(words) > 1 else word for word in words)
    answer = session.collection().search(Query.by_words(query, by, k=k, offset=offset))
    if as_json:
        write_json(answer.as_json())
    elif paths or null:
        write_paths(answer.hits, null=null)
    else:
        write_hits(answer.hits, ways=bool(answer.query.examples) and not answer.reasons)
        if not any("looks" in hit.by for hit in answer.hits) and not is_behind_the_last(answer):
            note_matches(answer)
        if not answer.hits and not answer.empty:
            for reason in answer.reasons:
                note(reason)
            if answer.instead:
                note(f"look for {' or '.join(answer.instead)} instead")
    note_missing(answer)
    if sheet is not None:
        draw(session, sheet, answer.hits, None)


def example_of(query: str) -> Example:
    """The example that a path, or ``id:`` and a number, stands for; with its weight, where no file is called just so."""
    from seealso import Example, QueryError

    what, weight = query, 1.0
    if not os.path.lexists(query):
        try:
            what, weight = Example.weighted(query)
        except QueryError:
            # A path may have any sign in it; that there is no such file is said later.
            if query.startswith("id:"):
                raise
    return replace(Example.of(image_or_id(what)), weight=weight)


def words_of(query: str) -> Example:
    """The example that words stand for; with their weight."""
    from seealso import Example

    what, weight = Example.weighted(query)
    return Example(words=what, weight=weight)


def image_or_id(query: str) -> str | int:
    """A path, or the number behind ``id:``."""
    if re.fullmatch("id:" + DIGITS, query):
        return int(query[3:])
    if query.startswith("id:") and not os.path.lexists(query):
        raise click.BadParameter(f"after id: comes the number of an object, as in id:123; not {query[3:]!r}")
    return query


@click.command("random")
@click.option("-n", "number", type=Number(min=1), default=20, metavar="N", show_default=True, help="How many objects.")
@click.option("--seed", type=Number(min=0), metavar="N", help="The same selection again for the same number.")
@output_options
@click.pass_obj
def random_command(
    session: Session, number: int, seed: int | None, as_json: bool, paths: bool, null: bool, sheet: Path | None
) -> None:
    """A random selection of objects."""
    refuse_two_forms(as_json, paths or null)
    hits = session.collection().random(number, seed)
    if as_json:
        write_json({"hits": [hit.as_json() for hit in hits]})
    elif paths or null:
        write_paths(hits, null=null)
    else:
        write_hits(hits)
    if not hits:
        note(IS_EMPTY)
    if sheet is not None:
        draw(session, sheet, hits, None)


def plain_id(_: click.Context, parameter: click.Parameter, value: str) -> int:
    """The number of an object, with or without ``id:`` before it."""
    if not re.fullmatch("(id:)?" + DIGITS, value):
        raise click.BadParameter(f"{value!r} is not the number of an object, as in 123 or id:123", param=parameter)
    return int(value.removeprefix("id:"))


@click.command("show")
@click.argument("object_id", metavar="ID", callback=plain_id)
@json_option
@click.pass_obj
def show_command(session: Session, object_id: int, as_json: bool) -> None:
    """One object, by its ID (123, or id:123): where it was found, its size, its content hash, its words, what it looks like."""
    collection = session.collection()
    record = collection.show(object_id)
    words = collection.keywords([object_id]).get(object_id, {})
    looks = collection.looks_like([object_id]).get(object_id, ())
    if as_json:
        write_json(
            {
                "id": record.id,
                "sha256": record.hash.hex(),
                "width": record.width,
                "height": record.height,
                "file_size": record.file_size,
                "locations": [{"path": shown_path(path), "uri": uri_of_path(path)} for path in record.paths],
                "keywords": [word.text for said in words.values() for word in said if word.field == "keywords"],
                "words": [{"source": source, **word._asdict()} for source, said in words.items() for word in said],
                "looks_like": [{"word": word, "weight": sure} for word, sure in looks],
            }
        )
        return
    say(f"id        {record.id}")
    say(f"size      {record.width} × {record.height} pixels, {size(record.file_size)}")
    say(f"sha256    {record.hash.hex()}")
    for place, path in enumerate(record.paths):
        say(f"{'' if place else 'found at':<10}{printable(shown_path(path))}")
    for (field, source), texts in shown_words(words).items():
        say(f"{field:<10}{'; '.join(map(printable, texts))} ({source})")
    if looks:
        say(f"looks like {', '.join(printable(word) for word, _ in looks)}")


def shown_words(words: Mapping[str, Sequence[Words]]) -> dict[tuple[str, str], list[str]]:
    """Field and source → texts; those of other languages than the first of a field are left out."""
    found: dict[tuple[str, str], list[str]] = {}
    languages: dict[tuple[str, str], str] = {}
    for source, said in words.items():
        for word in said:
            key = word.field, source
            if languages.setdefault(key, word.language) == word.language:
                found.setdefault(key, []).append(word.text)
    return found


def draw(session: Session, file: Path, hits: Sequence[Hit], query: bytes | None) -> None:
    """Draw a contact sheet, and say where it is."""
    from seealso_cli.sheet import draw_sheet

    draw_sheet(file, hits, query, session.collection().settings.images)
    note(f"contact sheet: {file}")

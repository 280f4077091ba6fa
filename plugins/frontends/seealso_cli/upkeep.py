"""The commands about the state of a collection: ``status``, ``failures``, ``verify``, ``rebuild``, ``maintain``,
``convert``."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from seealso import printable, shown_path, uri_of_path
from seealso_cli.indexing import finish
from seealso_cli.output import count, json_option, note, say, size, write_json, write_rows
from seealso_cli.progress import showing_progress, showing_share
from seealso_cli.session import Session

if TYPE_CHECKING:
    from seealso import Collection

INLINE = 80  # columns of facts in one line; more get a line each


@click.command("status")
@json_option
@click.pass_obj
def status_command(session: Session, as_json: bool) -> None:
    """What the collection holds, and what made it."""
    status: dict[str, Any] = session.collection().status()
    if as_json:
        write_json(status)
        return
    provenance = status["provenance"]
    say(f"collection   {status['name']} ({printable(status['path'])})")
    say(f"made         {time.strftime('%Y-%m-%d %H:%M', time.localtime(status['created']))}")
    say(f"holds        {count(status['objects'], 'object')} at {count(status['locations'], 'location')}")
    if status["failures"]:
        say(f"failures     {count(status['failures'], 'file')} (see `seealso failures`)")
    if status["forgotten"]:
        say(f"forgotten    {count(status['forgotten'], 'image')} (see `seealso forget --list`)")
    if "scan" in status:
        say(printable(f"scan         {_of_rules(status['scan'])}"))
    if status["damaged"]:
        say(f"damaged      {count(status['damaged'], 'image')} (see `seealso failures --damaged`)")
    say(f"on disk      {size(status['bytes'])}")
    say(f"descriptors  {provenance['dim']} × {provenance['dtype']}, {provenance['preprocessing']}")
    say(f"decoding     {_of_decoding(status['decoding'])}")
    if provenance["weights"]:
        say(f"weights      SHA-256 {provenance['weights']}")
    if status["words_provenance"]:
        say(f"words        {status['words_provenance']}")
    for kind, choice in status["parts"].items():
        choices = choice if isinstance(choice, list) else [choice]
        name = ", ".join(each if isinstance(each, str) else each["plugin"] for each in choices) or "none"
        told = status.get(kind, {})
        facts = _of_sketches(told) if kind == "sketch" and told else [_fact(*each) for each in told.items()]
        inline = ", ".join(facts)
        if len(inline) <= INLINE:
            say(f"{kind:<12} {name}" + (f" ({inline})" if facts else ""))
        else:
            say("\n".join([f"{kind:<12} {name}", *(f"{'':<12}   {fact}" for fact in facts)]))
    for kind, chosen in status["auto"].items():
        say(printable(f"auto         {kind} {chosen}"))
    for each in status["advice"]:
        say(printable(f"better       {each['part']} {each['default']}, by now the default; {each['how']}"))


def _of_rules(rules: dict[str, Any]) -> str:
    """Which files are taken, in plain words."""
    told = [f"only {', '.join(rules['include'])}"] if rules["include"] else []
    told += [f"leaves out {', '.join(rules['exclude'])}" if rules["exclude"] else "leaves out no folder"]
    return "; ".join([*told, "hidden files, too" if rules["hidden"] else "no hidden files"])


def _of_decoding(decoding: dict[str, Any]) -> str:
    """In which way image files are decoded, in plain words."""
    gamma = "counts" if decoding["gamma"] else "does not count"
    damaged = "taken" if decoding["damaged"] == "take" else "refused"
    return f"way {decoding['way']}: the gamma of a PNG {gamma}, damaged pictures are {damaged}"


def _of_sketches(told: dict[str, Any]) -> list[str]:
    """What there is to say of sketches, in plain words."""
    others = {
        key: value for key, value in told.items() if key not in ("made_by", "objects", "bytes", "bytes_per_object")
    }
    missing = others.pop("missing", 0)
    facts = ["none are made yet: the next command that writes makes them, or `seealso rebuild`"]
    if told.get("bytes_per_object"):
        each, total = size(told["bytes_per_object"]), size(told["bytes"])
        facts = [f"{each} an object, {total} in memory for {count(told['objects'], 'object')}"]
        if missing:
            facts.append(
                f"{count(missing, 'object')} without one yet; the next command that writes makes what is missing"
            )
    made_by = told["made_by"]
    if isinstance(made_by, dict):
        options = [f"{key} {value}" for key, value in made_by.items() if key != "plugin" and value is not None]
        facts.append(f"made by {made_by['plugin']} with {', '.join(options)}")
    return [*facts, *(_fact(*each) for each in others.items())]


def _fact(key: str, value: object) -> str:
    if key == "missing" and isinstance(value, int):
        return f"{count(value, 'object')} not in it yet"
    if key == "bytes" and isinstance(value, int):
        return f"{size(value)} in all"
    if key == "missing":
        return f"missing: {printable(str(value))}"
    if key.startswith("bytes") and isinstance(value, int | float):
        return f"{key.replace('_', ' ').replace('bytes', '').strip()} {size(value)}".strip()
    return f"{key.replace('_', ' ')} {value:,}" if isinstance(value, int | float) else f"{key} {value}"


@click.command("failures")
@click.option("--retry", is_flag=True, help="Try just these files again.")
@click.option("--damaged", is_flag=True, help="Instead the images that were taken in though they are damaged.")
@json_option
@click.pass_obj
def failures_command(session: Session, retry: bool, damaged: bool, as_json: bool) -> int:
    """The files that could not be taken in, and why.

    With --damaged, the images of which only a part could be decoded: how much, and why not all of it. They are found like all others.
    """
    if damaged and retry:
        raise click.UsageError(
            "give one of --damaged and --retry: damaged images were taken in, and there is nothing to try again"
        )
    collection = session.collection()
    if retry:
        with showing_progress() as progress:
            report = collection.retry_failures(progress)
        return finish(report, as_json=as_json, retry=True)
    if damaged:
        _tell_damaged(collection, as_json=as_json)
        return 0
    failures = list(collection.failures())
    if as_json:
        listed = [
            {"path": shown_path(each.path), "uri": uri_of_path(each.path), "reason": each.reason, "time": each.time}
            for each in failures
        ]
        write_json({"failures": listed})
    else:
        write_rows(
            [[printable(shown_path(each.path)), printable(each.reason)] for each in failures], ["path", "reason"]
        )
        if not failures:
            note("no failures")
    return 0


def _tell_damaged(collection: Collection, *, as_json: bool) -> None:
    """The images whose pictures are damaged, a line for each place of one."""
    objects = list(collection.damaged())
    if as_json:
        listed = [
            {
                "id": each.id,
                "paths": [shown_path(path) for path in each.paths],
                "uris": [uri_of_path(path) for path in each.paths],
                "share": each.damage.share,
                "reason": each.damage.reason,
            }
            for each in objects
        ]
        write_json({"damaged": listed})
        return
    rows = [
        [
            f"id:{each.id}",
            f"{int(100 * each.damage.share)} %",
            printable(shown_path(path)),
            printable(each.damage.reason),
        ]
        for each in objects
        for path in each.paths
    ]
    write_rows(rows, ["id", "decoded", "path", "reason"])
    if not objects:
        note("no damaged images")


@click.command("verify")
@json_option
@click.pass_obj
def verify_command(session: Session, as_json: bool) -> int:
    """Check every checksum, and the catalogue, the store and the index against one another.

    Exit status 1 means that something is wrong; each problem is a line.
    """
    checkup = session.collection().verify()
    if as_json:
        write_json(asdict(checkup))
    else:
        for problem in checkup.problems:
            note(f"seealso: {problem}")
        advice = "" if checkup.doubtful else " (`seealso maintain` removes them)"
        unused = f", {checkup.unused:,} of no object{advice}" if checkup.unused else ""
        if checkup.unchecked:
            unused += (
                f", {count(checkup.unchecked, 'row')} of the catalogue without a checksum yet (every `seealso index` adds some, "
                "`seealso maintain` all)"
            )
        outcome = f"{count(len(checkup.problems), 'problem')} found" if checkup.problems else "all is well"
        say(
            f"{outcome}: {count(checkup.objects, 'object')}, {count(checkup.descriptors, 'descriptor')} checked{unused}"
        )
    return 1 if checkup.problems else 0


@click.command("rebuild")
@click.option("--distance", metavar="NAME", help="Compare by another distance from now on; nothing is extracted again.")
@click.pass_obj
def rebuild_command(session: Session, distance: str | None) -> None:
    """Throw the index away and build it anew from the catalogue and the store, as the configuration says."""
    from seealso import PluginChoice

    started = time.monotonic()
    collection = session.collection()
    collection.rebuild(None if distance is None else PluginChoice(distance))
    say(f"rebuilt the index of {count(collection.counts().objects, 'object')} ({time.monotonic() - started:.1f} s)")


@click.command("maintain")
@click.option("--force", is_flag=True, help="Also where most descriptors are gone, as in the wrong store.")
@click.pass_obj
def maintain_command(session: Session, force: bool) -> None:
    """Reclaim space, and let go of what is damaged, so that `seealso index` takes it in anew.

    It refuses where so much is lost that the store seems to be the wrong one.
    """
    upkeep = session.collection().maintain(force=force)
    if upkeep.dropped:
        note(
            f"seealso: warning: {count(upkeep.dropped, 'object')} whose descriptor was lost or damaged dropped; "
            "`seealso index PATH…` takes them in anew"
        )
    removed = f", {count(upkeep.removed, 'descriptor')} of no object removed" if upkeep.removed else ""
    say(f"{size(upkeep.bytes_before)} before, {size(upkeep.bytes_after)} now{removed}")


@click.command("convert")
@click.argument("store", required=False)
@click.option("--codec", metavar="NAME", help="How the descriptors are written there.")
@click.option(
    "--option",
    "options",
    metavar="KEY=VALUE",
    multiple=True,
    help="Another option of the store; may be given several times. VALUE is as in YAML.",
)
@click.pass_obj
def convert_command(session: Session, store: str | None, codec: str | None, options: tuple[str, ...]) -> None:
    """Move the descriptors to another STORE, or another codec; by default to what the configuration names.

    The options that the configuration gives the store are kept. With --codec or --option alone it is the store that the
    configuration names, else the one in force. Searches go on meanwhile. It may be interrupted at any moment: the collection is then as it was, and the same command goes
    on where it ended. It needs room for both stores until it is done.
    """
    from seealso import PluginChoice

    given = _options(options) | ({} if codec is None else {"codec": codec})
    wanted = None if store is None else PluginChoice(store)
    started = time.monotonic()
    with showing_share("Converting", "descriptor") as progress:
        done = session.collection().convert(wanted, progress, options=given)
    if done is None:
        say("nothing to do: the descriptors are kept in just that way")
        return
    before = f", {count(done.found, 'descriptor')} had been before" if done.found else ""
    lossy = "" if done.lossless else "; lossy: they are close to what they were, and not the same"
    say(
        f"{count(done.copied, 'descriptor')} copied{before}: {size(done.bytes_before)} before, {size(done.bytes_after)} now "
        f"({time.monotonic() - started:.1f} s){lossy}"
    )


def _options(given: tuple[str, ...]) -> dict[str, Any]:
    """Options of the form KEY=VALUE."""
    import yaml

    found: dict[str, Any] = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not key or not equals:
            raise click.UsageError(f"--option {each}: write it as KEY=VALUE")
        try:
            found[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            found[key] = value
    return found

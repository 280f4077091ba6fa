"""The command ``plugins``: what is installed, what each takes, and a new one to start from."""

from __future__ import annotations

import inspect
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seealso import PluginError, printable
from seealso_cli.output import json_option, note, say, write_json, write_rows
from seealso_cli.session import Session

if TYPE_CHECKING:
    from seealso import Plugin, Plugins


@click.group("plugins", invoke_without_command=True)
@json_option
@click.pass_context
def plugins_command(context: click.Context, as_json: bool) -> None:
    """What is installed: each plugin, where it comes from, what it provides, and its options."""
    if context.invoked_subcommand is not None:
        return
    session: Session = context.obj
    plugins = session.plugins
    plugins.list_all()
    if as_json:
        write_json(_listed(plugins))
        return
    rows = []
    for each in plugins.list_all():
        source = printable(f"{each.source} {each.version}".strip())
        if not each.provides:
            rows.append(["(hooks only)", "", each.name, source, ""])
        for kind, names in each.provides.items():
            for name in names:
                cls = plugins.classes(kind)[name]
                lacking = f" ({cls.lacking()})" if cls.lacking() else _standing(plugins, kind, name)
                rows.append([kind, name + lacking, each.name, source, _brief(cls)])
    rows = sorted(rows)
    rows += [
        [
            "(unavailable)",
            "",
            problem.plugin,
            printable(problem.source),
            printable(f"{problem.reason}; {problem.remedy}"),
        ]
        for problem in plugins.problems
    ]
    write_rows(rows, ["kind", "name", "plugin", "from", "options"])


def _standing(plugins: Plugins, kind: str, name: str) -> str:
    """Whether a collection gets a plugin by itself: always, or where its size chooses it; in brackets, empty for neither."""
    if name in plugins.offered(kind):
        return " (auto)"
    return " (default)" if name in plugins.defaults(kind) else ""


def _brief(cls: type[Plugin]) -> str:
    """The options of a class on one line."""
    from seealso import options_of

    return "; ".join(
        f"{option.name}: {option.type}" + (f" = {option.default}" if option.default is not None else ", required")
        for option in options_of(cls.Options)
    )


def _listed(plugins: Plugins) -> dict[str, Any]:
    """All of it, for programs."""
    listed = [
        {
            "name": each.name,
            "distribution": each.source,
            "version": each.version,
            "provides": each.provides,
            "lacking": {
                name: lacking
                for kind, names in each.provides.items()
                for name in names
                if (lacking := plugins.classes(kind)[name].lacking())
            },
            "options": {
                kind: {name: _described(plugins.classes(kind)[name]) for name in names}
                for kind, names in each.provides.items()
            },
        }
        for each in plugins.list_all()
    ]
    defaults = {kind: plugins.defaults(kind) for kind in plugins.kinds()}
    return {"plugins": listed, "defaults": defaults, "problems": [asdict(each) for each in plugins.problems]}


def _described(cls: type[Plugin]) -> list[dict[str, Any]]:
    from seealso import options_of

    return [asdict(option) for option in options_of(cls.Options)]


@plugins_command.command("show")
@click.argument("name")
@json_option
@click.pass_obj
def show_command(session: Session, name: str, as_json: bool) -> None:
    """One plugin: what it is, what it can, and every option. NAME may be KIND/NAME."""
    plugins = session.plugins
    kind, cls = _find(plugins, name)
    (owner,) = (each for each in plugins.list_all() if cls.name in each.provides.get(kind, ()))
    document = {
        "kind": kind,
        "name": cls.name,
        "plugin": owner.name,
        "distribution": owner.source,
        "version": owner.version,
        "class": f"{cls.__module__}.{cls.__qualname__}",
        "default": cls.name in plugins.defaults(kind),
        "auto": cls.name in plugins.offered(kind),
        "lacking": cls.lacking(),
        "description": inspect.getdoc(cls) or "",
        "capabilities": plugins.capabilities(kind, cls.name),
        "options": _described(cls),
    }
    if as_json:
        write_json(document)
    else:
        _show(document, _standing(plugins, kind, cls.name))


def _find(plugins: Plugins, name: str) -> tuple[str, type[Plugin]]:
    """The class of a name, or of ``KIND/NAME``.

    Raises:
        PluginError: there is none, or there are several.
    """
    kind, slash, inner = name.rpartition("/")
    if slash:
        if kind not in plugins.kinds():
            raise PluginError(f"there is no kind {kind!r} (there are: {', '.join(plugins.kinds())})")
        return kind, plugins.get(kind, inner)
    found = [(each, plugins.classes(each)[name]) for each in plugins.kinds() if name in plugins.classes(each)]
    if len(found) == 1:
        return found[0]
    if found:
        names = " or ".join(f"{each}/{name}" for each, _ in found)
        raise PluginError(f"there are several plugins named {name!r}; say {names}")
    message = plugins.unknown(name)
    failed = [problem for problem in plugins.problems if problem.plugin == name]
    raise PluginError(str(failed[0]) if failed else message)


def _show(document: dict[str, Any], standing: str) -> None:
    """For people."""
    say(click.style(f"{document['kind']} {document['name']}", bold=True) + standing)
    say(printable(f"{document['class']}, from {document['distribution']} {document['version']}".strip()))
    if document["lacking"]:
        say(printable(document["lacking"]))
    say(f"\n{document['description']}")
    if document["capabilities"]:
        say("\n" + click.style("What it says of itself", bold=True))
        for key, value in document["capabilities"].items():
            say(f"  {key}: {printable(str(value))}")
    say("\n" + click.style("Options", bold=True) + ("" if document["options"] else ": none"))
    for option in document["options"]:
        default = "required" if option["default"] is None else f"default {option['default']}"
        say(f"  {option['name']}: {option['type']}; {default}")
        if option["description"]:
            say(click.wrap_text(option["description"], 96, "      ", "      "))


@plugins_command.command("new")
@click.argument("kind")
@click.argument("name")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    metavar="DIR",
    help="Where it is written; by default here.",
)
@click.option("--one-file", is_flag=True, help="One Python file, for `plugins: [./FILE.py]`, instead of a package.")
@click.pass_obj
def new_command(session: Session, kind: str, name: str, folder: Path, one_file: bool) -> None:
    """Write a plugin to start from: a package with a working class, its options, its tests, and what it takes to publish it.

    KIND is extractor, distance, index, codec, store, keywords, text or frontend; NAME is how the configuration will select it.
    """
    from seealso import write_new_plugin

    written = write_new_plugin(session.plugins, kind, name, folder, one_file=one_file)
    say(printable(str(written)))
    if one_file:
        note(f"next: name it in the configuration, as in `plugins: [./{written.name}]`")
    else:
        note(f"next: cd {written}; python -m pip install -e '.[test]'; python -m pytest")

"""The commands about the deployment: ``config``, ``init``, ``serve``."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seealso import ConfigError, printable
from seealso_cli.output import note, say
from seealso_cli.session import Session

if TYPE_CHECKING:
    from seealso import PluginChoice


@click.group("config")
def config_command() -> None:
    """Show or check the configuration; or its schema, for editors."""


@config_command.command("show")
@click.pass_obj
def show_config(session: Session) -> None:
    """The configuration in force, with every default filled in, as YAML; without what is secret."""
    import yaml

    config = session.config
    document = config.model_dump(mode="json", exclude_defaults=False)
    for name in config.collections:
        collection = session.deployment.collection(name)
        document["collections"][name].update({**collection.choices(), **dict.fromkeys(collection.left_open, "auto")})
        document["collections"][name]["scan"] = collection.rules.model_dump(mode="json")
    document["frontends"] = [_without_secrets(session, choice) for choice in config.frontends]
    if not document["frontends"]:
        document["frontends"] = [session.plugins.preferred("frontend")]
    session.warn_of_plugins()
    say(f"# from {printable(config.source.name)}")
    say(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), newline=False)


def _without_secrets(session: Session, frontend: PluginChoice) -> str | dict[str, Any]:
    """A frontend in the form of the configuration. Of one that is not installed nobody can tell what is secret: its name alone."""
    cls = session.plugins.classes("frontend").get(frontend.plugin)
    return frontend.plugin if cls is None else frontend.hiding(cls.Options).as_yaml()


@config_command.command("check")
@click.pass_obj
def check_config(session: Session) -> None:
    """Check the configuration, the plugins that it names, their options, and that they fit together."""
    from seealso import Deployment

    with Deployment(session.config, session.plugins) as deployment:
        deployment.check()
    session.warn_of_plugins()
    say(f"{printable(session.config.source.name)}: all is well")


@config_command.command("schema")
@click.pass_obj
def config_schema(session: Session) -> None:
    """The JSON Schema of the configuration, with the options of all installed plugins, for editors.

    Keep it beside the configuration, and name it in its first line:
    # yaml-language-server: $schema=seealso.configuration.schema.json
    """
    import json

    from seealso import configuration_schema

    schema = configuration_schema(session.plugins)
    session.warn_of_plugins()
    say(json.dumps(schema, indent=2, ensure_ascii=False))


@click.command("init")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default=Path("seealso.yaml"))
@click.option("--force", is_flag=True, help="Replace a file that is there already.")
@click.pass_obj
def init_command(session: Session, file: Path, force: bool) -> None:
    """Write a commented configuration to start from (by default ./seealso.yaml)."""
    from seealso import commented_configuration

    text = commented_configuration(session.plugins)
    try:
        with file.open("w" if force else "x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        raise ConfigError(f"{file} is there already; `--force` replaces it") from None
    except OSError as error:
        raise ConfigError(f"{file}: cannot be written: {error.strerror}") from None
    say(f"wrote {printable(str(file))}; next: seealso index PATH…")


@click.command("serve")
@click.pass_obj
def serve_command(session: Session) -> None:
    """Run the frontends that the configuration names, until SIGTERM or Ctrl-C."""
    if session.interactive:
        raise click.UsageError("this is being served already")
    deployment = session.deployment
    stop = threading.Event()

    def end(number: int, frame: object) -> None:
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        note(f"serving {', '.join(deployment.config.collections)} (process {os.getpid()}); Ctrl-C ends it")
        deployment.serve(stop)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""The program ``seealso``: its commands, what it does with errors, and its exit status."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Sequence
from copy import copy
from importlib import import_module
from pathlib import Path

import click

from seealso import MessageFormatter, SeealsoError, limit_reached, one_line, own_stdout, traceback_of
from seealso_cli.output import note
from seealso_cli.session import Session

COMMANDS = {
    "index": "indexing",
    "forget": "forgetting",
    "similar": "searching",
    "text": "searching",
    "show": "searching",
    "random": "searching",
    "duplicates": "duplicates",
    "status": "upkeep",
    "failures": "upkeep",
    "verify": "upkeep",
    "rebuild": "upkeep",
    "maintain": "upkeep",
    "convert": "upkeep",
    "import-descriptors": "vectors",
    "export": "vectors",
    "evaluate": "measuring",
    "tune": "measuring",
    "plan": "planning",
    "plugins": "plugin_commands",
    "config": "deploying",
    "init": "deploying",
    "serve": "deploying",
}
"""Command → the module of this package that holds it; loaded when it is needed."""


class Commands(click.Group):
    """Our commands, in the order above, then those of plugins (the hook ``register_commands``)."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every name."""
        self._add_from_plugins(ctx)
        return [*COMMANDS, *sorted(self.commands)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name. Plugins are only asked for what is not ours: nobody can put himself in our place."""
        if cmd_name in COMMANDS:
            module = import_module(f"seealso_cli.{COMMANDS[cmd_name]}")
            command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
            # Where frontends run, it is one of them that answers, and takes standard output.
            return command if cmd_name == "serve" else _owning_output(command)
        self._add_from_plugins(ctx)
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; an unknown command suggests the nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]!r}?", ctx) from None

    def _add_from_plugins(self, ctx: click.Context) -> None:
        session = ctx.find_object(Session)
        if session is not None and not ctx.meta.get("seealso.plugins"):
            ctx.meta["seealso.plugins"] = True
            session.config_file = session.config_file or ctx.params.get("config")
            for _ in session.plugins.call("register_commands", group=self):
                pass


def _owning_output(command: click.Command) -> click.Command:
    """The same command, which has standard output for itself while it runs: what plugins print must not get into its answer."""
    owning = copy(command)
    if command.callback is not None:
        owning.callback = own_stdout()(command.callback)
    if isinstance(owning, click.Group):
        owning.commands = {name: _owning_output(each) for name, each in owning.commands.items()}
    return owning


def make_group() -> click.Group:
    """The group of all commands."""

    @click.group(
        cls=Commands,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        epilog="Results go to standard output, everything else to standard error. Exit status: 0 done, 1 failed, 2 wrong usage.",
    )
    @click.option("--config", type=click.Path(path_type=Path), metavar="FILE", is_eager=True, help="The configuration.")
    @click.option("--in", "collection", metavar="NAME", help="The collection, where the configuration has several.")
    @click.option("--debug", is_flag=True, help="Show the traceback of an error.")
    @click.version_option(package_name="seealso")
    @click.pass_obj
    def seealso(session: Session, config: Path | None, collection: str | None, debug: bool) -> None:
        """Find the images that look like this one."""
        session.config_file = config or session.config_file
        session.collection_name = collection
        session.debug = debug

    return seealso


def run(arguments: Sequence[str], session: Session) -> int:
    """Run one command line; returns the exit status. Whatever goes wrong is one line on standard error."""
    _log_as_messages()
    try:
        status = make_group().main(list(arguments), prog_name="seealso", standalone_mode=False, obj=session)
        sys.stdout.flush()
        session.warn_of_plugins()
    except click.ClickException as error:
        _show(error)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as error:
        done = "interrupted; what was committed is kept, and running the command again goes on from there"
        return _failed(session, error, done)
    except SeealsoError as error:
        # Whoever failed does not know that a limit was behind it, nor what helps then.
        limit = limit_reached(error)
        return _failed(session, error, f"{error} ({limit})" if limit else str(error))
    except BrokenPipeError:
        _give_up_output()  # whoever read it has enough
        return 1
    except OSError as error:
        return _failed(session, error, limit_reached(error) or session.blamed(error) + _refused(error))
    except Exception as error:
        return _failed(
            session, error, limit_reached(error) or f"{session.explained(error)} (`seealso --debug …` shows where)"
        )
    return status if isinstance(status, int) else 0


def _log_as_messages() -> None:
    """What is logged goes to standard error, unless whoever runs us has seen to it otherwise."""
    handler = logging.StreamHandler()
    handler.setFormatter(MessageFormatter("seealso: %(levelname)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.addLevelName(logging.WARNING, "warning")


def _show(error: click.ClickException) -> None:
    """Show what is wrong with a command line as click does; what click repeats of it is cut."""
    if not isinstance(error, click.exceptions.NoArgsIsHelpError):  # that one's message is the help
        message = one_line(error.format_message())
        if isinstance(error, click.UsageError):
            error = click.UsageError(message, error.ctx)
        else:
            error = click.ClickException(message)
    error.show()


def _refused(error: OSError) -> str:
    """What the operating system refused. Where it names no file, that is our output, or the folder that we stand in."""
    reason = error.strerror or str(error)
    if error.filename:
        named = os.fsdecode(error.filename) if isinstance(error.filename, bytes) else error.filename
        return f"{named}: {reason}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        _give_up_output()
        return f"standard output cannot be written: {reason}; make room, or send it elsewhere"
    try:
        os.getcwd()
    except OSError:
        return f"the current folder cannot be found: {reason}; change to one that is there (`cd`)"
    return reason


def _give_up_output() -> None:
    """Python must not try again, at its end, to write what could not be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _failed(session: Session, error: BaseException, message: str) -> int:
    if session.debug:
        click.echo(traceback_of(error), err=True)
    note(f"seealso: {message}")
    return 1

"""Commands from standard input while a deployment is served: a prompt for people, a batch for programs."""

from __future__ import annotations

import os
import select
import shlex
import sys
import threading
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

from seealso import Deployment, Frontend, PluginError, own_stdout

if TYPE_CHECKING:
    from seealso import Collection, Host

PROMPT = "seealso> "
SECONDS_TO_STOP = 0.2


class Shell(Frontend):
    """Reads one command a line, as the command line takes them (``similar id:3 -k 5 --json``), and answers at once.

    The collections are open and the network is loaded, so a query costs no start. ``quit``, ``exit`` or the end of the
    input ends it.
    """

    name = "cli"
    preference = 10

    def run(self, host: Host[Collection], stop: threading.Event) -> None:
        """Read and answer until the input ends, or ``stop`` is set.

        Raises:
            PluginError: the host is no deployment, which the commands need whole: with its configuration and its plugins.
        """
        from seealso_cli.app import run
        from seealso_cli.output import note
        from seealso_cli.session import Session

        if not isinstance(host, Deployment):
            raise PluginError("the frontend cli runs only in a `seealso.Deployment`")
        session = Session(host)
        # Not for each command alone: other frontends may be at work between them.
        with own_stdout() as answers:
            for line in self._lines(stop):
                try:
                    words = shlex.split(line, comments=True)
                except ValueError as error:
                    note(f"seealso: {error}")
                    continue
                if words[:1] in (["quit"], ["exit"]):
                    return
                if words:
                    with redirect_stdout(answers):
                        run(words, session)

    def _lines(self, stop: threading.Event) -> Iterator[str]:
        """Lines of standard input, as they come; never waits for long without a look at ``stop``."""
        descriptor = sys.stdin.fileno()
        waiting = b""
        self._prompt()
        while not stop.is_set():
            if not select.select([descriptor], [], [], SECONDS_TO_STOP)[0]:
                continue
            data = os.read(descriptor, 1 << 16)
            *lines, waiting = (waiting + data).split(b"\n")
            for line in [*lines, waiting] if not data else lines:
                yield os.fsdecode(line)
                self._prompt()
            if not data:
                return

    def _prompt(self) -> None:
        if sys.stdin.isatty():
            print(PROMPT, end="", file=sys.stderr, flush=True)

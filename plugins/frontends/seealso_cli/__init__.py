"""The frontend ``cli``: the command line, and a shell that reads commands while a deployment is served."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seealso import hookimpl

if TYPE_CHECKING:
    from seealso import Frontend


@hookimpl
def register_frontends() -> list[type[Frontend]]:
    """The frontend ``cli``."""
    from seealso_cli.shell import Shell

    return [Shell]


def main() -> int:
    """The program ``seealso``."""
    import io
    import sys

    from seealso_cli.app import run
    from seealso_cli.session import Session

    # Whatever the locale: a character that it lacks is shown by its number, and ends nothing.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    with Session() as session:
        return run(sys.argv[1:], session)

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
    import sys

    from seealso_cli.app import run
    from seealso_cli.session import Session

    with Session() as session:
        return run(sys.argv[1:], session)

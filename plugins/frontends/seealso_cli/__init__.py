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

    try:
        return _main()
    except KeyboardInterrupt:
        # Before there was a command, or after it.
        print("seealso: interrupted", file=sys.stderr)
        return 1


def _main() -> int:
    import io
    import os
    import signal
    import sys

    from seealso import take_stdout
    from seealso_cli.app import run
    from seealso_cli.session import Session

    open_standard_streams()
    # Whatever the locale: a character that it lacks is shown by its number, and ends nothing.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    take_stdout()
    ended = False

    def end(number: int, frame: object) -> None:
        nonlocal ended
        ended = True
        signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    with Session() as session:
        status = run(sys.argv[1:], session)
    # All is said: what somebody prints while the process ends is no answer.
    sys.stdout = sys.stderr
    if ended:
        # Whoever waits for this process sees what has ended it, as if nobody had tidied up before.
        os.kill(os.getpid(), signal.SIGTERM)
    return status


def open_standard_streams() -> None:
    """Make of a standard stream that is closed (``>&-``) one that leads nowhere.

    Otherwise the next file that is opened, of the store perhaps, would get its number, and with that whatever is written
    to the stream.
    """
    import os
    import sys

    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = open(os.open(os.devnull, os.O_RDWR), mode, closefd=False)  # noqa: SIM115 - it stays open
            setattr(sys, name, stream)

"""The program as campaigns run it, and what is promised of every end of it."""

import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from warm_python import WarmPython

LONGEST = 1100  # characters of a line: a message has 1,000 at most, and something may stand before it
PATIENCE = 120.0  # seconds after which a command hangs
UNEXPECTED = ("Traceback", "this is a bug", "panicked at")
PROGRESS = re.compile(r"[\d,]+ of [\d,]+ |\r")
WARNING = "seealso: warning:"


def run(
    python: WarmPython, arguments: Sequence[str | bytes], home: Path, patience: float = PATIENCE
) -> subprocess.CompletedProcess[str] | None:
    """Run the program to its end; None where it hangs."""
    try:
        return python.seealso(*arguments, cwd=home, timeout=patience)
    except subprocess.TimeoutExpired:
        return None


def errors_of(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines of standard error that are neither warnings nor progress."""
    lines = (line for line in done.stderr.splitlines() if line.strip())
    return [line for line in lines if not line.startswith(WARNING) and not PROGRESS.match(line)]


def faults_of(done: subprocess.CompletedProcess[str] | None, *, one_line: bool = True) -> Iterator[str]:
    """Which promises the end of a command breaks.

    Args:
        done: how it ended; None: it hung.
        one_line: whether an error has to be a single line.
    """
    if done is None:
        yield "a command hangs"
        return
    if done.returncode < 0:
        yield "a command is ended by a signal"
    elif done.returncode not in (0, 1, 2):
        yield "a command ends with a status that is not documented"
    if any(sign in done.stderr for sign in UNEXPECTED):
        yield "a command shows a traceback, or says that it is a bug"
    if any(len(line) > LONGEST for line in done.stderr.splitlines()):
        yield "a command writes a line that is too long"
    if one_line and done.returncode == 1 and len(errors_of(done)) != 1:
        yield "an error is not one line"


def said(done: subprocess.CompletedProcess[str] | None) -> str:
    """What a command did, for people."""
    if done is None:
        return "no end"
    return f"{' '.join(map(str, done.args[2:]))[:300]} → {done.returncode}: {done.stdout[-300:]}{done.stderr[-1200:]}"

"""The command line where modules are not installed: in a new process, which has imported nothing."""

import json
import subprocess
import sys
from typing import NamedTuple

PROGRAM = """
import contextlib, io, json, sys
hidden, commands = json.loads(sys.argv[1])
sys.modules.update(dict.fromkeys(hidden))
from seealso_cli.app import run
from seealso_cli.session import Session
told = []
for command in commands:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), Session() as session:
        status = run(command, session)
    told.append((status, out.getvalue(), err.getvalue()))
print(json.dumps(told))
"""


class Told(NamedTuple):
    """What came of a command line."""

    status: int
    out: str
    err: str


def without_modules(hidden: list[str], *commands: list[str]) -> list[Told]:
    """Run these command lines one after the other; importing the modules ``hidden`` fails."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, json.dumps([hidden, commands])], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [Told(*each) for each in json.loads(done.stdout)]

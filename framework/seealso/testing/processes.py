"""Code of the conformance kit that runs in a process of its own."""

import os
import subprocess
import sys
import textwrap
from typing import Any


def start_python(head: str, code: str, *prefix: str, **options: Any) -> subprocess.Popen[str]:
    """Run some code after a head, both indented as one likes, with what can be imported here; ``prefix`` stands before Python."""
    script = f"import sys; sys.path[:0] = {sys.path!r}\n" + textwrap.dedent(head) + textwrap.dedent(code)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | pipes.pop("env", {})
    return subprocess.Popen([*prefix, sys.executable, "-W", "error", "-c", script], env=environment, **pipes)


def finish(child: subprocess.Popen[str]) -> str:
    """Wait until it has ended, as it should; what it printed."""
    with child:
        printed, errors = child.communicate()
    assert child.returncode == 0, errors
    return printed

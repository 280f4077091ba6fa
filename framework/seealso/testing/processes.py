"""Code of the conformance kit that runs in processes and threads of its own."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
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


def killed(work: Callable[[Callable[[object], object]], object], wait: float) -> str:
    """What a forked process that does this work has told, a line each time, through the function that it is given, until it
    was killed: ``wait`` seconds after the first line."""
    reading_end, writing_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading_end)
            work(lambda told: os.write(writing_end, f"{told}\n".encode()))
        finally:
            os._exit(3)
    os.close(writing_end)
    with os.fdopen(reading_end) as pipe:
        first = pipe.readline()
        time.sleep(wait)
        os.kill(child, signal.SIGKILL)
        told = first + pipe.read()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    return told


@contextmanager
def looking(look: Callable[[], Iterable[object]]) -> Iterator[list[object]]:
    """Threads look, again and again, for as long as the block lasts; what they find wrong is in the list that it gives."""
    done = threading.Event()
    wrong: list[object] = []

    def go_on() -> None:
        try:
            while not done.is_set():
                wrong.extend(look())
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=go_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield wrong
    finally:
        done.set()
        for thread in threads:
            thread.join()

"""Code of the conformance kit that runs in processes and threads of its own."""

import multiprocessing
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any


@contextmanager
def elsewhere(work: Callable[..., object], *arguments: Any) -> Iterator[Connection]:
    """Another process does some work; the block's end waits for it, and it has to end well within a minute.

    The process is a fork of one that has imported the kit and done nothing else: starting Python takes a second or two.

    Args:
        work: a function of a module; it is given its end of a connection to the block, and then the arguments.
        arguments: they have to be picklable, as the function.
    """
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["seealso.testing.opening", "seealso.testing.text_fixtures"])
    ours, theirs = forks.Pipe()
    process = forks.Process(target=_strictly, args=(work, theirs, *arguments))
    process.start()
    theirs.close()
    try:
        with ours:
            yield ours
        process.join(60)
        assert process.exitcode == 0, "the other process failed, or takes too long; see what it wrote"
    finally:
        process.kill()
        process.join()


def _strictly(work: Callable[..., object], *arguments: Any) -> None:
    warnings.simplefilter("error")
    work(*arguments)


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

"""The program ``seealso`` as processes that start in a moment: each is a fork of one that has loaded what they need.

For tests that run hundreds of commands to their end. A command gets its own arguments, environment, current folder and
standard streams, and is a process of its own; only what it imports is there already. Whoever sends signals, or limits
what the process may do, starts Python itself.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

MOST = 1 << 20  # bytes of arguments and environment


def ask(
    address: str, arguments: Sequence[str | bytes], folder: str, environment: dict[str, str], streams: list[int]
) -> int:
    """Run a command line; returns the exit status.

    Raises:
        RuntimeError: it came to its end without one.
    """
    request = json.dumps([[*map(os.fsdecode, arguments)], folder, environment]).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST)
        connection.connect(address)
        socket.send_fds(connection, [request], streams)
        status = connection.recv(16)
    if not status:
        raise RuntimeError("the command did not come to its end")
    return int(status)


class WarmProgram:
    """What starts the commands; a context manager.

    Args:
        folder: where its socket is.
    """

    def __init__(self, folder: Path) -> None:
        self._address = str(folder / "seealso.socket")

    def __enter__(self) -> "WarmProgram":
        command = [sys.executable, "-W", "error", __file__, "--serve", self._address]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert self._process.stdout.readline() == b"ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def run(self, *arguments: str | bytes, cwd: Path) -> subprocess.CompletedProcess[str]:
        """As ``subprocess.run`` with the text of both outputs captured, and nothing to read."""
        with open(os.devnull) as nothing, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            streams = [nothing.fileno(), output.fileno(), errors.fileno()]
            status = ask(self._address, arguments, str(cwd), dict(os.environ), streams)
            said = []
            for file in (output, errors):
                file.seek(0)
                said.append(file.read().decode(errors="surrogateescape"))
        return subprocess.CompletedProcess(arguments, status, *said)

    def write(self, file: Path) -> None:
        """Write it as an executable file, for shells."""
        file.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{__file__}" --ask "{self._address}" "$@"\n')
        file.chmod(0o755)


def serve(address: str) -> None:
    """Fork for every command that comes, until killed."""
    import seealso
    import seealso.collection.collection
    import seealso_cli
    from seealso_cli.app import COMMANDS

    for module in {*COMMANDS.values()}:
        __import__(f"seealso_cli.{module}")
    seealso.load_plugins().list_all()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(address)
        listening.listen()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
        print("ready", flush=True)
        while True:
            connection, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _command(connection, seealso_cli.main)
            connection.close()


def _command(connection: socket.socket, main: Callable[[], int]) -> None:
    """Be the process of one command."""
    import atexit
    import threading

    request, streams, _, _ = socket.recv_fds(connection, MOST, 3)
    arguments, folder, environment = json.loads(request)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - they stay open
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["seealso", *arguments]
    try:
        status = main()
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(str(status).encode())
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve(sys.argv[2])
    sys.exit(ask(sys.argv[2], sys.argv[3:], os.getcwd(), dict(os.environ), [0, 1, 2]))

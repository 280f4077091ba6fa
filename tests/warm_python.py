"""Python processes that start in a moment: each is a fork of one that has loaded seealso and what it needs.

Starting Python, importing seealso and loading its compiled loops takes a second or two; tests start hundreds of
processes. One of these has its own arguments, environment, current folder and standard streams, can be sent any signal,
and is a process of its own; only what it imports is there already. Whoever tests how the program starts, or limits what
it may do before that, starts Python itself.
"""

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

MOST = 1 << 20  # bytes of arguments and environment

PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--assert=plain")
"""Arguments that run pytest in such a process. What is loaded already cannot be rewritten, so assertions stay as they are."""


def request(
    address: str, arguments: Sequence[str | bytes], folder: str, environment: Mapping[str, str], streams: dict[int, int]
) -> tuple[socket.socket, int]:
    """Start a process; returns a connection, on which its end will be told, and its process ID."""
    message = json.dumps([[*map(os.fsdecode, arguments)], folder, dict(environment), [*streams]]).encode()
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST)
    connection.connect(address)
    socket.send_fds(connection, [message], [*streams.values()])
    return connection, int(connection.recv(16))


def end_of(connection: socket.socket) -> int:
    """Wait until the process ends; returns its exit status, or the negative number of the signal that ended it."""
    status = connection.recv(16)
    if not status:
        raise RuntimeError("what started the process is gone")
    return int(status)


class Running:
    """A process that was started; used as ``subprocess.Popen`` is, with pipes of bytes."""

    def __init__(
        self,
        connection: socket.socket,
        pid: int,
        stdin: IO[bytes] | None = None,
        stdout: IO[bytes] | None = None,
        stderr: IO[bytes] | None = None,
    ) -> None:
        self._connection = connection
        self.pid = pid
        self.stdin, self.stdout, self.stderr = stdin, stdout, stderr
        self.returncode: int | None = None

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: object) -> None:
        for stream in filter(None, (self.stdin, self.stdout, self.stderr)):
            stream.close()
        self.wait()
        self._connection.close()

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, or the negative number of the signal that ended it.

        Raises:
            subprocess.TimeoutExpired: it goes on beyond ``timeout`` seconds.
        """
        if self.returncode is None:
            self._connection.settimeout(timeout)
            try:
                self.returncode = end_of(self._connection)
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout) from None
        return self.returncode

    def poll(self) -> int | None:
        """The same, or None while it goes on."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def communicate(self, timeout: float | None = None) -> tuple[bytes, bytes]:
        """Close its input, and read all of its output and errors; nothing from what is no pipe.

        Raises:
            subprocess.TimeoutExpired: it went on beyond ``timeout`` seconds, and was killed.
        """
        if self.stdin:
            self.stdin.close()
        with ThreadPoolExecutor() as threads:
            reading = [threads.submit(stream.read if stream else bytes) for stream in (self.stdout, self.stderr)]
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
            output, errors = (each.result() for each in reading)
        return output, errors

    def send_signal(self, number: int) -> None:
        # Whoever started it may have seen its end a moment before we do.
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class WarmPython:
    """What starts them; a context manager.

    Args:
        folder: where its socket is; the path has to be short.
        environment: more environment variables for it and all that it starts.
        prefix: a command to start it with, which may take powers away from it and all that it starts.
        warnings: what becomes of warnings, as behind ``python -W``.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
        warnings: str = "error",
    ) -> None:
        self._address = str(folder / "python.socket")
        self._environment = dict(environment or {})
        self._prefix = prefix
        self._warnings = warnings

    def __enter__(self) -> "WarmPython":
        command = [*self._prefix, sys.executable, "-W", self._warnings, __file__, "--serve", self._address]
        environment = os.environ | self._environment
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True
        )
        assert self._process.stdout.readline() == b"ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def start(
        self,
        *arguments: object,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: int | None = subprocess.DEVNULL,
        stdout: int | None = subprocess.PIPE,
        stderr: int | None = subprocess.PIPE,
    ) -> Running:
        """Start a process.

        Args:
            arguments: what stands behind ``python``: ``-m`` and a module, ``-c`` and code, or a script; then more.
            cwd: its current folder; otherwise that of this process.
            env: its whole environment; otherwise that of this process.
            stdin, stdout, stderr: a descriptor, ``subprocess.PIPE``, ``subprocess.DEVNULL``, or None for a closed one.
        """
        theirs: dict[int, int] = {}
        ours: list[IO[bytes] | None] = [None, None, None]
        for number, stream in enumerate((stdin, stdout, stderr)):
            if stream == subprocess.PIPE:
                ends = os.pipe()
                theirs[number] = ends[number > 0]
                ours[number] = os.fdopen(ends[number == 0], "rb" if number else "wb", 0)
            elif stream is not None:
                theirs[number] = os.open(os.devnull, os.O_RDWR) if stream == subprocess.DEVNULL else os.dup(stream)
        try:
            return Running(*self._request(arguments, cwd, env, theirs), *ours)
        finally:
            for end in theirs.values():
                os.close(end)

    def run(
        self,
        *arguments: object,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        input: bytes = b"",
        timeout: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a process to its end, and take what it writes; the arguments are those of `start`.

        Raises:
            subprocess.TimeoutExpired: it went on beyond ``timeout`` seconds, and was killed.
        """
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            files = (given, output, errors)
            given.write(input)
            given.seek(0)
            streams = {number: file.fileno() for number, file in enumerate(files)}
            with Running(*self._request(arguments, cwd, env, streams)) as running:
                try:
                    status = running.wait(timeout)
                except subprocess.TimeoutExpired:
                    running.kill()
                    raise
            said = []
            for file in (output, errors):
                file.seek(0)
                said.append(file.read().decode(errors="surrogateescape"))
        return subprocess.CompletedProcess(arguments, status, *said)

    def output(self, *arguments: object, cwd: Path) -> str:
        """Run a process to its end, which has to be a success; what it wrote."""
        done = self.run(*arguments, cwd=cwd)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def seealso(
        self, *arguments: str | bytes, cwd: Path, timeout: float | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the program to its end."""
        return self.run("-m", "seealso_cli", *arguments, cwd=cwd, timeout=timeout)

    def write(self, folder: Path) -> None:
        """Write ``python`` and ``seealso`` as executable files, for shells."""
        for name, arguments in (("python", ""), ("seealso", "-m seealso_cli")):
            ask = f'"{sys.executable}" -I -S "{__file__}" --ask "{self._address}" {arguments}'
            (folder / name).write_text(f'#!/bin/sh\nexec {ask} "$@"\n')
            (folder / name).chmod(0o755)

    def _request(
        self, arguments: Sequence[object], cwd: Path | None, env: Mapping[str, str] | None, streams: dict[int, int]
    ) -> tuple[socket.socket, int]:
        words = [each if isinstance(each, bytes) else str(each) for each in arguments]
        environment = (os.environ if env is None else env) | self._environment
        return request(self._address, words, str(cwd or Path.cwd()), environment, streams)


# What follows runs in the processes that are started.


def load() -> None:
    """Import what most processes need, and go through it once: the loops are compiled then."""
    import numpy as np
    import onnxruntime  # noqa: F401

    import seealso
    import seealso.testing.opening
    import seealso.testing.text_fixtures
    from seealso_cli.app import COMMANDS

    for module in {*COMMANDS.values()}:
        __import__(f"seealso_cli.{module}")
    seealso.load_plugins().list_all()
    rows = np.random.default_rng(1).random((300, 8), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/rows.npy", rows)
        with seealso.open(f"{folder}/c") as collection:
            collection.import_descriptors(f"{folder}/rows.npy")
            collection.similar(1)
            collection.verify()
            collection.maintain()
    # A fork has only the thread that asked for it.
    assert threading.active_count() == 1


def serve(address: str) -> tuple[list[str], list[int]]:
    """Fork for every request, until killed; returns in each fork, with its arguments and standard streams."""
    load()
    woken, wakes = os.pipe()
    for end in (woken, wakes):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wakes)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: dict[int, socket.socket] = {}
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind(address)
    listening.listen(64)
    with selectors.DefaultSelector() as selector:
        selector.register(listening, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        selector.register(0, selectors.EVENT_READ)
        print("ready", flush=True)
        while True:
            for key, _ in selector.select():
                if key.fd == 0:  # whoever started this is gone
                    sys.exit()
                if key.fd == woken:
                    os.read(woken, 4096)
                    tell_ends(running)
                    continue
                connection, _ = listening.accept()
                message, streams, _, _ = socket.recv_fds(connection, MOST, 3)
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    signal.signal(signal.SIGINT, signal.default_int_handler)
                    for end in (listening, connection, *running.values()):
                        end.close()
                    os.close(woken)
                    os.close(wakes)
                    selector.close()
                    return message, streams
                for stream in streams:
                    os.close(stream)
                running[pid] = connection
                connection.sendall(str(pid).encode())


def tell_ends(running: dict[int, socket.socket]) -> None:
    """Tell whoever asked for them how processes ended."""
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            break
        # Whoever asked may be gone.
        with running.pop(pid) as connection, contextlib.suppress(OSError):
            connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())


def become(message: bytes, streams: list[int]) -> None:
    """Be the process that was asked for, to its end."""
    import atexit
    import runpy
    import types

    arguments, folder, environment, numbers = json.loads(message)
    for number, stream in zip(numbers, streams, strict=True):
        os.dup2(stream, number)
        os.close(stream)
    for number in {0, 1, 2} - {*numbers}:
        os.close(number)
    encoding = environment.get("PYTHONIOENCODING")
    sys.stdin = os.fdopen(0, encoding=encoding, closefd=False) if 0 in numbers else None
    sys.stdout = os.fdopen(1, "w", encoding=encoding, closefd=False) if 1 in numbers else None
    sys.stderr = os.fdopen(2, "w", 1, encoding, "backslashreplace", closefd=False) if 2 in numbers else None
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    what, *rest = arguments
    sys.path[0] = str(Path(what).parent) if what not in ("-m", "-c") else folder
    status: object = 0
    interrupted = False
    try:
        if what == "-m":
            sys.argv = rest
            runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
        elif what == "-c":
            sys.argv = ["-c", *rest[1:]]
            main = sys.modules["__main__"] = types.ModuleType("__main__")
            exec(compile(rest[0], "<string>", "exec"), main.__dict__)
        else:
            sys.argv = arguments
            runpy.run_path(what, run_name="__main__")
    except SystemExit as end:
        status = end.code
    except BaseException as error:
        sys.excepthook(*sys.exc_info())
        status, interrupted = 1, isinstance(error, KeyboardInterrupt)
    if isinstance(status, str):
        print(status, file=sys.stderr)
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    for output in filter(None, (sys.stdout, sys.stderr)):
        output.flush()
    if interrupted:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(status or 0)


def main(what: str, address: str, *arguments: str) -> None:
    if what == "--serve":
        become(*serve(address))
    connection, _ = request(address, arguments, os.getcwd(), os.environ, {0: 0, 1: 1, 2: 2})
    sys.exit(end_of(connection) % 256)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""What strangers can take from a server: clients that never read what they asked for, and idle connections.

    python benchmarks/exhaustion.py [--quick] [--json FILE]

200 clients from 100 addresses of this machine ask for an original of 22 MB and read nothing of it, and 2,000 connections are idle; all
of them come back when they are cut off. Meanwhile honest clients from other addresses search and look at thumbnails. The same again
with the limit on the connections of one address switched off. The server and the strangers are processes of their own.
"""

import asyncio
import contextlib
import resource
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

import numpy as np
from PIL import Image
from report import Figure, arguments, report
from web import SEEALSO, Client, get, resident, server

PHOTOGRAPHS = 60
LARGE = 22_000_000  # bytes
HONEST = 4  # clients
GROWTH, LEFT = 64, 16  # MB


def strangers(port: int, readers: int, idle: int) -> None:
    """Hold so many connections until standard input ends; what is closed is opened again, 200 a second at most."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, readers + idle + 100), most))
    poll = select.poll()
    held: dict[int, tuple[int, socket.socket]] = {}
    missing = list(range(readers + idle))
    while not select.select([sys.stdin], [], [], 0.05)[0]:
        for number in missing[:10]:
            connection = socket.socket()
            connection.bind((f"127.0.1.{1 + number % 100}", 0))
            connection.settimeout(1)
            with contextlib.suppress(OSError):
                connection.connect(("127.0.0.1", port))
                if number < readers:
                    connection.sendall(get("/photos/objects/1/original"))
            held[connection.fileno()] = (number, connection)
            poll.register(connection, select.POLLRDHUP)
        del missing[:10]
        for descriptor, _ in poll.poll(0):
            poll.unregister(descriptor)
            number, connection = held.pop(descriptor)
            connection.close()
            missing.append(number)
        if not missing:
            print("all are there", flush=True)


@contextlib.contextmanager
def besieged(port: int, readers: int, idle: int) -> Iterator[None]:
    """Strangers do what they do, in a process of their own."""
    command = [sys.executable, __file__, "--strangers", str(port), str(readers), str(idle)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
        yield
        assert child.stdin is not None
        child.stdin.close()
        child.wait()


async def visit(port: int, ids: list[int], seconds: float) -> list[float]:
    """Search and look for so long; the seconds that each request took."""
    took: list[float] = []
    end = time.perf_counter() + seconds

    async def honest(number: int) -> None:
        client = Client(port, f"127.0.2.{1 + number}")
        while (started := time.perf_counter()) < end:
            id_ = ids[len(took) % len(ids)]
            path = f"/api/v1/photos/similar/{id_}" if len(took) % 3 == 0 else f"/photos/objects/{id_}/thumbnail"
            assert await client.ask(get(path)) == 200
            took.append(time.perf_counter() - started)
            await asyncio.sleep(0.01)
        client.close()

    await asyncio.gather(*(honest(number) for number in range(HONEST)))
    return took


class Memory(threading.Thread):
    """Watches how large a process is, in MB."""

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self._process = process
        self._ended = threading.Event()
        self.most = 0.0

    def run(self) -> None:
        while not self._ended.wait(0.1):
            self.most = max(self.most, resident(self._process))

    def __enter__(self) -> "Memory":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()


def siege(folder: Path, title: str, ids: list[int], seconds: float, quick: bool, **options: object) -> list[Figure]:
    """What a siege of so many seconds does to a server with some options."""
    readers, idle = (50, 300) if quick else (200, 2000)
    with server(folder, **options) as (process, port):
        asyncio.run(visit(port, ids, 5))
        alone = quantiles(asyncio.run(visit(port, ids, seconds)), n=100)[98]
        before = resident(process)
        with Memory(process) as memory, besieged(port, readers, idle):
            time.sleep(3 if quick else 12)  # until most of them have come
            took = asyncio.run(visit(port, ids, seconds))
        time.sleep(5)
        left = resident(process) - before
    besieged_p99 = quantiles(took, n=100)[98]
    grown = memory.most - before
    return [
        Figure(f"{title}: the server grows by", grown, "MB", f"<= {GROWTH}", grown <= GROWTH, f"{before:.0f} MB before"),
        Figure("  5 s after the end", left, "MB more", f"<= {LEFT}", left <= LEFT),
        Figure(
            "  honest clients, the slowest of a hundred", 1000 * besieged_p99, "ms", "<= 2 x undisturbed",
            besieged_p99 <= 2 * alone, f"undisturbed: {1000 * alone:.1f} ms; {len(took)} requests",
        ),
    ]  # fmt: skip


def prepare(folder: Path) -> list[int]:
    """A collection of photographs of noise, the first of them large; the IDs of the others."""
    random = np.random.default_rng(1)
    photographs = folder / "photographs"
    photographs.mkdir()
    for number in range(PHOTOGRAPHS):
        pixels = random.integers(0, 256, (30, 40, 3), dtype=np.uint8)
        file = photographs / f"{number:03}.jpg"
        Image.fromarray(pixels).resize((800, 600), Image.Resampling.BICUBIC).save(file, quality=85)
        if number == 0:
            with file.open("ab") as more:
                more.write(random.bytes(LARGE - file.stat().st_size))
    (folder / "seealso.yaml").write_text("collections:\n  photos: {path: ./c}\n")
    command = [*SEEALSO, "--config", str(folder / "seealso.yaml"), "index", str(photographs)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return list(range(2, PHOTOGRAPHS + 1))


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", seconds=30)
    seconds = 4 if options.quick else options.seconds
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        ids = prepare(folder)
        figures = siege(folder, "as it is", ids, seconds, options.quick)
        figures += siege(folder, "no limit per address", ids, seconds, options.quick, connections_per_visitor=None)
    report("What strangers can take from a server", figures, options)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--strangers"]:
        strangers(*map(int, sys.argv[2:]))
    else:
        main()

"""What the web adds to a query, and what it bears: similar by ID, upload, and thumbnails, with 1, 8 and 64 clients on loopback.

    python benchmarks/web.py --photos ~/Pictures [--folder DIR] [--crops 150000] [--settings 'sketch: {plugin: rabitq}'] [--quick] [--json FILE]

The server is a process of its own; the clients, which do nothing but send and count, are in this one. Beside each median with one
client stands that of the same query asked of the library directly, in this process. The memory of the server is looked at before
and after many requests. Similar by ID is asked of a second, larger collection as well: descriptors of crops of the photographs (crops.py),
which take an hour to make the first time; ``--crops 0`` leaves it out. Both collections are as they come, or as ``--settings`` says.
"""

import asyncio
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

import numpy as np
from cropping import QUICK, crop_descriptors
from kept import kept_in
from PIL import Image
from report import Figure, arguments, photographs_below, report

import seealso

SEEALSO = [sys.executable, "-m", "seealso_cli"]
HITS = 20
ADDED_MS = 5
MEDIAN_MS = 4.0
A_SECOND = 300
UPLOADS = 40


class Client:
    """One connection, which is kept; it comes from an address of this machine."""

    def __init__(self, port: int, address: str = "127.0.0.1") -> None:
        self._port = port
        self._address = address

    async def ask(self, request: bytes) -> int:
        """Send a request and read the whole answer; its status."""
        if not hasattr(self, "_reader"):
            self._reader, self._writer = await asyncio.open_connection(
                "127.0.0.1", self._port, local_addr=(self._address, 0)
            )
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        assert length is not None, head
        await self._reader.readexactly(int(length[1]))
        return int(head[9:12])

    def close(self) -> None:
        if hasattr(self, "_writer"):
            self._writer.close()


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def post(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def load(
    port: int, request: Callable[[int], bytes], clients: int, requests: int
) -> tuple[list[float], float, int]:
    """Ask so many times with so many clients at once; seconds of each, seconds of all, and how many were not answered."""
    seconds: list[float] = []
    failed = 0
    numbers = iter(range(requests))

    async def visit() -> None:
        nonlocal failed
        client = Client(port)
        for number in numbers:
            started = time.perf_counter()
            failed += await client.ask(request(number)) != 200
            seconds.append(time.perf_counter() - started)
        client.close()

    started = time.perf_counter()
    await asyncio.gather(*(visit() for _ in range(clients)))
    return seconds, time.perf_counter() - started, failed


@contextmanager
def server(folder: Path, **more: object) -> Iterator[tuple[int, int]]:
    """A server of the configuration there, with more options of the web's; its process and its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = {"plugin": "web", "port": port, "cache": str(folder / "cache"), "access_log": False, **more}
    environment = os.environ | {
        "SEEALSO__FRONTENDS": json.dumps([options]),
        "SEEALSO_CONFIG": str(folder / "seealso.yaml"),
    }
    with subprocess.Popen([*SEEALSO, "serve"], env=environment, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        for line in child.stderr:
            if "ready at" in line:
                break
        try:
            yield child.pid, port
        finally:
            child.send_signal(signal.SIGTERM)
            child.communicate()
        assert child.returncode == 0


def resident(process: int) -> float:
    """Memory of a process in MB."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def timed(ask: Callable[[int], object], times: int) -> list[float]:
    seconds = []
    for number in range(times):
        started = time.perf_counter()
        ask(number)
        seconds.append(time.perf_counter() - started)
    return seconds


def unknown(photographs: list[Path]) -> list[bytes]:
    """Photographs that the collection does not hold, as files."""
    files = []
    for path in photographs[:UPLOADS]:
        with Image.open(path) as image:
            file = io.BytesIO()
            image.convert("RGB").crop((3, 3, image.width - 3, image.height - 3)).save(file, "JPEG", quality=90)
            files.append(file.getvalue())
    return files


def measured(
    port: int, name: str, request: Callable[[int], bytes], requests: int, alone: float | None, *, judged: bool = True
) -> Iterator[Figure]:
    """What one kind of request takes, by how many clients ask at once.

    Args:
        port: of the server.
        name: of the kind; goals of their own have those that begin with "similar by ID".
        request: gives one.
        requests: so many are sent.
        alone: seconds of the same query in this process; None: there is none.
        judged: whether there are as many objects as the goals are meant for.
    """
    similar = name.startswith("similar by ID")
    for clients in (1, 8, 64):
        asyncio.run(load(port, request, clients, clients))
        seconds, all_of_them, failed = asyncio.run(load(port, request, clients, max(requests, 4 * clients)))
        middle, last, rate = median(seconds), quantiles(seconds, n=100)[98], len(seconds) / all_of_them
        goal, holds = "", None
        if clients == 1 and similar:
            goal, holds = f"<= {MEDIAN_MS:g}", 1000 * middle <= MEDIAN_MS if judged else None
        elif clients == 1 and alone is not None:
            goal, holds = (
                f"<= in process + {ADDED_MS} ms",
                middle - alone <= ADDED_MS / 1000 if judged else None,
            )
        elif clients == 64:
            goal, holds = "none fails", failed == 0
        beside = "" if alone is None else f"in process: {1000 * alone:.2f} ms"
        wanted = clients == 8 and similar
        yield Figure(f"{name}, {clients} at once", 1000 * middle, "ms, median", goal, holds, beside)
        yield Figure("  the slowest of a hundred", 1000 * last, "ms", beside=f"{failed} failed")
        yield Figure(
            "  a second", rate, "requests", f">= {A_SECOND}" if wanted else "", rate >= A_SECOND if wanted and judged else None
        )  # fmt: skip


def by_id(collection: seealso.Collection) -> tuple[Callable[[int], object], Callable[[int], bytes]]:
    """Neighbours of one object after the other: asked of the library, and of the server."""
    ids = collection.ids()
    # All over the collection, as people ask.
    ids = np.random.default_rng(0).permutation(ids).tolist()
    return (
        lambda number: collection.similar(ids[number % len(ids)], HITS + 1, others=True),
        lambda number: get(f"/api/v1/{collection.name}/similar/{ids[number % len(ids)]}?limit={HITS}"),
    )


def alone_in_process(ask: Callable[[int], object], requests: int) -> float:
    """Seconds of a query asked of the library, the median."""
    timed(ask, 10)
    return median(timed(ask, min(requests, 500)))


def take_in_crops(deployment: seealso.Deployment, file: Path, crops: np.ndarray) -> None:
    """Descriptors ``(n, dim)``, into the collection of that name; by way of a file."""
    np.save(file, crops)
    deployment.collection("crops").import_descriptors(file)
    file.unlink()


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", photos="", folder="", crops=150_000, settings="", requests=2000, memory=20000)
    photographs = photographs_below(options.photos)[: 150 if options.quick else None]
    crops = min(QUICK["size"], options.crops) if options.quick else options.crops
    requests, for_memory = (200, 2000) if options.quick else (options.requests, options.memory)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        more = f", {options.settings}" if options.settings else ""
        (folder / "seealso.yaml").write_text(
            f"collections:\n  photos: {{path: ./c{more}}}\n  crops: {{path: ./crops{more}}}\n"
        )
        command = [*SEEALSO, "--config", str(folder / "seealso.yaml"), "--in", "photos", "index"]
        subprocess.run([*command, *map(str, photographs)], check=True, stdout=subprocess.DEVNULL)
        sent = unknown(photographs)
        with seealso.Deployment.load(folder / "seealso.yaml") as deployment:
            if crops:
                some = QUICK["photographs"] if options.quick else 0
                made, _ = crop_descriptors(options.photos, crops, cache=kept_in(options.folder), photographs=some)
                take_in_crops(deployment, folder / "crops.npy", made)
            collection = deployment.collection("photos")
            ids = collection.ids().tolist()

            def upload(number: int) -> object:
                descriptor, _ = collection.extract(seealso.Example(image=sent[number % len(sent)]))
                return collection.similar_to_descriptor(descriptor, HITS + 1)

            library, server_asks = by_id(collection)
            asked = {
                "similar by ID": server_asks,
                "upload": lambda number: post(f"/api/v1/photos/similar?limit={HITS}", sent[number % len(sent)]),
                "thumbnail": lambda number: get(f"/photos/objects/{ids[number % len(ids)]}/thumbnail"),
            }
            alone = {
                "similar by ID": alone_in_process(library, requests),
                "upload": alone_in_process(upload, requests),
            }
            with server(folder) as (process, port):
                # Every thumbnail is made once.
                asyncio.run(load(port, asked["thumbnail"], 2, len(ids)))
                for name, request in asked.items():
                    count = requests // 4 if name == "upload" else requests
                    title = f"{name} of {len(ids):,}"
                    figures += measured(port, title, request, count, alone.get(name))
                if crops:
                    library, request = by_id(deployment.collection("crops"))
                    title, in_process = f"similar by ID of {crops:,}", alone_in_process(library, requests)
                    judged = crops >= 150_000
                    figures += measured(port, title, request, requests, in_process, judged=judged)
                figures.append(memory(process, port, asked, for_memory))
    report(f"The web, {len(ids):,} photographs and {crops:,} crops", figures, options)


def memory(process: int, port: int, asked: dict[str, Callable[[int], bytes]], requests: int) -> Figure:
    """How the server's memory grows over many requests of all kinds."""

    def any_of_them(number: int) -> bytes:
        # As people do: many thumbnails, some queries, an upload now and then.
        name = "upload" if number % 50 == 0 else "similar by ID" if number % 5 == 0 else "thumbnail"
        return asked[name](number)

    _, _, failed = asyncio.run(load(port, any_of_them, 8, requests // 4))
    before = resident(process)
    _, _, more = asyncio.run(load(port, any_of_them, 8, requests))
    grown = resident(process) - before
    whole = requests >= 20_000
    return Figure(
        f"memory grows over {requests:,} requests", grown, "MB", "<= 16", grown <= 16 if whole else None,
        f"{before:.0f} MB before; {failed + more} failed",
    )  # fmt: skip


if __name__ == "__main__":
    main()

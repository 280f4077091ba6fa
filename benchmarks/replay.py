"""What a changed option of the index, and a killed or interrupted writer, cost the queries that come after.

    python benchmarks/replay.py [--quick] [--json FILE]

Queries are ``seealso similar id:5`` in a new process. With and without what is measured they take turns, and medians are
compared: machines are noisy. Descriptors are clustered, 32 values each; images are made, and their extractor is a cheap one.
"""

import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
from nearest import Nearest
from PIL import Image
from report import Figure, arguments, report
from synthetic import CHUNK, Clusters

import seealso

DIM = 32
NEIGHBOURS = 10
OBJECTS, IMAGES = 600_000, 10_000
CHEAP = '''
import numpy as np
from PIL import Image

import seealso


class Cheap(seealso.Extractor):
    """The pixels themselves."""

    name = "cheap"
    min_side = 4
    batch_size = 64

    @property
    def provenance(self):
        return seealso.Provenance("cheap", "", "resized to 4 × 4", dim=48)

    def prepare(self, image):
        return np.asarray(image.resize((4, 4), Image.Resampling.BOX))

    def extract(self, batch):
        return batch.reshape(len(batch), -1).astype(np.float32)


@seealso.hookimpl
def register_extractors():
    return [Cheap]


@seealso.hookimpl
def ingested(batch):
    print(len(batch.ids), flush=True)
'''
WRITER = """
import signal
import sys

import seealso

# Also where whoever started it has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
with seealso.Deployment.load().collection("c") as collection:
    if sys.argv[1].endswith(".npy"):
        collection.import_descriptors(sys.argv[1])
    else:
        collection.index([sys.argv[1]])
"""


class Home:
    """A folder with a configuration and a collection."""

    def __init__(self, folder: Path, path: Path, index: str = "ppp-codes") -> None:
        folder.mkdir()
        self.path = path
        self.file = folder / "seealso.yaml"
        (folder / "cheap.py").write_text(CHEAP)
        self.file.write_text(
            f"plugins: [cheap.py]\ncollections:\n  c: {{path: {path}, extractor: cheap, index: {index}, text: false}}\n"
        )

    def environment(self) -> dict[str, str]:
        """With which a process uses it."""
        return os.environ | {"SEEALSO_CONFIG": str(self.file)}

    def write(self, what: Path) -> subprocess.Popen[str]:
        """Start a process that imports a file, or indexes a folder; it prints how many each commit adds."""
        command = [sys.executable, "-c", WRITER, str(what)]
        return subprocess.Popen(
            command, env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def similar(self) -> tuple[float, float, int]:
        """Ask once in a new process; the seconds, the processor's seconds, and the lines on standard error."""
        command = [sys.executable, "-m", "seealso_cli", "similar", "id:5", "-k", str(NEIGHBOURS)]
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(command, env=self.environment(), check=True, capture_output=True, text=True)
        seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return seconds, used, len(done.stderr.splitlines())

    @contextmanager
    def open(self) -> Iterator[seealso.Collection]:
        """The collection, in this process."""
        deployment = seealso.Deployment.load(self.file)
        with deployment.collection("c") as collection:
            yield collection


class Server:
    """A collection that is open, and asked again and again, while another process writes."""

    def __init__(self, home: Home) -> None:
        self.slowest = 0.0
        self._home = home
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def start(self) -> None:
        """Open it and ask."""
        self._thread.start()

    def _ask(self) -> None:
        with self._home.open() as collection:
            collection.similar(5, NEIGHBOURS)
            while not self._done.wait(0.2):
                started = time.perf_counter()
                collection.similar(5, NEIGHBOURS)
                self.slowest = max(self.slowest, time.perf_counter() - started)

    def stop(self) -> None:
        """Ask no more."""
        self._done.set()
        self._thread.join()


def stop(home: Home, what: Path, after: int, how: signal.Signals, server: Server | None) -> int:
    """Stop a writer when so many objects are committed; returns how many were, for certain."""
    committed, asked = 0, False
    with home.write(what) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            committed += int(line)
            if server is not None and not asked and committed > after // 4:
                asked = True
                server.start()
            if committed >= after and writer.poll() is None:
                writer.send_signal(how)
                break
        rest, _ = writer.communicate()
    if server is not None:
        server.stop()
    return committed + sum(int(line) for line in rest.split())


def recall(home: Home, queries: np.ndarray, truth: np.ndarray) -> float:
    """The share of the true nearest that is found."""
    with home.open() as collection:
        found = [
            np.isin(truth[row], [hit.id for hit in collection.similar_to_descriptor(query, NEIGHBOURS).hits]).mean()
            for row, query in enumerate(queries)
        ]
    return float(np.mean(found))


def changed_option(folder: Path, whole: Home, descriptors: np.ndarray, rounds: int) -> list[Figure]:
    """One option of the index is another than what it was made with."""
    changed = Home(folder / "changed", whole.path, "{plugin: ppp-codes, prefix_length: 6}")
    pairs = [(whole.similar(), changed.similar()) for _ in range(rounds)]
    ratio = median(after[0] / before[0] for before, after in pairs)
    queries = np.ascontiguousarray(Clusters().queries(100)[:, :DIM])
    nearest = Nearest(queries, NEIGHBOURS)
    for start in range(0, len(descriptors), CHUNK):
        nearest.offer(1 + start, descriptors[start : start + CHUNK])
    before, after = recall(whole, queries, nearest.ids), recall(changed, queries, nearest.ids)
    lines = max(after[2] for _, after in pairs)
    seconds = median(first[0] for first, _ in pairs)
    work = median(after[1] / before[1] for before, after in pairs)
    beside = f"{seconds:.2f} s without; of the processor's time {work:.3f}"
    return [
        Figure("query with one option changed, over one without", ratio, "", "<= 1.2", ratio <= 1.2, beside),
        Figure("lines of warning", lines, "", "= 1", lines == 1, "none without the change"),
        Figure("recall with one option changed", after, "", "as without", after == before, f"{before:.4f} without"),
    ]


def stopped(
    folder: Path, name: str, what: Path, count: int, how: signal.Signals, undisturbed: Home, *, ask: bool = False
) -> list[Figure]:
    """A writer that is stopped at 90 %: what the next two queries take more, and what is missing."""
    home = Home(folder / name.replace(" ", "-"), folder / f"{name.replace(' ', '-')}.seealso")
    server = Server(home) if ask else None
    committed = stop(home, what, int(0.9 * count), how, server)
    with home.open() as collection:
        # As it is loaded: a query would replay a part of it in memory.
        with collection._opening.using() as opened:
            index = opened.index.part
        behind = collection.counts().objects - (0 if index is None else int(index.statistics()["objects"]))
    pairs = [(home.similar(), undisturbed.similar()) for _ in range(2)]
    more, work = ([after[place] - before[place] for after, before in pairs] for place in (0, 1))
    beside = f"{more[0]:.2f}, {more[1]:.2f}; of the processor's time {work[0]:.2f}, {work[1]:.2f}"
    with home.open() as collection:
        there = collection.counts().objects
        missing = max(0, committed - there) + len(collection.verify().problems)
    figures = [
        Figure(f"{name}: the next two queries take more", max(more), "s", "<= 2", max(more) <= 2, beside),
        Figure(f"{name}: committed and missing", missing, "objects", "0", missing == 0, f"{there:,} are there"),
        Figure(f"{name}: left for the next writer", behind, "objects", "<= 100,000", behind <= 100_000),
    ]
    if server is not None:
        figures.append(Figure(f"{name}: the longest query of a server meanwhile", server.slowest, "s"))
    return figures


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", objects=OBJECTS, images=IMAGES, rounds=7)
    objects, images = (30_000, 1000) if options.quick else (options.objects, options.images)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        clusters = Clusters()
        chunks = [clusters.chunk(number)[:, :DIM] for number in range(-(-objects // CHUNK))]
        descriptors = np.concatenate(chunks)[:objects]
        np.save(folder / "descriptors.npy", descriptors)
        (folder / "images").mkdir()
        for number, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (images, 8, 8, 3), np.uint8)):
            Image.fromarray(pixels).save(folder / "images" / f"{number:06d}.png")

        figures = []
        for what, source, count in (
            ("import", folder / "descriptors.npy", objects),
            ("index", folder / "images", images),
        ):
            whole = Home(folder / what, folder / f"{what}.seealso")
            started = time.perf_counter()
            with whole.write(source) as writer:
                writer.communicate()
            seconds = time.perf_counter() - started
            figures.append(Figure(f"{what}, undisturbed", count / seconds, "objects/s", beside=f"{seconds:.0f} s"))
            if what == "import":
                figures += changed_option(folder, whole, descriptors, 3 if options.quick else options.rounds)
            killed, interrupted = signal.SIGKILL, signal.SIGINT
            figures += stopped(folder, f"{what} killed beside a server", source, count, killed, whole, ask=True)
            figures += stopped(folder, f"{what} interrupted", source, count, interrupted, whole)
    report("Replay", figures, options, whole=objects >= OBJECTS and images >= IMAGES)


if __name__ == "__main__":
    main()

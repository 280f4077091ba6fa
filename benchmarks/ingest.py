"""How fast photographs are taken in, beside a bare loop over the same files; and whether memory stays bounded.

    python benchmarks/ingest.py --photos ~/Pictures [--quick] [--json FILE]

The bare loop decodes and prepares in threads, one a core, and runs the network in batches as the photographs come: no
hash, no catalogue, no store. Both take turns in one process, and the ratio of each pair counts: machines are noisy.
For the memory, as many files of different content as asked for are made from random crops of the photographs.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image
from report import Figure, arguments, photographs_below, report

import seealso


def bare_loop(files: list[Path]) -> float:
    """Decode, prepare and extract all files; returns the seconds."""
    with tempfile.TemporaryDirectory() as folder, seealso.open(Path(folder) / "none") as collection:
        extractor = collection.parts.extractor
        warm_up(extractor)

        def prepare(path: Path) -> np.ndarray:
            decoded = seealso.decode_image(path.read_bytes(), min_side=extractor.min_side)
            return extractor.prepare(decoded.image)

        started = time.perf_counter()
        with ThreadPoolExecutor(collection.parts.threads) as pool:
            prepared = iter(pool.map(prepare, files))
            while batch := list(islice(prepared, extractor.batch_size)):
                extractor.extract(np.stack(batch))
        return time.perf_counter() - started


def ingest(files: list[Path]) -> float:
    """Index all files into a new collection; returns the seconds."""
    with tempfile.TemporaryDirectory() as folder, seealso.open(Path(folder) / "c") as collection:
        warm_up(collection.parts.extractor)
        started = time.perf_counter()
        added = collection.index(files).added
        seconds = time.perf_counter() - started
        assert added == len(files), f"{added} of {len(files)} files were taken in; are some copies of others?"
        return seconds


def warm_up(extractor: seealso.Extractor) -> None:
    """Load the network: that is paid once a process, and benchmarks/startup.py shows it."""
    extractor.extract(extractor.prepare(Image.new("RGB", (256, 256)))[np.newaxis])


def make_photographs(originals: list[Path], folder: Path, count: int) -> None:
    """``count`` JPEG files of different content: random crops of the originals."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for number in range(count):
        with Image.open(originals[number % len(originals)]) as image:
            share = rng.uniform(0.5, 1)
            width, height = round(image.width * share), round(image.height * share)
            left, top = int(rng.integers(image.width - width + 1)), int(rng.integers(image.height - height + 1))
            crop = image.convert("RGB").crop((left, top, left + width, top + height))
            crop.save(folder / f"{number:06d}.jpg", quality=int(rng.integers(80, 96)))


# On Linux, getrusage tells a child the peak of its parent where that is higher.
MEASURED = """
import re, resource, sys, threading
from pathlib import Path
import seealso

status = Path("/proc/self/status")
peak = 0
done = threading.Event()

def watch():
    global peak
    while not done.wait(0.02):
        peak = max(peak, int(re.search(r"RssAnon:\\s+(\\d+) kB", status.read_text())[1]))

if status.exists():
    threading.Thread(target=watch).start()
try:
    with seealso.open(sys.argv[1]) as collection:
        print(collection.index([sys.argv[2]]).added)
finally:
    done.set()
if status.exists():
    print(int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text())[1]) / 1024, peak / 1024)
else:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(most, most)
"""


def peak_memory(folder: Path) -> tuple[float, float]:
    """The peak memory, in MiB, of a process that indexes a folder: all that is resident, and all but mapped files."""
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-c", MEASURED, f"{home}/c", str(folder)]
        added, resident, own = subprocess.check_output(command, text=True).split()
    assert int(added) == sum(1 for _ in folder.iterdir())
    return float(resident), float(own)


def cpu(run: Callable[[list[Path]], float], files: list[Path]) -> tuple[float, float]:
    """Seconds and processor seconds of a run."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    seconds = run(files)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", photos="", rounds=3, small=1000, large=10_000)
    originals = photographs_below(options.photos)
    files = originals[:: max(1, len(originals) // 300)] if options.quick else originals
    rounds = 1 if options.quick else options.rounds
    small, large = (100, 400) if options.quick else (options.small, options.large)

    pairs = []
    for _ in range(rounds):
        bare, ours = cpu(bare_loop, files), cpu(ingest, files)
        pairs.append((bare, ours))
        print(
            f"bare loop {len(files) / bare[0]:.1f} images/s, ingest {len(files) / ours[0]:.1f} images/s",
            file=sys.stderr,
        )
    ratio = median(bare[0] / ours[0] for bare, ours in pairs)
    figures = [
        Figure(
            "ingest rate as a share of the bare loop's",
            ratio,
            "",
            ">= 0.80",
            ratio >= 0.8,
            f"{len(files)} files, median of {rounds} pairs: "
            + ", ".join(f"{bare[0] / ours[0]:.3f}" for bare, ours in pairs),
        ),
        Figure(
            "ingest rate",
            median(len(files) / ours[0] for _, ours in pairs),
            "images/s",
            beside=f"bare loop {median(len(files) / bare[0] for bare, _ in pairs):.1f} images/s",
        ),
        Figure(
            "processor time of ingest over the bare loop's",
            median(ours[1] / bare[1] for bare, ours in pairs),
            "",
            beside="hashing, catalogue, store and index included",
        ),
    ]

    with tempfile.TemporaryDirectory() as folder:
        peaks = {}
        for count in (small, large):
            make_photographs(originals, Path(folder) / str(count), count)
            measured = [peak_memory(Path(folder) / str(count)) for _ in range(rounds)]
            peaks[count] = [median(each) for each in zip(*measured, strict=True)]
    for what, before, after in zip(("resident", "own (without mapped files)"), *peaks.values(), strict=True):
        growth = after / before - 1
        figures.append(
            Figure(
                f"growth of peak {what} memory from {small} to {large} files",
                100 * growth,
                "%",
                "<= 5 %",
                growth <= 0.05,
                f"{before:.1f} MiB, then {after:.1f} MiB; each the median of {rounds}",
            )
        )
    report("Ingest", figures, options)


if __name__ == "__main__":
    main()

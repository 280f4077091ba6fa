"""The same work for other libraries that find nearest neighbours: recall, time, memory, disk, and what changes cost.

    python benchmarks/peers.py [--size 160000] [--photos ~/Pictures] [--only seealso,faiss] [--quick] [--json FILE]

160,000 descriptors of 1,280 float32 values (rectified, in uneven clusters, as in seed_experiment.py; with ``--photos`` random crops of photographs
by the built-in network, made once, which takes an hour), Euclidean distance, the 10 nearest of 200 queries that are not among them. Each
library builds in a process of its own, and answers in a fresh one that opens what was written, one query at a time, with as many
threads as it takes by itself; its resident memory is read there. Then a tenth is added, and a thousandth removed. Settings are those that
the libraries' documentation suggests for such a size; where there is a number to choose, it is such that recall comes near .95.

    pip install -r benchmarks/requirements.txt     # what is missing is passed over, with the reason
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from crops import crop_descriptors
from libraries import CHUNK, DIM, NEIGHBOURS, PEERS, Peer
from report import arguments, bytes_below, print_table, write_document
from seed_experiment import Activations, peak_memory
from synthetic import Nearest

QUERIES = 200
LONGEST = 60.0  # seconds of asking: of what is slow, fewer queries are asked


# What each process does


def opened(name: str, folder: Path) -> Peer:
    """The library of that name."""
    return next(peer for peer in PEERS if peer.name == name)(folder)


def build(name: str, folder: Path, vectors: Path) -> dict[str, float]:
    """Build it."""
    peer = opened(name, folder)
    rows = np.load(vectors, mmap_mode="r")
    started = time.perf_counter()
    peer.build(rows)
    return {"build": time.perf_counter() - started, "peak": peak_memory()}


def answer(name: str, folder: Path, queries: Path, truth: np.ndarray) -> dict[str, float]:
    """Ask it."""
    peer = opened(name, folder)
    asked = np.load(queries)
    started = time.perf_counter()
    peer.open()
    found, times = [peer.search(asked[0])], []
    opening = time.perf_counter() - started
    for query in asked[:5]:
        peer.search(query)
    found = []
    until = time.perf_counter() + LONGEST
    for query in asked:
        started = time.perf_counter()
        found.append(peer.search(query))
        times.append(1000 * (time.perf_counter() - started))
        if time.perf_counter() > until:
            break
    recall = float(np.mean([np.isin(near, true).sum() / NEIGHBOURS for near, true in zip(found, truth, strict=False)]))
    p50, p99 = np.percentile(times, [50, 99])
    return {"recall": recall, "p50": float(p50), "p99": float(p99), "memory": resident(), "opening": opening}


def change(name: str, folder: Path, vectors: Path, count: int) -> dict[str, float]:
    """Add a tenth, and remove a thousandth."""
    peer = opened(name, folder)
    more = np.load(vectors)
    peer.open()
    started = time.perf_counter()
    peer.add(count, more)
    added = time.perf_counter() - started
    gone = np.random.default_rng(0).choice(count, size=max(1, count // 1000), replace=False)
    peer = opened(name, folder)
    peer.open()
    started = time.perf_counter()
    peer.remove(np.sort(gone))
    return {"add": added, "remove": time.perf_counter() - started}


def resident() -> float:
    """Bytes that this process holds now."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return peak_memory()


def alone(work: Callable[..., dict[str, float]], *given: object) -> dict[str, float]:
    """Do it in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(work, *given).result()


# The data


def make_data(folder: Path, size: int, photos: str) -> tuple[Path, Path, Path, np.ndarray]:
    """Files of the vectors, of a tenth more, of the queries; and the true neighbours of these."""
    more, count = size // 10, size + size // 10 + QUERIES
    if photos:
        rows = crop_descriptors(photos, count)[0]
    else:
        made = Activations(DIM)
        rows = np.concatenate([made.chunk(number) for number in range(-(-count // CHUNK))])[:count]
    files = []
    for name, start, end in (("vectors", 0, size), ("more", size, size + more), ("queries", size + more, count)):
        np.save(folder / f"{name}.npy", rows[start:end])
        files.append(folder / f"{name}.npy")
    nearest = Nearest(np.asarray(rows[size + more :]), NEIGHBOURS)
    for start in range(0, size, CHUNK):
        end = min(size, start + CHUNK)
        nearest.offer(start, np.asarray(rows[start:end]))
    return files[0], files[1], files[2], nearest.ids


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", size=160_000, photos="", only="")
    size = 20_000 if options.quick else options.size
    measured: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        vectors, more, queries, truth = make_data(folder, size, options.photos)
        for peer in PEERS:
            if options.only and not any(name in peer.name for name in options.only.split(",")):
                continue
            print(f"{time.strftime('%H:%M:%S')} {peer.name}", file=sys.stderr, flush=True)
            place = folder / peer.package
            place.mkdir()
            try:
                found = alone(build, peer.name, place, vectors)
                found["disk"] = bytes_below(place)
                found |= alone(answer, peer.name, place, queries, truth)
                found |= alone(change, peer.name, place, more, size)
            except ModuleNotFoundError as error:
                print(f"{peer.name}: passed over: {error}; pip install {peer.package}", file=sys.stderr)
                continue
            except Exception as error:
                print(f"{peer.name}: passed over: it failed: {type(error).__name__}: {error}", file=sys.stderr)
                continue
            measured.append({"library": peer.name, "version": version(peer.package), "setting": peer.setting, **found})
    title = f"Side by side: {size:,} x {DIM:,} float32, {4 * DIM * size / 1e6:,.0f} MB"
    print_table(title, COLUMNS, [row_of(each) for each in measured])
    for each in measured:
        print(f"{each['library']}: {each['setting']}")
    write_document({"title": title, "libraries": measured}, options.json)


COLUMNS = (
    "library", "recall", "ms", "99 %", "MB resident", "MB on disk", "s to build", "MB then", "s to the first answer",
    "s for 10 % more", "s to remove 0.1 %",
)  # fmt: skip


def row_of(measured: dict[str, Any]) -> list[str]:
    """As it stands in the table."""
    values = {name: value for name, value in measured.items() if isinstance(value, float | int)}
    return [
        f"{measured['library']} {measured['version']}", f"{values['recall']:.4f}", f"{values['p50']:.1f}", f"{values['p99']:.1f}",
        f"{values['memory'] / 1e6:,.0f}", f"{values['disk'] / 1e6:,.0f}", f"{values['build']:.0f}", f"{values['peak'] / 1e6:,.0f}",
        f"{values['opening']:.2f}", f"{values['add']:.1f}", f"{values['remove']:.2f}",
    ]  # fmt: skip


if __name__ == "__main__":
    main()

"""The same work for other libraries that find nearest neighbours: recall at equal reads, time, memory, disk, and what changes cost.

    python benchmarks/peers.py [--size 160000] [--photos ~/Pictures] [--folder DIR] [--only seealso,faiss] [--quick] [--json FILE]

160,000 descriptors of 1,280 float32 values (rectified, in uneven clusters, as in seed_experiment.py; with ``--photos`` random crops of photographs
by the default extractor, made once, which takes an hour), Euclidean distance, the 10 nearest of 200 queries that are not among them. Each
library builds in a process of its own, and answers in a fresh one that opens what was written, one query at a time, with as many
threads as it takes by itself; its resident memory is read there: all of it, and what is no mapped file. Those that read vectors from the
disk are asked at several depths, so many vectors being read. Then a tenth is added, and a thousandth removed. Settings are those that
the libraries' documentation suggests for such a size; where there is a number to choose, it is such that recall comes near .95.

    pip install -r benchmarks/requirements.txt     # what is missing is passed over, with the reason

An interrupted run goes on behind the libraries that were measured.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from activations import Activations
from asking import tell
from cropping import crop_descriptors
from kept import Kept, kept_in
from libraries import CHUNK, DIM, NEIGHBOURS, OTHERS, Peer
from nearest import Nearest
from refining import REFINING, Scan
from report import Figure, arguments, bytes_below, peak_memory, print_figures, print_table, write_document

PEERS: tuple[type[Peer], ...] = (*REFINING, *OTHERS)
QUERIES = 200
LONGEST = 60.0  # seconds of asking: of what is slow, fewer queries are asked
WHOLE = 160_000


# What each process does


def opened(name: str, folder: Path) -> Peer:
    """The library of that name."""
    return next(peer for peer in PEERS if peer.name == name)(folder)


def build(name: str, folder: Path, vectors: Path) -> dict[str, Any]:
    """Build it."""
    peer = opened(name, folder)
    rows = np.load(vectors, mmap_mode="r")
    started = time.perf_counter()
    peer.build(rows)
    return {"build": time.perf_counter() - started, "peak": peak_memory()}


def answer(name: str, folder: Path, queries: Path, truth: np.ndarray) -> dict[str, Any]:
    """Ask it, at each depth."""
    peer = opened(name, folder)
    asked = np.load(queries)
    started = time.perf_counter()
    peer.open()
    peer.search(asked[0], peer.depths[0])
    opening = time.perf_counter() - started
    answers = [{"depth": depth, **at_depth(peer, asked, truth, depth)} for depth in peer.depths]
    return {"answers": answers, "memory": resident("VmRSS"), "own": resident("RssAnon"), "opening": opening}


def at_depth(peer: Peer, asked: np.ndarray, truth: np.ndarray, depth: int) -> dict[str, float]:
    """Recall and time."""
    for query in asked[:5]:
        peer.search(query, depth)
    found, times = [], []
    until = time.perf_counter() + LONGEST
    for query in asked:
        started = time.perf_counter()
        found.append(peer.search(query, depth))
        times.append(1000 * (time.perf_counter() - started))
        if time.perf_counter() > until:
            break
    recall = float(np.mean([np.isin(near, true).sum() / NEIGHBOURS for near, true in zip(found, truth, strict=False)]))
    p50, p99 = np.percentile(times, [50, 99])
    return {"recall": recall, "p50": float(p50), "p99": float(p99)}


def change(name: str, folder: Path, vectors: Path, count: int) -> dict[str, Any]:
    """Add a tenth, and remove a thousandth."""
    peer = opened(name, folder)
    more = np.load(vectors)
    peer.open()
    started = time.perf_counter()
    peer.add(count, more)
    added = time.perf_counter() - started
    if not peer.removes:
        return {"add": added, "remove": None}
    gone = np.random.default_rng(0).choice(count, size=max(1, count // 1000), replace=False)
    peer = opened(name, folder)
    peer.open()
    started = time.perf_counter()
    peer.remove(np.sort(gone))
    return {"add": added, "remove": time.perf_counter() - started}


def resident(what: str) -> float:
    """Bytes that this process holds now: ``VmRSS``, all of it; ``RssAnon``, what is no mapped file. At its peak, where the system does not
    tell."""
    status = Path("/proc/self/status")
    found = re.search(rf"{what}:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return 1024 * int(found[1]) if found else peak_memory()


def silence() -> None:
    """Let what is written to standard output go nowhere, by whatever library."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def alone(work: Callable[..., dict[str, Any]], *given: object) -> dict[str, Any]:
    """Do it in a process of its own, whose standard output nobody sees: DiskANN tells each of its steps there."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=silence) as process:
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


def measured_alone(
    peer: type[Peer], folder: Path, data: tuple[Path, Path, Path, np.ndarray], size: int
) -> dict[str, Any]:
    """All that is measured of one library."""
    vectors, more, queries, truth = data
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        place = Path(temporary)
        found = alone(build, peer.name, place, vectors)
        found["disk"] = bytes_below(place)
        found |= alone(answer, peer.name, place, queries, truth)
        found |= alone(change, peer.name, place, more, size)
    return {"library": peer.name, "version": version(peer.package), "setting": peer.setting, **found}


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", size=WHOLE, photos="", folder="", only="")
    size = 2000 if options.quick else options.size
    folder = kept_in(options.folder)
    kept = Kept(folder, "peers", {"size": size, "photos": options.photos, "only": options.only})
    measured: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        data = make_data(Path(temporary), size, options.photos)
        for peer in PEERS:
            if options.only and not any(name in peer.name for name in options.only.split(",")):
                continue
            if not peer.there():
                continue
            tell(peer.name)
            try:
                measured.append(
                    kept.measured(peer.name, lambda peer=peer: measured_alone(peer, Path(temporary), data, size))
                )
            except ModuleNotFoundError as error:
                print(f"{peer.name}: passed over: {error}; pip install {peer.package}", file=sys.stderr)
            except Exception as error:
                print(f"{peer.name}: passed over: it failed: {type(error).__name__}: {error}", file=sys.stderr)
    title = f"Side by side: {size:,} x {DIM:,} float32, {4 * DIM * size / 1e6:,.0f} MB"
    print_table(title, COLUMNS, [row for each in measured for row in rows_of(each)])
    for each in measured:
        print(f"{each['library']}: {each['setting']}")
    figures = [
        figure for each in measured if each["library"] == Scan.name for figure in goals(each, judged=size >= WHOLE)
    ]
    if figures:
        print_figures("What is wanted of ours", figures)
    content = {"title": title, "libraries": measured, "figures": [asdict(figure) for figure in figures]}
    write_document(content, options.json)
    kept.forget()


COLUMNS = (
    "library", "read", "recall", "ms", "99 %", "MB resident", "of it own", "MB on disk", "s to build", "MB then", "s to the first answer",
    "s for 10 % more", "s to remove 0.1 %",
)  # fmt: skip


def rows_of(measured: dict[str, Any]) -> Iterator[list[str]]:
    """As it stands in the table: a row for each depth, the first with what does not depend on it."""
    removed = measured["remove"]
    once = [
        f"{measured['memory'] / 1e6:,.0f}", f"{measured['own'] / 1e6:,.0f}", f"{measured['disk'] / 1e6:,.0f}", f"{measured['build']:.0f}",
        f"{measured['peak'] / 1e6:,.0f}", f"{measured['opening']:.2f}", f"{measured['add']:.1f}", "" if removed is None else f"{removed:.2f}",
    ]  # fmt: skip
    name = f"{measured['library']} {measured['version']}"
    for answered in measured["answers"]:
        read = f"{answered['depth']:,}" if answered["depth"] else ""
        times = [f"{answered['recall']:.4f}", f"{answered['p50']:.2f}", f"{answered['p99']:.2f}"]
        yield [name, read, *times, *once]
        name, once = "", [""] * len(once)


def goals(measured: dict[str, Any], *, judged: bool) -> Iterator[Figure]:
    """What is wanted of ours, with the most that is read."""
    best = measured["answers"][-1]
    read = f"{best['depth']} read"
    for name, value, unit, least, most in (
        (f"recall of the {NEIGHBOURS} nearest, {read}", best["recall"], "", 0.985, None),
        (f"a query, {read}, catalogue rows included, the median", best["p50"], "ms", None, 3),
        ("resident memory", measured["memory"] / 1e6, "MB", None, 230),
        ("building", measured["build"], "s", None, 20),
        ("10 % more", measured["add"], "s", None, 2),
    ):
        goal = f">= {least:g}" if least is not None else f"<= {most:g}"
        reached = value >= least if least is not None else value <= most
        yield Figure(f"{measured['library']}: {name}", value, unit, goal, reached if judged else None)


if __name__ == "__main__":
    main()

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
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from crops import crop_descriptors
from report import arguments, bytes_below, print_table, write_document
from seed_experiment import Activations, peak_memory
from synthetic import Nearest

DIM = 1280
QUERIES = 200
NEIGHBOURS = 10
CHUNK = 20_000
LONGEST = 60.0  # seconds of asking: of what is slow, fewer queries are asked


class Peer(ABC):
    """A library, behind what is measured. What it builds lies below ``folder``, and is opened there again."""

    name: ClassVar[str]
    package: ClassVar[str]
    setting: ClassVar[str] = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def build(self, vectors: np.ndarray) -> None:
        """Hold vectors ``(n, dim)`` with IDs from 0, durably as far as the library knows of it."""

    @abstractmethod
    def open(self) -> None:
        """Open what was built, to answer."""

    @abstractmethod
    def search(self, query: np.ndarray) -> np.ndarray:
        """The IDs of the 10 nearest."""

    @abstractmethod
    def add(self, first: int, vectors: np.ndarray) -> None:
        """Add more, with IDs from ``first``, and write them."""

    @abstractmethod
    def remove(self, ids: np.ndarray) -> None:
        """Remove some, and write that."""


class Seealso(Peer):
    """Ours."""

    name = "seealso"
    package = "seealso"
    setting = "ppp-codes, flat-file; 1,000 candidates refined from the disk"

    def open(self) -> None:
        import seealso

        self.collection = seealso.open(
            self.folder / "c.seealso", index="ppp-codes", store="flat-file", search={"candidates": 1000}
        )

    def build(self, vectors: np.ndarray) -> None:
        self.open()
        self.add(0, vectors)

    def add(self, first: int, vectors: np.ndarray) -> None:
        file = self.folder / f"{first}.npy"
        np.save(file, vectors)
        self.collection.import_descriptors(file)
        file.unlink()
        self.collection.close()

    def search(self, query: np.ndarray) -> np.ndarray:
        hits = self.collection.similar_to_descriptor(query, NEIGHBOURS).hits
        return np.array([hit.id for hit in hits]) - 1

    def remove(self, ids: np.ndarray) -> None:
        self.collection.remove((ids + 1).tolist())
        self.collection.close()


class Faiss(Peer):
    """An inverted file of product-quantised vectors in memory; the vectors themselves are read from a mapped file."""

    name = "faiss IVF-PQ + refine"
    package = "faiss-cpu"
    setting = "IVF1600,PQ40, 64 lists probed; 1,000 candidates refined from the disk"

    def build(self, vectors: np.ndarray) -> None:
        import faiss

        np.save(self.folder / "vectors.npy", vectors)
        lists = max(1, round(4 * np.sqrt(len(vectors))))
        self.index = faiss.index_factory(DIM, f"IVF{lists},PQ40")
        self.index.train(np.ascontiguousarray(vectors[:: max(1, len(vectors) // (40 * lists))]))
        for start in range(0, len(vectors), CHUNK):
            self.index.add(np.ascontiguousarray(vectors[start : start + CHUNK]))
        self._write()

    def _write(self) -> None:
        import faiss

        faiss.write_index(self.index, str(self.folder / "index.faiss"))

    def open(self) -> None:
        import faiss

        self.index = faiss.read_index(str(self.folder / "index.faiss"))
        self.index.nprobe = 64
        self.vectors = [np.load(file, mmap_mode="r") for file in sorted(self.folder.glob("vectors*.npy"))]

    def search(self, query: np.ndarray) -> np.ndarray:
        ids = self.index.search(query[np.newaxis], 1000)[1][0]
        ids = np.sort(ids[ids >= 0])
        near = self.vectors[0][ids]
        difference = near - query
        return ids[np.argsort(np.vecdot(difference, difference))[:NEIGHBOURS]]

    def add(self, first: int, vectors: np.ndarray) -> None:
        np.save(self.folder / "vectors-more.npy", vectors)
        self.index.add_with_ids(np.ascontiguousarray(vectors), np.arange(first, first + len(vectors)))
        self._write()

    def remove(self, ids: np.ndarray) -> None:
        self.index.remove_ids(ids)
        self._write()


class Hnswlib(Peer):
    """A graph over vectors, all in memory."""

    name = "hnswlib"
    package = "hnswlib"
    setting = "M 16, ef_construction 200, ef 256"
    file = "index.bin"

    def build(self, vectors: np.ndarray) -> None:
        import hnswlib

        self.index = hnswlib.Index(space="l2", dim=DIM)
        self.index.init_index(round(1.2 * len(vectors)), M=16, ef_construction=200, random_seed=0)
        for start in range(0, len(vectors), CHUNK):
            part = vectors[start : start + CHUNK]
            self.index.add_items(part, np.arange(start, start + len(part)))
        self._write()

    def _write(self) -> None:
        self.index.save_index(str(self.folder / self.file))

    def open(self) -> None:
        import hnswlib

        self.index = hnswlib.Index(space="l2", dim=DIM)
        self.index.load_index(str(self.folder / self.file))
        self.index.set_ef(256)

    def search(self, query: np.ndarray) -> np.ndarray:
        return self.index.knn_query(query[np.newaxis], NEIGHBOURS)[0][0].astype(np.int64)

    def add(self, first: int, vectors: np.ndarray) -> None:
        self.index.resize_index(first + len(vectors))
        self.index.add_items(vectors, np.arange(first, first + len(vectors)))
        self._write()

    def remove(self, ids: np.ndarray) -> None:
        for id_ in ids.tolist():
            self.index.mark_deleted(id_)
        self._write()


class Usearch(Peer):
    """A graph over vectors; to answer, its file is mapped."""

    name = "usearch (mapped)"
    package = "usearch"
    setting = "connectivity 16, expansion 128 and 256"
    file = "index.usearch"

    def _index(self) -> Any:
        from usearch.index import Index

        return Index(ndim=DIM, metric="l2sq", dtype="f32", connectivity=16, expansion_add=128, expansion_search=256)

    def build(self, vectors: np.ndarray) -> None:
        self.index = self._index()
        for start in range(0, len(vectors), CHUNK):
            part = vectors[start : start + CHUNK]
            self.index.add(np.arange(start, start + len(part)), np.ascontiguousarray(part))
        self.index.save(str(self.folder / self.file))

    def open(self) -> None:
        self.index = self._index()
        self.index.view(str(self.folder / self.file))

    def search(self, query: np.ndarray) -> np.ndarray:
        return np.asarray(self.index.search(query, NEIGHBOURS).keys).astype(np.int64)

    def _load(self) -> None:
        # What is mapped cannot be changed.
        self.index = self._index()
        self.index.load(str(self.folder / self.file))

    def add(self, first: int, vectors: np.ndarray) -> None:
        self._load()
        self.index.add(np.arange(first, first + len(vectors)), np.ascontiguousarray(vectors))
        self.index.save(str(self.folder / self.file))

    def remove(self, ids: np.ndarray) -> None:
        self._load()
        self.index.remove(ids)
        self.index.save(str(self.folder / self.file))


class Lancedb(Peer):
    """A table in files, with an inverted file of product-quantised vectors."""

    name = "lancedb"
    package = "lancedb"
    setting = "IVF_PQ of 400 partitions and 80 sub-vectors, 20 probed, refine factor 20"

    def _rows(self, first: int, vectors: np.ndarray) -> Any:
        import pyarrow

        values = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(np.ascontiguousarray(vectors).reshape(-1)), DIM)
        return pyarrow.table({"id": np.arange(first, first + len(vectors)), "vector": values})

    def _table(self) -> Any:
        import lancedb

        return lancedb.connect(str(self.folder)).open_table("vectors")

    def build(self, vectors: np.ndarray) -> None:
        import lancedb

        table = lancedb.connect(str(self.folder)).create_table("vectors", self._rows(0, vectors[:CHUNK]))
        for start in range(CHUNK, len(vectors), CHUNK):
            table.add(self._rows(start, vectors[start : start + CHUNK]))
        table.create_index(metric="l2", num_partitions=round(np.sqrt(len(vectors))), num_sub_vectors=80)

    def open(self) -> None:
        self.table = self._table()

    def search(self, query: np.ndarray) -> np.ndarray:
        found = self.table.search(query).nprobes(20).refine_factor(20).limit(NEIGHBOURS).select(["id", "_distance"])
        return np.asarray(found.to_arrow()["id"])

    def add(self, first: int, vectors: np.ndarray) -> None:
        self.table.add(self._rows(first, vectors))
        self.table.optimize()

    def remove(self, ids: np.ndarray) -> None:
        self.table.delete(f"id IN ({', '.join(map(str, ids.tolist()))})")


class Qdrant(Peer):
    """Qdrant within the process: it compares with all, in memory."""

    name = "qdrant (local)"
    package = "qdrant-client"
    setting = "as it comes: exact"

    def open(self) -> None:
        import warnings

        from qdrant_client import QdrantClient

        # Local mode warns of collections above 20,000 points.
        warnings.simplefilter("ignore", UserWarning)
        self.client = QdrantClient(path=str(self.folder / "qdrant"))

    def build(self, vectors: np.ndarray) -> None:
        from qdrant_client.models import Distance, VectorParams

        self.open()
        self.client.create_collection("vectors", vectors_config=VectorParams(size=DIM, distance=Distance.EUCLID))
        self.add(0, vectors)

    def search(self, query: np.ndarray) -> np.ndarray:
        found = self.client.query_points("vectors", query=query.tolist(), limit=NEIGHBOURS, with_payload=False)
        return np.array([point.id for point in found.points])

    def add(self, first: int, vectors: np.ndarray) -> None:
        self.client.upload_collection("vectors", vectors, ids=range(first, first + len(vectors)))
        self.client.close()

    def remove(self, ids: np.ndarray) -> None:
        from qdrant_client.models import PointIdsList

        self.client.delete("vectors", points_selector=PointIdsList(points=ids.tolist()))
        self.client.close()


PEERS: tuple[type[Peer], ...] = (Seealso, Faiss, Hnswlib, Usearch, Lancedb, Qdrant)


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

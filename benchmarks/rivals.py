"""Other ways to the nearest neighbours, all behind one small interface, to be measured side by side.

faiss-cpu and hnswlib are wanted by this benchmark alone: ``pip install -r benchmarks/requirements.txt``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np

import seealso

GRAPH_NEIGHBOURS = 16
CODE_BYTES = 40  # and 8 of an ID: what an object takes in ppp-codes, as near as a divisor of 1280 comes to it


class Rival(Protocol):
    """An index on Euclidean distance."""

    name: str
    setting: str
    refines: bool

    def build(self, descriptors: np.ndarray) -> None:
        """Hold these, with IDs from 0."""

    def add(self, first: int, descriptors: np.ndarray) -> None:
        """Add more, with IDs from ``first``."""

    def remove(self, ids: np.ndarray) -> None:
        """Remove these."""

    def search(self, query: np.ndarray, count: int) -> np.ndarray:
        """The IDs of ``count`` candidates."""

    def bytes(self) -> int:
        """What it takes in memory."""


def make_index(name: str, dim: int, threads: int, store: object = None, **options: object) -> seealso.MetricIndex:
    """An index of seealso on the Euclidean distance, or another."""
    plugins = seealso.load_plugins()
    cls = plugins.get("index", name)
    distance = plugins.get("distance", str(options.pop("distance", "euclidean")))()
    context = seealso.IndexContext(distance, store, dim, np.dtype(np.float32), threads)
    return cls(cls.Options(**options), context)


class Ours:
    """``ppp-codes`` with its defaults."""

    name = "ppp-codes"
    refines = True

    def __init__(self, dim: int, threads: int) -> None:
        self.index = make_index("ppp-codes", dim, threads)
        options = self.index.options
        self.setting = f"{options.pivot_spaces} spaces of {options.pivots} pivots, prefixes of {options.prefix_length}"

    def build(self, descriptors: np.ndarray) -> None:
        chosen = np.random.default_rng(0).permutation(len(descriptors))[: self.index.sample_size]
        self.index.train(descriptors[np.sort(chosen)])
        self.add(0, descriptors)

    def add(self, first: int, descriptors: np.ndarray) -> None:
        for start in range(0, len(descriptors), 8192):
            part = descriptors[start : start + 8192]
            self.index.add(first + start + np.arange(len(part)), part)

    def remove(self, ids: np.ndarray) -> None:
        self.index.remove(ids)

    def search(self, query: np.ndarray, count: int) -> np.ndarray:
        return next(self.index.candidates(query, wanted=count)).ids

    def bytes(self) -> int:
        return int(self.index.statistics()["bytes"])


class BruteForce:
    """``exact``, over descriptors that lie in memory."""

    name = "exact"
    setting = "descriptors in memory"
    refines = False

    def __init__(self, dim: int, threads: int) -> None:
        self.dim, self.threads = dim, threads

    def build(self, descriptors: np.ndarray) -> None:
        self.store = _ArrayStore(descriptors)
        self.index = make_index("exact", self.dim, self.threads, self.store)
        self.index.add(np.arange(len(descriptors)), None)

    def add(self, first: int, descriptors: np.ndarray) -> None:
        self.store.descriptors = np.concatenate([self.store.descriptors, descriptors])
        self.index.add(first + np.arange(len(descriptors)), None)

    def remove(self, ids: np.ndarray) -> None:
        self.index.remove(ids)

    def search(self, query: np.ndarray, count: int) -> np.ndarray:
        return next(self.index.candidates(query)).ids[:count]

    def bytes(self) -> int:
        return int(self.index.ids().nbytes + self.store.descriptors.nbytes)


class _ArrayStore:
    """As much of a store as ``exact`` needs."""

    def __init__(self, descriptors: np.ndarray) -> None:
        self.descriptors = descriptors
        context = seealso.CodecContext(descriptors.shape[1], descriptors.dtype)
        self.codec = seealso.load_plugins().get("codec", "raw")(seealso.PluginOptions(), context)

    def read_blocks(self, ids: np.ndarray) -> Iterator[seealso.EncodedBlock]:
        buffer = self.descriptors.reshape(-1).view(np.uint8)
        size = buffer.size // len(self.descriptors)
        for start in range(0, len(ids), 2048):
            part = ids[start : start + 2048]
            records = seealso.Records(buffer, part * size, np.full(part.size, size))
            yield seealso.EncodedBlock(part, records, self.codec, 0, 0)


class Faiss:
    """faiss: inverted lists with product quantisation; as many lists are looked through as give the candidates wanted."""

    name = "faiss IVF-PQ"
    refines = True

    def __init__(self, dim: int, threads: int) -> None:
        import faiss

        self.faiss, self.dim, self.threads = faiss, dim, threads

    def build(self, descriptors: np.ndarray) -> None:
        self.faiss.omp_set_num_threads(self.threads)
        self.lists = 1 << round(math.log2(4 * math.sqrt(len(descriptors))))
        self.index = self.faiss.index_factory(self.dim, f"IVF{self.lists},PQ{CODE_BYTES}")
        chosen = np.random.default_rng(0).permutation(len(descriptors))[: 40 * self.lists]
        self.index.train(descriptors[np.sort(chosen)])
        self.index.add(descriptors)
        self.index.nprobe = max(1, self.lists // 16)
        self.setting = f"{self.lists} lists, {self.index.nprobe} probed; {CODE_BYTES} bytes a code"

    def add(self, first: int, descriptors: np.ndarray) -> None:
        self.faiss.omp_set_num_threads(self.threads)
        self.index.add_with_ids(descriptors, first + np.arange(len(descriptors)))

    def remove(self, ids: np.ndarray) -> None:
        self.index.remove_ids(ids.astype(np.int64))

    def search(self, query: np.ndarray, count: int) -> np.ndarray:
        self.faiss.omp_set_num_threads(1)
        found: np.ndarray = self.index.search(query[np.newaxis], count)[1][0]
        return found[found >= 0]

    def bytes(self) -> int:
        return int(self.faiss.serialize_index(self.index).nbytes)


class Graph:
    """hnswlib: a graph over the descriptors, which it keeps in memory itself."""

    name = "hnswlib"
    refines = False

    def __init__(self, dim: int, threads: int) -> None:
        import hnswlib

        self.hnswlib, self.dim, self.threads = hnswlib, dim, threads
        self.setting = f"M {GRAPH_NEIGHBOURS}, ef_construction 100, ef a tenth more than are wanted"

    def build(self, descriptors: np.ndarray) -> None:
        self.index = self.hnswlib.Index(space="l2", dim=self.dim)
        self.index.init_index(int(len(descriptors) * 1.2), M=GRAPH_NEIGHBOURS, ef_construction=100, random_seed=0)
        self.index.add_items(descriptors, np.arange(len(descriptors)), num_threads=self.threads)

    def add(self, first: int, descriptors: np.ndarray) -> None:
        self.index.add_items(descriptors, first + np.arange(len(descriptors)), num_threads=self.threads)

    def remove(self, ids: np.ndarray) -> None:
        for id_ in ids.tolist():
            self.index.mark_deleted(id_)

    def search(self, query: np.ndarray, count: int) -> np.ndarray:
        self.index.set_ef(count + count // 10)
        found: np.ndarray = self.index.knn_query(query[np.newaxis], count, num_threads=1)[0][0]
        return found.astype(np.int64)

    def bytes(self) -> int:
        return int(self.index.index_file_size())

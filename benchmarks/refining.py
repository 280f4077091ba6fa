"""Libraries that keep a code of each vector in memory, and read the vectors of the best from the disk: ours, faiss and DiskANN.

Each is asked at several depths: so many vectors are read, so that recall can be compared at equal reads.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from asking import installed
from libraries import CHUNK, DIM, NEIGHBOURS, Peer
from ways import without_ranking

READS = (50, 100, 200)


class Seealso(Peer):
    """Ours, as it was before there were sketches."""

    name = "seealso, ppp-codes alone"
    package = "seealso"
    setting = "ppp-codes, flat-file, no sketch; 1,000 candidates read from the disk"
    depths = (1000,)
    parts: ClassVar[dict[str, object]] = {"index": "ppp-codes", "sketch": "none"}

    def open(self) -> None:
        import seealso

        self.collection = seealso.open(self.folder / "c.seealso", store="flat-file", **self.parts)

    def build(self, vectors: np.ndarray) -> None:
        self.open()
        self.add(0, vectors)

    def add(self, first: int, vectors: np.ndarray) -> None:
        file = self.folder / f"{first}.npy"
        np.save(file, vectors)
        self.collection.import_descriptors(file)
        file.unlink()
        self.collection.close()

    def search(self, query: np.ndarray, depth: int) -> np.ndarray:
        # Without a sketch what is looked at is read.
        by = "candidates" if self.parts.get("sketch") == "none" else "reads"
        asked = {by: depth} if depth else {}
        hits = self.collection.similar_to_descriptor(query, NEIGHBOURS, **asked).hits
        return np.array([hit.id for hit in hits]) - 1

    def remove(self, ids: np.ndarray) -> None:
        self.collection.remove((ids + 1).tolist())
        self.collection.close()


class AsItComes(Seealso):
    """Ours with what a configuration gets that says nothing."""

    name = "seealso, as it comes"
    setting = "nothing is configured"
    depths = (0,)
    parts: ClassVar[dict[str, object]] = {}


class SketchedPPP(Seealso):
    """The metric index, and sketches of its candidates."""

    name = "seealso, ppp-codes and 40 bytes"
    setting = "ppp-codes, flat-file, rabitq of 40 bytes; 5,000 candidates"
    depths = READS
    parts: ClassVar[dict[str, object]] = {"index": "ppp-codes", "sketch": {"plugin": "rabitq", "bytes": 40}}


class SketchedCells(SketchedPPP):
    """The cells of the metric index, and sketches of all that lies in the nearest."""

    name = "seealso, cells and 40 bytes"
    setting = "ppp-codes with ranking: none, flat-file, rabitq of 40 bytes; 20,000 candidates"
    parts: ClassVar[dict[str, object]] = {
        "index": {"plugin": "ppp-codes", "ranking": "none"},
        "sketch": {"plugin": "rabitq", "bytes": 40},
        "search": {"candidates": 20_000},
    }

    @classmethod
    def there(cls) -> bool:
        return without_ranking() is not None


class Scan(Seealso):
    """All sketches in order."""

    name = "seealso, scan of 40 bytes"
    setting = "scan, flat-file, rabitq of 40 bytes"
    depths = READS
    parts: ClassVar[dict[str, object]] = {"index": "scan", "sketch": {"plugin": "rabitq", "bytes": 40}}

    @classmethod
    def there(cls) -> bool:
        return installed("index", "scan")


class WideScan(Scan):
    """The same with larger sketches."""

    name = "seealso, scan of 72 bytes"
    setting = "scan, flat-file, rabitq of 72 bytes"
    parts: ClassVar[dict[str, object]] = {"index": "scan", "sketch": {"plugin": "rabitq", "bytes": 72}}


class Faiss(Peer):
    """An inverted file of product-quantised vectors in memory; the vectors themselves are read from a mapped file."""

    name = "faiss IVF-PQ + refine"
    package = "faiss-cpu"
    setting = "IVF1600,PQ40, 64 lists probed; 1,000 candidates refined from the disk"
    depths = (1000,)

    def build(self, vectors: np.ndarray) -> None:
        import faiss

        np.save(self.folder / "vectors-0.npy", vectors)
        self.index = faiss.index_factory(DIM, self._factory(len(vectors)))
        self.index.train(np.ascontiguousarray(vectors[:: max(1, len(vectors) // self._sample(len(vectors)))]))
        for start in range(0, len(vectors), CHUNK):
            self.index.add(np.ascontiguousarray(vectors[start : start + CHUNK]))
        self._write()

    def _lists(self, count: int) -> int:
        return max(1, round(4 * np.sqrt(count)))

    def _factory(self, count: int) -> str:
        return f"IVF{self._lists(count)},PQ40"

    def _sample(self, count: int) -> int:
        return 40 * self._lists(count)

    def _write(self) -> None:
        import faiss

        faiss.write_index(self.index, str(self.folder / "index.faiss"))

    def open(self) -> None:
        import faiss

        self.index = faiss.read_index(str(self.folder / "index.faiss"))
        self._probe()
        # What was added lies in a file behind: where each begins is in its name.
        self.vectors = {
            int(file.stem.partition("-")[2]): np.load(file, mmap_mode="r") for file in self.folder.glob("vectors-*.npy")
        }

    def _probe(self) -> None:
        self.index.nprobe = 64

    def search(self, query: np.ndarray, depth: int) -> np.ndarray:
        ids = self.index.search(query[np.newaxis], depth)[1][0]
        ids = np.sort(ids[ids >= 0])
        difference = self._read(ids) - query
        return ids[np.argsort(np.vecdot(difference, difference))[:NEIGHBOURS]]

    def _read(self, ids: np.ndarray) -> np.ndarray:
        parts = []
        for first, vectors in sorted(self.vectors.items()):
            parts.append(vectors[ids[(ids >= first) & (ids < first + len(vectors))] - first])
        return np.concatenate(parts)

    def add(self, first: int, vectors: np.ndarray) -> None:
        np.save(self.folder / f"vectors-{first}.npy", vectors)
        self.index.add(np.ascontiguousarray(vectors))
        self._write()

    def remove(self, ids: np.ndarray) -> None:
        self.index.remove_ids(ids)
        self._write()


class FaissRaBitQ(Faiss):
    """All codes in order: RaBitQ after a rotated principal component analysis, 32 objects side by side."""

    name = "faiss RaBitQfs + refine"
    setting = "PCAR256,RaBitQfs; refined from the disk"
    depths = READS
    removes = False  # a fast scan cannot: its codes are packed

    def _factory(self, count: int) -> str:
        return "PCAR256,RaBitQfs"

    def _sample(self, count: int) -> int:
        return 26_000

    def _probe(self) -> None:
        pass


class DiskAnn(Peer):
    """A graph on the disk, beside each node its vector; a product-quantised code of each in memory says which way to go.

    Its index cannot be changed: what is added takes building all anew.
    """

    name = "DiskANN"
    package = "diskannpy"
    setting = (
        "degree 64, complexity 100 to build, 64 bytes of codes an object, beam width 4; the depth is the complexity"
    )
    depths = READS
    removes = False

    def build(self, vectors: np.ndarray) -> None:
        import diskannpy

        np.save(self.folder / "vectors.npy", vectors)
        diskannpy.build_disk_index(
            data=np.ascontiguousarray(vectors),
            distance_metric="l2",
            index_directory=str(self.folder),
            complexity=100,
            graph_degree=64,
            search_memory_maximum=64 * len(vectors) / 2**30,
            build_memory_maximum=8,
            num_threads=0,
        )

    def open(self) -> None:
        import diskannpy

        self.index: Any = diskannpy.StaticDiskIndex(str(self.folder), num_threads=0, num_nodes_to_cache=1000)

    def search(self, query: np.ndarray, depth: int) -> np.ndarray:
        found = self.index.search(query, k_neighbors=NEIGHBOURS, complexity=depth, beam_width=4)
        return np.asarray(found.identifiers).astype(np.int64)

    def add(self, first: int, vectors: np.ndarray) -> None:
        together = np.concatenate([np.load(self.folder / "vectors.npy"), vectors])
        for file in self.folder.iterdir():
            file.unlink()
        self.build(together)

    def remove(self, ids: np.ndarray) -> None:
        raise NotImplementedError("a static disk index cannot remove; the figure stays blank")


REFINING: tuple[type[Peer], ...] = (
    AsItComes,
    Seealso,
    SketchedPPP,
    SketchedCells,
    Scan,
    WideScan,
    FaissRaBitQ,
    Faiss,
    DiskAnn,
)

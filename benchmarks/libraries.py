"""Libraries that find nearest neighbours, each on its disk, behind one small interface; with those of refining.py what peers.py measures.

Their settings are those that their documentation suggests for some 100,000 vectors; where there is a number to choose, recall comes near .95
with it. Each is imported when it is used: ``pip install -r benchmarks/requirements.txt`` brings them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

DIM = 1280
NEIGHBOURS = 10
CHUNK = 20_000


class Peer(ABC):
    """A library, behind what is measured. What it builds lies below ``folder``, and is opened there again.

    Attributes:
        name: what it is called in the table.
        package: the distribution that it is in.
        setting: how it is set, in words.
        depths: how many vectors it reads for a query; it is asked with each of these. 0: that cannot be chosen.
        removes: whether it can remove anything.
    """

    name: ClassVar[str]
    package: ClassVar[str]
    setting: ClassVar[str] = ""
    depths: ClassVar[tuple[int, ...]] = (0,)
    removes: ClassVar[bool] = True

    @classmethod
    def there(cls) -> bool:
        """Whether it is there, as far as that can be told before it is imported."""
        return True

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def build(self, vectors: np.ndarray) -> None:
        """Hold vectors ``(n, dim)`` with IDs from 0, durably as far as the library knows of it."""

    @abstractmethod
    def open(self) -> None:
        """Open what was built, to answer."""

    @abstractmethod
    def search(self, query: np.ndarray, depth: int) -> np.ndarray:
        """The IDs of the 10 nearest to a vector ``(dim,)``, at one of `depths`."""

    @abstractmethod
    def add(self, first: int, vectors: np.ndarray) -> None:
        """Add more, with IDs from ``first``, and write them."""

    @abstractmethod
    def remove(self, ids: np.ndarray) -> None:
        """Remove some, and write that."""


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

    def search(self, query: np.ndarray, depth: int) -> np.ndarray:
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

    def search(self, query: np.ndarray, depth: int) -> np.ndarray:
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

    def search(self, query: np.ndarray, depth: int) -> np.ndarray:
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

    def search(self, query: np.ndarray, depth: int) -> np.ndarray:
        found = self.client.query_points("vectors", query=query.tolist(), limit=NEIGHBOURS, with_payload=False)
        return np.array([point.id for point in found.points])

    def add(self, first: int, vectors: np.ndarray) -> None:
        self.client.upload_collection("vectors", vectors, ids=range(first, first + len(vectors)))
        self.client.close()

    def remove(self, ids: np.ndarray) -> None:
        from qdrant_client.models import PointIdsList

        self.client.delete("vectors", points_selector=PointIdsList(points=ids.tolist()))
        self.client.close()


OTHERS: tuple[type[Peer], ...] = (Hnswlib, Usearch, Lancedb, Qdrant)

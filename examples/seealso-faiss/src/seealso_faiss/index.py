"""The metric index ``faiss``: an inverted file of product-quantised descriptors (Jégou, Douze, Schmid, 2011)."""

from __future__ import annotations

import json
import math
import threading
import zlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

import seealso

MAGIC = "seealso-faiss"
VERSION = 1
ENOUGH = 10_000
"""Descriptors to train the quantiser with: 39 for each of its 256 centroids, as faiss asks for."""

FOR_EACH_LIST = 39
GROWN = 8
WIDER = 4
METRICS = ("l2", "angle")


class FaissOptions(seealso.PluginOptions):
    """The options of the index faiss."""

    query_time = frozenset({"probes"})

    code_bytes: int = Field(
        default=64, ge=1, le=1024, description="bytes of an object's code; more cost memory, and need fewer candidates"
    )
    lists: int = Field(
        default=1024, ge=1, le=65536, description="lists of the inverted file, at most; few objects get fewer"
    )
    probes: int = Field(
        default=16, ge=1, description="lists that the first candidates are taken from; more take longer"
    )


class FaissIndex(seealso.MetricIndex):
    """Sorts descriptors into lists by the nearest of some centroids, and keeps a short code of each.

    A query looks into the lists whose centroids are nearest to it, and into more of them as more candidates are taken.
    """

    name = "faiss"
    sample_size = 4 * ENOUGH
    Options = FaissOptions
    options: FaissOptions

    def __init__(self, options: seealso.PluginOptions, context: seealso.IndexContext) -> None:
        super().__init__(options, context)
        if context.distance.kind not in METRICS or context.dtype != np.float32:
            raise seealso.ConfigError(
                "the index faiss takes float32 descriptors and a Euclidean distance or an angle, not "
                f"{context.dtype} and {context.distance.name}; choose another index, as `ppp-codes`"
            )
        self._trained_on = 0
        self._index: Any = None  # faiss.IndexIVF
        self._ids = np.empty(0, np.int64)
        self._lock = threading.Lock()

    @classmethod
    def lacking(cls) -> str:
        """Faiss, where it is not installed."""
        return "" if find_spec("faiss") is not None else "needs faiss: pip install faiss-cpu"

    def train(self, sample: np.ndarray) -> None:
        """Find the centroids; and the codes, where there are enough descriptors to find them from."""
        import faiss

        lists = max(1, min(self.options.lists, len(sample) // FOR_EACH_LIST))
        self._index = faiss.index_factory(self.context.dim, f"IVF{lists},{self._coding(len(sample))}")
        self._index.cp.min_points_per_centroid = 1  # below that it warns
        self._index.train(self._points(sample))
        self._trained_on = len(sample)

    def _coding(self, count: int) -> str:
        """How faiss calls the form that a descriptor is kept in; a code has a byte for each part of equal length."""
        if count < ENOUGH:
            return "Flat"
        parts = next(
            parts
            for parts in range(min(self.options.code_bytes, self.context.dim), 0, -1)
            if self.context.dim % parts == 0
        )
        return f"PQ{parts}np"  # np: without an ordering of the centroids that only its polysemous search uses

    def _points(self, descriptors: np.ndarray) -> np.ndarray:
        """What faiss compares by the Euclidean distance: for angles, descriptors of length 1."""
        points = np.ascontiguousarray(descriptors, np.float32)
        if self.context.distance.kind == "angle":
            lengths = np.linalg.norm(points, axis=1, keepdims=True)
            points = np.divide(points, lengths, out=np.zeros_like(points), where=lengths > 0)
        return points

    def add(self, ids: np.ndarray, descriptors: np.ndarray | None) -> None:
        """Add objects, in the place of those with the same IDs."""
        assert descriptors is not None
        self.context.check(descriptors)
        points = self._points(descriptors)
        with self._lock:
            self._remove(ids)
            if ids.size:
                self._trained().add_with_ids(points, ids)
                self._ids = np.union1d(self._ids, ids)

    def remove(self, ids: np.ndarray) -> None:
        """Remove objects; O(number of objects)."""
        with self._lock:
            self._remove(ids)

    def _remove(self, ids: np.ndarray) -> None:
        there = np.intersect1d(ids, self._ids)
        if there.size:
            self._trained().remove_ids(there)
            self._ids = np.setdiff1d(self._ids, there, assume_unique=True)

    def _trained(self) -> Any:
        if self._index is None:
            raise seealso.PluginError("the index faiss was not trained")
        return self._index

    def candidates(
        self, query: np.ndarray, *, allowed: seealso.IdSet | None = None, wanted: int = 1000
    ) -> Iterator[seealso.CandidateBlock]:
        """From a few lists first, and from four times as many each time that more is wanted, until all were looked into."""
        if not self._ids.size:
            return
        point = self._points(query[np.newaxis])
        probes, count, last = self.options.probes, max(1, wanted), 0.0
        seen = np.empty(0, np.int64)
        while True:
            ids, distances, whole = self._search(point, count, probes, allowed)
            new = ~np.isin(ids, seen)
            if new.any():
                # One that came too late, from a list further away, is not put before those that are with the caller.
                scores = np.maximum(distances[new], last).astype(np.float32)
                last = float(scores[-1])
                seen = np.concatenate([seen, ids[new]])
                yield seealso.CandidateBlock(ids[new], scores)
            if whole:
                return
            probes, count = WIDER * probes, WIDER * count

    def _search(
        self, point: np.ndarray, count: int, probes: int, allowed: seealso.IdSet | None
    ) -> tuple[np.ndarray, np.ndarray, bool]:
        """The nearest in so many lists: their IDs, their distances by their codes, and whether there are no others."""
        import faiss

        selector = None if allowed is None else faiss.IDSelectorBatch(allowed.ids)
        with self._lock:
            index = self._trained()
            size = index.ntotal
            parameters = faiss.SearchParametersIVF(nprobe=min(probes, index.nlist), sel=selector)
            squares, ids = index.search(point, max(1, min(count, size)), params=parameters)
        found = ids[0] >= 0
        whole = probes >= index.nlist and (count >= size or not found.all())
        return ids[0][found], np.sqrt(np.maximum(squares[0][found], 0)), whole

    def ids(self) -> np.ndarray:
        """All IDs, ascending."""
        return self._ids

    def outgrown(self) -> bool:
        """Whether there are enough objects for what there were too few for when it was trained."""
        if self._index is None:
            return False
        count = self._ids.size
        could_be_coded = self._trained_on < ENOUGH <= count
        return could_be_coded or (count >= GROWN * self._trained_on and self._index.nlist < self.options.lists)

    def storage_order(self) -> np.ndarray | None:
        """The objects list by list."""
        import faiss

        if self._index is None:
            return None
        lists = self._index.invlists
        ids = [
            faiss.rev_swig_ptr(lists.get_ids(number), lists.list_size(number)).copy()
            for number in range(self._index.nlist)
            if lists.list_size(number)
        ]
        return np.concatenate(ids) if ids else np.empty(0, np.int64)

    def save(self, directory: Path) -> None:
        """Faiss's own file, and one that says what it is, with its checksum."""
        import faiss

        with self._lock:
            faiss.write_index(self._trained(), str(directory / "index.faiss"))
            np.save(directory / "ids.npy", self._ids, allow_pickle=False)
        sums = {name: zlib.crc32((directory / name).read_bytes()) for name in ("index.faiss", "ids.npy")}
        head = {
            "magic": MAGIC,
            "version": VERSION,
            "crc32": sums,
            "trained_on": self._trained_on,
            "dim": self.context.dim,
        }
        (directory / "faiss.json").write_text(json.dumps(head))

    def load(self, directory: Path) -> None:
        """Read them again.

        Raises:
            FormatError: they are not ours, of a newer format, or damaged; the index is then built anew.
        """
        import faiss

        try:
            head = json.loads((directory / "faiss.json").read_text())
            if (head["magic"], head["version"], head["dim"]) != (MAGIC, VERSION, self.context.dim):
                raise seealso.FormatError(f"{directory}: not a snapshot of this index, or of another format")
            for name in ("index.faiss", "ids.npy"):
                if zlib.crc32((directory / name).read_bytes()) != head["crc32"][name]:
                    raise seealso.FormatError(f"{directory / name} is damaged")
            self._index = faiss.read_index(str(directory / "index.faiss"))
            self._ids = np.load(directory / "ids.npy", allow_pickle=False)
            self._trained_on = int(head["trained_on"])
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise seealso.FormatError(f"{directory}: not a snapshot of this index: {error}") from None

    def statistics(self) -> dict[str, int | float | str]:
        """How many objects and lists, the memory that they take, and the form of the codes."""
        count = self._ids.size
        if self._index is None:
            return {"objects": 0, "bytes": 0}
        size = self._index.code_size
        return {
            "objects": count,
            "bytes": count * (size + 16) + self._index.nlist * self.context.dim * 4,
            "lists": self._index.nlist,
            "bytes per code": size,
            "lists looked into at first": min(self.options.probes, self._index.nlist),
            "lists worth having": max(1, math.isqrt(count)),
        }

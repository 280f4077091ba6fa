"""Collections of descriptors to be asked, the true nearest neighbours, and what is missed with so many reads."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import seealso
from seealso.catalogue.rows import Annotation, FileState, Location, ObjectRow
from seealso.catalogue.writer import IdReserve

K = 10
BLOCK = 8192
WARM_UP = 5
CLOSE = 1 + 1e-6
"""A neighbour at the distance of the tenth counts as well as that; distances round."""


def tell(what: str) -> None:
    """A line on standard error."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def installed(kind: str, name: str) -> bool:
    """Whether there is such a plugin; a line says so where there is none."""
    there = name in seealso.load_plugins().classes(kind)
    if not there:
        tell(f"the {kind} {name} is not installed: what needs it is passed over")
    return there


# Collections


@contextmanager
def filled(
    folder: Path, file: Path, *, dtype: str = "float32", plugins: Sequence[str] = (), **settings: object
) -> Iterator[seealso.Collection]:
    """A new collection of the descriptors in a file: the object of row ``i`` has the ID ``i + 1``."""
    with seealso.open(folder / "c.seealso", store="flat-file", text=False, plugins=plugins, **settings) as collection:
        collection.import_descriptors(file, dtype=dtype)
        yield collection


def take_in(
    collection: seealso.Collection,
    descriptors: np.ndarray,
    words: Callable[[int], Sequence[str]] = lambda row: (),
) -> None:
    """Take descriptors in as if the collection's own extractor had made them, of images with keywords.

    The object of row ``i`` has the ID ``i + 1``, where the collection was empty.
    """
    collection._opening.make()
    with collection._writing() as (opened, writer):
        reserve = IdReserve(writer)
        for start in range(0, len(descriptors), BLOCK):
            part = np.ascontiguousarray(descriptors[start : start + BLOCK])
            ids = reserve.take(len(part))
            opened.store.put_many(ids, part)
            opened.store.flush()
            objects, locations = [], []
            for row, id_ in enumerate(ids.tolist(), start):
                said = tuple(seealso.Words("keywords", word) for word in words(row))
                annotation = Annotation(b"1", {"table": said} if said else {})
                objects.append(ObjectRow(id_, id_.to_bytes(32), 1, 1, 1))
                locations.append(Location(b"/crops/%08d.jpg" % row, id_, FileState(b"", 0), annotation))
            opened.committed(writer.commit(objects, locations, []), ids, part)
        reserve.give_back()


def sketch_of(collection: seealso.Collection) -> seealso.Sketch:
    """The sketch of a collection, as it was trained."""
    with collection._opening.using() as opened:
        return opened.sketch.view(opened.catalog).part.now().sketch


# The truth


@dataclass(frozen=True)
class Truth:
    """The nearest of some queries.

    Attributes:
        rows: of the nearest, ``(m, K)``, in no order.
        last: the distance of the farthest of them, ``(m,)``.
    """

    rows: np.ndarray
    last: np.ndarray

    @classmethod
    def of(cls, distance: seealso.Distance, queries: np.ndarray, descriptors: np.ndarray) -> Truth:
        """By brute force."""
        apart = np.empty((len(queries), len(descriptors)), np.float32)
        for start in range(0, len(descriptors), BLOCK):
            apart[:, start : start + BLOCK] = distance.many_to_many(queries, descriptors[start : start + BLOCK])
        return cls.of_distances(apart)

    @classmethod
    def of_distances(cls, apart: np.ndarray) -> Truth:
        """From all distances ``(m, n)``."""
        rows = np.argpartition(apart, K - 1, axis=1)[:, :K]
        return cls(rows, np.take_along_axis(apart, rows, 1).max(axis=1))

    def recall(self, number: int, hits: Sequence[seealso.Hit]) -> float:
        """The share of the nearest of one query among some hits."""
        near, last = self.rows[number] + 1, float(self.last[number]) * CLOSE
        return sum(hit.id in near or (hit.distance is not None and hit.distance <= last) for hit in hits[:K]) / K


def distance_of(name: str, plugins: Sequence[Path] = ()) -> seealso.Distance:
    """A distance by its name."""
    return seealso.load_plugins(list(plugins)).get("distance", name)()


# Asking


@dataclass(frozen=True)
class Found:
    """What the answers were like.

    Attributes:
        recall: the share of the nearest that were found, the mean.
        ms: milliseconds of a query, the median.
        stages: milliseconds of each stage, the medians.
        refined: descriptors that were read and compared, the mean.
    """

    recall: float
    ms: float
    stages: dict[str, float]
    refined: float


def ask(collection: seealso.Collection, queries: Sequence[Any], truth: Truth, **settings: object) -> Found:
    """Ask a collection for the nearest of each query: a descriptor, an ID, or several `seealso.Example` together."""
    asked = [seealso.Query.like(*(each if isinstance(each, tuple) else (each,)), k=K, **settings) for each in queries]
    for query in asked[:WARM_UP]:
        collection.search(query)
    recalls, times, costs = [], [], []
    for number, query in enumerate(asked):
        started = time.perf_counter()
        answer = collection.search(query)
        times.append(1000 * (time.perf_counter() - started))
        recalls.append(truth.recall(number, answer.hits))
        costs.append(answer.cost)
    stages = {stage: float(np.median([getattr(cost.ms, stage) for cost in costs])) for stage in STAGES}
    return Found(
        float(np.mean(recalls)), float(np.median(times)), stages, float(np.mean([cost.refined for cost in costs]))
    )


STAGES = ("text", "candidates", "sketch", "read", "refine", "rows")


def holds(goals: Mapping[Any, float], key: object, value: float) -> tuple[str, bool | None]:
    """The goal, at least so much, for a key, and whether a value reaches it; None where there is none."""
    if key not in goals:
        return "", None
    return f">= {goals[key]:g}", value >= goals[key]

"""Recall and cost of a collection's answers, for a range of candidate-set sizes, on queries of its own or of others."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from seealso.collection import Collection
from seealso.errors import QueryError
from seealso.evaluation.distances import DistanceReport, measure_distances
from seealso.evaluation.exact import Neighbours, exact_neighbours
from seealso.evaluation.intervals import recall_interval
from seealso.interfaces.answer import Answer, Times
from seealso.interfaces.query import Query
from seealso.layout import EVALUATION
from seealso.sorted_ids import distinct

SIZES = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)
SAMPLE = 500
STAGES = tuple(field.name for field in fields(Times))
SAME = 1 + 1e-6
"""A neighbour at the distance of the k-th counts as well as that; distances round."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Of many values: the median, and what 95 and 99 of a hundred are not above."""

    median: float
    p95: float
    p99: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of these."""
        median, p95, p99 = np.percentile(np.asarray(values, np.float64), [50, 95, 99])
        return cls(float(median), float(p95), float(p99))


@dataclass(frozen=True, slots=True)
class SizeResult:
    """What was measured with one candidate-set size.

    Attributes:
        candidates: the size asked for.
        considered: candidates that were considered, the mean.
        recall: share of the true k nearest that were found, the mean over the queries.
        recall_interval: its 95 % interval.
        recall_p5: what 95 of a hundred queries reach.
        distance_error: how much further the hits are than the true neighbours of the same rank, the mean, as a share.
        ms: milliseconds by stage.
        reads: separate reads of the disk, the mean.
        bytes_read: bytes read, the mean.
    """

    candidates: int
    considered: float
    recall: float
    recall_interval: tuple[float, float]
    recall_p5: float
    distance_error: float
    ms: dict[str, Spread]
    reads: float
    bytes_read: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        collection: the collection's name.
        objects: how many there are.
        queries: how many were asked, and where they came from.
        source: ``collection``, or what was given.
        k: how many neighbours count.
        seed: of the sample.
        index: the index, with its options, as in the configuration.
        store: the store, likewise.
        memory: bytes of memory that the process held at the end.
        results: by candidate-set size, ascending.
        same_class: of the 1, 5 and 10 nearest, the share that is of the query's class; empty without labels.
        distances: how far apart alike and unrelated images are; None where that was not asked for.
    """

    collection: str
    objects: int
    queries: int
    source: str
    k: int
    seed: int
    index: object
    store: object
    memory: int
    results: tuple[SizeResult, ...]
    same_class: dict[int, float]
    distances: DistanceReport | None = None

    def as_json(self) -> dict[str, Any]:
        """As the command line's ``--json`` shows it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Sample:
    """Queries: descriptors ``(m, dim)``, and the ID of each that is an object, else -1."""

    descriptors: np.ndarray
    ids: np.ndarray
    source: str = "collection"


def sample_of(collection: Collection, count: int, seed: int) -> Sample:
    """Objects of a collection by chance, as queries; the same for the same seed, as long as nothing changes.

    Raises:
        QueryError: there are none.
    """
    ids = collection.ids()
    if not ids.size:
        raise QueryError(f"the collection {collection.name} is empty; there is nothing to evaluate")
    chosen = np.sort(np.random.default_rng(seed).choice(ids, size=min(count, ids.size), replace=False))
    return Sample(collection.descriptors(chosen), chosen)


def evaluate(
    collection: Collection,
    *,
    queries: Sample | None = None,
    count: int = SAMPLE,
    k: int = 10,
    sizes: Sequence[int] | None = None,
    seed: int = 0,
    labels: bool = False,
    distances: bool = False,
    work: Path | None = None,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Evaluation:
    """Compare a collection's answers with the true nearest neighbours.

    The true neighbours are computed once for all sizes, by comparing every query with every descriptor: a minute for 500 queries
    and a million descriptors of 1280 values. Two evaluations of an unchanged collection with one seed give the same recalls.

    Args:
        collection: what is evaluated, as it is configured.
        queries: by default ``count`` objects of the collection by chance, left out of their own answers.
        count: how many.
        k: how many neighbours count.
        sizes: candidate-set sizes; by default from 100 to 50,000, as far as there are objects, and the configured one.
        seed: of the sample.
        labels: also how many of the nearest are in the folder that the query is in, as if folders were classes.
        distances: also how far apart alike and unrelated images are; the thresholds that follow are remembered (`measure_distances`).
        work: where the true neighbours are kept; by default in the collection's directory, if it can be written.
        progress: told what is being done, how far it is, and of how much.

    Raises:
        QueryError: the collection is empty, or has too few objects for k; or ``k`` or a size is below 1.
    """
    sample = sample_of(collection, count, seed) if queries is None else queries
    objects = int(collection.ids().size)
    most = check_k(sample, k, objects)
    truth = true_neighbours(collection, sample, max(k, 10) if labels and most >= 10 else k, work, progress)
    wanted = _sizes(collection, objects, sizes)
    results = []
    for place, size in enumerate(wanted):
        told = partial(_tell, progress, place, len(wanted), len(sample.ids))
        results.append(measure(collection, sample, truth, k, size, told))
    parts = collection.choices()
    return Evaluation(
        collection=collection.name,
        objects=objects,
        queries=len(sample.ids),
        source=sample.source,
        k=k,
        seed=seed,
        index=parts["index"],
        store=parts["store"],
        memory=resident_memory(),
        results=tuple(results),
        same_class=_same_class(collection, sample, truth) if labels else {},
        distances=measure_distances(collection, truth.distances[:, 0], seed=seed, progress=progress)
        if distances
        else None,
    )


def check_k(sample: Sample, k: int, objects: int) -> int:
    """How many neighbours each query of a sample has among so many objects.

    Raises:
        QueryError: there are fewer than ``k``.
    """
    most = objects - bool((sample.ids >= 0).any())
    if not 1 <= k <= most:
        raise QueryError(f"k is {k}, and a query has {max(most, 0):,} possible neighbours here; ask for 1 to as many")
    return most


def true_neighbours(
    collection: Collection,
    sample: Sample,
    k: int,
    work: Path | None = None,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Neighbours:
    """The true neighbours of a sample in a collection, kept for the next time."""
    if work is None and os.access(collection.path, os.W_OK):
        work = collection.path / EVALUATION
    with collection.reading() as (store, distance):
        return exact_neighbours(
            store,
            distance,
            sample.descriptors,
            k,
            sample.ids,
            work=work,
            progress=lambda done, total: progress("comparing with all", done, total),
        )


def measure(
    collection: Collection,
    sample: Sample,
    truth: Neighbours,
    k: int,
    size: int,
    progress: Callable[[int], None],
) -> SizeResult:
    """Ask every query of a sample with one candidate-set size, and compare the answers with the true neighbours.

    ``progress`` is told how many were asked.
    """
    answers = []
    for number in range(len(sample.ids)):
        answers.append(_ask(collection, sample, number, k, size))
        progress(number + 1)
    return _result(size, answers, truth, k)


def _tell(progress: Callable[[str, int, int], None], place: int, sizes: int, queries: int, asked: int) -> None:
    """How far it is, when so many were asked with the size at a place."""
    progress("searching", place * queries + asked, sizes * queries)


def _sizes(collection: Collection, objects: int, sizes: Sequence[int] | None) -> list[int]:
    if sizes is not None:
        if not sizes or min(sizes) < 1:
            raise QueryError("a candidate-set size has to be 1 or more")
        return sorted(set(sizes))
    configured = collection.settings.search.candidates
    return sorted({size for size in (*SIZES, configured) if size < objects} | {min(objects, max(SIZES))})


def _ask(collection: Collection, sample: Sample, number: int, k: int, size: int) -> Answer:
    own = int(sample.ids[number])
    example = own if own >= 0 else sample.descriptors[number]
    return collection.search(Query.like(example, k=k, candidates=size, others=True))


def recalls_of(answers: Sequence[Answer], truth: Neighbours, k: int) -> np.ndarray:
    """The share of its true k nearest neighbours that each answer holds, ``(queries,)``."""
    recalls = np.empty(len(answers))
    for number, answer in enumerate(answers):
        last = float(truth.distances[number, k - 1]) * SAME
        near = truth.ids[number, :k]
        right = sum(hit.id in near or (hit.distance is not None and hit.distance <= last) for hit in answer.hits[:k])
        recalls[number] = right / k
    return recalls


def _result(size: int, answers: Sequence[Answer], truth: Neighbours, k: int) -> SizeResult:
    recalls = recalls_of(answers, truth, k)
    costs = [answer.cost for answer in answers]
    return SizeResult(
        candidates=size,
        considered=float(np.mean([cost.candidates for cost in costs])),
        recall=float(recalls.mean()),
        recall_interval=recall_interval(recalls, k),
        recall_p5=float(np.percentile(recalls, 5)),
        distance_error=_distance_error(answers, truth, k),
        ms={stage: Spread.of([getattr(cost.ms, stage) for cost in costs]) for stage in STAGES},
        reads=float(np.mean([cost.reads for cost in costs])),
        bytes_read=float(np.mean([cost.bytes_read for cost in costs])),
    )


def _distance_error(answers: Sequence[Answer], truth: Neighbours, k: int) -> float:
    """By how much the hit of a rank is further than the true neighbour of that rank; equal descriptors have no share, and
    nor have such as are further apart than float32 can say."""
    errors = []
    for number, answer in enumerate(answers):
        found = np.array([hit.distance for hit in answer.hits[:k]], np.float64)
        true = truth.distances[number, : found.size].astype(np.float64)
        counts = (true > 0) & np.isfinite(true) & np.isfinite(found)
        errors += (np.maximum(found[counts] / true[counts] - 1, 0)).tolist()
    return float(np.mean(errors)) if errors else 0.0


def _same_class(collection: Collection, sample: Sample, truth: Neighbours) -> dict[int, float]:
    """Of the 1, 5 and 10 nearest, the share whose first place is in the folder of the query's."""
    own = sample.ids[sample.ids >= 0]
    near = truth.ids[sample.ids >= 0]
    wanted = distinct(own, near[near >= 0])
    records = collection.records(wanted.tolist())
    # Without a place it is just being dropped.
    folders = {id_: os.path.dirname(record.paths[0]) if record.paths else b"" for id_, record in records.items()}
    found = {}
    for count in (1, 5, 10):
        if count <= near.shape[1] and own.size:
            same = [
                folders.get(int(other)) == folders[int(id_)]
                for id_, row in zip(own, near, strict=True)
                for other in row[:count]
            ]
            found[count] = float(np.mean(same))
    return found


def resident_memory() -> int:
    """Bytes of memory that this process holds now; at its peak, where the system tells nothing else."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource
        import sys

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak

"""Queries of a sample, asked of a collection: how many of their true neighbours are found, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from seealso.collection import Collection
from seealso.evaluation.exact import Neighbours
from seealso.evaluation.intervals import recall_interval
from seealso.interfaces.answer import Answer, Cost, Times
from seealso.interfaces.query import Query

STAGES = tuple(field.name for field in fields(Times))
SAME = 1 + 1e-6
"""A neighbour at the distance of the k-th counts as well as that; distances round."""

TIMED = 50
"""Queries that are asked with each number of reads by itself, to see how long that takes."""


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
    """What was measured with one candidate-set size, or with one number of reads.

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
        refined: candidates that were read and compared by the true distance, the mean.
        asked_reads: how many of them were asked for (`Query.reads`); None: as many as the configuration says.
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
    refined: float
    asked_reads: int | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """Queries: descriptors ``(m, dim)``, and the ID of each that is an object, else -1."""

    descriptors: np.ndarray
    ids: np.ndarray
    source: str = "collection"

    def query(self, number: int, k: int, candidates: int, reads: int | None = None) -> Query:
        """The query of this number, which is left out of its own answer."""
        own = int(self.ids[number])
        example = own if own >= 0 else self.descriptors[number]
        return Query.like(example, k=k, candidates=candidates, reads=reads, others=True)


def measure(
    collection: Collection,
    sample: Sample,
    truth: Neighbours,
    k: int,
    size: int,
    progress: Callable[[int], None],
    reads: int | None = None,
) -> SizeResult:
    """Ask every query of a sample with one candidate-set size, and compare the answers with the true neighbours.

    Args:
        collection: what is asked.
        sample: the queries.
        truth: their true neighbours.
        k: how many of these count.
        size: the candidate-set size.
        progress: told how many were asked.
        reads: how many candidates to read, where there is a sketch; None: as the configuration says.
    """
    answers = []
    for number in range(len(sample.ids)):
        answers.append(collection.search(sample.query(number, k, size, reads)))
        progress(number + 1)
    return _result(size, reads, answers, truth, k)


def measure_by_reads(
    collection: Collection,
    sample: Sample,
    truth: Neighbours,
    k: int,
    size: int,
    reads: Sequence[int],
    progress: Callable[[int], None],
) -> list[SizeResult]:
    """The same for each of several numbers of ``reads``, by one search for each query (`Collection.search_by_reads`).

    Empty without any; and where they make no difference: the index knows the distances, or there are no sketches yet.
    """
    answers: list[list[Answer]] = []
    for number in range(len(sample.ids)) if reads else ():
        found = collection.search_by_reads(sample.query(number, k, size), reads)
        read = {answer.cost.refined for answer in found}
        if not answers and (read == {0} or len(read) == 1 < len(reads)):
            return []
        answers.append(found)
        progress(number + 1)
    return [_result(size, each, [found[place] for found in answers], truth, k) for place, each in enumerate(reads)]


def _result(size: int, reads: int | None, answers: Sequence[Answer], truth: Neighbours, k: int) -> SizeResult:
    recalls = _recalls(answers, truth, k)
    costs = [answer.cost for answer in answers]
    return SizeResult(
        candidates=size,
        considered=float(np.mean([cost.candidates for cost in costs])),
        recall=float(recalls.mean()),
        recall_interval=recall_interval(recalls, k),
        recall_p5=float(np.percentile(recalls, 5)),
        distance_error=_distance_error(answers, truth, k),
        **_spent(costs),
        refined=float(np.mean([cost.refined for cost in costs])),
        asked_reads=reads,
    )


def timed(collection: Collection, sample: Sample, k: int, results: Sequence[SizeResult]) -> list[SizeResult]:
    """The results of `measure_by_reads` with the times and the reads of searches for each number alone, of `TIMED` of the queries: one search
    for all numbers reads in as many parts."""
    numbers = np.unique(np.linspace(0, len(sample.ids) - 1, TIMED).astype(int)).tolist()
    # In turns, so that all meet the same machine, whatever else it does.
    costs = [
        [collection.search(sample.query(number, k, each.candidates, each.asked_reads)).cost for each in results]
        for number in numbers
    ]
    return [replace(each, **_spent([found[place] for found in costs])) for place, each in enumerate(results)]


def _spent(costs: Sequence[Cost]) -> dict[str, Any]:
    """The fields of a result that say what queries took."""
    return {
        "ms": {stage: Spread.of([getattr(cost.ms, stage) for cost in costs]) for stage in STAGES},
        "reads": float(np.mean([cost.reads for cost in costs])),
        "bytes_read": float(np.mean([cost.bytes_read for cost in costs])),
    }


def _recalls(answers: Sequence[Answer], truth: Neighbours, k: int) -> np.ndarray:
    """The share of its true k nearest neighbours that each answer holds, ``(queries,)``."""
    recalls = np.empty(len(answers))
    for number, answer in enumerate(answers):
        last = float(truth.distances[number, k - 1]) * SAME
        near = truth.ids[number, :k]
        right = sum(hit.id in near or (hit.distance is not None and hit.distance <= last) for hit in answer.hits[:k])
        recalls[number] = right / k
    return recalls


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

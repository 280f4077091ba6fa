"""Recall and cost of a collection's answers, for a range of candidate-set sizes, on queries of its own or of others."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from seealso.collection import Collection
from seealso.errors import QueryError
from seealso.evaluation.distances import DistanceReport, measure_distances
from seealso.evaluation.exact import Neighbours, exact_neighbours
from seealso.evaluation.measuring import Sample, SizeResult, measure, measure_by_reads, timed
from seealso.layout import EVALUATION
from seealso.registry.kinds import SKETCH
from seealso.sorted_ids import distinct

SIZES = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)
READS = (20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000)
SAMPLE = 500


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
        sketch: the sketch, with its options; None where there is none.
        by_reads: where there is a sketch, by the number of reads, ascending, with one candidate-set size.
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
    sketch: object = None
    by_reads: tuple[SizeResult, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As the command line's ``--json`` shows it."""
        return asdict(self)


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
            Where there is a sketch, the largest of those that are given, else the configured one, is tried with numbers of reads, too.
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
    searched = max(wanted) if sizes is not None else min(objects, collection.settings.search.candidates)
    reads = _reads(collection, objects, searched, k)
    told = partial(_tell, progress, len(wanted) + bool(reads), len(sample.ids))
    results = [measure(collection, sample, truth, k, size, partial(told, place)) for place, size in enumerate(wanted)]
    by_reads = measure_by_reads(collection, sample, truth, k, searched, reads, partial(told, len(wanted)))
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
        sketch=parts.get(SKETCH.word),
        by_reads=tuple(timed(collection, sample, k, by_reads)) if by_reads else (),
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


def _tell(progress: Callable[[str, int, int], None], times: int, queries: int, place: int, asked: int) -> None:
    """How far it is, when all are asked so many times, and so many were asked for the time at a place."""
    progress("searching", place * queries + asked, times * queries)


def _sizes(collection: Collection, objects: int, sizes: Sequence[int] | None) -> list[int]:
    if sizes is not None:
        if not sizes or min(sizes) < 1:
            raise QueryError("a candidate-set size has to be 1 or more")
        return sorted(set(sizes))
    configured = collection.settings.search.candidates
    return sorted({size for size in (*SIZES, configured) if size < objects} | {min(objects, max(SIZES))})


def _reads(collection: Collection, objects: int, candidates: int, k: int) -> list[int]:
    """The numbers of reads that are tried with so many candidates; none where there is no sketch."""
    if collection.parts.chosen_or_none(SKETCH) is None:
        return []
    most = min(candidates, objects)
    configured = collection.settings.search.reads
    return sorted({each for each in (*READS, configured) if k <= each < most} | {most})


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

"""Asking the collection of the seed's experiment: recall by reads, and time with and without what the operating system keeps."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from activations import Activations
from asking import WARM_UP, tell
from page_cache import drop_cache, read_from_disk, share_in_memory
from report import own_memory, peak_memory
from seed_fill import SKETCH_BYTES, limit_memory, number_of, opened
from seed_record import Record
from seed_truth import NEIGHBOURS, Passed
from ways import Way, sketched

import seealso
from seealso.layout import STORE

READS = (25, 50, 100, 250, 500)
COLD_READS = (100, 250)
COLD_QUERIES = 50
ANSWERING_BYTES = 1_000_000_000
"""The memory that the process may allocate that answers; index and sketch are mapped, and come on top."""

FORGOTTEN = 0.02
"""The store counts as dropped from the cache where no more than this share of it lies in memory: its table of places is mapped, and stays."""

FROM_DISK = 0.9
"""And where a query has had at least this share of what it reads read from the disk."""


def answers(folder: Path, size: int) -> dict[str, Any]:
    """What is found, and what it costs, in a process that does nothing else. The neighbours are the true ones of the float32 values,
    whatever the store's codec keeps of them.

    Raises:
        SystemExit: the collection does not hold just the first ``size`` descriptors, or their neighbours are not known.
    """
    limit_memory(ANSWERING_BYTES)
    record = Record.of(folder)
    assert record is not None
    queries = Activations(record.dim, record.latent).held_out(record.queries)
    passed = Passed(folder, queries)
    way = sketched(SKETCH_BYTES)
    with opened(folder, record) as collection:
        objects = collection.counts().objects
        if objects != size or passed.rows != size:
            raise SystemExit(f"{folder}: {objects:,} descriptors are there, and the neighbours among {passed.rows:,}")
        # Once more: the first time, what is loaded of the program counts, too.
        collection.close()
        first = collection.search(asked(queries[0], READS[0], way)).cost
        by_reads = [warm(collection, queries, passed.nearest.ids, reads, way) for reads in READS]
        held, own = peak_memory(), own_memory()
        store = collection.path / STORE
        for found in by_reads:
            if found["reads"] in COLD_READS:
                found["cold"] = cold(collection, store, queries[:COLD_QUERIES], found["reads"], way)
        return {
            "way": str(way),
            "objects": objects,
            "opening": first.ms.open / 1000,
            "resident": held,
            "own": own,
            "distances": np.sqrt(passed.nearest.squares).mean(axis=0).tolist(),
            "by_reads": by_reads,
            "status": plain(collection.status()),
        }


def asked(query: np.ndarray, reads: int, way: Way) -> seealso.Query:
    """The question for the neighbours of a descriptor, of which so many are read."""
    return seealso.Query.like(query, k=NEIGHBOURS, **way.reading(reads))


def warm(
    collection: seealso.Collection, queries: np.ndarray, truth: np.ndarray, reads: int, way: Way
) -> dict[str, Any]:
    """Recall, and the time of each query when what it reads was read just before.

    Args:
        collection: is asked.
        queries: ``(n, dim)``.
        truth: the numbers of their neighbours, ``(n, NEIGHBOURS)``.
        reads: descriptors that are read for each.
        way: the index and the sketch.
    """
    questions = [asked(query, reads, way) for query in queries]
    found = [collection.search(question) for question in questions]
    recalls = [
        len({number_of(hit) for hit in answer.hits} & set(near)) / NEIGHBOURS
        for answer, near in zip(found, truth.tolist(), strict=True)
    ]
    for question in questions[:WARM_UP]:
        collection.search(question)
    costs = [collection.search(question).cost for question in questions]
    times = np.array([cost.ms.total for cost in costs])
    recall, off = float(np.mean(recalls)), 1.96 * float(np.std(recalls)) / math.sqrt(len(recalls))
    tell(f"{reads} reads: recall {recall:.3f}, {np.median(times):.1f} ms")
    return {
        "reads": reads,
        "recall": recall,
        "recalls": recalls,
        "sure": [max(0.0, recall - off), min(1.0, recall + off)],
        "ms": float(np.median(times)),
        "p95": float(np.percentile(times, 95)),
        "p99": float(np.percentile(times, 99)),
        "stages": {
            stage: float(np.median([getattr(cost.ms, stage) for cost in costs]))
            for stage in ("candidates", "sketch", "read", "refine", "rows")
        },
        "refined": float(np.mean([cost.refined for cost in costs])),
        "bytes": float(np.mean([cost.bytes_read for cost in costs])),
    }


def cold(collection: seealso.Collection, store: Path, queries: np.ndarray, reads: int, way: Way) -> dict[str, Any]:
    """The time of each query when nothing of the store lies in the operating system's cache; index and sketch are in memory.

    Args:
        collection: is asked.
        store: the folder of its descriptors.
        queries: ``(n, dim)``.
        reads: descriptors that are read for each.
        way: the index and the sketch.

    Returns:
        ``ms``: the median; ``p95``; ``verified``: whether the operating system said each time that the store was forgotten and then read
        from the disk.
    """
    times, verified = [], True
    for query in queries:
        drop_cache(store)
        share, before = share_in_memory(store), read_from_disk()
        cost = collection.search(asked(query, reads, way)).cost
        after = read_from_disk()
        times.append(cost.ms.total)
        forgotten = share is not None and share <= FORGOTTEN
        from_disk = before is not None and after is not None and after - before >= FROM_DISK * cost.bytes_read
        verified = verified and forgotten and from_disk
    tell(f"{reads} reads, cold: {np.median(times):.1f} ms{'' if verified else '; whether it was cold is not sure'}")
    return {"ms": float(np.median(times)), "p95": float(np.percentile(times, 95)), "verified": verified}


def plain(status: Mapping[str, object]) -> dict[str, Any]:
    """Of a status what the report needs: the parts that take memory, the store, and the bytes on the disk."""
    return {name: status[name] for name in ("index", "sketch", "store", "bytes")}

"""The way out: descriptor → candidates → refinement → the k best, with their catalogue rows."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from seealso.catalogue.reader import Catalog
from seealso.interfaces.distance import Distance
from seealso.interfaces.index import CandidateBlock, IdSet, MetricIndex
from seealso.interfaces.query import Cost, Hit
from seealso.interfaces.store import ObjectStore
from seealso.interfaces.text import Words

STEP = 500  # candidates that are refined together where refinement may stop early
SPARE = 64  # kept beyond the k best, for those that turn out to have no place any more


class Best:
    """The best of what was seen, by (distance, ID), at most ``limit``."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.ids = np.empty(0, np.int64)
        self.distances = np.empty(0, np.float32)

    def add(self, ids: np.ndarray, distances: np.ndarray) -> None:
        """See some more; O((limit + n) log(limit + n))."""
        ids = np.concatenate([self.ids, ids])
        distances = np.concatenate([self.distances, distances])
        order = np.lexsort((ids, distances))[: self._limit]
        self.ids, self.distances = ids[order], distances[order]


def search(
    catalog: Catalog,
    store: ObjectStore,
    index: MetricIndex,
    distance: Distance,
    query: np.ndarray,
    *,
    k: int,
    candidates: int,
    patience: int | None = None,
    allowed: IdSet | None = None,
    skip: Iterable[int] = (),
) -> tuple[tuple[Hit, ...], Cost]:
    """The ``k`` nearest objects among at most ``candidates`` candidates.

    Where the index gives true distances nothing is refined, and as many candidates are taken as it needs for k hits.
    Where no more objects are ``allowed`` than candidates, the index is not asked: all of them are refined, and the answer
    is exact.
    Objects that go away meanwhile, and the IDs to ``skip``, are passed over.

    Args:
        catalog: says what the objects are.
        store: holds their descriptors.
        index: proposes candidates.
        distance: the true distance.
        query: a descriptor ``(dim,)``.
        k: how many hits.
        candidates: how many candidates to refine, at most.
        patience: stop when the k best have not changed over so many steps of `STEP` candidates; None: refine them all.
        allowed: only these objects.
        skip: not these objects.
    """
    cost = Cost()
    skipped = np.fromiter(skip, dtype=np.int64)
    hits: list[Hit] = []
    best = Best(k + SPARE)
    exact = False
    changed = 0  # how many candidates there had been when the best changed last
    unchanged = math.inf if patience is None else patience * STEP  # so many without a change are enough
    if allowed is not None and len(allowed) <= candidates:
        blocks = iter([CandidateBlock(allowed.ids, np.zeros(len(allowed), np.float32))])
    else:
        # Those that are skipped come on top: for one that is missing an index would search as far as for all of the first.
        blocks = iter(index.candidates(query, allowed=allowed, wanted=candidates + skipped.size))
    while True:
        started = time.perf_counter()
        block = next(blocks, None)
        cost.ms.candidates += 1000 * (time.perf_counter() - started)
        if block is None:
            break
        cost.reads += block.reads
        cost.bytes_read += block.bytes_read
        ids = block.ids[~np.isin(block.ids, skipped)]
        if block.exact:
            exact = True
            cost.candidates += ids.size
            hits += _hits(catalog, ids, block.scores[np.isin(block.ids, ids)], k - len(hits))
            if len(hits) >= k:
                break
        else:
            ids = ids[: candidates - cost.candidates]
            size = STEP if patience else candidates
            for start in range(0, ids.size, size):
                step = ids[start : start + size]
                before = best.ids[:k]
                _refine(store, distance, query, step, best, cost)
                cost.candidates += step.size
                if not np.array_equal(best.ids[:k], before):
                    changed = cost.candidates
                if cost.candidates - changed >= unchanged:
                    break
            if cost.candidates >= candidates or cost.candidates - changed >= unchanged:
                break
    if not exact:
        hits = _hits(catalog, best.ids, best.distances, k)
    return tuple(with_keywords(catalog, hits)), cost


def with_keywords(catalog: Catalog, hits: Sequence[Hit]) -> list[Hit]:
    """Hits with the words that describe them: their keywords; else their titles; else their captions, in one language."""
    words = catalog.words([hit.id for hit in hits])
    return [replace(hit, keywords=_shown(words[hit.id])) if hit.id in words else hit for hit in hits]


def _shown(words: Mapping[str, Sequence[Words]]) -> tuple[str, ...]:
    said = [word for source in words.values() for word in source]
    for field in ("keywords", "title", "caption"):
        found = [word for word in said if word.field == field]
        if found:
            return tuple(dict.fromkeys(word.text for word in found if word.language == found[0].language))
    return ()


def _refine(store: ObjectStore, distance: Distance, query: np.ndarray, ids: np.ndarray, best: Best, cost: Cost) -> None:
    started = time.perf_counter()
    for block in store.read_blocks(ids):
        read = time.perf_counter()
        cost.ms.read += 1000 * (read - started)
        cost.reads += block.reads
        cost.bytes_read += block.bytes_read
        best.add(*block.sound_distances(distance, query))
        started = time.perf_counter()
        cost.ms.refine += 1000 * (started - read)


def _hits(catalog: Catalog, ids: np.ndarray, distances: np.ndarray, wanted: int) -> list[Hit]:
    """The first ``wanted`` of the objects that exist and have a place."""
    hits: list[Hit] = []
    page = wanted + 16
    for start in range(0, ids.size, page):
        part = [int(i) for i in ids[start : start + page]]
        records = catalog.records(part)
        for id_, distance in zip(part, distances[start : start + page], strict=True):
            record = records.get(id_)
            if record is not None and record.paths:
                hits.append(Hit(id_, float(distance), record.paths))
                if len(hits) == wanted:
                    return hits
    return hits

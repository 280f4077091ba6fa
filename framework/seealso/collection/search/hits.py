"""From IDs to hits: the objects' rows of the catalogue, and the words shown with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from seealso.catalogue.reader import Catalog
from seealso.interfaces.answer import Hit
from seealso.interfaces.likeness import Likeness
from seealso.interfaces.text import Words

SPARE = 16  # rows read at once beyond those that are wanted


def nearest_hits(catalog: Catalog, ids: np.ndarray, distances: np.ndarray, k: int, offset: int) -> tuple[Hit, ...]:
    """``k`` of the objects that exist and have a place, in this order, after the first ``offset`` of them."""
    hits: list[Hit] = []
    passed = 0
    page = k + offset + SPARE
    for start in range(0, ids.size, page):
        part = [int(id_) for id_ in ids[start : start + page]]
        records = catalog.records(part)
        for id_, distance in zip(part, distances[start : start + page], strict=True):
            record = records.get(id_)
            if record is None or not record.paths:
                continue
            passed += 1
            if passed > offset:
                hits.append(Hit(id_, float(distance), record.paths))
            if len(hits) == k:
                return with_keywords(catalog, hits)
    return with_keywords(catalog, hits)


def hits_of(catalog: Catalog, ids: Sequence[int], scores: Sequence[float | None]) -> tuple[Hit, ...]:
    """Those of the objects that exist and have a place, with their scores."""
    records = catalog.records(ids)
    found = [
        Hit(id_, None, records[id_].paths, score=score)
        for id_, score in zip(ids, scores, strict=True)
        if id_ in records and records[id_].paths
    ]
    return with_keywords(catalog, found)


def with_keywords(catalog: Catalog, hits: Sequence[Hit]) -> tuple[Hit, ...]:
    """Hits with the words to show: their keywords; else their titles; else their captions, in one language."""
    words = catalog.words([hit.id for hit in hits])
    return tuple(replace(hit, keywords=_shown(words[hit.id])) if hit.id in words else hit for hit in hits)


def with_likeness(hits: Sequence[Hit], likeness: Likeness) -> tuple[Hit, ...]:
    """Hits with how alike they are, and whether they are as far away as unrelated images may be; they were found by images."""
    return tuple(hit if hit.distance is None else _with_likeness(hit, hit.distance, likeness) for hit in hits)


def _with_likeness(hit: Hit, distance: float, likeness: Likeness) -> Hit:
    beyond = None if likeness.alike is None else likeness.beyond(distance)
    return replace(hit, likeness=likeness.percent(distance), beyond=beyond)


def _shown(words: Mapping[str, Sequence[Words]]) -> tuple[str, ...]:
    said = [word for source in words.values() for word in source]
    for field in ("keywords", "title", "caption"):
        found = [word for word in said if word.field == field]
        if found:
            return tuple(dict.fromkeys(word.text for word in found if word.language == found[0].language))
    return ()

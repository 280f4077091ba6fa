"""From IDs to hits: the objects' rows of the catalogue, and the words shown with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from seealso.catalogue.reader import Catalog
from seealso.interfaces.answer import Hit
from seealso.interfaces.likeness import Likeness
from seealso.interfaces.records import ObjectRecord
from seealso.interfaces.text import Words
from seealso.sorted_ids import distinct

SPARE = 16  # rows read at once beyond those that are wanted


@dataclass(frozen=True, slots=True)
class Page:
    """Which of the objects that were found are shown: ``k`` of those that exist and have a place, after the first ``offset`` of them.

    Attributes:
        ids: the objects, the nearest first, int64 ``(n,)``.
        distances: theirs, float32 ``(n,)``.
    """

    ids: np.ndarray
    distances: np.ndarray
    k: int
    offset: int

    @property
    def size(self) -> int:
        """How many rows are read at once."""
        return self.k + self.offset + SPARE


def nearest_hits(catalog: Catalog, ids: np.ndarray, distances: np.ndarray, k: int, offset: int) -> tuple[Hit, ...]:
    """``k`` of the objects that exist and have a place, in this order, after the first ``offset`` of them."""
    return hits_of_pages(catalog, [Page(ids, distances, k, offset)])[0]


def hits_of_pages(catalog: Catalog, pages: Sequence[Page]) -> list[tuple[Hit, ...]]:
    """The hits of each of some pages, at least one; the rows of all are read together."""
    known = catalog.records(distinct(*(page.ids[: page.size] for page in pages)).tolist())
    chosen = [_existing(catalog, page, known) for page in pages]
    words = catalog.words(list(dict.fromkeys(hit.id for hits in chosen for hit in hits)))
    return [_worded(hits, words) for hits in chosen]


def _existing(catalog: Catalog, page: Page, known: Mapping[int, ObjectRecord]) -> list[Hit]:
    """The hits of a page without their words; ``known``: the objects in its first rows."""
    hits: list[Hit] = []
    passed = 0
    for start in range(0, page.ids.size, page.size):
        part = page.ids[start : start + page.size].tolist()
        records = catalog.records(part) if start else known
        for id_, distance in zip(part, page.distances[start : start + page.size], strict=True):
            record = records.get(id_)
            if record is None or not record.paths:
                continue
            passed += 1
            if passed > page.offset:
                hits.append(Hit(id_, float(distance), record.paths))
            if len(hits) == page.k:
                return hits
    return hits


def hits_of(catalog: Catalog, ids: Sequence[int], scores: Sequence[float | None]) -> tuple[Hit, ...]:
    """Those of the objects that exist and have a place, with their scores and the words to show."""
    records = catalog.records(ids)
    found = [
        Hit(id_, None, records[id_].paths, score=score)
        for id_, score in zip(ids, scores, strict=True)
        if id_ in records and records[id_].paths
    ]
    return _worded(found, catalog.words([hit.id for hit in found]))


def _worded(hits: Sequence[Hit], words: Mapping[int, Mapping[str, Sequence[Words]]]) -> tuple[Hit, ...]:
    """Hits with the words to show: their keywords; else their titles; else their captions, in one language."""
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

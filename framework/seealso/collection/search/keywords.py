"""Queries by keywords: the text index asked, and its answer restricted."""

from __future__ import annotations

import numpy as np

from seealso.interfaces.index import IdSet
from seealso.interfaces.text import TextHits, TextIndex
from seealso.interfaces.text_query import TextQuery

PAGE = 1000  # of the best, looked through at once for those that are allowed


def matching(index: TextIndex | None, query: str, allowed: IdSet | None) -> IdSet:
    """The objects that match a text query, of those that are allowed.

    Raises:
        QueryError: there is nothing to look for in it.
    """
    parsed = TextQuery.parse(query)
    found = IdSet(np.empty(0, np.int64) if index is None else index.matching(parsed))
    return found if allowed is None else IdSet(found.ids[allowed.contains(found.ids)])


def ranked(index: TextIndex | None, query: str, k: int, offset: int, allowed: IdSet | None) -> TextHits:
    """The objects that match, the best first; of those that are allowed alone.

    Raises:
        QueryError: there is nothing to look for in it.
    """
    parsed = TextQuery.parse(query)
    if index is None:
        return TextHits(np.empty(0, np.int64), np.empty(0, np.float32), 0)
    if allowed is None:
        return index.search(parsed, k, offset)
    total = int(np.count_nonzero(allowed.contains(index.matching(parsed))))
    ids, scores = np.empty(0, np.int64), np.empty(0, np.float32)
    start, wanted = 0, min(k + offset, total)
    while ids.size < wanted:
        page = index.search(parsed, PAGE, start)
        if not page.ids.size:
            break
        kept = allowed.contains(page.ids)
        ids, scores = np.concatenate([ids, page.ids[kept]]), np.concatenate([scores, page.scores[kept]])
        start += PAGE
    return TextHits(ids[offset : offset + k], scores[offset : offset + k], total)

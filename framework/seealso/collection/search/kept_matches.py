"""Which objects match text queries, kept for those that ask the same again."""

from __future__ import annotations

import threading
from collections import OrderedDict

from seealso.collection.search.keywords import matching
from seealso.interfaces.index import IdSet
from seealso.interfaces.text import TextIndex

MOST = 4_000_000
"""IDs that are kept in all, at most: 32 MB."""


class KeptMatches:
    """The sets of objects that match text queries, as long as the text index does not change. May be used from several threads at once.

    The restriction of a search is mostly asked for many times: for each page of the hits, and for one image after the other. To fetch the
    IDs of all that match takes a text index longer than the search itself.

    Args:
        most: IDs that are kept; what was asked for least recently goes first.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._of: tuple[TextIndex | None, int] = (None, 0)
        self._kept: OrderedDict[str, IdSet] = OrderedDict()
        self._held = 0

    def get(self, index: TextIndex | None, applied: int, query: str) -> IdSet:
        """The objects that match.

        Args:
            index: the text index as it is now.
            applied: the number of the newest change of which it holds everything.
            query: what is asked of it.

        Raises:
            QueryError: there is nothing to look for in it.
        """
        with self._lock:
            if not self._is_of(index, applied):
                self._of, self._held = (index, applied), 0
                self._kept.clear()
            found = self._kept.get(query)
            if found is not None:
                self._kept.move_to_end(query)
                return found
        found = matching(index, query, None)
        with self._lock:
            if self._is_of(index, applied) and query not in self._kept and len(found) <= self._most:
                self._kept[query] = found
                self._held += len(found)
                while self._held > self._most:
                    self._held -= len(self._kept.popitem(last=False)[1])
        return found

    def _is_of(self, index: TextIndex | None, applied: int) -> bool:
        return self._of[0] is index and self._of[1] == applied

"""Queries asked of a collection: it is opened, they are answered, and asked again where its store was left for another one meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from seealso.collection.duplicates.kept import KeptDuplicates
from seealso.collection.likeness import KeptLikeness
from seealso.collection.parts.opened import Opened
from seealso.collection.parts.opening import Opening
from seealso.collection.search.answering import Answering, Found, check_answerable
from seealso.collection.search.examples import Examples
from seealso.collection.search.hits import hits_of_pages
from seealso.collection.search.kept_matches import KeptMatches
from seealso.collection.search.moment import Moment
from seealso.collection.search.stopwatch import Stopwatch
from seealso.configuration.models import SearchConfig
from seealso.interfaces.answer import Answer, Cost
from seealso.interfaces.query import Query

A = TypeVar("A")

TOGETHER = 100
"""Queries that share what is looked up, at most: what was found for all of them is in memory at the same time."""


class Searching:
    """Answers queries. May be used from several threads at once.

    Args:
        opening: opens the collection.
        examples: gives what finds the descriptors of examples.
        settings: how the collection is searched.
        likeness: knows what likeness means in it.
        duplicates: knows which near-identical images were found in it.
    """

    def __init__(
        self,
        opening: Opening,
        examples: Callable[[], Examples],
        settings: SearchConfig,
        likeness: KeptLikeness,
        duplicates: KeptDuplicates,
    ) -> None:
        self._opening = opening
        self._examples = examples
        self._settings = settings
        self._likeness = likeness
        self._duplicates = duplicates
        self._matches = KeptMatches()

    def search(self, query: Query) -> Answer:
        """The answer to a query; see `Collection.search`."""
        check_answerable(query)
        return self._asked(lambda opened, watch: self._answering(self._moment(opened), watch).answer(query))

    def by_reads(self, query: Query, reads: Sequence[int]) -> list[Answer]:
        """The answers to a query with each of some numbers of reads; see `Collection.search_by_reads`."""
        check_answerable(query)
        return self._asked(lambda opened, watch: self._answering(self._moment(opened), watch).by_reads(query, reads))

    def search_many(self, queries: Sequence[Query]) -> list[Answer]:
        """The answers to several queries; see `Collection.search_many`."""
        answers: list[Answer] = []
        for start in range(0, len(queries), TOGETHER):
            some = queries[start : start + TOGETHER]
            answers += self._asked(partial(self._together, some))
        return answers

    def _asked(self, ask: Callable[[Opened, Stopwatch], A]) -> A:
        watch = Stopwatch()

        def asked(opened: Opened) -> A:
            watch.book("open")
            return ask(opened, watch)

        return self._opening.asked(asked, unmoved=True)

    def _moment(self, opened: Opened, queries: Sequence[Query] = ()) -> Moment:
        return Moment(opened, self._likeness, queries)

    def _answering(self, moment: Moment, watch: Stopwatch) -> Answering:
        return Answering(moment, self._examples(), self._settings, watch, self._duplicates, self._matches)

    def _together(self, queries: Sequence[Query], opened: Opened, shared: Stopwatch) -> list[Answer]:
        """The answers to a few queries. What is done for all of them at once is told in equal shares."""
        moment = self._moment(opened, queries)
        shared.book("read")
        answered: list[Answer | tuple[Found, Cost]] = []
        for query in queries:
            check_answerable(query)
            answering = self._answering(moment, Stopwatch())
            # An empty collection says that it is.
            by_examples = query.keywords is None and moment.objects > 0
            answered.append((answering.found(query), answering.cost) if by_examples else answering.answer(query))
        shared.skip()
        pages = [each[0].page for each in answered if not isinstance(each, Answer)]
        hits = iter(hits_of_pages(opened.catalog, pages) if pages else ())
        shared.book("rows")
        share = Cost(ms=shared.times / len(queries))
        return [
            replace(each, cost=each.cost + share)
            if isinstance(each, Answer)
            else each[0].answer(next(hits), each[1] + share)
            for each in answered
        ]

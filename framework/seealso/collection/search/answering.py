"""From a query to its answer, stage by stage."""

from __future__ import annotations

import numpy as np

from seealso.collection.derived.view import View
from seealso.collection.parts.opened import Opened
from seealso.collection.search.examples import Examples
from seealso.collection.search.hits import hits_of, nearest_hits
from seealso.collection.search.keywords import matching, ranked
from seealso.collection.search.refinement import Best, Refinement, Wanted
from seealso.collection.search.stopwatch import Stopwatch
from seealso.configuration.models import SearchConfig
from seealso.errors import QueryError
from seealso.interfaces.index import IdSet, MetricIndex
from seealso.interfaces.query import Answer, Cost, Example, Query
from seealso.interfaces.text import TextHits, TextIndex


def check_answerable(query: Query) -> None:
    """Refuse what cannot be answered yet.

    Raises:
        QueryError: says what.
    """
    if len(query.examples) > 1:
        raise QueryError(f"there are {len(query.examples)} examples; a query takes one")
    if query.examples and query.keywords is not None:
        raise QueryError("there are an example and keywords to rank by; give one of them, or restrict with `where`")
    if query.examples and query.examples[0].weight < 0:
        raise QueryError("the only example says what the hits shall be unlike; say what they shall be like")


class Answering:
    """Answers one query.

    Args:
        opened: the collection.
        examples: finds the descriptors of examples.
        settings: how the collection is searched.
        watch: books the stages.
    """

    def __init__(self, opened: Opened, examples: Examples, settings: SearchConfig, watch: Stopwatch) -> None:
        self._opened = opened
        self._examples = examples
        self._settings = settings
        self._watch = watch
        self._cost = Cost(ms=watch.times)
        self._unsearched = 0

    def answer(self, query: Query) -> Answer:
        """The answer.

        Raises:
            QueryError: the query makes no sense here.
            ImageError: an example's file cannot be read as an image.
        """
        if query.examples:
            return self._by_example(query, query.examples[0])
        return self._by_keywords(query)

    def _allowed(self, query: Query) -> tuple[IdSet | None, int | None]:
        """The objects that the hits may be; and how many match ``where``."""
        if query.where is None:
            return query.allowed, None
        where = query.where

        def asked(view: View[TextIndex]) -> IdSet:
            self._unsearched = max(self._unsearched, view.unsearched)
            self._watch.book("catch_up")
            return matching(view.part, where, None)

        allowed = self._opened.ask_text(asked)
        matched = len(allowed)
        if query.allowed is not None:
            allowed = IdSet(allowed.ids[query.allowed.contains(allowed.ids)])
        self._watch.book("text")
        return allowed, matched

    def _by_example(self, query: Query, example: Example) -> Answer:
        opened = self._opened
        view = opened.index.view(opened.catalog)
        self._unsearched = view.unsearched
        self._watch.book("catch_up")
        asked, descriptor = self._examples.find(opened, example, self._watch)
        self._watch.book("extract")
        allowed, matched = self._allowed(query)
        reach = min(query.reach, opened.catalog.counts().objects)
        skip = [asked.id] if query.others and asked.id is not None else []
        wanted = Wanted(
            hits=reach,
            candidates=max(reach, query.candidates or self._settings.candidates),
            patience=self._settings.patience,
            allowed=allowed,
            skip=np.array(skip, np.int64),
        )
        best = self._refine(view, descriptor, wanted).within(query.max_distance)
        hits = nearest_hits(opened.catalog, *best, query.k, query.offset)
        self._watch.book("rows")
        return Answer(query, hits, self._cost, (asked,), matched, self._unsearched)

    def _refine(self, view: View[MetricIndex], descriptor: np.ndarray, wanted: Wanted) -> Best:
        opened = self._opened
        refinement = Refinement(opened.store, view, opened.distance, descriptor, wanted, self._cost, self._watch)
        return refinement.run()

    def _by_keywords(self, query: Query) -> Answer:
        assert query.keywords is not None
        opened = self._opened
        keywords = query.keywords
        allowed, _ = self._allowed(query)

        def asked(view: View[TextIndex]) -> TextHits:
            self._unsearched = max(self._unsearched, view.unsearched)
            self._watch.book("catch_up")
            return ranked(view.part, keywords, query.k, query.offset, allowed)

        found = opened.ask_text(asked)
        self._watch.book("text")
        hits = hits_of(opened.catalog, found.ids.tolist(), found.scores.tolist())
        self._watch.book("rows")
        return Answer(query, hits, self._cost, (), found.total, self._unsearched)

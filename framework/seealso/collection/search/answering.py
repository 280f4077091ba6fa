"""From a query to its answer, stage by stage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seealso.collection.derived.view import View
from seealso.collection.duplicates.kept import KeptDuplicates
from seealso.collection.likeness import KeptLikeness
from seealso.collection.parts.opened import Opened
from seealso.collection.search.examples import Examples
from seealso.collection.search.folding import SPARE, Folded
from seealso.collection.search.fusion import DEPTH, fused
from seealso.collection.search.hits import hits_of, nearest_hits, with_likeness
from seealso.collection.search.keywords import matching, ranked
from seealso.collection.search.measures import Measure
from seealso.collection.search.refinement import Best, Refinement, Wanted
from seealso.collection.search.stopwatch import Stopwatch
from seealso.configuration.models import SearchConfig
from seealso.errors import ConfigError, PluginError, ProvenanceMismatch, QueryError, UnknownWord
from seealso.interfaces.answer import Answer, Cost, Hit
from seealso.interfaces.index import IdSet, MetricIndex
from seealso.interfaces.likeness import Likeness, Within
from seealso.interfaces.query import Query
from seealso.interfaces.text import TextHits, TextIndex
from seealso.messages import IS_EMPTY

READS_A_HIT = 4
"""Where sketches say which candidates are read, and the query does not say how many, so many are for each hit at least."""


def check_answerable(query: Query) -> None:
    """Refuse what cannot be answered.

    Raises:
        QueryError: says what.
    """
    if query.examples and all(example.weight < 0 for example in query.examples):
        raise QueryError("all examples say what the hits shall be unlike; say what they shall be like")


class Answering:
    """Answers one query.

    Args:
        opened: the collection.
        examples: finds the descriptors of examples.
        settings: how the collection is searched.
        watch: books the stages.
        likeness: knows what likeness means in the collection.
        duplicates: knows which near-identical images were found in it.
    """

    def __init__(
        self,
        opened: Opened,
        examples: Examples,
        settings: SearchConfig,
        watch: Stopwatch,
        likeness: KeptLikeness,
        duplicates: KeptDuplicates,
    ) -> None:
        self._opened = opened
        self._examples = examples
        self._settings = settings
        self._watch = watch
        self._kept_likeness = likeness
        self._kept_duplicates = duplicates
        self._cost = Cost(ms=watch.times)
        self._unsearched = 0

    def answer(self, query: Query) -> Answer:
        """The answer.

        Raises:
            QueryError: the query makes no sense here.
            ImageError: an example's file cannot be read as an image.
        """
        if self._is_empty_for(query):
            matched = 0 if query.keywords is not None or query.where is not None else None
            return Answer(query, (), self._cost, matched=matched, reasons=(IS_EMPTY,), empty=True)
        if query.keywords is None:
            return self._by_examples(query)
        if not query.examples:
            return self._by_keywords(query)
        return self._by_both(query)

    def _is_empty_for(self, query: Query) -> bool:
        """Whether the collection holds nothing that could be found. An object that is named as an example is missed all the same."""
        named = any(example.id is not None for example in query.examples)
        return not named and not self._opened.catalog.counts().objects

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

    def _by_examples(self, query: Query) -> Answer:
        opened = self._opened
        view = opened.index.view(opened.catalog)
        self._unsearched = view.unsearched
        self._watch.book("catch_up")
        asked, measure = self._examples.measure(opened, query.examples, self._watch)
        self._watch.book("extract")
        allowed, matched = self._allowed(query)
        reach = min(query.reach, opened.catalog.counts().objects)
        candidates = max(reach, query.candidates or self._settings.candidates)
        skip = [each.id for each in asked if each.id is not None] if query.others else []
        found = reach if query.fold is None else min(SPARE * reach, candidates)
        wanted = Wanted(
            hits=found,
            candidates=candidates,
            reads=max(found, self._reads(query, reach)),
            patience=self._settings.patience,
            allowed=allowed,
            skip=np.array(skip, np.int64),
        )
        likeness = self._likeness(query, measure)
        best = self._refine(view, measure, wanted).within(query.farthest(likeness))
        folded = self._folded(query.fold, best)
        if folded is not None:
            best = folded.best
        hits = nearest_hits(opened.catalog, *best, query.k, query.offset)
        if folded is not None:
            hits = tuple(replace(hit, folded=folded.into.get(hit.id, ())) for hit in hits)
        if likeness is not None:
            hits = with_likeness(hits, likeness)
        self._watch.book("rows")
        return Answer(query, hits, self._cost, asked, matched, self._unsearched, likeness=likeness)

    def _likeness(self, query: Query, measure: Measure) -> Likeness | None:
        """What likeness means here, where it can be told; it is measured only where the query asks for a likeness."""
        if not query.by_images:  # words lie at other distances
            return None
        kept, opened = self._kept_likeness, self._opened
        likeness = kept.known(opened) if query.min_likeness is None else kept.get(opened)
        if likeness is None:
            return None
        if len(query.examples) > 1:
            # The distance is a mean then: what is usual of single ones says nothing of it.
            return replace(likeness, alike=None)
        likeness = kept.of_query(opened, likeness, measure.probes[0])
        self._watch.book("read")
        return likeness

    def _folded(self, fold: Within | None, best: tuple[np.ndarray, np.ndarray]) -> Folded | None:
        if fold is None:
            return None
        opened = self._opened
        radius = fold.as_distance(lambda: self._kept_likeness.get(opened))
        folded = Folded(opened.store, opened.distance, best, radius, self._kept_duplicates.get(opened))
        self._watch.book("refine")
        return folded

    def _refine(self, view: View[MetricIndex], measure: Measure, wanted: Wanted) -> Best:
        opened, keeper = self._opened, self._opened.sketch
        sketches = None
        if keeper is not None:
            table = keeper.view(opened.catalog)
            sketches = None if table.part is None else table.part.now()
            if view.part is not None and view.part.needs_sketch:
                view = view.relying_on(table)
                self._unsearched = max(self._unsearched, view.unsearched)
        self._watch.book("catch_up")
        return Refinement(opened.store, view, measure, wanted, self._cost, self._watch, sketches).run()

    def _reads(self, query: Query, reach: int) -> int:
        """How many of the candidates are read, where there are sketches."""
        if query.reads is not None:
            return max(reach, query.reads)
        return max(READS_A_HIT * reach, self._settings.reads)

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

    def _by_both(self, query: Query) -> Answer:
        """By keywords and by examples, fused by reciprocal rank.

        Where it can be answered one way alone, it is: where there is no text index, or the examples are words and the extractor does
        not know them, or cannot be used.
        """
        depth = max(DEPTH, query.reach)
        words_alone = replace(query, examples=(), k=depth, offset=0, max_distance=None, min_likeness=None, others=False)
        answers: list[Answer] = []
        refused: list[Exception] = []
        reasons: list[str] = []
        instead: tuple[str, ...] = ()
        for answer, asked in (
            (self._by_keywords, words_alone),
            (self._by_examples, replace(query, keywords=None, k=depth, offset=0)),
        ):
            try:
                answers.append(answer(asked))
            except (QueryError, ConfigError, PluginError, ProvenanceMismatch) as error:
                if asked.examples and any(example.words is None for example in asked.examples):
                    raise
                refused.append(error)
                if isinstance(error, UnknownWord):
                    instead = error.instead(query.keywords or "")
                reasons.append(error.brief if isinstance(error, UnknownWord) and instead else str(error))
        if not answers:
            raise QueryError("; and ".join(map(str, refused)))
        found: dict[int, Hit] = {}
        for answered in answers:
            for hit in answered.hits:
                before = found.get(hit.id)
                found[hit.id] = hit if before is None else replace(hit, score=before.score)
        order = fused([np.array([hit.id for hit in each.hits], np.int64) for each in answers])
        hits = tuple(found[id_] for id_ in order[query.offset : query.reach].tolist())
        return Answer(
            query,
            hits,
            self._cost,
            tuple(asked for each in answers for asked in each.asked),
            next((each.matched for each in answers if each.matched is not None), None),
            self._unsearched,
            tuple(reasons),
            next((each.likeness for each in answers if each.likeness is not None), None),
            instead,
        )

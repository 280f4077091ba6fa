"""From a query to its answer, stage by stage."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from seealso.collection.derived.view import View
from seealso.collection.duplicates.kept import KeptDuplicates
from seealso.collection.search.examples import Examples
from seealso.collection.search.folding import SPARE, Folded
from seealso.collection.search.fusion import DEPTH, fused
from seealso.collection.search.hits import Page, hits_of, hits_of_pages, nearest_hits, with_likeness
from seealso.collection.search.kept_matches import KeptMatches
from seealso.collection.search.keywords import ranked
from seealso.collection.search.measures import Measure
from seealso.collection.search.moment import Moment
from seealso.collection.search.refinement import Best, Refinement, Wanted
from seealso.collection.search.spelling import asked_instead
from seealso.collection.search.stopwatch import Stopwatch
from seealso.configuration.models import SearchConfig
from seealso.errors import ConfigError, PluginError, ProvenanceMismatch, QueryError, UnknownWord
from seealso.interfaces.answer import Answer, Asked, Cost, Hit
from seealso.interfaces.index import IdSet
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


@dataclass(frozen=True, slots=True)
class Found:
    """What was found for a query by examples, before the catalogue is asked about the objects.

    Attributes:
        query: what was asked.
        asked: for each example, what it turned out to be.
        ids: the objects, the nearest first, int64 ``(n,)``; some may be gone.
        distances: theirs, float32 ``(n,)``.
        matched: how many objects match the text query; None where there was none.
        unsearched: how many objects were not searched.
        likeness: what likeness means for this query; None where that cannot be told.
        into: ID → those that were folded into it, the nearest first.
    """

    query: Query
    asked: tuple[Asked, ...]
    ids: np.ndarray
    distances: np.ndarray
    matched: int | None
    unsearched: int
    likeness: Likeness | None
    into: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    @property
    def page(self) -> Page:
        """Which of the objects are shown."""
        return Page(self.ids, self.distances, self.query.k, self.query.offset)

    def answer(self, hits: Sequence[Hit], cost: Cost) -> Answer:
        """The answer, of the hits on its page and what it took in all."""
        shown = tuple(replace(hit, folded=self.into[hit.id]) if hit.id in self.into else hit for hit in hits)
        if self.likeness is not None:
            shown = with_likeness(shown, self.likeness)
        return Answer(self.query, shown, cost, self.asked, self.matched, self.unsearched, likeness=self.likeness)


class Answering:
    """Answers one query.

    Args:
        moment: what is seen of the collection.
        examples: finds the descriptors of examples.
        settings: how the collection is searched.
        watch: books the stages.
        duplicates: knows which near-identical images were found in it.
        matches: knows what matched text queries that were asked before.

    Attributes:
        cost: what it took so far.
    """

    def __init__(
        self,
        moment: Moment,
        examples: Examples,
        settings: SearchConfig,
        watch: Stopwatch,
        duplicates: KeptDuplicates,
        matches: KeptMatches,
    ) -> None:
        self._moment = moment
        self._opened = moment.opened
        self._examples = examples
        self._settings = settings
        self._watch = watch
        self._kept_duplicates = duplicates
        self._kept_matches = matches
        self.cost = Cost(ms=watch.times)
        self._unsearched = 0

    def answer(self, query: Query) -> Answer:
        """The answer.

        Raises:
            QueryError: the query makes no sense here.
            ImageError: an example's file cannot be read as an image.
        """
        if self._is_empty_for(query):
            matched = 0 if query.keywords is not None or query.where is not None else None
            return Answer(query, (), self.cost, matched=matched, reasons=(IS_EMPTY,), empty=True)
        if query.keywords is None:
            return self._by_examples(query)
        if not query.examples:
            return self._by_keywords(query)
        return self._by_both(query)

    def _is_empty_for(self, query: Query) -> bool:
        """Whether the collection holds nothing that could be found. An object that is named as an example is missed all the same."""
        named = any(example.id is not None for example in query.examples)
        return not named and not self._moment.objects

    def _allowed(self, query: Query) -> tuple[IdSet | None, int | None]:
        """The objects that the hits may be; and how many match ``where``."""
        if query.where is None:
            return query.allowed, None
        where, keeper = query.where, self._opened.text

        def asked(view: View[TextIndex]) -> IdSet:
            self._unsearched = max(self._unsearched, view.unsearched)
            self._watch.book("catch_up")
            # Before the index is asked: what it learns meanwhile is in the set already.
            applied = 0 if keeper is None else keeper.applied
            return self._kept_matches.get(view.part, applied, where)

        allowed = self._opened.ask_text(asked)
        matched = len(allowed)
        if query.allowed is not None:
            allowed = IdSet(allowed.ids[query.allowed.contains(allowed.ids)])
        self._watch.book("text")
        return allowed, matched

    def _by_examples(self, query: Query) -> Answer:
        found = self.found(query)
        hits = nearest_hits(self._opened.catalog, found.ids, found.distances, query.k, query.offset)
        answer = found.answer(hits, self.cost)
        self._watch.book("rows")
        return answer

    def found(self, query: Query) -> Found:
        """What is found for a query by examples alone.

        Raises:
            QueryError, ImageError: as `answer` does.
        """
        asked, measure, wanted, matched = self._prepared(query)
        likeness = self._likeness(query, measure)
        best = self._refine(measure, wanted).within(query.farthest(likeness))
        folded = self._folded(query.fold, best)
        if folded is None:
            return Found(query, asked, *best, matched, self._unsearched, likeness)
        return Found(query, asked, *folded.best, matched, self._unsearched, likeness, folded.into)

    def by_reads(self, query: Query, reads: Sequence[int]) -> list[Answer]:
        """The answers to a query with each of some numbers of reads, by one search that looks at what it has found when it has read so
        many. What they cost is what it took until then. Without sketches all are the same.

        Raises:
            QueryError: it is no query by images alone, or hits are to be folded; else as `answer` does.
        """
        if not reads or min(reads) < 1:
            raise QueryError("give one or more numbers of reads, each 1 or more")
        if not query.by_images or query.keywords is not None or query.fold is not None:
            raise QueryError("only the neighbours of images are found by numbers of reads; leave out words and fold")
        asked, measure, wanted, matched = self._prepared(query)
        likeness = self._likeness(query, measure)
        farthest = query.farthest(likeness)
        stops = [max(wanted.hits, each) for each in reads]
        wanted = replace(wanted, reads=max(stops), stops=tuple(sorted(set(stops))))
        seen: dict[int, tuple[Found, Cost]] = {}

        def look(stop: int, best: Best) -> None:
            found = Found(query, asked, *best.within(farthest), matched, self._unsearched, likeness)
            seen[stop] = found, self.cost + Cost()

        best = self._refine(measure, wanted, look)
        for stop in wanted.stops:
            # There were fewer candidates, or nothing had changed for so long.
            if stop not in seen:
                look(stop, best)
        watch = Stopwatch()
        pages = hits_of_pages(self._opened.catalog, [found.page for found, _ in seen.values()])
        watch.book("rows")
        rows = Cost(ms=watch.times / len(pages))
        answers = {
            stop: found.answer(hits, cost + rows)
            for (stop, (found, cost)), hits in zip(seen.items(), pages, strict=True)
        }
        return [
            replace(answers[stop], query=replace(query, reads=each)) for stop, each in zip(stops, reads, strict=True)
        ]

    def _prepared(self, query: Query) -> tuple[tuple[Asked, ...], Measure, Wanted, int | None]:
        """What the examples are, how far objects are from them, how far to look, and how many objects match ``where``."""
        moment = self._moment
        self._unsearched = moment.index.unsearched
        self._watch.book("catch_up")
        asked, measure = self._examples.measure(moment.opened, query.examples, self._watch, moment.stored)
        self._watch.book("extract")
        allowed, matched = self._allowed(query)
        reach = min(query.reach, moment.objects)
        # An index computes with it: there are never more objects.
        candidates = max(reach, min(query.candidates or self._settings.candidates, sys.maxsize))
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
        return asked, measure, wanted, matched

    def _likeness(self, query: Query, measure: Measure) -> Likeness | None:
        """What likeness means here, where it can be told; it is measured only where the query asks for a likeness."""
        if not query.by_images:  # words lie at other distances
            return None
        kept, opened = self._moment.kept_likeness, self._opened
        likeness = self._moment.likeness if query.min_likeness is None else kept.get(opened)
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
        radius = fold.as_distance(lambda: self._moment.kept_likeness.get(opened))
        folded = Folded(opened.store, opened.distance, best, radius, self._kept_duplicates.get(opened))
        self._watch.book("refine")
        return folded

    def _refine(
        self, measure: Measure, wanted: Wanted, look: Callable[[int, Best], None] = lambda stop, best: None
    ) -> Best:
        """The best; ``look`` sees what they are at each of the stops that are wanted."""
        sketches = self._moment.sketches
        self._watch.book("catch_up")
        refinement = Refinement(
            self._opened.store, self._moment.index, measure, wanted, self.cost, self._watch, sketches
        )
        return refinement.run(lambda stop: look(stop, refinement.best))

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

        def asked(view: View[TextIndex]) -> tuple[TextHits, tuple[str, ...]]:
            self._unsearched = max(self._unsearched, view.unsearched)
            self._watch.book("catch_up")
            found = ranked(view.part, keywords, query.k, query.offset, allowed)
            return found, () if found.total or view.part is None else asked_instead(view.part, keywords)

        found, instead = opened.ask_text(asked)
        self._watch.book("text")
        hits = hits_of(opened.catalog, found.ids.tolist(), found.scores.tolist())
        self._watch.book("rows")
        return Answer(query, hits, self.cost, (), found.total, self._unsearched, instead=instead)

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
        if not found and not instead:
            instead = next((each.instead for each in answers if each.instead), ())
        return Answer(
            query,
            hits,
            self.cost,
            tuple(asked for each in answers for asked in each.asked),
            next((each.matched for each in answers if each.matched is not None), None),
            self._unsearched,
            tuple(reasons),
            next((each.likeness for each in answers if each.likeness is not None), None),
            instead,
        )

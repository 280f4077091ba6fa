"""What is asked: `Query`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import index as whole_number
from typing import Any, Literal, Self

import numpy as np

from seealso.errors import QueryError
from seealso.interfaces.example import Example
from seealso.interfaces.field_types import check_fields, check_type
from seealso.interfaces.index import IdSet
from seealso.interfaces.likeness import Likeness, Within, check_likeness
from seealso.interfaces.text_query import Match, TextQuery
from seealso.paths import PathLike

MOST = 1_000_000
"""Hits that one query can reach, `Query.k` and `Query.offset` together: they are held in memory."""

MOST_FOLDED = 10_000
"""Hits that one with `Query.fold` can reach: they are compared with one another."""

MOST_EXAMPLES = 100
"""Examples of one query: every candidate is compared with each of them."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question: a value that can be kept, sent elsewhere, and asked again.

    Attributes:
        examples: what the hits shall be like, nearest first; or unlike, where the weight is below 0; `MOST_EXAMPLES` at most.
        keywords: ranks by keywords; `TextQuery` says what it may hold. With examples as well, both rankings are fused by reciprocal
            rank: an object that stands high in one of them, or in both, comes first.
        where: only objects that match this text query. It restricts, and does not rank.
        k: how many hits.
        offset: how many of the best to leave out: the next page of an answer begins where the one before it ended.
        others: leave out the object that is the example itself.
        max_distance: only hits that are no further than this from the example; infinity is no limit, and kept as None.
        allowed: only these objects.
        candidates: how many candidates to look at, at most; by default what the configuration says.
        reads: where there is a sketch, how many of them to read, at most, the best by it; by default what the configuration says. As many
            as there are candidates, or more: all are read. So they are without a sketch, whatever this says.
        min_likeness: only hits that are at least so alike, in percent (`Likeness`). It compares images: none of the examples may be words.
        fold: a hit that is as near as this to a better one is folded into it (`Hit.folded`), so each picture is shown once.

    Raises:
        QueryError: there is nothing to look for, or a number makes no sense; or a field is of another type.
    """

    examples: tuple[Example, ...] = ()
    keywords: str | None = None
    where: str | None = None
    k: int = 10
    offset: int = 0
    others: bool = False
    max_distance: float | None = None
    allowed: IdSet | None = None
    candidates: int | None = None
    min_likeness: float | None = None
    fold: Within | None = None
    reads: int | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        # A query can be kept and sent elsewhere, so it holds plain numbers, whatever kind of number was given.
        object.__setattr__(self, "examples", tuple(map(Example.of, self.examples)))
        for count in ("k", "offset", "candidates", "reads"):
            if getattr(self, count) is not None:
                object.__setattr__(self, count, whole_number(getattr(self, count)))
        if self.max_distance is not None:
            # Infinity is no limit, and no number in JSON.
            most = None if self.max_distance == math.inf else float(self.max_distance)
            object.__setattr__(self, "max_distance", most)
        if not self.examples and self.keywords is None:
            raise QueryError("there is nothing to look for; give an example or keywords")
        if len(self.examples) > MOST_EXAMPLES:
            raise QueryError(f"there are {len(self.examples):,} examples; give {MOST_EXAMPLES} at most")
        if self.k < 1:
            raise QueryError(f"k is {self.k}; ask for at least 1 hit")
        if self.offset < 0:
            raise QueryError(f"offset is {self.offset}; it counts from 0")
        if self.k + self.offset > MOST:
            raise QueryError(f"k and offset reach to hit {self.k + self.offset:,}; a query reaches {MOST:,} at most")
        if self.candidates is not None and self.candidates < 1:
            raise QueryError(f"candidates is {self.candidates}; refine at least 1")
        if self.reads is not None and self.reads < 1:
            raise QueryError(f"reads is {self.reads}; read at least 1")
        # Written so that what is not a number is refused too.
        if self.max_distance is not None and not self.max_distance >= 0:
            raise QueryError(f"max_distance is {self.max_distance}; a distance is 0 or more")
        if self.max_distance is not None and not self.examples:
            raise QueryError("max_distance needs an example that distances are measured from")
        if self.min_likeness is not None:
            self._check_likeness(self.min_likeness)
        if self.fold is not None and (not self.examples or self.keywords is not None):
            raise QueryError("only the neighbours of examples can be folded; leave out the keywords")
        if self.fold is not None and self.reach > MOST_FOLDED:
            raise QueryError(
                f"k and offset reach to hit {self.reach:,}; folded, a query reaches {MOST_FOLDED:,} at most"
            )

    def _check_likeness(self, percent: float) -> None:
        object.__setattr__(self, "min_likeness", float(percent))
        check_likeness(percent)
        if not self.examples:
            raise QueryError("min_likeness needs an example that the hits shall be like")
        if not self.by_images:
            raise QueryError(
                "a likeness in percent compares images with images; with words give a distance instead, such as 1.2 "
                "(each hit shows its own)"
            )

    @classmethod
    def like(cls, *examples: PathLike | int | np.ndarray | Example, **settings: Any) -> Self:
        """A query by examples: paths, IDs, descriptors, or `Example` values."""
        return cls(tuple(map(Example.of, examples)), **settings)

    @classmethod
    def by_words(cls, text: str, by: Literal["keywords", "looks"] | None = None, **settings: Any) -> Self:
        """A query by words: for objects that have them as keywords, and for images that look like them.

        Args:
            text: the words; `TextQuery` says what they may be. What is excluded, looked for in one field, or given in part counts for
                keywords alone.
            by: one of the two ways; None: both, fused, as far as the collection can.
            settings: what else a query has.

        Raises:
            QueryError: there is nothing to look for in the text.
        """
        check_type("the text to look for", text, str)
        if by not in ("keywords", "looks", None):
            raise QueryError(f"by is {by!r}; give 'keywords', 'looks' or None")
        terms = [term for term in TextQuery.parse(text).terms if not term.excluded and not term.field]
        said = [each for term in terms for each in term.each() if not each.field]
        looks = " ".join(each.text for each in said if each.match in (Match.WORD, Match.PHRASE))
        if by == "looks" and not looks:
            raise QueryError(f"no word says what images look like: {text.strip()}")
        examples = (Example(words=looks),) if looks and by != "keywords" else ()
        return cls(examples, None if by == "looks" else text, **settings)

    @property
    def by_images(self) -> bool:
        """Whether all examples are images, so that the distances are those of the collection and a likeness can be told."""
        return bool(self.examples) and all(example.words is None for example in self.examples)

    @property
    def reach(self) -> int:
        """How many of the best have to be found."""
        return self.offset + self.k

    def farthest(self, likeness: Likeness | None) -> float | None:
        """How far a hit may be, at most; None: as far as it likes. ``likeness``: of the collection; it counts for `min_likeness` alone."""
        if self.min_likeness is None or likeness is None:
            return self.max_distance
        return min(likeness.distance(self.min_likeness), math.inf if self.max_distance is None else self.max_distance)

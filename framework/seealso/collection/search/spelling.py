"""Text queries to ask instead of one that nothing matches: with words that are there, spelt nearly as those that are not."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from seealso.errors import UnknownWord
from seealso.interfaces.text import TextIndex
from seealso.interfaces.text_query import Match, Term, TextQuery
from seealso.spelling import nearest_spellings

MOST = 3
"""Queries that are suggested."""

MISSING = 3
"""Words that nothing has, at most, for something to be suggested: with more of them it is a guess."""

LONGEST_WORD = 64
"""Letters. Nobody has meant another word by a longer one, and comparing them takes long."""

LOOKED_AT = 300
"""Of the words that begin alike, the most frequent are compared."""

BEGINNINGS = (3, 2, 1)
"""Letters of a beginning."""


def asked_instead(index: TextIndex, query: str) -> tuple[str, ...]:
    """What may have been meant by a query that nothing matches: queries that something matches, the most likely first.

    Empty where no single word is the reason, or nothing is spelt like it. It takes some tens of milliseconds for each such word.
    """
    missing = [term for term in _words(query) if not _matches(index, TextQuery((term,)))]
    if not 0 < len(missing) <= MISSING or any(len(term.text) > LONGEST_WORD for term in missing):
        return ()
    queries: Sequence[str] = [query]
    for term in missing:
        near = _near(index, term.text)
        # Of several that are missing only the first is guessed in several ways.
        queries = [each for before in queries for each in UnknownWord("", term.text, near).instead(before)][:MOST]
    return tuple(each for each in queries if _matches(index, TextQuery.parse(each)))


def _words(query: str) -> list[Term]:
    """The single words that have to be there, as they are written, in whatever field."""
    terms = TextQuery.parse(query).terms
    return [
        Term(term.text) for term in terms if term.match is Match.WORD and not term.excluded and not term.alternatives
    ]


def _matches(index: TextIndex, query: TextQuery) -> bool:
    return index.search(query, 0).total > 0


def _near(index: TextIndex, word: str) -> list[str]:
    """Words of the index that are spelt like one, the nearest first."""
    bare = _without_accents(word.casefold())
    suggested = (each for length in BEGINNINGS for each in index.suggest(bare[:length], LOOKED_AT))
    known = {_without_accents(each): each for each in suggested}
    return [known[each] for each in nearest_spellings(bare, known, MOST)]


def _without_accents(word: str) -> str:
    return "".join(each for each in unicodedata.normalize("NFD", word) if not unicodedata.combining(each))

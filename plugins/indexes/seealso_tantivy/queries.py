"""From the terms of a text query to tantivy's query objects; its own parser is never used."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tantivy

from seealso import Match, Term, TextQuery
from seealso_tantivy.analysis import SPELT, WRITTEN, Analysis, is_part_of_a_run
from seealso_tantivy.documents import FIELDS, SPELLINGS, whole, within

_LONGEST_FUZZY = 32
"""Characters; what is longer has to be spelt rightly. The automaton that finds what is spelt nearly so grows with the word."""

_Clauses = list[tuple[tantivy.Occur, tantivy.Query]]
_LastWord = Callable[[str, str], tantivy.Query]
"""The query of a word in a field (the field first)."""


class QueryBuilder:
    """Makes queries for one state of an index.

    Args:
        schema: the schema of the index.
        analysis: what was done to its texts.
        searcher: its state.
    """

    def __init__(self, schema: tantivy.Schema, analysis: Analysis, searcher: tantivy.Searcher) -> None:
        self._schema = schema
        self._analysis = analysis
        self._searcher = searcher

    def build(self, query: TextQuery) -> tantivy.Query:
        """The query of all terms."""
        clauses: _Clauses = []
        for term in query.terms:
            found = self._any_of(term.each())
            if term.excluded:
                clauses += [(tantivy.Occur.MustNot, found)] if found else []
            elif found is None:
                return tantivy.Query.empty_query()
            else:
                clauses.append((tantivy.Occur.Must, found))
        return clauses[0][1] if len(clauses) == 1 else tantivy.Query.boolean_query(clauses)

    def _any_of(self, terms: Sequence[Term]) -> tantivy.Query | None:
        """The query of terms one of which has to be there; None where nothing can match."""
        found = [query for term in terms if (query := self._term(term)) is not None]
        if len(found) < 2:
            return found[0] if found else None
        return tantivy.Query.boolean_query([(tantivy.Occur.Should, each) for each in found])

    def _term(self, term: Term) -> tantivy.Query | None:
        """The query of a term by itself; None where nothing can match."""
        field, text = term.field, term.text
        if field and not self._searcher.doc_freq(FIELDS, field):
            # No object has such a field: it is a part of what is looked for, as in http://….
            field, text = "", f"{field}:{text}"
        words = self._analysis.split(text)
        if term.match is Match.PREFIX:
            return self._inexact(words, field, self._beginning)
        if term.match is Match.FUZZY:
            return self._inexact(words, field, self._nearly)
        return self._exact(words, field)

    def _exact(self, words: str, field: str) -> tantivy.Query | None:
        """These words one after the other, or a single one, in any of the analyses."""
        found = [
            self._phrase(name, tokens, field)
            for name in self._analyses(words)
            if (tokens := self._analysis.tokens(name, words))
        ]
        if len(found) > 1:
            return tantivy.Query.boolean_query([(tantivy.Occur.Should, each) for each in found])
        return found[0] if found else None

    def _analyses(self, words: str) -> tuple[str, ...]:
        """The analyses in which words have to be looked for.

        What is written as it is looked for has the same stem. So where there are stems, the words as they are written find
        more only if some are written with other accents.
        """
        if not self._analysis.languages:
            return (WRITTEN,)
        lower, plain = words.lower().split(), self._analysis.plain(words).split()
        if lower == plain and not any(
            self._searcher.terms_with_prefix(SPELLINGS, word + SPELT, limit=1) for word in plain
        ):
            return self._analysis.languages
        return (WRITTEN, *self._analysis.languages)

    def _phrase(self, analysis: str, tokens: list[str], field: str) -> tantivy.Query:
        name = within(analysis, field) if field else whole(analysis)
        if len(tokens) == 1:
            return tantivy.Query.term_query(self._schema, name, tokens[0])
        return tantivy.Query.phrase_query(self._schema, name, list(tokens))

    def _inexact(self, words: str, field: str, last: _LastWord) -> tantivy.Query | None:
        """The last of some words inexactly, and those before it as a phrase."""
        *before, end = self._analysis.plain(words).split() or [""]
        if not end:
            return None
        if is_part_of_a_run(end):
            # Each character is a word: the next ones are not seen as a part of it.
            return self._exact(words, field)
        name = within(WRITTEN, field) if field else whole(WRITTEN)
        found = last(name, end)
        if not before:
            return found
        return tantivy.Query.boolean_query(
            [(tantivy.Occur.Must, self._phrase(WRITTEN, before, field)), (tantivy.Occur.Must, found)]
        )

    def _beginning(self, name: str, word: str) -> tantivy.Query:
        return tantivy.Query.fuzzy_term_query(self._schema, name, word, distance=0, prefix=True)

    def _nearly(self, name: str, word: str) -> tantivy.Query:
        """Words that one edit makes of this one (two of a longer one); the word itself counts for more."""
        exact = tantivy.Query.term_query(self._schema, name, word)
        if not 3 <= len(word) <= _LONGEST_FUZZY:
            return exact
        near = tantivy.Query.fuzzy_term_query(self._schema, name, word, distance=1 if len(word) < 6 else 2)
        return tantivy.Query.boolean_query([(tantivy.Occur.Should, near), (tantivy.Occur.Should, exact)])

"""What is asked of a text index: the query as a person types it, taken apart.

Words stand side by side, and all have to be there. ``"black bird"`` is a phrase, ``bird*`` any word that begins so, ``brid~`` one
that is spelt nearly so, ``-bird`` excludes, ``creator:adams`` looks in one field alone; these go together, as in
``-title:"black bird"``. ``bird OR cat`` is either of two, ``NOT bird`` is ``-bird``, and AND may stand between words;
``date:2005..2010`` is any date of a range.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from seealso.errors import QueryError
from seealso.interfaces.date_ranges import dates_in

LONGEST = 1000
"""Characters of a query; and no more terms than `MOST_TERMS`."""

MOST_TERMS = 50

PICTOGRAPHS = "\u231a-\u23ff\u2600-\u27bf\u2b50\u2b55\U0001f000-\U0001faff"
"""Characters that are words by themselves, as ranges of a regular expression: emoji, and what looks like them."""

_WORD = re.compile(rf"[^\W_]|[{PICTOGRAPHS}]")
_TERM = re.compile(
    r"""(?P<minus>[-–−]*)                       # a word processor may have made a dash of it
        (?:(?P<field>[^\W\d_]+):(?=\S))?
        (?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))""",
    re.VERBOSE,
)
_SPACE = re.compile(r"\s+")
_INCHES = re.compile(r'(?<=\d)"')
OPERATORS = ("AND", "OR", "NOT")
DATE = "date"


class Match(Enum):
    """How a term has to be found."""

    WORD = "word"
    PHRASE = "phrase"
    PREFIX = "prefix"
    FUZZY = "fuzzy"


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a query.

    Attributes:
        text: a word, or several for a phrase; without the signs.
        match: how it has to be found.
        field: in which field alone; empty for any.
        excluded: it must not be there.
        alternatives: terms that may stand in its place, each with a match and a field of its own; they have no alternatives themselves, and are
            not excluded by themselves.
    """

    text: str
    match: Match = Match.WORD
    field: str = ""
    excluded: bool = False
    alternatives: tuple[Term, ...] = ()

    def each(self) -> tuple[Term, ...]:
        """It and its alternatives, each by itself, not excluded: one of them has to be there, or none if this is excluded."""
        return (replace(self, excluded=False, alternatives=()), *self.alternatives)


@dataclass(frozen=True, slots=True)
class TextQuery:
    """Terms that all have to fit; at least one is not excluded."""

    terms: tuple[Term, ...]

    @classmethod
    def parse(cls, text: str) -> TextQuery:
        """Take a query apart.

        Raises:
            QueryError: it is too long, holds control characters or a range of dates that makes no sense, or nothing to look for.
        """
        text = unicodedata.normalize("NFC", text.replace("“", '"').replace("”", '"').replace("„", '"'))
        if len(text) > LONGEST:
            raise QueryError(f"the text query has {len(text):,} characters; {LONGEST:,} are allowed")
        if any(unicodedata.category(each) in ("Cc", "Cs") and not each.isspace() for each in text):
            raise QueryError(f"the text query holds characters that are no text: {text}")
        found = [term for part in _TERM.finditer(_paired(text)) if (term := _term(part)) is not None]
        if len(found) > MOST_TERMS:
            raise QueryError(f"the text query has {len(found)} words; {MOST_TERMS} are allowed")
        terms = tuple(_joined(found))
        if not any(not term.excluded for term in terms):
            told = (
                "a text query has to name a word that is to be found, not only such as are not"
                if terms
                else ("the text query holds no word")
            )
            raise QueryError(f"{told}: {text.strip() or 'it is empty'}")
        return cls(terms)


def _paired(text: str) -> str:
    """The text without a quotation mark that has no partner: it may stand for inches, or have slipped in."""
    if text.count('"') % 2 == 0:
        return text
    without = _INCHES.sub(" ", text)
    if without.count('"') % 2 == 0:
        return without
    place = text.rindex('"')
    return f"{text[:place]} {text[place + 1 :]}"


def _joined(found: Sequence[Term]) -> Iterator[Term]:
    """Terms without the operators between them. One that joins nothing is a word like any other."""
    before: Term | None = None
    instead = excluded = False
    for place, term in enumerate(found):
        operator = term.text if term in _OPERATORS else ""
        follows = any(other not in _OPERATORS for other in found[place + 1 :])
        if operator and follows and (before is not None or operator == "NOT"):
            instead |= operator == "OR"
            excluded |= operator == "NOT"
            continue
        term = _with_dates(replace(term, excluded=term.excluded or excluded))
        if before is not None and instead and not before.excluded and not term.excluded:
            before = replace(before, alternatives=(*before.alternatives, *term.each()))
        else:
            if before is not None:
                yield before
            before = term
        instead = excluded = False
    if before is not None:
        yield before


_OPERATORS = tuple(map(Term, OPERATORS))


def _with_dates(term: Term) -> Term:
    """A range of dates as its years, months and days, any of which may be there; any other term as it is."""
    dates = dates_in(term.text) if term.field == DATE and term.match is Match.WORD else None
    if dates is None:
        return term
    first, *others = (Term(each, field=DATE) for each in dates)
    return replace(first, excluded=term.excluded, alternatives=tuple(others))


def _term(found: re.Match[str]) -> Term | None:
    """The term that was found; None where there are only signs."""
    field, excluded = (found["field"] or "").lower(), bool(found["minus"])
    if found["phrase"] is not None:
        words = _SPACE.sub(" ", found["phrase"]).strip()
        match = Match.PHRASE if " " in words else Match.WORD
        return Term(words, match, field, excluded) if _has_letters(words) else None
    word = found["word"]
    match = Match.PREFIX if word.endswith("*") else Match.FUZZY if word.endswith("~") else Match.WORD
    word = word.rstrip("*~")
    return Term(word, match, field, excluded) if _has_letters(word) else None


def _has_letters(text: str) -> bool:
    return _WORD.search(text) is not None

"""What is asked of a text index: the query as a person types it, taken apart.

Words stand side by side, and all have to be there. ``"black bird"`` is a phrase, ``bird*`` any word that begins so, ``brid~`` one
that is spelt nearly so, ``-bird`` excludes, ``creator:adams`` looks in one field alone; these go together, as in
``-title:"black bird"``.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum

from seealso.errors import QueryError

LONGEST = 1000
"""Characters of a query; and no more terms than `MOST_TERMS`."""

MOST_TERMS = 50

_TERM = re.compile(
    r"""(?P<minus>[-–−]*)                       # a word processor may have made a dash of it
        (?:(?P<field>[^\W\d_]+):(?=\S))?
        (?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))""",
    re.VERBOSE,
)
_SPACE = re.compile(r"\s+")


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
    """

    text: str
    match: Match = Match.WORD
    field: str = ""
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class TextQuery:
    """Terms that all have to fit; at least one is not excluded."""

    terms: tuple[Term, ...]

    @classmethod
    def parse(cls, text: str) -> TextQuery:
        """Take a query apart.

        Raises:
            QueryError: it is too long, holds control characters, has a quotation mark without its partner, or nothing to look for.
        """
        text = unicodedata.normalize("NFC", text.replace("“", '"').replace("”", '"').replace("„", '"'))
        if len(text) > LONGEST:
            raise QueryError(f"the text query has {len(text):,} characters; {LONGEST:,} are allowed")
        if any(unicodedata.category(each) in ("Cc", "Cs") and not each.isspace() for each in text):
            raise QueryError(f"the text query holds characters that are no text: {text}")
        if text.count('"') % 2:
            raise QueryError(f"a quotation mark has no partner in the text query: {text}")
        terms = tuple(term for found in _TERM.finditer(text) if (term := _term(found)) is not None)
        if len(terms) > MOST_TERMS:
            raise QueryError(f"the text query has {len(terms)} words; {MOST_TERMS} are allowed")
        if not any(not term.excluded for term in terms):
            told = (
                "a text query has to name a word that is to be found, not only such as are not"
                if terms
                else ("the text query holds no word")
            )
            raise QueryError(f"{told}: {text.strip() or 'it is empty'}")
        return cls(terms)


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
    return any(character.isalnum() for character in text)

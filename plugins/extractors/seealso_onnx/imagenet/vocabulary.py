"""From words to the classes that they mean."""

from __future__ import annotations

import re
import unicodedata
from functools import cached_property
from pathlib import Path

import numpy as np

from seealso import QueryError, UnknownWord, nearest_spellings
from seealso_onnx.imagenet.plurals import singulars

CLASSES = 1000
LONGEST_TERM = 4  # words
MOST_WORDS = 32
LONGEST_WORD = 64  # letters
SUGGESTIONS = 3
LOOKED_AT = 4 * SUGGESTIONS  # of the nearest, some of which are plurals of others
SILENT = frozenset(["a", "an", "and", "at", "by", "for", "from", "in", "is", "of", "on", "or", "the", "to", "with"])
"""Words that say nothing of what is seen."""

_WRITTEN = re.compile("[^\\W_](?:[^\\W_]|[\u00ad\u0300-\u036f\u180b-\u180d\u200c-\u200f\u2060\ufe00-\ufe0f\ufeff])*")
"""A word with the marks that may be written within it: accents that are characters of their own, and what is not seen."""

_LETTERS = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ł": "l", "ŋ": "n", "þ": "th", "ŧ": "t"}
)
"""Those that Unicode does not take for others with a mark."""


class Vocabulary:
    """Which classes words mean. May be used from several threads at once."""

    def terms(self, phrase: str) -> dict[str, np.ndarray]:
        """What the words of a phrase mean: term → the weights of the classes, float32 ``(1000,)``, from 0 to 1.

        A term is one word or several that have a meaning together ("running shoe"); the longest count. Upper case, accents, width (`folded`),
        hyphens and plurals make no difference.

        Raises:
            UnknownWord: a word means no class; names those nearest to it that do.
            QueryError: there is no word, or there are too many.
        """
        read = [(folded(word), word) for word in _WRITTEN.findall(phrase)]
        read = [(word, written) for word, written in read if word and word not in SILENT]
        words = [word for word, _ in read]
        if len(words) > MOST_WORDS:
            raise QueryError(f"there are {len(words):,} words to look for; give {MOST_WORDS} at most")
        if not words:
            raise QueryError("there are no words to look for that say what is seen")
        found: dict[str, np.ndarray] = {}
        start = 0
        while start < len(words):
            for end in range(min(len(words), start + LONGEST_TERM), start, -1):
                weights = self._weights(words[start:end])
                if weights is not None:
                    found[" ".join(words[start:end])] = weights
                    break
            else:
                raise self._unknown(*read[start])
            start = end
        return found

    def covered(self, word: str) -> np.ndarray:
        """The numbers of the classes, int64, ascending, that are of the kind that a word names as it is spelt here: 118 for "dog"."""
        return np.flatnonzero(_parsed(self._line(word)) == 1)

    @cached_property
    def names(self) -> list[str]:
        """What the classes are called, in their order."""
        return Path(__file__).with_name("classes.txt").read_text().splitlines()

    @cached_property
    def _text(self) -> str:
        return "\n" + Path(__file__).with_name("words.txt").read_text()

    def _weights(self, words: list[str]) -> np.ndarray | None:
        """What some words in a row mean together; None where they have no entry."""
        spellings = {between.join(words): None for between in (" ", "-", "")}
        lines = [line for each in spellings for form in singulars(each) if (line := self._line(form))]
        if not lines:
            return None
        return _parsed(" ".join(lines))

    def _line(self, term: str) -> str:
        """What the table says of a term; empty where it has none. The lines are sorted, so few are looked at: O(log n)."""
        text, first, end = self._text, 0, len(self._text)
        while first < end:
            start = text.rfind("\n", 0, (first + end) // 2 + 1) + 1
            found, _, said = text[start : text.find("\n", start)].partition("\t")
            if found == term:
                return said
            if found < term:
                first = text.find("\n", start) + 1
            else:
                end = start - 1
        return ""

    def _unknown(self, word: str, written: str) -> UnknownWord:
        near = self._nearest(word) if len(word) <= LONGEST_WORD else []
        hint = f"; it knows {', '.join(near)}" if near else "; try a more common word for it"
        said = written[:LONGEST_WORD]
        return UnknownWord(f"the network does not know what {said!r} looks like{hint}", written, near)

    def _nearest(self, word: str) -> list[str]:
        """The single words that are spelt most like it, the nearest first; of a word and its plural the nearer one."""
        known = (match.group(1) for match in re.finditer(r"\n([^\t ]+)\t", self._text))
        found: list[str] = []
        for other in nearest_spellings(word, known, LOOKED_AT):
            if not any(_is_one_word(other, each) for each in found):
                found.append(other)
        return found[:SUGGESTIONS]


def _is_one_word(one: str, other: str) -> bool:
    """Whether two spellings are those of one word, in the singular or the plural."""
    return not set(singulars(one)).isdisjoint(singulars(other))


def folded(word: str) -> str:
    """A word as the table spells it: in lower case, without accents, in half width. The keyword index folds words in the same way."""
    letters = unicodedata.normalize("NFKD", word).casefold().translate(_LETTERS)
    return "".join(letter for letter in letters if letter.isalnum())


def _parsed(line: str) -> np.ndarray:
    """The weights of the classes, float32 ``(1000,)``, that a line of the table gives, or several lines joined; the largest counts."""
    weights = np.zeros(CLASSES, np.float32)
    for each in line.split():
        weight, _, classes = each.partition(":")
        for part in classes.split(","):
            first, _, last = part.partition("-")
            covered = weights[int(first) : int(last or first) + 1]
            np.maximum(covered, int(weight) / 100, out=covered)
    return weights

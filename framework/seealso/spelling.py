"""Which of some words are spelt most like another."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher
from heapq import nlargest

ALIKE = 0.75
"""How alike two words have to be, where 1 is the same."""

OFF = 2
"""Letters by which their lengths may differ."""


def nearest_spellings(word: str, known: Iterable[str], most: int) -> list[str]:
    """Those of some words that are spelt most like one, letters swapped or not: the nearest first, at most so many.

    They begin or end with the same letter. Some ten microseconds for each that is about as long.
    """
    given = SequenceMatcher(None, b=word), SequenceMatcher(None, b=sorted(word))

    def likeness(other: str) -> float:
        ratios = []
        for matcher, letters in zip(given, (other, sorted(other)), strict=True):
            matcher.set_seq1(letters)
            ratios.append(matcher.ratio())
        return sum(ratios) / len(ratios)

    # Only those that begin or end alike, and are about as long: the others are many.
    like = (
        other
        for other in known
        if abs(len(other) - len(word)) <= OFF and word and (other[:1] == word[0] or other[-1:] == word[-1])
    )
    best = nlargest(most, ((likeness(other), other) for other in like))
    return [other for alike, other in best if alike >= ALIKE]

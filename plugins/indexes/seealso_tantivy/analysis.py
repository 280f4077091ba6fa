"""From a text to the words that are looked for: split, lower case, stemmed, without accents.

A word is a run of letters and digits; ``C++`` and ``C#`` are words, and so is every emoji.

A text is split here, once, and joined again by spaces: tantivy's analysers, one for words as they are written and one for each
language, then only split at these. In scripts that put no spaces between words every character is a word of its own, and
a word of several is found as a phrase.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterable, Iterator

import tantivy

from seealso import PICTOGRAPHS
from seealso_tantivy.options import STEMMERS

WRITTEN = "written"
"""The analysis that does not stem; the others are named by the code of their language."""

LONGEST_WORD = 255
"""Bytes of UTF-8; a longer word is passed over. It is as much as a file's name may have."""

LONGEST_RUN = 16
"""Characters that are kept together for suggestions, of a script without spaces."""

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_SPACED = rf"[\p{{L}}\p{{N}}\p{{M}}&&[^{_UNSPACED}]]"
_WORD = rf"[{_UNSPACED}]\p{{M}}*|{_SPACED}+"
_SIGN = rf"{_SPACED}+\+\+|[a-zA-Z]#|[\U0001f1e6-\U0001f1ff]{{2}}|[{PICTOGRAPHS}]"
_RUN = rf"[{_UNSPACED}][{_UNSPACED}\p{{M}}ー]+"

_ASCII = {code: " " for code in range(128) if chr(code) not in string.ascii_letters + string.digits}
"""What separates words, among the characters of ASCII."""

_ASCII_WORD = re.compile(r"[a-zA-Z0-9]+\+\+|[a-zA-Z]#|[a-zA-Z0-9]+")

_SUBTAG = re.compile("[-_]")

_ACCENTS = re.compile(
    "[\u0300-\u036f"  # Latin, Greek, Cyrillic
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"  # Hebrew points
    "\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed]"  # Arabic vowels, and the stretching
)
"""Marks that people leave out when they type. Those that make another letter or vowel, as in Thai, are not among them."""

_UNSEEN = re.compile(
    "[\u00ad\u180b-\u180d\u200c-\u200f\u2060\ufe00-\ufe0f\ufeff\U000e0020-\U000e007f\U000e0100-\U000e01ef\U0001f3fb-\U0001f3ff]"
)
"""Soft hyphens, joiners, marks of direction, selectors of variants; colours of skin."""

SPELT = "\x1f"
"""In a spelling, what stands between the word without accents and the word as it is written."""


def fold(text: str) -> str:
    """A text without the marks that people leave out when they type; tantivy's ``ascii_fold`` does the rest of Latin."""
    if text.isascii():
        return text
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", text))
    return unicodedata.normalize("NFC", bare).replace("ς", "σ")


def _compatible(text: str) -> str:
    """One form of all that Unicode can write in several: full width, ligatures, decomposed letters."""
    text = unicodedata.normalize("NFKC", _UNSEEN.sub("", text.encode("utf-8", "replace").decode()))
    # Its lower case would be two characters, which no stemmer knows.
    return text.replace("İ", "i")


def _analyzer(pattern: str | None, *filters: tantivy.Filter) -> tantivy.TextAnalyzer:
    tokenizer = tantivy.Tokenizer.regex(pattern) if pattern else tantivy.Tokenizer.whitespace()
    builder = tantivy.TextAnalyzerBuilder(tokenizer)
    for each in filters:
        builder = builder.filter(each)
    return builder.build()


# Immutable, and costly to compile.
_splitter = _analyzer(f"{_SIGN}|{_WORD}")
_splitter_without_signs = _analyzer(_WORD)
_runs = _analyzer(_RUN)


class Analysis:
    """What is done to texts and queries alike.

    Args:
        languages: ISO 639-1 codes.
        signs: whether emoji, ``C++`` and ``C#`` are words; to an index of an earlier release they are none.
    """

    def __init__(self, languages: Iterable[str], *, signs: bool = True) -> None:
        self.signs = signs
        short, lower, ascii_fold = (
            tantivy.Filter.remove_long(LONGEST_WORD + 1),
            tantivy.Filter.lowercase(),
            tantivy.Filter.ascii_fold(),
        )
        self.languages = tuple(languages)
        self.analyzers = {WRITTEN: _analyzer(None, short, lower, ascii_fold)}
        for code in self.languages:
            # Stemmers know the accents of their language: only what they leave is folded.
            stem = [tantivy.Filter.stemmer(STEMMERS[code])] if code in STEMMERS else []
            self.analyzers[code] = _analyzer(None, short, lower, *stem, ascii_fold)

    def split(self, text: str) -> str:
        """The words of a text, with spaces between them; case and accents stay. Half of a surrogate pair separates words."""
        if text.isascii():
            if self.signs and ("++" in text or "#" in text):
                return " ".join(_ASCII_WORD.findall(text))
            return text.translate(_ASCII)
        splitter = _splitter if self.signs else _splitter_without_signs
        return " ".join(splitter.analyze(_compatible(text)))

    def analyses_of(self, language: str) -> tuple[str, ...]:
        """The analyses for a text in a language (empty: it is not known which); none where it is passed over.

        Of a tag such as ``de-AT`` the first part counts.
        """
        if not self.languages:
            return (WRITTEN,)
        if not language:
            return (WRITTEN, *self.languages)
        code = _SUBTAG.split(language, maxsplit=1)[0].lower()
        return (WRITTEN, code) if code in self.languages else ()

    def tokens(self, analysis: str, words: str) -> list[str]:
        """The words to look for, of a text that was `split`."""
        return self.analyzers[analysis].analyze(fold(words) if analysis == WRITTEN else words)

    def plain(self, words: str) -> str:
        """A text that was `split`, without accents and in lower case."""
        return " ".join(self.tokens(WRITTEN, words))

    def spellings(self, text: str, words: str) -> Iterator[str]:
        """How words are written in a text (``words``: the same, `split`) that are found by another spelling: that one, `SPELT`, and their own.

        They are words with accents, and a few characters together of scripts without spaces.
        """
        if words.isascii():
            return
        for word in {word.lower() for word in words.split() if not word.isascii()}:
            plain = self.plain(word)
            if plain and plain != word:
                yield f"{plain}{SPELT}{word}"
        for run in set(_runs.analyze(_compatible(text))):
            if len(run) <= LONGEST_RUN:
                yield f"{fold(run)}{SPELT}{run}"

    def beginning(self, text: str) -> tuple[str, str]:
        """The beginning of a word: as spellings are sorted, and as it is written; both empty where it is of several words."""
        words = self.split(text).split()
        written = "".join(words).lower()
        if len(words) != 1 and _runs.analyze(written) != [written]:
            return "", ""
        return self.plain(written) if len(words) == 1 else fold(written), written


def is_part_of_a_run(word: str) -> bool:
    """Whether a word is a character of a script without spaces, which suggests nothing."""
    return bool(_runs.analyze(word + word))

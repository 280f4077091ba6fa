"""From bytes to text: in which character set a file or a value is."""

from __future__ import annotations

import codecs

MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))

STRANGE = frozenset("\u201a\u0192\u2020\u2021\u02c6\u2030\u2039\u203a\u02dc")
"""Signs of the Western European character set (Windows-1252) that hardly anybody writes. In a Japanese text that is taken for one they are
everywhere: they are what its characters begin with."""


def encoding_of(head: bytes) -> str:
    """The encoding of a file that begins with these bytes: what its byte-order mark says, else UTF-8."""
    return next((encoding for mark, encoding in MARKS if head.startswith(mark)), "utf-8")


def decoded(data: bytes) -> str:
    """The text of a file: UTF-8, or UTF-16 with a byte-order mark.

    Raises:
        UnicodeDecodeError: it is neither.
    """
    return data.decode(encoding_of(data))


def guessed(value: bytes) -> str | None:
    """A text of which nobody says in which character set it is: UTF-8 where it is such, or Western European where it looks so; else None.

    In a Western European word with accents there are plain letters, too. A word in Cyrillic, Greek or Chinese that is taken for one is a row
    of accented letters and signs.
    """
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        text = value.decode("cp1252")
    except UnicodeDecodeError:
        return None
    foreign = not STRANGE.isdisjoint(text) or any(map(_is_foreign, text.split()))
    return None if foreign else text


def _is_foreign(word: str) -> bool:
    beyond = sum(not sign.isascii() for sign in word)
    return beyond > 1 and not any(sign.isascii() and sign.isalpha() for sign in word)

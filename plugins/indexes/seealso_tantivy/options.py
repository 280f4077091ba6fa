"""The options of the text index ``tantivy``, and the languages that it knows."""

from __future__ import annotations

import difflib

from pydantic import Field, field_validator

from seealso import PluginOptions

STEMMERS = {
    "ar": "arabic",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "hu": "hungarian",
    "it": "italian",
    "nb": "norwegian",
    "nl": "dutch",
    "nn": "norwegian",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
}
"""ISO 639-1 code → the name of tantivy's stemmer."""

_SECOND_LETTERS = {
    "a": "abefkmnrsvyz",
    "b": "aeghimnors",
    "c": "aehorsuvy",
    "d": "aevz",
    "e": "elnostu",
    "f": "afijory",
    "g": "adlnuv",
    "h": "aeiortuyz",
    "i": "adegikostu",
    "j": "av",
    "k": "agijklmnorsuvwy",
    "l": "abginotuv",
    "m": "ghiklnrsty",
    "n": "abdeglnorvy",
    "o": "cjmrs",
    "p": "ailst",
    "q": "u",
    "r": "mnouw",
    "s": "acdegiklmnoqrstuvw",
    "t": "aeghiklnorstwy",
    "u": "gkrz",
    "v": "eio",
    "w": "ao",
    "x": "h",
    "y": "io",
    "z": "ahu",
}
LANGUAGES = frozenset(first + second for first, seconds in _SECOND_LETTERS.items() for second in seconds)
"""The codes of ISO 639-1."""

_LONGEST_LIST = 16


class TantivyOptions(PluginOptions):
    """Which languages the words are in."""

    languages: list[str] = Field(
        default=["en"],
        description="the languages of the words, as ISO 639-1 codes: an inflected word is found by any of its forms "
        f"({', '.join(STEMMERS)}; in others as it is written), and texts known to be in another language are passed over; "
        "[]: texts in all languages, as they are written",
    )

    @field_validator("languages", mode="before")
    @classmethod
    def _norway(cls, languages: object) -> object:
        # To YAML, an unquoted `no` is the boolean.
        return ["no" if code is False else code for code in languages] if isinstance(languages, list) else languages

    @field_validator("languages")
    @classmethod
    def _known(cls, languages: list[str]) -> list[str]:
        codes = list(dict.fromkeys(code.strip().lower() for code in languages))
        for code in codes:
            if code not in LANGUAGES:
                raise ValueError(f"{code!r} is no language code of ISO 639-1{_nearest(code)}")
        if len(codes) > _LONGEST_LIST:
            raise ValueError(f"{len(codes)} languages are named; {_LONGEST_LIST} are allowed")
        return codes


def _nearest(name: str) -> str:
    """The nearest code, by its own spelling or by the name of its language."""
    codes = {stemmer: code for code, stemmer in reversed(STEMMERS.items())}
    codes |= {code: code for code in STEMMERS}
    near = difflib.get_close_matches(name, codes, n=1, cutoff=0.55)
    return f"; did you mean `{codes[near[0]]}`?" if near else f"; such are {', '.join(STEMMERS)}"

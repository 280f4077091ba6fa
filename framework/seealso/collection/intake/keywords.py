"""From a file to the words that describe it: asks the keyword sources, and holds what they say to bounds."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from seealso.catalogue.rows import Annotation
from seealso.errors import KeywordError
from seealso.interfaces.keywords import KeywordSource
from seealso.interfaces.text import Words
from seealso.paths import shown_path

MOST_WORDS = 1000
MOST_CHARACTERS = 20_000
"""Of what one source says of one file; the rest is left out."""

_FIELD = re.compile(r"[^\W\d_]{1,40}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")


class Annotator:
    """The keyword sources of a collection, as one: says which words describe a file. Its methods may be called from several threads
    at once.

    Args:
        sources: by name, in the order in which they count.
        made_by: name → what shapes what a source says: its options.
    """

    def __init__(self, sources: Mapping[str, KeywordSource], made_by: Mapping[str, object]) -> None:
        self._sources = sources
        self._made_by = {name: f"{name} {made_by[name]!r} ".encode() for name in sources}

    def state(self, path: bytes) -> bytes:
        """What tells whether a file would be described otherwise than before; empty where there is nothing to say."""
        digest = hashlib.blake2b(digest_size=8)
        said = False
        for name, source in self._sources.items():
            try:
                state = source.state(path)
            except Exception:  # what is wrong is told when it is read
                state = b"?"
            if state:
                said = True
                digest.update(self._made_by[name] + len(state).to_bytes(4) + state)
        return digest.digest() if said else b""

    def annotate(self, path: bytes, data: bytes) -> tuple[Annotation, list[str]]:
        """What describes a file, from its path and its bytes; and what could not be read, one line each."""
        state = self.state(path)
        words, problems = {}, []
        for name, source in self._sources.items() if state else ():
            said: Sequence[tuple[str, str, str]] = ()
            try:
                said = source.words(path, data)
            except KeywordError as error:
                problems.append(str(error))
                said = error.words
            except Exception as error:  # a source's own failure on one file must not end the run
                problem = f"{shown_path(path)}: the keyword source {name} raised {type(error).__name__}"
                problems.append(f"{problem}: {' '.join(str(error).split())}")
            try:
                kept = tuple(dict.fromkeys(_bounded(said)))
            except KeywordError as error:
                problems.append(str(error))
            else:
                if kept:
                    words[name] = kept
        return Annotation(state, words), problems

    def begin(self) -> None:
        """An ingest begins.

        Raises:
            PluginError: something that a source needs cannot be read.
        """
        for source in self._sources.values():
            source.begin()

    def end(self) -> list[str]:
        """An ingest has ended; what the sources have to tell of it, one line each."""
        return [line for source in self._sources.values() for line in source.end()]


def _bounded(said: Sequence[tuple[str, str, str]]) -> Iterator[Words]:
    """What can be kept: printable text in known forms, and not without end."""
    room = MOST_CHARACTERS
    for field, text, language in said[:MOST_WORDS]:
        if not _FIELD.fullmatch(field):
            raise KeywordError(f"{field!r} is not the name of a field: letters alone")
        text = printable(text[:room])
        room -= len(text)
        if text:
            known = language.lower().replace("_", "-").split("-")[0]
            yield Words(field.lower(), text, known if _LANGUAGE.fullmatch(known) else "")
        if room <= 0:
            return


def printable(text: str) -> str:
    """Text in normal form, on one line, without control characters."""
    text = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())
    kept = "".join(c if c.isprintable() or unicodedata.category(c) == "Cf" else " " for c in text)
    return " ".join(kept.split())

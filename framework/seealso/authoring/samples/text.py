"""The text index ``acme``: goes through all that was said, for every query. For collections of a few thousand."""

import json
import math
import re
import sys
import unicodedata
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import Field

import seealso

MAGIC = "seealso-acme"
VERSION = 1
FILE = "acme.json"
K1, B = 1.2, 0.75  # of BM25 (Robertson, Zaragoza, 2009)

LONGEST = 255  # letters of a word

# In scripts without spaces between words every character is a word.
ALONE = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003ffff]"
)

# What Unicode does not take apart.
PLAIN = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"})

FIELD = re.compile(r"[a-z]+")


class AcmeOptions(seealso.PluginOptions):
    """The options of the text index acme."""

    misspelt: int = Field(
        default=2, ge=0, le=2, description="letters that may be wrong in a word that ends in ~; in a short one fewer"
    )


class Document(NamedTuple):
    """What is said of one object: fields and their words."""

    id: int
    texts: list[tuple[str, list[str]]]


class Acme(seealso.TextIndex):
    """Keeps what is said of objects in memory, saves it as one JSON file, and goes through all of it for each query."""

    name = "acme"
    Options = AcmeOptions
    options: AcmeOptions

    def __init__(self, options: seealso.PluginOptions, context: seealso.TextContext) -> None:
        super().__init__(options, context)
        self._closed = False
        # By ID. Replaced at once, never changed: others may be reading it.
        self._said: dict[int, list[seealso.Words]] = {}

    def _read(self) -> dict[int, list[seealso.Words]]:
        """What is said of each object."""
        if self._closed:
            raise seealso.CollectionError("the text index is closed")
        return self._said

    # Changing

    def add(self, ids: np.ndarray, documents: Sequence[Sequence[seealso.Words]]) -> None:
        """Found by the next query."""
        self._check_ids(ids)
        if ids.size != len(documents) or np.unique(ids).size != ids.size:
            raise ValueError("IDs have to be distinct, and as many as documents")
        for words in documents:
            for word in words:
                if not FIELD.fullmatch(word.field):
                    raise ValueError(f"the name of a field is of lower-case letters, not {word.field!r}")
        added = {id_: list(words) for id_, words in zip(ids.tolist(), documents, strict=True)}
        self._said = self._read() | added

    def remove(self, ids: np.ndarray) -> None:
        """Not found any more."""
        self._check_ids(ids)
        gone = set(ids.tolist())
        self._said = {id_: texts for id_, texts in self._read().items() if id_ not in gone}

    @staticmethod
    def _check_ids(ids: np.ndarray) -> None:
        if ids.dtype != np.int64 or ids.ndim != 1 or (ids < 0).any():
            raise ValueError(f"IDs have to be int64 of shape (n,), not below 0, not {ids.dtype} of shape {ids.shape}")

    # Snapshots

    def save(self, directory: Path) -> None:
        """One file, with a checksum of what matters in it."""
        said = json.dumps(self._read())
        header = {"magic": MAGIC, "version": VERSION, "crc32": zlib.crc32(said.encode())}
        (directory / FILE).write_text(json.dumps(header) + "\n" + said)

    def load(self, directory: Path) -> None:
        """Read it."""
        self._read()
        path = directory / FILE
        try:
            first, _, said = path.read_text().partition("\n")
            header = json.loads(first)
            if header["magic"] != MAGIC:
                raise ValueError
            version = int(header["version"])
            if version == VERSION:
                if header["crc32"] != zlib.crc32(said.encode()):
                    raise ValueError
                documents = json.loads(said)
                self._said = {int(id_): [seealso.Words(*word) for word in words] for id_, words in documents.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise seealso.FormatError(f"{path} is missing, damaged, or of something else") from None
        if version != VERSION:
            raise seealso.FormatError(f"{path} is of format {version}, and this release reads {VERSION}")

    # Reading

    def _documents(self) -> list[Document]:
        documents = sorted(self._read().items())
        return [Document(id_, [(word.field, _split(word.text)) for word in words]) for id_, words in documents]

    def _matching(self, query: seealso.TextQuery) -> tuple[list[Document], list[int]]:
        """All documents, and the numbers of those that match."""
        documents = self._documents()
        fields = {field for document in documents for field, _ in document.texts}
        terms = [([self._known(each, fields) for each in term.each()], term.excluded) for term in query.terms]
        fit = [
            number
            for number, document in enumerate(documents)
            if all(any(self._count(document, each) for each in some) != excluded for some, excluded in terms)
        ]
        return documents, fit

    @staticmethod
    def _known(term: seealso.Term, fields: set[str]) -> seealso.Term:
        """A term whose field no object has is a phrase: in ``http://x`` no field is meant."""
        if not term.field or term.field in fields:
            return term
        return seealso.Term(f"{term.field}:{term.text}", seealso.Match.PHRASE, "", term.excluded)

    def _count(self, document: Document, term: seealso.Term) -> int:
        """How often a term is in a document."""
        wanted = _split(term.text)
        if not wanted:
            return 0
        found = 0
        for field, words in document.texts:
            if term.field in ("", field):
                for start in range(len(words) - len(wanted) + 1):
                    here = words[start : start + len(wanted)]
                    if here[:-1] == wanted[:-1]:
                        found += self._fits(here[-1], wanted[-1], term.match)
        return found

    def _fits(self, word: str, wanted: str, match: seealso.Match) -> int:
        """Whether a word fits; 2 where one that may be spelt nearly so is just so."""
        if match is seealso.Match.PREFIX:
            return word.startswith(wanted)
        if match is seealso.Match.FUZZY:
            return (_off(word, wanted) <= min(self.options.misspelt, len(wanted) // 3)) + (word == wanted)
        return word == wanted

    def matching(self, query: seealso.TextQuery) -> np.ndarray:
        """The IDs of all that match."""
        documents, fit = self._matching(query)
        return np.array([documents[number].id for number in fit], np.int64)

    def search(self, query: seealso.TextQuery, limit: int, offset: int = 0) -> seealso.TextHits:
        """The best by BM25, over the words of all fields together."""
        if limit < 0 or offset < 0:
            raise ValueError("limit and offset have to be 0 or more")
        documents, fit = self._matching(query)
        lengths = np.array([sum(len(words) for _, words in each.texts) for each in documents] or [0])
        mean = max(lengths.mean(), 1e-9)
        scores = np.zeros(len(documents))
        for term in query.terms:
            if not term.excluded:
                counts = np.array([sum(self._count(each, one) for one in term.each()) for each in documents])
                having = int((counts > 0).sum())
                weight = math.log(1 + (len(documents) - having + 0.5) / (having + 0.5))
                scores += weight * counts * (K1 + 1) / (counts + K1 * (1 - B + B * lengths[: len(documents)] / mean))
        order = sorted(fit, key=lambda number: (-scores[number], documents[number].id))
        page = order[offset : offset + limit]
        ids = np.array([documents[number].id for number in page], np.int64)
        return seealso.TextHits(ids, scores[page].astype(np.float32), len(fit))

    def suggest(self, beginning: str, limit: int) -> list[str]:
        """The most frequent words that begin so; accents count where they were typed."""
        begun = unicodedata.normalize("NFKC", beginning.strip()).lower()
        plain = begun == _plain(begun)
        counts: Counter[str] = Counter()
        for words in self._read().values():
            said = {run for word in words for run in _runs(word.text)}
            counts.update(run for run in said if begun and (_plain(run) if plain else run).startswith(begun))
        return [word for word, _ in sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:limit]]

    def statistics(self) -> dict[str, int | float | str]:
        """How many objects, and about how many bytes in memory."""
        return {"objects": len(self._read()), "bytes": sys.getsizeof(self._said)}

    def hashes(self) -> tuple[np.ndarray, np.ndarray]:
        """Computed from what is kept."""
        said = sorted(self._read().items())
        hashes = [seealso.hash_of_words(words) for _, words in said]
        return np.array([id_ for id_, _ in said], np.int64), np.array(hashes, np.int64)

    def close(self) -> None:
        """Let go of the memory."""
        self._closed = True
        self._said = {}


def _runs(text: str) -> list[str]:
    """Letters and digits that stand together, in lower case."""
    runs, run = list[str](), ""
    for character in unicodedata.normalize("NFKC", text).lower() + " ":
        if character.isalnum() or (run and unicodedata.category(character).startswith("M")):
            run += character
        elif run:
            runs.append(run)
            run = ""
    return runs


def _split(text: str) -> list[str]:
    """The words of a text, as they are compared: in lower case and without accents."""
    words = [_plain(word) for run in _runs(text) for word in ALONE.sub(r" \g<0> ", run).split()]
    return [word for word in words if len(word) <= LONGEST]


def _plain(word: str) -> str:
    taken_apart = unicodedata.normalize("NFKD", word.casefold().translate(PLAIN))
    return "".join(character for character in taken_apart if not unicodedata.combining(character))


def _off(one: str, other: str) -> int:
    """How many letters are wrong, missing, too many, or in the wrong order (Damerau and Levenshtein)."""
    before, row = list[int](), list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        older, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, older[j - 2] + 1)
            row.append(best)
    return row[-1]

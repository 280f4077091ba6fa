"""The text index: words → IDs of the objects that they describe."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seealso.interfaces.derived import Derived
from seealso.interfaces.plugin import PluginOptions

if TYPE_CHECKING:
    from seealso.interfaces.text_query import TextQuery


class Words(NamedTuple):
    """What a source says of an image, in one field and one language.

    Attributes:
        field: ``title``, ``caption``, ``keywords``, ``creator``, ``date``, ``place``, or a source's own: lower-case letters.
        text: one keyword, or running text.
        language: its tag (BCP 47), such as ``de`` or ``de-AT``, whose first part counts; empty where it is not known.
    """

    field: str
    text: str
    language: str = ""


def hash_of_words(words: Iterable[Words]) -> int:
    """A hash of all that is said of an object, in whatever order: 64 bits, as a signed integer. It is the same in every release."""
    said = json.dumps(sorted(set(words)), ensure_ascii=True).encode()
    return int.from_bytes(hashlib.blake2b(said, digest_size=8).digest(), "little", signed=True)


@dataclass(frozen=True, slots=True)
class TextContext:
    """What the framework lends a text index.

    Attributes:
        scratch: makes a new empty folder of the index's own, for what it cannot hold in memory, and gives its path; whatever
            it is asked. The framework removes the folders when the index is closed. Nothing in them has to survive the
            process. Where the index may be saved they lie on the disk of its snapshots, so that `save` can make hard links.
    """

    scratch: Callable[[], Path]


@dataclass(frozen=True, slots=True)
class TextHits:
    """The best of the objects that match, best first.

    Attributes:
        ids: int64 ``(n,)``.
        scores: float32 ``(n,)``, descending.
        total: how many match in all.
    """

    ids: np.ndarray
    scores: np.ndarray
    total: int


class TextIndex(Derived[Sequence[Sequence[Words]]]):
    """Finds objects by their words. What it is told of an object is its words; `Derived` says how it lives.

    Any method raises a `CollectionError` once it is closed.
    """

    def __init__(self, options: PluginOptions, context: TextContext) -> None:
        self.options = options
        self.context = context

    @abstractmethod
    def add(self, ids: np.ndarray, documents: Sequence[Sequence[Words]]) -> None:
        """Have objects, int64 ``(n,)``, ascending, found by these words, and by no others that were added before.

        Raises:
            ValueError: IDs are below 0, not distinct, of another type, or not as many as documents; or a field has a name
                that is not of lower-case letters.
        """

    @abstractmethod
    def search(self, query: TextQuery, limit: int, offset: int = 0) -> TextHits:
        """The objects that match, from the best (by a ranking like BM25) on, without the first ``offset``.

        Capital letters and accents make no difference. A word that is several to the index, such as ``12:30``, is a phrase,
        and so is a term with a field that no object has: in ``http://x`` no field is meant.

        Raises:
            ValueError: the limit or the offset is below 0; both may be as large as one likes.
        """

    @abstractmethod
    def matching(self, query: TextQuery) -> np.ndarray:
        """The IDs of all objects that match, int64, ascending."""

    @abstractmethod
    def suggest(self, beginning: str, limit: int) -> list[str]:
        """Words of the collection that begin so, as they are written there but in lower case; the most frequent first."""

    def hashes(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The IDs of all objects, int64 ``(n,)``, ascending, and `hash_of_words` of the words that each was added with, int64 ``(n,)``.

        By them `verify` sees whether the index holds what the catalogue says. None where they are not kept: then it only counts.
        """
        return None

    def loaded_change(self) -> int | None:
        """The change that the plugin itself recorded in the snapshot that was loaded; None where it recorded none.

        Only a plugin that once wrote snapshots of its own accord, before the framework numbered them, has to say it.
        """
        return None

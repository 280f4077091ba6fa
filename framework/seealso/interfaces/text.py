"""The text index: words → IDs of the objects that they describe."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seealso.interfaces.plugin import Plugin, PluginOptions

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


@dataclass(frozen=True, slots=True)
class TextContext:
    """What the framework lends a text index.

    Attributes:
        directory: the folder that is the index's own; it exists, unless the disk is read-only. What is in it was made by
            the same plugin with the same options.
        read_only: nothing may be written.
    """

    directory: Path
    read_only: bool


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


class TextIndex(Plugin):
    """Finds objects by their words. It is derived from the catalogue, and can always be built anew.

    One thread at a time calls the methods that write (`put`, `remove`, `commit`), in one process; the others may be called
    from any thread, at any time, in any process. What was written counts when it was committed. An index that was opened for
    reading only raises `CollectionReadOnly` where it would write, and any one a `CollectionError` once it is closed.

    Raises:
        FormatError: what is in the folder is damaged, or of another format; it is then built anew.
    """

    def __init__(self, options: PluginOptions, context: TextContext) -> None:
        self.options = options
        self.context = context

    @abstractmethod
    def applied(self) -> int:
        """The number that the newest commit was given, as seen now; 0 for none. At least what is in the index is of it."""

    @abstractmethod
    def put(self, ids: np.ndarray, documents: Sequence[Sequence[Words]]) -> None:
        """Have objects, int64 ``(n,)``, found by these words, and by no others that were put before.

        Raises:
            ValueError: IDs are below 0, not distinct, of another type, or not as many as documents; or a field has a name
                that is not of lower-case letters.
        """

    @abstractmethod
    def remove(self, ids: np.ndarray) -> None:
        """Forget objects, int64 ``(n,)``; those that are not there are passed over."""

    @abstractmethod
    def commit(self, applied: int) -> None:
        """On return, what was written is durable, found here, and found within a second by others; `applied` gives this
        number. Interrupted, the state of an earlier commit stays, or this one with the earlier number: what is put again
        does no harm."""

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

    @abstractmethod
    def statistics(self) -> dict[str, int | float | str]:
        """What there is to say of it: at least ``objects`` (that were put, whether a word of theirs is found or not) and ``bytes`` (on
        disk)."""

    def close(self) -> None:
        """Let go of files and memory; what was not committed is lost. The index is not used afterwards."""

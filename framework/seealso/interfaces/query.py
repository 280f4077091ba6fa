"""What a query is answered with."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from typing import Any

from seealso.paths import shown_path, uri_of_path


@dataclass(frozen=True, slots=True)
class Query:
    """What was asked: an object of the collection (``id``), a file (``path``), or a descriptor (neither).

    A file whose content is in the collection has both. ``text`` is a text query: all that was asked, or to which the
    neighbours were restricted.
    """

    id: int | None = None
    path: bytes | None = None
    text: str | None = None

    def as_json(self) -> dict[str, Any]:
        """As the command line's ``--json`` and the web show it."""
        return {
            "id": self.id,
            "path": None if self.path is None else shown_path(self.path),
            "uri": None if self.path is None else uri_of_path(self.path),
            "text": self.text,
        }


@dataclass(frozen=True, slots=True)
class Hit:
    """An object that was found.

    Attributes:
        id: the object's ID.
        distance: its distance from the query; None where nothing was compared.
        paths: where it was found, ascending; the first is the one to show.
        keywords: the words that describe it; for a longer text see `Collection.words`.
    """

    id: int
    distance: float | None
    paths: tuple[bytes, ...]
    keywords: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """The first path, for ``open()``: bytes that are not UTF-8 as surrogate escapes."""
        return os.fsdecode(self.paths[0])

    def as_json(self) -> dict[str, Any]:
        """As the command line's ``--json`` and the web show it."""
        return {
            "id": self.id,
            "distance": self.distance,
            "path": shown_path(self.paths[0]),
            "uri": uri_of_path(self.paths[0]),
            "keywords": list(self.keywords),
        }


@dataclass(slots=True)
class Times:
    """Milliseconds for each stage of a query."""

    extract: float = 0.0
    text: float = 0.0
    candidates: float = 0.0
    read: float = 0.0
    refine: float = 0.0
    total: float = 0.0


@dataclass(slots=True)
class Cost:
    """What a query cost: candidates considered, separate reads of the disk, bytes read, and milliseconds."""

    candidates: int = 0
    reads: int = 0
    bytes_read: int = 0
    ms: Times = field(default_factory=Times)

    def as_json(self) -> dict[str, Any]:
        """As the command line's ``--json`` and the web show it; milliseconds to the microsecond."""
        cost = asdict(self)
        cost["ms"] = {stage: round(value, 3) for stage, value in cost["ms"].items()}
        return cost


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a query: the hits, best first, and what they cost; how many objects match, where there is a text query."""

    query: Query
    hits: tuple[Hit, ...]
    cost: Cost
    matched: int | None = None

    def as_json(self) -> dict[str, Any]:
        """As the command line's ``--json`` and the web show it."""
        answer: dict[str, Any] = {
            "query": self.query.as_json(),
            "hits": [hit.as_json() for hit in self.hits],
            "cost": self.cost.as_json(),
        }
        return answer if self.matched is None else answer | {"matched": self.matched}

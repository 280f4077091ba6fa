"""What can be searched: `Searchable`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from seealso.interfaces.answer import Answer, Hit
from seealso.interfaces.query import Query
from seealso.interfaces.records import Counts, ObjectRecord
from seealso.interfaces.text import Words


class Searchable(Protocol):
    """What can be searched: a collection, whole or in parts. Frontends speak this, and nothing more."""

    @property
    def name(self) -> str:
        """What it is called in the configuration."""
        ...

    def search(self, query: Query) -> Answer:
        """Answer a query."""
        ...

    def search_many(self, queries: Sequence[Query]) -> list[Answer]:
        """Answer several queries, in their order."""
        ...

    def random(self, count: int = 20, seed: int | None = None) -> tuple[Hit, ...]:
        """A random selection of objects."""
        ...

    def records(self, ids: Sequence[int]) -> dict[int, ObjectRecord]:
        """Those of ``ids`` that are objects."""
        ...

    def read(self, id_: int) -> bytes:
        """The bytes of an object's image file."""
        ...

    def keywords(self, ids: Sequence[int]) -> dict[int, dict[str, tuple[Words, ...]]]:
        """ID → keyword source → the words recorded for the object."""
        ...

    def suggest(self, beginning: str, limit: int = 10) -> list[str]:
        """Words that begin so."""
        ...

    def counts(self) -> Counts:
        """How many objects, locations and failures there are."""
        ...

    def status(self) -> dict[str, object]:
        """What there is to say of it, part by part."""
        ...

"""Objects that are examples of several queries, looked up together before these are answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from seealso.collection.parts.opened import Opened
from seealso.errors import CorruptRecord, MissingObject
from seealso.interfaces.query import Query
from seealso.interfaces.records import ObjectRecord

MOST = 1000  # objects: their descriptors are in memory at the same time


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of objects. What is not there is looked up when a query needs it.

    Attributes:
        records: ID → the object; each has a place.
        descriptors: ID → its descriptor ``(dim,)``.
    """

    records: Mapping[int, ObjectRecord] = field(default_factory=dict)
    descriptors: Mapping[int, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, opened: Opened, queries: Iterable[Query]) -> Self:
        """The objects that are examples as a whole, `MOST` at most."""
        named = (example for query in queries for example in query.examples)
        ids = list(dict.fromkeys(each.id for each in named if each.id is not None and each.region is None))[:MOST]
        records = {id_: record for id_, record in opened.catalog.records(ids).items() if record.paths}
        if not records:
            return cls()
        try:
            descriptors = opened.store.get_many(np.array(list(records), np.int64))
        except (MissingObject, CorruptRecord):
            # The query that names it says so, in its turn.
            return cls(records)
        return cls(records, dict(zip(records, descriptors, strict=True)))


NONE = Stored()

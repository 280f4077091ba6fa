"""A collection as of one moment, for one query or for several that are asked together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from seealso.collection.derived.view import View
from seealso.collection.likeness import KeptLikeness
from seealso.collection.parts.opened import Opened
from seealso.collection.search.stored import NONE, Stored
from seealso.collection.sketches.table import Sketches, SketchTable
from seealso.interfaces.index import MetricIndex
from seealso.interfaces.likeness import Likeness
from seealso.interfaces.query import Query


class Moment:
    """What queries see of a collection. Each thing is looked up once, when the first of them needs it.

    Attributes:
        stored: objects that were looked up for all queries.

    Args:
        opened: the collection.
        likeness: knows what likeness means in it.
        queries: those that are asked together, where there are several: the objects that they name are looked up at once.
    """

    def __init__(self, opened: Opened, likeness: KeptLikeness, queries: Sequence[Query] = ()) -> None:
        self.opened = opened
        self.kept_likeness = likeness
        self.stored = Stored.of(opened, queries) if queries else NONE

    @cached_property
    def index(self) -> View[MetricIndex]:
        """The metric index, and what it does not hold.

        Raises:
            CollectionError: too much is missing in it; says what to run.
        """
        view, table = self.opened.index.view(self.opened.catalog), self._table
        if table is None or view.part is None or not view.part.needs_sketch:
            return view
        return view.relying_on(table)

    @cached_property
    def sketches(self) -> Sketches | None:
        """The sketches; None where there are none."""
        return None if self._table is None or self._table.part is None else self._table.part.now()

    @cached_property
    def _table(self) -> View[SketchTable] | None:
        """The table of sketches, and what it does not hold; None where there is to be none."""
        keeper = self.opened.sketch
        return None if keeper is None else keeper.view(self.opened.catalog)

    @cached_property
    def objects(self) -> int:
        """How many objects there are."""
        return self.opened.catalog.counts().objects

    @cached_property
    def likeness(self) -> Likeness | None:
        """What likeness means, where that was measured before."""
        return self.kept_likeness.known(self.opened)

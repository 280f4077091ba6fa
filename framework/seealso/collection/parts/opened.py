"""What an existing collection consists of, opened."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import numpy as np

from seealso.catalogue.reader import Catalog
from seealso.collection.derived.keeper import Keeper
from seealso.collection.derived.view import View
from seealso.collection.parts.creation import store_folder
from seealso.collection.parts.identity import check_identity, recorded_identity
from seealso.collection.parts.keepers import Lent, index_keeper, sketch_keeper, text_keeper
from seealso.collection.parts.reading_words import recorded_words
from seealso.collection.parts.recorded import CONFIGURATION, recorded_provenance
from seealso.collection.parts.resolved import Parts
from seealso.collection.sketches.table import SketchTable
from seealso.errors import CollectionError, QueryError
from seealso.interfaces.distance import Distance
from seealso.interfaces.extractor import Provenance
from seealso.interfaces.index import MetricIndex
from seealso.interfaces.store import ObjectStore
from seealso.interfaces.text import TextIndex
from seealso.layout import INDEX, SKETCH, TEXT
from seealso.registry.kinds import STORE

A = TypeVar("A")


class Growth(Protocol):
    """Has a collection change over to the index and the sketch that suit its size, while somebody writes to it."""

    def look(self) -> bool:
        """Begin what is due, and record what is done; whether anything is under way."""

    def settle(self) -> None:
        """Wait for all that is due, and record it."""


@dataclass(slots=True)
class Opened:
    """The catalogue, the store (its folder, and what messages call it), the indexes and the sketches of a collection, and what they hold
    descriptors of; the record by which it was opened; how many use it just now, which is counted by whoever opened it; and what happens when
    it grows, which is set by whoever writes."""

    catalog: Catalog
    provenance: Provenance
    distance: Distance
    store: ObjectStore
    index: Keeper[MetricIndex]
    lent: Lent
    text: Keeper[TextIndex] | None
    folder: Path
    called: str
    record: str
    users: int = 0
    growth: Growth | None = None
    _following: ExitStack = field(default_factory=ExitStack)

    @property
    def sketch(self) -> Keeper[SketchTable] | None:
        """What looks after the sketches; None where there are none."""
        return self.lent.sketch

    @classmethod
    def open(cls, path: Path, catalog: Catalog, parts: Parts, *, record: str, force: bool = False) -> Self:
        """Open what is in a collection's directory.

        Args:
            path: the directory.
            catalog: its catalogue, which is closed with the rest, and also when something fails.
            parts: the parts that the catalogue and the configuration name.
            record: what the catalogue said of them.
            force: take a store that has no identity, where it should have one.

        Raises:
            CollectionError: the store is not there.
            FormatError: a file is none of ours, or of a newer format.
            ConfigError: the configuration does not fit what is there.
            WrongStore: the store is not the collection's.
        """
        try:
            folder = path / store_folder(catalog)
            if not folder.is_dir():
                raise CollectionError(
                    f"{folder}: the folder of the descriptors is missing; restore it from a backup; or make it, "
                    "empty, then run `seealso maintain --force` and index again: every image is then extracted anew"
                )
            provenance = recorded_provenance(catalog)
            distance = parts.distance(provenance.dtype)
            writable = os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
            identity = recorded_identity(catalog)
            store = parts.store(folder, provenance, read_only=not writable, identity=identity)
            called = parts.called(parts.chosen(STORE), folder)
            try:
                check_identity(store, catalog, called, force=force)
                sketch = sketch_keeper(parts, path / SKETCH, store, provenance)
                lent = Lent(sketch)
                index = index_keeper(parts, path / INDEX, store, provenance, lent)
                text = text_keeper(parts, path / TEXT)
                index.open(catalog)
                if sketch is not None:
                    # Its rows are read while this goes on.
                    sketch.open(catalog)
            except BaseException:
                store.close()
                raise
        except BaseException:
            catalog.close()
            raise
        return cls(catalog, provenance, distance, store, index, lent, text, folder, called, record)

    def measured_by(self) -> str:
        """What the distances between its objects depend on, as a short text: the distance, and what made the descriptors."""
        told = f"{self.distance.name} {self.distance.options!r} {self.provenance!r}"
        return hashlib.sha256(told.encode()).hexdigest()[:32]

    def moved(self) -> bool:
        """Whether the descriptors are in another store by now, or are compared or indexed in another way."""
        return store_folder(self.catalog) != self.folder.name or self.catalog.meta(CONFIGURATION) != self.record

    def status(self) -> dict[str, object]:
        """What there is to say of them; what the plugins say of themselves included."""
        counts = self.catalog.counts()
        return {
            "objects": counts.objects,
            "locations": counts.locations,
            "failures": counts.failures,
            "damaged": self.catalog.count_damaged(),
            "change": self.catalog.change(),
            "created": float(self.catalog.meta("created") or 0),
            "provenance": asdict(self.provenance),
            "words_provenance": recorded_words(self.catalog),
            "store": self.store.statistics(),
            "index": self.index.statistics(self.catalog),
            **({} if self.sketch is None else {"sketch": self._of_sketches(self.sketch)}),
            **({} if self.text is None else {"text": self.text.statistics(self.catalog)}),
        }

    def _of_sketches(self, keeper: Keeper[SketchTable]) -> dict[str, object]:
        """What they say of themselves, and which sketch with which options made them: another one than is configured may have."""
        told = keeper.statistics(self.catalog)
        return {"made_by": None if keeper.part is None else keeper.part.made_by.as_yaml(), **told}

    def keepers(self) -> list[Keeper[Any]]:
        """What looks after each thing that is derived; the sketches first, since the index may rank by them."""
        return [keeper for keeper in (self.sketch, self.index, self.text) if keeper is not None]

    def committed(self, change: int, ids: np.ndarray, descriptors: np.ndarray) -> None:
        """Objects were committed as ``change``: what is made of descriptors follows, while these are at hand.

        Args:
            change: the number of the change.
            ids: the objects that were added, int64 ``(n,)``, perhaps none.
            descriptors: theirs, ``(n, dim)``.
        """
        if self.sketch is not None:
            self.sketch.committed(self.catalog, change, ids, descriptors)
        self.index.committed(self.catalog, change, ids, descriptors)
        if self.growth is not None:
            self.growth.look()

    def ask_text(self, question: Callable[[View[TextIndex]], A]) -> A:
        """The answer to a question about what a query sees of the text index; see `Keeper.ask`.

        Raises:
            QueryError: the collection has none.
            CollectionError: too much is missing in it; says what to run.
        """
        if self.text is None:
            raise QueryError("the collection has no text index (`text: false` in its configuration)")
        return self.text.ask(self.catalog, question)

    def take_sketch(self, keeper: Keeper[SketchTable]) -> None:
        """Have sketches from now on, which follow the writer that there is; those of a snapshot that lies there already are taken."""
        keeper.open(self.catalog)
        # Where there is none, it is not built here and now.
        self._following.enter_context(keeper.writing(self.catalog, anew=keeper.made_by is None))
        self.lent.sketch = keeper

    @contextmanager
    def writing(self, *, anew: bool = False) -> Iterator[None]:
        """What is derived follows a writer; see `Keeper.writing`."""
        with ExitStack() as self._following:
            for keeper in self.keepers():
                self._following.enter_context(keeper.writing(self.catalog, anew=anew))
            yield

    def close(self) -> None:
        """Let go of all."""
        for keeper in reversed(self.keepers()):
            keeper.close()
        self.store.close()
        self.catalog.close()

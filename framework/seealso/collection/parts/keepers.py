"""What looks after the indexes of a collection, made of the plugins in force."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from seealso.collection.derived.descriptors import IndexedDescriptors, SketchedDescriptors
from seealso.collection.derived.keeper import Keeper
from seealso.collection.derived.source import Recipe, Record
from seealso.collection.derived.words import WordsOfObjects
from seealso.collection.parts.automatic import leaves_open
from seealso.collection.parts.resolved import Chosen, Parts
from seealso.collection.sketches.table import SketchTable
from seealso.errors import ConfigError
from seealso.interfaces.derived import Derived
from seealso.interfaces.extractor import Provenance
from seealso.interfaces.index import IndexContext, MetricIndex
from seealso.interfaces.plugin import PluginChoice
from seealso.interfaces.sketch import Sketch, SketchContext, SketchView
from seealso.interfaces.store import ObjectStore
from seealso.interfaces.text import TextContext, TextIndex
from seealso.registry.kinds import DISTANCE, INDEX, KINDS, SKETCH, TEXT, Kind, P

D = TypeVar("D", bound=Derived[Any])


def text_keeper(parts: Parts, directory: Path) -> Keeper[TextIndex] | None:
    """What looks after the text index, whose snapshots are in a directory; None where there is to be none."""
    chosen = parts.chosen_or_none(TEXT)
    if chosen is None:
        return None

    def make(made_by: Record, scratch: Callable[[], Path]) -> TextIndex:
        made = _as_made(parts, TEXT, made_by)
        return made.cls(made.options, TextContext(scratch))

    return Keeper(WordsOfObjects(parts.name, _recipe(parts, {TEXT.word: chosen.as_built()}, make)), directory)


@dataclass(slots=True)
class Lent:
    """What looks after the sketches that an index may rank by; None: there are none. Some may come while the collection is open."""

    sketch: Keeper[SketchTable] | None

    def now(self) -> SketchView | None:
        """The sketches as they are; None while there are none."""
        table = None if self.sketch is None else self.sketch.askable
        return None if table is None else table.now()


def index_keeper(
    parts: Parts, directory: Path, store: ObjectStore, provenance: Provenance, lent: Lent
) -> Keeper[MetricIndex]:
    """What looks after the metric index, whose snapshots are in a directory.

    Args:
        parts: the plugins in force.
        directory: where its snapshots are.
        store: where the descriptors are.
        provenance: what made them.
        lent: the sketches that the index may rank by.
    """
    dim, dtype = provenance.dim, np.dtype(provenance.dtype)

    def make(made_by: Record, scratch: Callable[[], Path]) -> MetricIndex:
        index, distance = _as_made(parts, INDEX, made_by), _as_made(parts, DISTANCE, made_by)
        if index.cls.needs_sketch and lent.sketch is None:
            raise ConfigError(f"the index {index.cls.name} ranks by sketches, and the collection has none")
        sketches = None if lent.sketch is None else lent.now
        context = IndexContext(parts.metric(distance), store, dim, dtype, parts.threads, sketches)
        return index.cls(index.options, context)

    made_by = made_of(parts, INDEX, parts.chosen(INDEX))
    recipe = _recipe(parts, made_by, make, left_open=leaves_open(parts, INDEX))
    source = IndexedDescriptors(parts.name, recipe, store, dim, dtype)
    return Keeper(source, directory)


def sketch_keeper(
    parts: Parts, directory: Path, store: ObjectStore, provenance: Provenance, chosen: Chosen[Sketch] | None = None
) -> Keeper[SketchTable] | None:
    """What looks after the table of sketches, whose snapshots are in a directory; None where there is to be none.

    Args:
        parts: the plugins in force.
        directory: where the snapshots are.
        store: where the descriptors are.
        provenance: what made them.
        chosen: the sketch; None: the one in force.

    Raises:
        ConfigError: the sketch cannot estimate the collection's distance, or there is none, and the index ranks by it.
    """
    parts.check_sketch()
    chosen = chosen or parts.chosen_or_none(SKETCH)
    if chosen is None:
        return None
    dim, dtype = provenance.dim, np.dtype(provenance.dtype)

    def make(made_by: Record, scratch: Callable[[], Path]) -> SketchTable:
        sketch, distance = _as_made(parts, SKETCH, made_by), _as_made(parts, DISTANCE, made_by)
        context = SketchContext(parts.metric(distance), dim, dtype, parts.threads)
        return SketchTable(sketch.cls(sketch.options, context))

    recipe = _recipe(parts, made_of(parts, SKETCH, chosen), make, left_open=leaves_open(parts, SKETCH))
    source = SketchedDescriptors(parts.name, recipe, store, dim, dtype)
    source.dispensable = not parts.chosen(INDEX).cls.needs_sketch
    return Keeper(source, directory)


def made_of(parts: Parts, kind: Kind[Any], chosen: Chosen[Any]) -> Record:
    """What something is made of that is made of descriptors, by a plugin of this kind."""
    return {kind.word: chosen.as_built(), DISTANCE.word: parts.chosen(DISTANCE).as_built()}


def _recipe(
    parts: Parts, made_by: Record, make: Callable[[Record, Callable[[], Path]], D], *, left_open: bool = False
) -> Recipe[D]:
    """How something derived is made; see `Recipe`."""

    def as_made(recorded: Record) -> Record:
        return {word: _as_made(parts, KINDS[word], recorded).as_built() for word in made_by}

    return Recipe(made_by, as_made, make, left_open)


def _as_made(parts: Parts, kind: Kind[P], made_by: Record) -> Chosen[P]:
    """The plugin that something was made with; what matters only to a query is as the configuration says.

    Raises:
        SeealsoError: it is not installed, or has no such options any more.
    """
    recorded, chosen = PluginChoice.parse(made_by[kind.word]), parts.chosen_or_none(kind)
    if chosen is not None and recorded == PluginChoice.parse(chosen.as_built()):
        return chosen
    # What is unknown all the same is refused: it may have shaped what is there, which is rather built anew.
    as_today = parts.plugins.get(kind, recorded.plugin).Options.upgrade(dict(recorded.options))
    recorded = replace(recorded, options=as_today)
    if chosen is not None and recorded.plugin == chosen.cls.name:
        now = chosen.as_choice()
        of_queries = {name: now.options[name] for name in chosen.options.query_time}
        recorded = replace(recorded, options={**recorded.options, **of_queries}, secrets=now.secrets)
    return parts.checked(kind, recorded)

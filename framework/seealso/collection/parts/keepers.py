"""What looks after the indexes of a collection, made of the plugins in force."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from seealso.collection.derived.descriptors import IndexedDescriptors, SketchedDescriptors
from seealso.collection.derived.keeper import Keeper
from seealso.collection.derived.source import Recipe, Record
from seealso.collection.derived.words import WordsOfObjects
from seealso.collection.parts.resolved import Chosen, Parts
from seealso.collection.sketches.table import Sketches, SketchTable
from seealso.interfaces.derived import Derived
from seealso.interfaces.extractor import Provenance
from seealso.interfaces.index import IndexContext, MetricIndex
from seealso.interfaces.plugin import PluginChoice
from seealso.interfaces.sketch import SketchContext
from seealso.interfaces.store import ObjectStore
from seealso.interfaces.text import TextContext, TextIndex
from seealso.registry.kinds import DISTANCE, INDEX, SKETCH, TEXT, Kind, P

D = TypeVar("D", bound=Derived[Any])


def text_keeper(parts: Parts, directory: Path) -> Keeper[TextIndex] | None:
    """What looks after the text index, whose snapshots are in a directory; None where there is to be none."""
    if parts.chosen_or_none(TEXT) is None:
        return None

    def make(made_by: Record, scratch: Callable[[], Path]) -> TextIndex:
        made = _as_made(parts, TEXT, made_by)
        return made.cls(made.options, TextContext(scratch))

    return Keeper(WordsOfObjects(parts.name, _recipe(parts, (TEXT,), make)), directory)


def index_keeper(
    parts: Parts, directory: Path, store: ObjectStore, provenance: Provenance, sketch: Keeper[SketchTable] | None
) -> Keeper[MetricIndex]:
    """What looks after the metric index, whose snapshots are in a directory.

    Args:
        parts: the plugins in force.
        directory: where its snapshots are.
        store: where the descriptors are.
        provenance: what made them.
        sketch: what looks after the sketches; None: the collection has none.
    """
    dim, dtype = provenance.dim, np.dtype(provenance.dtype)

    def sketches() -> Sketches | None:
        table = None if sketch is None else sketch.part
        return None if table is None else table.now()

    def make(made_by: Record, scratch: Callable[[], Path]) -> MetricIndex:
        index, distance = _as_made(parts, INDEX, made_by), _as_made(parts, DISTANCE, made_by)
        lent = None if sketch is None else sketches
        context = IndexContext(parts.metric(distance), store, dim, dtype, parts.threads, lent)
        return index.cls(index.options, context)

    source = IndexedDescriptors(parts.name, _recipe(parts, (INDEX, DISTANCE), make), store, dim, dtype)
    return Keeper(source, directory)


def sketch_keeper(
    parts: Parts, directory: Path, store: ObjectStore, provenance: Provenance
) -> Keeper[SketchTable] | None:
    """What looks after the table of sketches, whose snapshots are in a directory; None where there is to be none.

    Raises:
        ConfigError: the sketch cannot estimate the collection's distance.
    """
    if parts.chosen_or_none(SKETCH) is None:
        return None
    parts.check_sketch()
    dim, dtype = provenance.dim, np.dtype(provenance.dtype)

    def make(made_by: Record, scratch: Callable[[], Path]) -> SketchTable:
        sketch, distance = _as_made(parts, SKETCH, made_by), _as_made(parts, DISTANCE, made_by)
        context = SketchContext(parts.metric(distance), dim, dtype, parts.threads)
        return SketchTable(sketch.cls(sketch.options, context))

    source = SketchedDescriptors(parts.name, _recipe(parts, (SKETCH, DISTANCE), make), store, dim, dtype)
    return Keeper(source, directory)


def _recipe(parts: Parts, kinds: Sequence[Kind[Any]], make: Callable[[Record, Callable[[], Path]], D]) -> Recipe[D]:
    """How something derived is made of plugins of some kinds."""

    def as_made(recorded: Record) -> Record:
        return {kind.word: _as_made(parts, kind, recorded).as_built() for kind in kinds}

    return Recipe({kind.word: parts.chosen(kind).as_built() for kind in kinds}, as_made, make)


def _as_made(parts: Parts, kind: Kind[P], made_by: Record) -> Chosen[P]:
    """The plugin that something was made with; what matters only to a query is as the configuration says.

    Raises:
        SeealsoError: it is not installed, or has no such options any more.
    """
    recorded, chosen = PluginChoice.parse(made_by[kind.word]), parts.chosen(kind)
    if recorded == PluginChoice.parse(chosen.as_built()):
        return chosen
    # What is unknown all the same is refused: it may have shaped what is there, which is rather built anew.
    as_today = parts.plugins.get(kind, recorded.plugin).Options.upgrade(dict(recorded.options))
    recorded = replace(recorded, options=as_today)
    if recorded.plugin == chosen.cls.name:
        now = chosen.as_choice()
        of_queries = {name: now.options[name] for name in chosen.options.query_time}
        recorded = replace(recorded, options={**recorded.options, **of_queries}, secrets=now.secrets)
    return parts.checked(kind, recorded)

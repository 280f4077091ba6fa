"""Upkeep: checking everything against everything, and giving back space."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from seealso.catalogue.mending import add_checksums, forget_damaged
from seealso.catalogue.writer import CatalogWriter
from seealso.collection.derived.keeper import Keeper
from seealso.collection.parts.opened import Opened
from seealso.layout import INDEX, TEXT, is_store

log = logging.getLogger("seealso")

REMEDY = "`seealso maintain` lets go of it, and `seealso index PATH…` then takes it in anew"


@dataclass(slots=True)
class Checkup:
    """What a check found.

    Attributes:
        objects: objects in the catalogue.
        descriptors: descriptors whose checksum was checked.
        unused: descriptors of no object: left by an interrupted run, seen by nobody, removed by maintenance.
        unchecked: rows of the catalogue without a checksum, since an earlier release made it. Every writer adds some, maintenance
            all.
        problems: what is wrong, one line each; empty when all is well.
    """

    objects: int = 0
    descriptors: int = 0
    unused: int = 0
    unchecked: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What maintenance did.

    Attributes:
        dropped: objects let go because their descriptor was lost or damaged.
        removed: descriptors of no object.
        bytes_before: bytes on disk before.
        bytes_after: and after.
    """

    dropped: int
    removed: int
    bytes_before: int
    bytes_after: int


def check(opened: Opened) -> Checkup:
    """Check the catalogue, every descriptor's checksum, and that catalogue, store and indexes hold the same objects."""
    catalog, store = opened.catalog, opened.store
    found = Checkup(problems=catalog.verify(), unchecked=catalog.unchecked())
    report = store.verify()
    found.descriptors = report.checked
    found.problems += (f"object {id_}: its stored descriptor fails its checksum; {REMEDY}" for id_ in report.damaged)
    found.problems += report.problems
    # The catalogue may grow meanwhile: the store is asked after it, so whatever it has named has its descriptor.
    objects = catalog.ids()
    stored = store.ids()
    found.objects = int(objects.size)
    without = np.setdiff1d(objects, stored, assume_unique=True)
    # An object removed in between is no loss.
    without = catalog.existing(without)
    found.problems += (f"object {id_}: the store holds no descriptor of it; {REMEDY}" for id_ in without)
    found.unused = int(np.setdiff1d(stored, objects, assume_unique=True).size)
    for keeper in _keepers(opened):
        found.problems += keeper.verify(catalog)
    return found


def _keepers(opened: Opened) -> list[Keeper[Any]]:
    return [keeper for keeper in (opened.index, opened.text) if keeper is not None]


def keep_up(writer: CatalogWriter, opened: Opened, tell_removed: Callable[[np.ndarray], None]) -> tuple[int, int]:
    """Give back space; returns how many objects without a sound descriptor, and descriptors of no object, are gone.

    ``tell_removed`` is told the IDs of objects that are gone, once that is committed.
    """
    store, index = opened.store, opened.index
    forgotten = forget_damaged(writer)
    if forgotten:
        log.warning(
            "%d damaged rows of the catalogue were forgotten; `seealso index PATH…` takes in anew what they were of",
            forgotten,
        )
    add_checksums(writer, most=None)
    # First: a store that is damaged as a whole says so here.
    damaged = writer.existing(np.array(store.verify().damaged, dtype=np.int64))
    missing = np.setdiff1d(writer.ids(), store.ids(), assume_unique=True)
    dropped = np.union1d(missing, damaged)
    if dropped.size:
        for record in writer.records(dropped.tolist()).values():
            writer.remove_locations(record.paths)
    for ids in writer.remove_unplaced():
        tell_removed(ids)
    for keeper in _keepers(opened):
        keeper.catch_up(opened.catalog)
        keeper.save()
    live = writer.ids()
    unused = int(np.setdiff1d(store.ids(), live, assume_unique=True).size)
    store.compact(None if index.part is None else index.part.storage_order(), live)
    # A snapshot that has not seen a removal could not be used any more.
    saved = (keeper.saved or 0 for keeper in _keepers(opened) if keeper.part is not None)
    writer.forget_removals(min(saved, default=writer.change()))
    writer.compact()
    return int(dropped.size), unused


def bytes_below(directory: Path) -> int:
    """Bytes on disk below a directory, holes not counted, and a file with several names only once; O(files)."""
    return _bytes_in(os.walk(directory))


def bytes_of_parts(directory: Path) -> int:
    """Bytes on disk of a collection's catalogue, store and indexes. They are few files, however many objects there are; what
    else its directory holds is not counted, such as thumbnails, a file for each image."""
    return _bytes_in(_walk_parts(directory))


def _walk_parts(directory: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    for folder, names, files in os.walk(directory):
        if folder == str(directory):
            names[:] = [name for name in names if name in (INDEX, TEXT) or is_store(name)]
        yield folder, names, files


def _bytes_in(walk: Iterable[tuple[str, list[str], list[str]]]) -> int:
    found: dict[tuple[int, int], int] = {}
    for folder, _, files in walk:
        for name in files:
            with suppress(FileNotFoundError):
                stat = os.stat(os.path.join(folder, name))
                found[stat.st_dev, stat.st_ino] = stat.st_blocks * 512
    return sum(found.values())

"""Upkeep: checking everything against everything, and giving back space."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from seealso.catalogue.mending import add_checksums, forget_damaged
from seealso.catalogue.reader import Catalog
from seealso.catalogue.writer import CatalogWriter
from seealso.collection.parts.identity import HANDFUL, is_most
from seealso.collection.parts.opened import Opened
from seealso.errors import WrongStore
from seealso.layout import INDEX, SKETCH, TEXT, is_store
from seealso.sorted_ids import distinct

log = logging.getLogger("seealso")

INTERRUPTED = 10_000
"""So many descriptors of no object an interrupted run may leave: a batch, or a part of a file. Those with an ID that was never given are
none of them."""

REMEDY = "`seealso maintain` lets go of it, and `seealso index PATH…` then takes it in anew"

REMEDY_OF_DOUBTS = "If it is not, correct the configuration, or mount it; else restore it from a backup"


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
        doubtful: so much is lost, or of no object, that the store or the catalogue seems to be the wrong one; `maintain` then refuses.
    """

    objects: int = 0
    descriptors: int = 0
    unused: int = 0
    unchecked: int = 0
    problems: list[str] = field(default_factory=list)
    doubtful: bool = False


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
    found.problems += report.problems
    # The catalogue may grow meanwhile: the store is asked after it, so whatever it has named has its descriptor.
    objects = catalog.ids()
    stored = store.ids()
    found.objects = int(objects.size)
    without = np.setdiff1d(objects, stored, assume_unique=True)
    # An object removed in between is no loss.
    without = catalog.existing(without)
    unused = np.setdiff1d(stored, objects, assume_unique=True)
    found.unused = int(unused.size)
    damaged = np.array(report.damaged, dtype=np.int64)
    doubts = _doubts(catalog, opened.called, objects, without, damaged, unused)
    found.doubtful = bool(doubts)
    found.problems += (f"{doubt} {REMEDY_OF_DOUBTS}" for doubt in doubts)
    if not _is_lost(objects, without, damaged):
        found.problems += (f"object {id_}: its stored descriptor fails its checksum; {REMEDY}" for id_ in damaged)
        found.problems += (f"object {id_}: the store holds no descriptor of it; {REMEDY}" for id_ in without)
    for keeper in opened.keepers():
        found.problems += keeper.verify(catalog)
    return found


def _is_lost(objects: np.ndarray, without: np.ndarray, damaged: np.ndarray) -> bool:
    """Whether most objects have no sound descriptor."""
    return is_most(int(objects.size), int(distinct(without, np.intersect1d(damaged, objects)).size))


def _doubts(
    catalog: Catalog, called: str, objects: np.ndarray, without: np.ndarray, damaged: np.ndarray, unused: np.ndarray
) -> list[str]:
    """Why the store, or the catalogue, seems to be the wrong one, one line each; empty where it does not.

    Args:
        catalog: the catalogue.
        called: what messages call the store.
        objects: the IDs of all objects, int64 ``(n,)``.
        without: of those that have no descriptor.
        damaged: of descriptors that are damaged.
        unused: of descriptors that no object has.
    """
    doubts = []
    if _is_lost(objects, without, damaged):
        lost = distinct(without, np.intersect1d(damaged, objects)).size
        which = f"all {objects.size:,}" if lost == objects.size else f"{lost:,} of {objects.size:,}"
        what = "missing" if not damaged.size else "damaged" if not without.size else "missing or damaged"
        doubts.append(f"{called}: {which} descriptors are {what}: is it the right store?")
    # Those that were just removed are no surprise; nor is what an interrupted run has left.
    strange = np.setdiff1d(unused, catalog.removed_ids(0))
    never_given = int((strange >= int(catalog.meta("next_id") or 0)).sum())
    stored = objects.size - without.size + unused.size
    if strange.size > max(HANDFUL if never_given > HANDFUL else INTERRUPTED, stored / 2):
        doubts.append(
            f"{called}: {strange.size:,} of {stored:,} descriptors belong to no object: are store and catalogue the right ones?"
        )
    return doubts


def keep_up(
    writer: CatalogWriter, opened: Opened, tell_removed: Callable[[np.ndarray], None], *, force: bool = False
) -> tuple[int, int]:
    """Give back space; returns how many objects without a sound descriptor, and descriptors of no object, are gone.

    Args:
        writer: the catalogue.
        opened: the collection.
        tell_removed: told the IDs of objects that are gone, once that is committed.
        force: also where the store seems to be the wrong one.

    Raises:
        WrongStore: it does; nothing was changed.
    """
    store, index = opened.store, opened.index
    # First: a store that is damaged as a whole says so here.
    failing = np.array(store.verify().damaged, dtype=np.int64)
    objects, stored = writer.ids(), store.ids()
    missing = np.setdiff1d(objects, stored, assume_unique=True)
    damaged = writer.existing(failing)
    unused = np.setdiff1d(stored, objects, assume_unique=True)
    doubts = _doubts(writer, opened.called, objects, missing, damaged, unused)
    if doubts and not force:
        raise WrongStore(f"{'; '.join(doubts)} Nothing was changed; `seealso maintain --force` drops them all the same")
    _mend(writer)
    dropped = writer.existing(distinct(missing, damaged))
    if dropped.size:
        for record in writer.records(dropped.tolist()).values():
            writer.remove_locations(record.paths)
    for ids in writer.remove_unplaced():
        tell_removed(ids)
    for keeper in opened.keepers():
        keeper.catch_up(opened.catalog)
        keeper.save()
    live = writer.ids()
    removed = int(np.setdiff1d(store.ids(), live, assume_unique=True).size)
    store.compact(None if index.part is None else index.part.storage_order(), live)
    # A snapshot that has not seen a removal could not be used any more.
    saved = (keeper.saved or 0 for keeper in opened.keepers() if keeper.part is not None)
    writer.forget_removals(min(saved, default=writer.change()))
    writer.compact()
    return int(dropped.size), removed


def _mend(writer: CatalogWriter) -> None:
    """Forget the damaged rows of the catalogue, and give a checksum to each that has none."""
    forgotten = forget_damaged(writer)
    if forgotten:
        log.warning(
            "%d damaged rows of the catalogue were forgotten; `seealso index PATH…` reads their files again",
            forgotten,
        )
    add_checksums(writer, most=None)


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
            names[:] = [name for name in names if name in (INDEX, SKETCH, TEXT) or is_store(name)]
        yield folder, names, files


def _bytes_in(walk: Iterable[tuple[str, list[str], list[str]]]) -> int:
    found: dict[tuple[int, int], int] = {}
    for folder, _, files in walk:
        for name in files:
            with suppress(FileNotFoundError):
                stat = os.stat(os.path.join(folder, name))
                found[stat.st_dev, stat.st_ino] = stat.st_blocks * 512
    return sum(found.values())

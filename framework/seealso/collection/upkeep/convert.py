"""Moving a collection's descriptors to another store, or to another codec."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seealso.catalogue.reader import Catalog
from seealso.catalogue.writer import CatalogWriter
from seealso.collection.parts.creation import STORE_FOLDER, store_folder
from seealso.collection.parts.opened import Opened
from seealso.collection.parts.resolved import CONFIGURATION, Chosen, Parts, configuration_record
from seealso.durability import make_directory
from seealso.errors import StoreError
from seealso.interfaces.store import ObjectStore
from seealso.layout import following_store, is_store
from seealso.registry import kinds

CONVERTING = "converting_to"  # what the catalogue records of a conversion under way
BATCH_BYTES = 1 << 24  # of descriptors, copied between two flushes


@dataclass(frozen=True, slots=True)
class Conversion:
    """What was converted.

    Attributes:
        copied: descriptors that were copied.
        found: descriptors that an interrupted conversion had copied already.
        lossless: whether the descriptors are, bit for bit, what they were.
        bytes_before: of the store on disk, before.
        bytes_after: and after.
    """

    copied: int
    found: int
    lossless: bool
    bytes_before: int
    bytes_after: int


def remove_other_stores(path: Path, catalog: Catalog) -> None:
    """Remove what a conversion left: the store it came from, and one that it did not finish."""
    kept = store_folder(catalog)
    for folder in path.iterdir():
        if is_store(folder.name) and folder.name != kept:
            shutil.rmtree(folder, ignore_errors=True)


def convert(
    path: Path,
    parts: Parts,
    opened: Opened,
    writer: CatalogWriter,
    wanted: Chosen[ObjectStore],
    progress: Callable[[int, int], None],
) -> Conversion:
    """Copy every descriptor to a new store, in the order that the index likes; then make it the collection's.

    One transaction of the catalogue makes the new store the collection's: before it nothing has changed, and what was
    copied by then is found again by the next conversion to the same store.

    Args:
        path: the collection's directory.
        parts: its parts.
        opened: the collection as it is.
        writer: its catalogue.
        wanted: the new store.
        progress: told how many are done, and of how many.

    Raises:
        CorruptRecord, MissingObject: a descriptor is lost; `maintain` lets go of its object.
        DiskFull: no space is left; nothing has changed.
    """
    folder = following_store(store_folder(writer))
    new = _begin(path / folder, parts, opened, writer, wanted)
    try:
        live = writer.ids()
        found = np.intersect1d(new.ids(), live, assume_unique=True)
        new.remove_many(np.setdiff1d(new.ids(), live, assume_unique=True))
        missing = _in_order(_storage_order(opened), np.setdiff1d(live, found, assume_unique=True))
        step = max(1, BATCH_BYTES // (opened.provenance.dim * np.dtype(opened.provenance.dtype).itemsize))
        for start in range(0, missing.size, step):
            ids = missing[start : start + step]
            new.put_many(ids, opened.store.get_many(ids))
            new.flush()
            progress(int(found.size + start + ids.size), int(live.size))
        new.flush()
        if np.setdiff1d(live, new.ids(), assume_unique=True).size:
            raise StoreError(f"{path / folder}: the new store does not hold what was put into it; nothing was changed")
        lossless = all(block.codec.lossless for block in new.read_blocks(live[:1]))
        sizes = [int(store.statistics()["bytes"]) for store in (opened.store, new)]
    finally:
        new.close()
    recorded = {**parts.choices(), kinds.STORE.word: wanted.as_choice()}
    writer.set_meta({CONFIGURATION: configuration_record(recorded), STORE_FOLDER: folder, CONVERTING: ""})
    return Conversion(int(missing.size), int(found.size), lossless, *sizes)


def _begin(
    directory: Path, parts: Parts, opened: Opened, writer: CatalogWriter, wanted: Chosen[ObjectStore]
) -> ObjectStore:
    """The new store: what is left of an earlier conversion to the same one, else an empty one."""
    goal = json.dumps([directory.name, wanted.as_choice().as_yaml()])
    if writer.meta(CONVERTING) != goal:
        shutil.rmtree(directory, ignore_errors=True)
        writer.set_meta({CONVERTING: goal})
    make_directory(directory)
    return parts.make_store(wanted, directory, opened.provenance, read_only=False)


def _storage_order(opened: Opened) -> np.ndarray | None:
    return None if opened.index.part is None else opened.index.part.storage_order()


def _in_order(order: np.ndarray | None, ids: np.ndarray) -> np.ndarray:
    """The IDs in the order given, those that are not in it at the end."""
    if order is None:
        return ids
    return np.concatenate([order[np.isin(order, ids)], np.setdiff1d(ids, order)])

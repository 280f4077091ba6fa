"""Moving a collection's descriptors to another store, or to another codec."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seealso.catalogue.writer import CatalogWriter
from seealso.collection.parts.creation import STORE_FOLDER, store_folder
from seealso.collection.parts.identity import identity_of, new_identity, recorded_identity, settled
from seealso.collection.parts.opened import Opened
from seealso.collection.parts.recorded import CONFIGURATION, configuration_record
from seealso.collection.parts.resolved import Chosen, Parts
from seealso.collection.upkeep.leaving import CONVERTING, Unused, leave_unfinished, leaving, unused_folder
from seealso.durability import make_directory, sync_directory
from seealso.errors import ConfigError, StoreError, WrongStore
from seealso.interfaces.plugin import PluginChoice, secret_options
from seealso.interfaces.store import ObjectStore
from seealso.registry.kinds import STORE

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


def wanted_store(
    asked: PluginChoice | None, options: Mapping[str, Any], configured: PluginChoice | None, parts: Parts
) -> Chosen[ObjectStore]:
    """The store that is meant, with all its options.

    Args:
        asked: the store that was named; None: the one that the configuration names, else the one in force.
        options: of its options those that were given beside it.
        configured: the one that the configuration names, with its options. They are kept, where it is that store.
        parts: those in force. The options of their store are kept, where it is that one and the configuration does not name it.

    Raises:
        ConfigError: nothing is asked for, an option does not fit, or a secret one was given.
        PluginError: there is no such store.
    """
    given = {**(asked.options if asked else {}), **options}
    if asked is None and configured is None and not given:
        raise ConfigError("say which store, or name one in the configuration (`store:`)")
    in_force = parts.chosen(STORE).as_choice()
    name = (asked or configured or in_force).plugin
    kept = PluginChoice(name)
    if configured is not None and configured.plugin == name:
        kept = configured
    elif in_force.plugin == name:
        kept = in_force
    wanted = parts.checked(STORE, replace(kept, options={**kept.options, **given}))
    secret = sorted(secret_options(wanted.cls.Options) & set(given))
    if secret:
        raise ConfigError(
            f"the option {secret[0]} of the store {name} is secret, so nothing keeps it; write it to the configuration (`store:`), "
            "where it is read whenever the collection is opened"
        )
    return wanted


def convert(
    path: Path,
    parts: Parts,
    opened: Opened,
    writer: CatalogWriter,
    wanted: Chosen[ObjectStore],
    progress: Callable[[int, int], None],
) -> Conversion:
    """Copy all descriptors to another store, in the order in which the index likes them, and make that the collection's.

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
        WrongStore: at the new place there are other descriptors.
        DiskFull: no space is left; nothing has changed.
    """
    goal = _goal(path, parts, writer, wanted)
    new = parts.make_store(wanted, path / goal.folder, opened.provenance, read_only=False, identity=goal.identity)
    try:
        _own(new, goal, parts.called(wanted, path / goal.folder))
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
            raise StoreError(
                f"{path / goal.folder}: the new store does not hold what was put into it; nothing was changed"
            )
        lossless = all(block.codec.lossless for block in new.read_blocks(live[:1]))
        sizes = [int(store.statistics()["bytes"]) for store in (opened.store, new)]
    finally:
        new.close()
    left = Unused(store_folder(writer), parts.chosen(STORE).as_choice(), recorded_identity(writer))
    choices = configuration_record({**parts.choices(), STORE.word: wanted.as_choice()})
    writer.set_meta(
        {
            CONFIGURATION: choices,
            STORE_FOLDER: goal.folder,
            CONVERTING: "",
            **settled(goal.identity),
            **leaving(writer, left),
        }
    )
    return Conversion(int(missing.size), int(found.size), lossless, *sizes)


def _goal(path: Path, parts: Parts, writer: CatalogWriter, wanted: Chosen[ObjectStore]) -> Unused:
    """The new store as long as it is not used: what is left of an earlier conversion to the same one, else an empty one."""
    begun = Unused.parse(writer.meta(CONVERTING) or "")
    goal = Unused(begun.folder if begun else "", wanted.as_choice(), begun.identity if begun else "")
    if begun is None or not begun.identity or begun.dump() != goal.dump():
        leave_unfinished(path, parts, writer)
        goal = Unused(unused_folder(writer), wanted.as_choice(), new_identity())
        writer.set_meta({CONVERTING: json.dumps(goal.dump())})
    make_directory(path / goal.folder)
    # One that was killed may have made the folder, and not synced its name.
    sync_directory(path)
    return goal


def _own(new: ObjectStore, goal: Unused, called: str) -> None:
    """Make sure that nobody else's descriptors are in the new store.

    Raises:
        WrongStore: there are.
    """
    found = identity_of(new)
    if found != goal.identity and (found or new.ids().size):
        raise WrongStore(
            f"{called}: descriptors of another store are kept there, perhaps those in force; nothing was changed; name another place, "
            "in the configuration or as in `seealso convert --option KEY=VALUE`"
        )
    # Also where it is that: a conversion that was killed may not have got to sync it.
    new.keep_identity(goal.identity)


def _storage_order(opened: Opened) -> np.ndarray | None:
    return None if opened.index.part is None else opened.index.part.storage_order()


def _in_order(order: np.ndarray | None, ids: np.ndarray) -> np.ndarray:
    """The IDs in the order given, those that are not in it at the end."""
    if order is None:
        return ids
    return np.concatenate([order[np.isin(order, ids)], np.setdiff1d(ids, order)])

"""Stores that are needed no more: those that a conversion left, and that of a collection which is given up."""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from seealso.catalogue.reader import Catalog
from seealso.catalogue.writer import CatalogWriter
from seealso.collection.parts.creation import store_folder
from seealso.collection.parts.identity import identity_of, recorded_identity
from seealso.collection.parts.recorded import recorded_choices, recorded_provenance
from seealso.collection.parts.resolved import Parts
from seealso.durability import make_directory
from seealso.errors import SeealsoError
from seealso.interfaces.plugin import PluginChoice
from seealso.interfaces.store import ObjectStore
from seealso.layout import GONE, following_store, is_store
from seealso.registry.kinds import STORE

CONVERTING = "converting_to"  # where the catalogue keeps the new store of a conversion under way
LEFT = "left_stores"  # and the stores that are to be removed

log = logging.getLogger("seealso")


@dataclass(frozen=True, slots=True)
class Unused:
    """A store that is not the collection's, or not yet.

    Attributes:
        folder: the name of its folder.
        choice: the plugin, with its options.
        identity: what it was given; empty where an earlier release has made it.
    """

    folder: str
    choice: PluginChoice
    identity: str

    def dump(self) -> list[Any]:
        """As the catalogue keeps it; without what is secret."""
        kept: list[Any] = json.loads(json.dumps([self.folder, self.choice.as_yaml(), self.identity]))
        return kept

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """From what the catalogue keeps; None for nothing, and for what cannot be read."""
        try:
            return cls.of(json.loads(text))
        except (ValueError, TypeError, KeyError, IndexError):
            return None

    @classmethod
    def of(cls, kept: list[Any]) -> Self:
        """From what `dump` gave; an earlier release has written no identity."""
        return cls(str(kept[0]), PluginChoice.parse(kept[1]), str(kept[2]) if len(kept) > 2 else "")


def leaving(writer: CatalogWriter, *more: Unused) -> dict[str, str]:
    """What the catalogue records where further stores are to be removed."""
    return _record([*_left(writer), *more])


def unused_folder(writer: CatalogWriter) -> str:
    """The name of a folder for another store: of none that is in use, or could not be removed yet."""
    taken = {each.folder for each in _left(writer)}
    folder = following_store(store_folder(writer))
    while folder in taken:
        folder = following_store(folder)
    return folder


def leave_unfinished(path: Path, parts: Parts, writer: CatalogWriter) -> None:
    """Give up the conversion under way, if there is one, and remove every store that is not the collection's."""
    begun = Unused.parse(writer.meta(CONVERTING) or "")
    writer.set_meta({CONVERTING: "", **leaving(writer, *([begun] if begun else []))})
    remove_left(path, parts, writer)


def remove_left(path: Path, parts: Parts, writer: CatalogWriter) -> None:
    """Remove the stores that were left, and what they keep elsewhere. What cannot be removed is tried again the next time."""
    kept = [each for each in _left(writer) if not _removed(path, each, parts, writer)]
    writer.set_meta(_record(kept))
    staying = {store_folder(writer), *(each.folder for each in kept)}
    for folder in list(path.iterdir()):
        if is_store(folder.name) and folder.name not in staying:
            _remove(folder)


def _remove(folder: Path) -> None:
    """Remove the folder of a store, all of it at once for whoever reads it: a file that is missing beside others looks like damage."""
    gone = folder if folder.name.endswith(GONE) else folder.with_name(folder.name + GONE)
    with contextlib.suppress(OSError):  # where something of that name is left, it goes without
        folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _left(writer: CatalogWriter) -> list[Unused]:
    try:
        return [Unused.of(each) for each in json.loads(writer.meta(LEFT) or "[]")]
    except (ValueError, TypeError, KeyError, IndexError):
        return []


def _record(stores: list[Unused]) -> dict[str, str]:
    return {LEFT: json.dumps([each.dump() for each in stores])}


def empty_store(path: Path, parts: Parts) -> None:
    """Have the store of a collection remove what it keeps elsewhere, before whoever calls removes the directory.

    Args:
        path: the collection's directory.
        parts: what the configuration says of it; from there come the secrets, which are in no record.

    Raises:
        SeealsoError, OSError: it could not be asked to, or cannot.
    """
    catalog = Catalog(path)
    try:
        choice = recorded_choices(catalog)[STORE.word]
        _destroy(path, Unused(store_folder(catalog), choice, recorded_identity(catalog)), parts, catalog)
    finally:
        catalog.close()


def _destroy(path: Path, unused: Unused, parts: Parts, catalog: Catalog) -> None:
    """Have a store remove what it keeps elsewhere."""
    in_force, choice = parts.chosen(STORE).as_choice(), unused.choice
    if in_force.plugin == choice.plugin:
        # What was recorded of it is without the secrets.
        choice = replace(choice, secrets=in_force.secrets)
    chosen = parts.checked(STORE, choice, recorded=True)
    if chosen.cls.destroy is ObjectStore.destroy:
        return
    folder = path / unused.folder
    make_directory(folder)
    provenance = recorded_provenance(catalog)
    store = parts.make_store(chosen, folder, provenance, read_only=False, identity=unused.identity)
    try:
        # Of another one, that is at this place by now, nothing is removed.
        if unused.identity and identity_of(store) == unused.identity:
            store.destroy()
    finally:
        store.close()


def _removed(path: Path, left: Unused, parts: Parts, writer: CatalogWriter) -> bool:
    """Have a store that was left remove what it keeps elsewhere; False where it could not be asked to."""
    try:
        _destroy(path, left, parts, writer)
    except (SeealsoError, OSError) as error:
        log.warning(
            "the store %s, which the descriptors have left, could not be removed: %s; `seealso maintain` tries it again",
            *(left.choice.plugin, error),
        )
        return False
    return True

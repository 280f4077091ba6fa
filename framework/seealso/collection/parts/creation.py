"""Making a collection, whole or not at all; and what a directory is that holds none."""

from __future__ import annotations

import os
import time
from pathlib import Path

from seealso.catalogue.reader import Catalog
from seealso.catalogue.writer import create_catalog
from seealso.collection.parts.automatic import AUTOMATIC, Grounds, grounds_record, leaves_open
from seealso.collection.parts.identity import IDENTITY, new_identity
from seealso.collection.parts.lock import write_lock
from seealso.collection.parts.reading_words import WORDS, try_words
from seealso.collection.parts.recorded import record, way_record
from seealso.collection.parts.resolved import Parts
from seealso.collection.parts.scan_rules import KeptRules, rules_record
from seealso.durability import make_directory, writing_in
from seealso.errors import CollectionError, CorruptCollection, NoCollection
from seealso.layout import CATALOGUE, STORE, STORE_IDENTITY, holds_descriptors, strangers
from seealso.registry.kinds import SKETCH

STORE_FOLDER = "store_folder"
"""Where the catalogue keeps the name of the store's folder, once it is another than `STORE`."""


def store_folder(catalog: Catalog) -> str:
    """The name of the folder that holds the descriptors."""
    return catalog.meta(STORE_FOLDER) or STORE


def exists(path: Path) -> bool:
    """Whether there is a collection: it has a catalogue. An empty file is none: a catalogue is made whole or not at all."""
    file = path / CATALOGUE
    return file.is_file() and file.stat().st_size > 0


def explain_absence(path: Path) -> CollectionError:
    """What to say where a collection is needed and there is none."""
    if not os.path.lexists(path) or (path.is_dir() and not any(path.iterdir())):
        return NoCollection(f"there is no collection at {path} yet; `seealso index PATH…` makes it")
    if holds_descriptors(path):
        return _lost_catalogue(path)
    if not path.is_dir() or strangers(path):
        return NoCollection(f"{path} is not a seealso collection; give the collection another `path:`")
    return NoCollection(f"the making of the collection at {path} was interrupted; `seealso index PATH…` finishes it")


def create(path: Path, parts: Parts) -> None:
    """Make a collection, or finish one whose making was interrupted.

    Raises:
        CollectionError: something else is there.
        CorruptCollection: it holds descriptors, and only its catalogue is missing.
        CollectionReadOnly: nothing can be written there.
        ConfigError: a part that is configured does not exist or does not fit; nothing is made.
    """
    provenance = parts.extractor.provenance
    parts.distance(provenance.dtype)
    parts.check_sketch()
    # All that may be refused is asked for before anything is written.
    kept = record(parts.choices(), provenance) | rules_record(KeptRules()) | way_record(parts.way)
    sketched = parts.chosen_or_none(SKETCH) is not None
    kept |= grounds_record({kind.word: Grounds(sketched=sketched) for kind in AUTOMATIC if leaves_open(parts, kind)})
    if words := try_words(parts):
        kept[WORDS] = words
    with writing_in(path):
        if os.path.lexists(path) and not path.is_dir():
            raise CollectionError(f"{path} is a file; give the collection a `path:` of its own")
        # Nothing is written before this is known. IDs would be given again that the descriptors there have.
        if not exists(path) and holds_descriptors(path):
            raise _lost_catalogue(path)
        if path.is_dir() and strangers(path):
            raise CollectionError(
                f"{path} holds other files and is not a seealso collection; give the collection a `path:` of its own"
            )
        make_directory(path)
        with write_lock(path):
            if exists(path):
                return
            make_directory(path / STORE)
            # That of a collection whose catalogue was lost before anything was put.
            (path / STORE / STORE_IDENTITY).unlink(missing_ok=True)
            create_catalog(path, {**kept, IDENTITY: new_identity(), "created": str(time.time())})


def _lost_catalogue(path: Path) -> CorruptCollection:
    state = "empty" if os.path.isfile(path / CATALOGUE) else "missing"
    return CorruptCollection(
        f"{path / CATALOGUE}: the catalogue is {state}, and the store beside it holds descriptors; restore the catalogue "
        f"from a backup, or move {path} away to begin anew"
    )

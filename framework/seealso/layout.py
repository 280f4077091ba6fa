"""Every name in a collection's directory. Whoever reads or writes there takes the name from here.

What a folder holds is its owner's business: a store's, an index's, a plugin's. ``docs/inside.md`` says it for people.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from seealso.errors import PluginError

CATALOGUE = "catalog.sqlite3"
"""The catalogue; SQLite puts files beside it whose names begin so."""

STORE = "store"
"""The descriptors; ``store-2``, … once they were moved to another store."""

INDEX = "index"
"""Snapshots of the metric index."""

SKETCH = "sketch"
"""Snapshots of the table of sketches."""

TEXT = "text"
"""Snapshots of the text index."""

LOCK = "write.lock"
"""Held by whoever is writing."""

EVALUATION = "evaluation.npz"
"""True neighbours, kept from one evaluation to the next."""

LIKENESS = "likeness.json"
"""How far apart the collection's objects are, which says what likeness in percent means."""

DUPLICATES = "duplicates.npz"
"""The groups of near-identical images that were found last."""

EXTRAS = "extras"
"""A folder for each plugin that keeps something of its own."""

STORE_IDENTITY = "identity"
"""In the folder of a store: what the collection calls it; unless the store keeps that elsewhere."""

GONE = ".gone"
"""The end of the name of a store's folder that is being removed."""

_PLUGIN = re.compile(r"[a-z0-9]+([-_.][a-z0-9]+)*")


def is_store(name: str) -> bool:
    """Whether a folder of this name holds descriptors: those in force, or some that a conversion left, or what remains of these."""
    return re.fullmatch(rf"{STORE}(-\d+)?({re.escape(GONE)})?", name) is not None


def following_store(name: str) -> str:
    """The name of the folder that descriptors in the folder ``name`` are moved to."""
    return f"{STORE}-{int(name.removeprefix(STORE).removeprefix('-') or 1) + 1}"


def extras_of(directory: Path, plugin: str) -> Path:
    """The folder of a plugin's own in a collection's directory.

    Raises:
        PluginError: a plugin cannot have that name.
    """
    if not _PLUGIN.fullmatch(plugin):
        raise PluginError(
            f"{plugin!r} is no name of a plugin: lower-case words joined by hyphens; its folder has the same"
        )
    return directory / EXTRAS / plugin


def strangers(directory: Path) -> list[str]:
    """What lies in a directory and is no part of a collection."""
    ours = (INDEX, SKETCH, TEXT, LOCK, EXTRAS)
    names = (name for name in os.listdir(directory) if name not in ours and not is_store(name))
    # Beside these files lie those that SQLite and an interrupted writer make.
    return sorted(name for name in names if not name.startswith((CATALOGUE, EVALUATION, LIKENESS, DUPLICATES)))


def holds_descriptors(directory: Path) -> bool:
    """Whether the descriptors of a collection lie in a directory, whatever else does.

    A folder ``store`` alone may be anybody's. It is a collection's where what only a collection has lies beside it; or nothing
    that a collection has not.
    """
    if not directory.is_dir():
        return False
    stores = (folder for folder in directory.iterdir() if is_store(folder.name) and folder.is_dir())
    if not any(file.name != STORE_IDENTITY for store in stores for file in store.iterdir()):
        return False
    names = os.listdir(directory)
    signs = LOCK in names or any(name.startswith((CATALOGUE, EVALUATION, LIKENESS, DUPLICATES)) for name in names)
    return signs or not strangers(directory)

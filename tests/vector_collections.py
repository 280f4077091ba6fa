"""Collections of descriptors that stand for no images: what the tests of several rooms do with them."""

from pathlib import Path

import numpy as np

import seealso
from conftest import SAMPLES
from seealso.collection.parts.opened import Opened

PLUGINS = [SAMPLES / "plain.py", SAMPLES / "plain_text.py"]
DIM = 4


def more(folder: Path, count: int) -> Path:
    """Writes a file of so many more random descriptors."""
    number = len(list(folder.glob("*.npy")))
    file = folder / f"{number}.npy"
    np.save(file, np.random.default_rng(number).random((count, DIM), np.float32))
    return file


def found(collection: seealso.Collection) -> list[int]:
    """The IDs of all neighbours of the first object."""
    ids = collection.ids()
    return sorted(hit.id for hit in collection.similar(int(ids[0]), 10_000).hits)


def opened_of(collection: seealso.Collection) -> Opened:
    """What is open of a collection. It stays open until the collection is closed, or its store is left for another one."""
    with collection._opening.using() as opened:
        return opened


def part(collection: seealso.Collection) -> seealso.MetricIndex:
    """What the collection's index is by now."""
    collection.similar(int(collection.ids()[0]), 1)
    return opened_of(collection).index.part


def refuse(*_):
    raise ValueError("not now")

"""The groups that were found last, kept in the collection's directory: whoever asks to see them need not find them again."""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seealso.array_files import read_arrays, write_arrays
from seealso.collection.duplicates.groups import Duplicates
from seealso.collection.parts.opened import Opened
from seealso.errors import QueryError
from seealso.interfaces.likeness import Within
from seealso.layout import DUPLICATES
from seealso.paths import state_of

FORMAT = 1
ARRAYS = {
    "starts": np.int64,
    "ids": np.int64,
    "distances": np.float32,
    "flipped": np.bool_,
    "files": np.int64,
    "spare": np.int64,
    "spreads": np.float32,
}
FACTS = ("within", "mirrored", "objects", "locations", "change", "found")


class KeptDuplicates:
    """The groups that were found last in a collection. May be used from several threads at once.

    They are derived. A file that is damaged, or of other descriptors or another distance, is as if it were not there.

    Args:
        directory: the collection's.
    """

    def __init__(self, directory: Path) -> None:
        self._file = directory / DUPLICATES
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] | None = None
        self._found: tuple[str, Duplicates] | None = None

    def get(self, opened: Opened) -> Duplicates | None:
        """What was found last; None where nothing was. The file is read again only when it has changed."""
        with self._lock:
            state = state_of(self._file)
            if state != self._seen:
                self._seen, self._found = state, None if state is None else _loaded(self._file)
            found = self._found
        if found is None or found[0] != opened.measured_by():
            return None
        catalog = opened.catalog
        same = (found[1].change, found[1].locations) == (catalog.change(), catalog.counts().locations)
        return replace(found[1], outdated=not same)

    def keep(self, opened: Opened, found: Duplicates) -> None:
        """Keep what was found, where the disk lets us: it can be found again."""
        with contextlib.suppress(OSError):
            write_arrays(self._file, **_dumped(opened.measured_by(), found))


def _dumped(made_of: str, found: Duplicates) -> dict[str, Any]:
    record: dict[str, Any] = {name: getattr(found, name) for name in FACTS}
    record |= {"format": FORMAT, "made_of": made_of, "of_images": found.of_images}
    record |= {"distance": found.asked.distance, "likeness": found.asked.likeness}
    arrays: dict[str, Any] = {name: getattr(found, name).astype(dtype) for name, dtype in ARRAYS.items()}
    return {"record": np.frombuffer(json.dumps(record).encode(), np.uint8), **arrays}


def _loaded(file: Path) -> tuple[str, Duplicates] | None:
    read = read_arrays(file, "record", *ARRAYS)
    if read is None:
        return None
    try:
        record = json.loads(read["record"].tobytes())
        if record["format"] != FORMAT or not _fit_together(read):
            return None
        found: dict[str, Any] = {**{name: record[name] for name in FACTS}, **{name: read[name] for name in ARRAYS}}
        # An earlier release has not written it.
        found["of_images"] = bool(record.get("of_images", True))
        asked = Within(record["distance"], record["likeness"])
        return str(record["made_of"]), Duplicates(asked=asked, **found)
    except (ValueError, TypeError, KeyError, AttributeError, QueryError):
        return None


def _fit_together(arrays: dict[str, Any]) -> bool:
    """Whether the arrays are of the right types and lengths."""
    if any(arrays[name].dtype != dtype or arrays[name].ndim != 1 for name, dtype in ARRAYS.items()):
        return False
    starts, images = arrays["starts"], arrays["ids"].size
    groups = starts.size - 1
    sizes = {"distances": images, "flipped": images, "files": groups, "spare": groups, "spreads": groups}
    if groups < 0 or any(arrays[name].size != size for name, size in sizes.items()):
        return False
    return bool(starts[0] == 0 and starts[-1] == images and (np.diff(starts) > 0).all())

"""What the tests of object stores have in common."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from seealso.interfaces.store import EncodedBlock, ObjectStore
from seealso.testing.opening import open_store, rows
from seealso.testing.plugin_classes import PluginTests
from seealso.testing.processes import looking

Open = Callable[..., ObjectStore]


def array(*ids: int) -> np.ndarray:
    """IDs."""
    return np.array(ids, np.int64)


def found(blocks: list[EncodedBlock]) -> list[int]:
    """The IDs in blocks, ascending; and each descriptor has to be the one of its ID."""
    for block in blocks:
        assert len(block.records) == block.ids.size > 0
        assert np.array_equal(block.decode(), rows(block.ids))
    return sorted(id_ for block in blocks for id_ in block.ids.tolist())


class StoreFixtures(PluginTests):
    """A store, and more of the same."""

    kind = "store"
    class_attribute = "store_class"
    store_class: ClassVar[type[ObjectStore]]

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """The store's directory."""
        return tmp_path / "store"

    @pytest.fixture
    def opened(self, folder: Path) -> Iterator[Open]:
        """Opens the store, as often as asked; all are closed at the end."""
        stores: list[ObjectStore] = []

        def make(**options: Any) -> ObjectStore:
            stores.append(open_store(self.store_class, folder, **options))
            return stores[-1]

        yield make
        for store in stores:
            store.close()

    @pytest.fixture
    def store(self, opened: Open) -> ObjectStore:
        """The store, open for writing."""
        return opened()


def reading(store: ObjectStore, ids: np.ndarray) -> AbstractContextManager[list[object]]:
    """Threads read these IDs for as long as the block lasts; what goes wrong is in the list that it gives."""

    def look() -> Iterator[str]:
        if not np.array_equal(store.get_many(ids), rows(ids)):
            yield "get_many"
        if found(list(store.read_blocks(ids))) != ids.tolist():
            yield "read_blocks"

    return looking(look)

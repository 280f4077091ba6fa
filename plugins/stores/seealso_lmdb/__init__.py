"""The object store ``lmdb``: descriptors in LMDB, a memory-mapped B+ tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seealso import hookimpl

if TYPE_CHECKING:
    from seealso import ObjectStore


@hookimpl
def register_object_stores() -> list[type[ObjectStore]]:
    """The store ``lmdb``."""
    from seealso_lmdb.store import LmdbStore

    return [LmdbStore]

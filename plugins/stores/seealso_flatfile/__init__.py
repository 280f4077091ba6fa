"""The object store ``flat-file``: descriptors in append-only files, and a mapped table of where each lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seealso import hookimpl

if TYPE_CHECKING:
    from seealso import ObjectStore


@hookimpl
def register_object_stores() -> list[type[ObjectStore]]:
    """The store ``flat-file``."""
    from seealso_flatfile.store import FlatFileStore

    return [FlatFileStore]

"""The store sqlite, a plugin of seealso.

Every command of seealso imports this module, so what is heavy is imported inside the function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seealso import hookimpl

if TYPE_CHECKING:
    from seealso import ObjectStore


@hookimpl
def register_object_stores() -> list[type[ObjectStore]]:
    """The store sqlite."""
    from seealso_sqlite.store import SqliteStore

    return [SqliteStore]

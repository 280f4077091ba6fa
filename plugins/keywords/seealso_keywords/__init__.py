"""The keyword sources ``embedded``, ``sidecar``, ``table`` and ``names``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seealso import hookimpl

if TYPE_CHECKING:
    from seealso import KeywordSource


@hookimpl
def register_keyword_sources() -> list[type[KeywordSource]]:
    """Words in the image file, beside it, in a table, and in its path."""
    from seealso_keywords.embedded import Embedded
    from seealso_keywords.names import Names
    from seealso_keywords.sidecar import Sidecar
    from seealso_keywords.table import Table

    return [Embedded, Sidecar, Table, Names]

"""The text index ``tantivy``: full-text search by the Rust library of that name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seealso import hookimpl

if TYPE_CHECKING:
    from seealso import TextIndex


@hookimpl
def register_text_indexes() -> list[type[TextIndex]]:
    """The text index ``tantivy``."""
    from seealso_tantivy.index import TantivyIndex

    return [TantivyIndex]

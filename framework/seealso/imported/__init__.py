"""Descriptors that were made elsewhere: what stands for their extractor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seealso.registry.markers import hookimpl

if TYPE_CHECKING:
    from seealso.interfaces.extractor import Extractor


@hookimpl
def register_extractors() -> list[type[Extractor]]:
    """The extractor ``imported``."""
    from seealso.imported.extractor import Imported

    return [Imported]

"""The extractor ``timm``: any network of the library timm, up to its classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seealso import hookimpl

if TYPE_CHECKING:
    from seealso import Extractor


@hookimpl
def register_extractors() -> list[type[Extractor]]:
    """The extractor ``timm``."""
    from seealso_timm.extractor import TimmExtractor

    return [TimmExtractor]

"""The sketch ``rabitq``: a rotated PCA, and one, two or four bits a value (RaBitQ)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seealso import hookimpl

if TYPE_CHECKING:
    from seealso import Sketch


@hookimpl
def register_sketches() -> list[type[Sketch]]:
    """The sketch ``rabitq``."""
    from seealso_rabitq.sketch import RaBitQ

    return [RaBitQ]

"""The sketches ``rabitq`` and ``landmarks``: both write a few values of an object with RaBitQ's one, two or four bits each.

They differ in where the values come from: a rotated PCA, or the distances to some landmarks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seealso import hookimpl

if TYPE_CHECKING:
    from seealso import Sketch


@hookimpl
def register_sketches() -> list[type[Sketch]]:
    """Both sketches."""
    from seealso_rabitq.landmarks import Landmarks
    from seealso_rabitq.sketch import RaBitQ

    return [RaBitQ, Landmarks]

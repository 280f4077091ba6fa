"""The metrics: euclidean, manhattan, cosine (as an angle), hamming (on bits)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seealso.registry.markers import hookimpl

if TYPE_CHECKING:
    from seealso.interfaces.distance import Distance


@hookimpl
def register_distances() -> list[type[Distance]]:
    """The metrics that the framework brings."""
    from seealso.distances.bits import Hamming
    from seealso.distances.vectors import Cosine, Euclidean, Manhattan

    return [Euclidean, Manhattan, Cosine, Hamming]

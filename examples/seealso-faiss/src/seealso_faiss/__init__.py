"""The metric index ``faiss``, a plugin of seealso."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seealso import hookimpl

if TYPE_CHECKING:
    from seealso import MetricIndex


@hookimpl
def register_metric_indexes() -> list[type[MetricIndex]]:
    """The index faiss."""
    from seealso_faiss.index import FaissIndex

    return [FaissIndex]

"""The metric index ``exact``: brute force in blocks over the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seealso import hookimpl

if TYPE_CHECKING:
    from seealso import MetricIndex


@hookimpl
def register_metric_indexes() -> list[type[MetricIndex]]:
    """The index ``exact``."""
    from seealso_exact.index import ExactIndex

    return [ExactIndex]

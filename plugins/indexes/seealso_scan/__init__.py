"""The metric index ``scan``: the sketches of all objects, one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seealso import hookimpl

if TYPE_CHECKING:
    from seealso import MetricIndex


@hookimpl
def register_metric_indexes() -> list[type[MetricIndex]]:
    """The index ``scan``."""
    from seealso_scan.index import ScanIndex

    return [ScanIndex]

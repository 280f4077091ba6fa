"""The metric index ``ppp-codes``: pivot permutation prefixes in memory, for any metric (Novak and Zezula)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seealso import hookimpl

if TYPE_CHECKING:
    from seealso import MetricIndex


@hookimpl
def register_metric_indexes() -> list[type[MetricIndex]]:
    """The index ``ppp-codes``."""
    from seealso_pppcodes.index import PPPCodesIndex

    return [PPPCodesIndex]

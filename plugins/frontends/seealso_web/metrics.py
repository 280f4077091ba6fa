"""What is counted and timed, for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from seealso import Cost

FINE = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # seconds


class Metrics:
    """The metrics of one server; nothing is shared with another in the same process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "seealso_web_requests", "Requests.", ("route", "method", "status"), registry=self._registry
        )
        self.seconds = Histogram(
            "seealso_web_request_seconds", "Time to answer.", ("route",), buckets=FINE, registry=self._registry
        )
        self.stages = Histogram(
            "seealso_query_seconds", "Time of a query, by stage.", ("stage",), buckets=FINE, registry=self._registry
        )
        self.waiting = Gauge(
            "seealso_web_waiting", "Requests that wait their turn.", ("work",), registry=self._registry
        )
        self.connections = Gauge("seealso_web_connections", "Connections that are open.", registry=self._registry)
        self.refused = Gauge(
            "seealso_web_connections_refused", "Connections that were one too many.", registry=self._registry
        )
        self.pictures = Counter(
            "seealso_web_pictures", "Images shown, by where they came from.", ("source",), registry=self._registry
        )

    def count_query(self, cost: Cost) -> None:
        """Count a query that was answered."""
        for stage, milliseconds in cost.as_json()["ms"].items():
            self.stages.labels(stage).observe(milliseconds / 1000)

    def exposition(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self._registry)

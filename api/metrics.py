"""What Prometheus is told; one registry per app, so that tests may build many."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.admission import Admission
from shared.contract import WorkerState

# From the few milliseconds of a warm photo to the longest wait.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
METHODS = {"GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH"}


class Metrics:
    """Counts and times requests by route, never by path: an id in a path is no label."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "http_requests",
            "Requests answered.",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "http_request_duration_seconds",
            "Time from request to answer.",
            ["route"],
            buckets=BUCKETS,
            registry=self.registry,
        )

        self._refused = Counter(
            "connections_refused",
            "Refusals before a request was whole: too slow, too large, too many, malformed.",
            ["reason"],
            registry=self.registry,
        )

    def refused(self, slug: str) -> None:
        """A connection was refused for this reason."""
        self._refused.labels(slug).inc()

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """One request has ended."""
        method = method if method in METHODS else "other"
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def watch(self, admission: Admission) -> None:
        """Tell of broker, workers and queues too, from the last look at them."""
        self.registry.register(_FleetCollector(admission))


class _FleetCollector(Collector):
    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        fleet = self._admission.fleet
        yield GaugeMetricFamily("broker_up", "1 while Redis answers.", value=int(fleet.broker_up))
        depth = GaugeMetricFamily("queue_items", "Items that wait.", labels=["queue"])
        for queue, items in fleet.queued.items():
            depth.add_metric([queue.value], items)
        yield depth
        workers = GaugeMetricFamily("workers", "Workers by status.", labels=["status"])
        for state in WorkerState:
            count = sum(worker.status is state for worker in fleet.workers)
            workers.add_metric([state.value], count)
        yield workers
        yield CounterMetricFamily(
            "messages_discarded",
            "Messages that were none of ours.",
            value=fleet.discarded,
        )

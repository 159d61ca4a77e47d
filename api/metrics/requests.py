"""Metrics of requests; each app has its own registry, so that tests can build several apps."""

from collections.abc import Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.admission.cluster_state import ClusterState
from api.admission.queue_limits import Admission
from shared.errors import OwnerQueueFull, every_error
from shared.messages import WorkerState
from shared.worker_metrics import PREFIX

# Seconds: from the few milliseconds of a fast response to the longest wait.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
METHODS = {"GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH"}


class Metrics:
    """Counts and times requests by route; the path would make a label of every job id.

    Args:
        owners: The owners of API keys. If there are any, the counters have the label ``owner``,
            which is empty for a request without a valid key.
    """

    def __init__(self, owners: Iterable[str] = ()) -> None:
        # an extra series for each metric, which no dashboard uses
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self.owners = frozenset(owners)
        more = ["owner"] if self.owners else []
        self._requests = Counter(
            "http_requests",
            "Finished requests.",
            ["route", "method", "status", *more],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "http_request_duration_seconds",
            "From the request to the end of the response.",
            ["route"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._refusals = Counter(
            PREFIX + "refusals",
            "Requests that were refused, by the slug of the problem.",
            ["reason", *more],
            registry=self.registry,
        )
        # A series that begins at its first event hides that event from rate().
        for error in every_error():
            self._refusals.labels(error.slug, *self._owner(""))
        for owner in self.owners:
            self._refusals.labels(OwnerQueueFull.slug, owner)
        ProcessCollector(registry=self.registry)

    def _owner(self, owner: str) -> list[str]:
        return [owner] if self.owners else []

    def observe(
        self, route: str, method: str, status: int, seconds: float, owner: str = ""
    ) -> None:
        """Record a finished request.

        Args:
            route: The path template of the route.
            method: The HTTP method.
            status: The status of the response.
            seconds: Time from request to response.
            owner: Owner of the API key.
        """
        method = method if method in METHODS else "other"
        self._requests.labels(route, method, str(status), *self._owner(owner)).inc()
        self._seconds.labels(route).observe(seconds)

    def refused(self, reason: str, owner: str = "") -> None:
        """Record a refused request, which may be incomplete; ``reason`` is the problem's slug."""
        self._refusals.labels(reason, *self._owner(owner)).inc()

    def text(self, pipeline: Iterable[Metric]) -> bytes:
        """All metrics, with those of the pipeline, in the Prometheus text format."""
        return generate_latest(_Together(self.registry, pipeline))

    def watch(self, admission: Admission) -> None:
        """Add metrics of broker, workers and queues, from the last refresh of ``admission``."""
        self.registry.register(_FleetCollector(admission))


class _Together(Collector):
    def __init__(self, registry: CollectorRegistry, more: Iterable[Metric]) -> None:
        self._registry = registry
        self._more = more

    def collect(self) -> Iterable[Metric]:
        yield from self._registry.collect()
        yield from self._more


class _FleetCollector(Collector):
    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        cluster = self._admission.cluster
        yield GaugeMetricFamily(
            PREFIX + "broker_up", "1 while the API reaches Redis.", value=int(cluster.broker_up)
        )
        if cluster.broker_up:  # a zero would look like a counter reset, or raise an alarm
            yield from self._seen(cluster)

    @staticmethod
    def _seen(cluster: ClusterState) -> Iterable[Metric]:
        depth = GaugeMetricFamily(PREFIX + "queue_items", "Items that wait.", labels=["queue"])
        for queue, items in cluster.queued.items():
            depth.add_metric([queue.value], items)
        yield depth
        workers = GaugeMetricFamily(PREFIX + "workers", "Workers by status.", labels=["status"])
        for state in WorkerState:
            count = sum(worker.status is state for worker in cluster.workers)
            workers.add_metric([state.value], count)
        yield workers
        yield CounterMetricFamily(
            PREFIX + "messages_discarded",
            "Malformed messages that were removed from a queue.",
            value=cluster.discarded,
        )
        held = sum(worker.report.in_flight for worker in cluster.workers)
        yield GaugeMetricFamily(PREFIX + "in_flight_items", "Items that workers hold.", value=held)

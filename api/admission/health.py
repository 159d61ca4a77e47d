"""Health of the cluster: ok, degraded or unavailable."""

from typing import Literal

from api.admission.cluster_state import ClusterState, WorkerSeen
from api.http.schemas import BrokerHealth, Health, HealthStatus, QueueDepths, WorkerHealth
from shared.messages import WorkerState
from shared.queue.names import QueueName

Purpose = Literal["photos", "jobs"]


def status_of(cluster: ClusterState) -> HealthStatus:
    """The status of the cluster; workers that are starting are ignored."""
    working = cluster.working
    if not cluster.broker_up or not working:
        return "unavailable"
    stalled = any(worker.status is WorkerState.STALLED for worker in cluster.workers)
    weights = {worker.report.sha256 for worker in working}
    return "degraded" if stalled or len(weights) > 1 else "ok"


def readiness_of(cluster: ClusterState, purpose: Purpose) -> HealthStatus:
    """The status for one purpose: for photos as `status_of`; jobs need only the broker."""
    status = status_of(cluster)
    lacks_workers = status == "unavailable" and cluster.broker_up
    return "degraded" if purpose == "jobs" and lacks_workers else status


def health_of(cluster: ClusterState) -> Health:
    """The response of `/health`."""
    return Health(
        status=status_of(cluster),
        broker=BrokerHealth(
            status="up" if cluster.broker_up else "down", latency_ms=cluster.latency_ms
        ),
        workers=[_worker(worker) for worker in cluster.workers],
        queues=QueueDepths(
            interactive=cluster.queued[QueueName.INTERACTIVE], batch=cluster.queued[QueueName.BATCH]
        ),
        notice=next((w.report.notice for w in cluster.working if w.report.notice), None),
    )


def _worker(worker: WorkerSeen) -> WorkerHealth:
    return WorkerHealth(
        **{**worker.report.model_dump(), "status": worker.status},
        heartbeat_age_s=worker.heartbeat_age_s,
    )

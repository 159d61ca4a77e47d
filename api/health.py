"""The fleet, judged: ok, degraded or unavailable. Depends on api.fleet and api.schemas."""

from typing import Literal

from api.fleet import Fleet, WorkerSeen
from api.schemas import BrokerHealth, Health, HealthStatus, QueueDepths, WorkerHealth
from shared.contract import WorkerState
from shared.queue_names import QueueName

Purpose = Literal["photos", "jobs"]


def status_of(fleet: Fleet) -> HealthStatus:
    """Judge; a worker that is starting counts neither for nor against."""
    working = fleet.working
    if not fleet.broker_up or not working:
        return "unavailable"
    stalled = any(worker.status is WorkerState.STALLED for worker in fleet.workers)
    weights = {worker.report.sha256 for worker in working}
    return "degraded" if stalled or len(weights) > 1 else "ok"


def readiness_of(fleet: Fleet, purpose: Purpose) -> HealthStatus:
    """For photos as `status_of`; jobs are taken by a broker alone."""
    status = status_of(fleet)
    lacks_workers = status == "unavailable" and fleet.broker_up
    return "degraded" if purpose == "jobs" and lacks_workers else status


def health_of(fleet: Fleet) -> Health:
    """Everything that `/health` says."""
    return Health(
        status=status_of(fleet),
        broker=BrokerHealth(
            status="up" if fleet.broker_up else "down", latency_ms=fleet.latency_ms
        ),
        workers=[_worker(worker) for worker in fleet.workers],
        queues=QueueDepths(
            interactive=fleet.queued[QueueName.INTERACTIVE], batch=fleet.queued[QueueName.BATCH]
        ),
        notice=next((w.report.notice for w in fleet.working if w.report.notice), None),
    )


def _worker(worker: WorkerSeen) -> WorkerHealth:
    return WorkerHealth(
        **{**worker.report.model_dump(), "status": worker.status},
        heartbeat_age_s=worker.heartbeat_age_s,
    )

"""Which requests are admitted, and when the others may come back."""

import pytest

from api.admission.cluster_state import ClusterState, WorkerSeen
from api.admission.queue_limits import Admission
from api.redis_client import connect_async
from shared.errors import BrokerUnavailable, NoWorkers, QueueFull
from shared.messages import WorkerBeat, WorkerState
from shared.queue.names import QueueName

INTERACTIVE, BATCH = QueueName.INTERACTIVE, QueueName.BATCH


def cluster(*states: WorkerState, queued: int = 0, rate: float | None = None) -> ClusterState:
    workers = [
        WorkerSeen(WorkerBeat(name="w", status=state, rate_per_s=rate), state, 0.0)
        for state in states
    ]
    return ClusterState(latency_ms=1, workers=workers, queued={INTERACTIVE: queued, BATCH: 0})


def admission(seen: ClusterState) -> Admission:
    made = Admission(connect_async("redis://127.0.0.1:1", 0.1, 1), max_queued=100)
    made.cluster = seen
    return made


def test_before_the_first_look_the_broker_counts_as_down() -> None:
    with pytest.raises(BrokerUnavailable):
        admission(ClusterState()).check(INTERACTIVE, queue_s=1)


@pytest.mark.parametrize("state", [WorkerState.IDLE, WorkerState.BUSY])
def test_one_working_worker_admits_all_requests(state: WorkerState) -> None:
    admission(cluster(state)).check(INTERACTIVE, queue_s=1)


@pytest.mark.parametrize("states", [[], [WorkerState.STARTING], [WorkerState.STALLED]])
def test_without_a_working_worker_only_waiting_requests_are_refused(
    states: list[WorkerState],
) -> None:
    asked = admission(cluster(*states))
    with pytest.raises(NoWorkers):
        asked.check(INTERACTIVE, queue_s=1)
    asked.check(INTERACTIVE)
    asked.check(BATCH)


def test_one_full_queue_leaves_the_other_open() -> None:
    asked = admission(cluster(WorkerState.IDLE, queued=100))
    with pytest.raises(QueueFull):
        asked.check(INTERACTIVE, queue_s=1)
    asked.check(BATCH)


def test_until_an_item_is_finished_the_rate_of_the_workers_counts() -> None:
    asked = admission(cluster(WorkerState.BUSY, WorkerState.BUSY, queued=100, rate=25.0))
    assert asked.queue_full(INTERACTIVE).retry_after_s == 2


def test_requests_since_the_last_look_are_counted() -> None:
    asked = admission(cluster(WorkerState.BUSY, queued=0, rate=10.0))
    assert asked.queue_full(INTERACTIVE).retry_after_s == 10
    assert asked.queue_full(BATCH, items=51).retry_after_s == 5

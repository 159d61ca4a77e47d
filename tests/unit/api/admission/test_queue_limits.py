"""Who is let in, and when the others are told to come back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.admission.cluster_state import ClusterState, WorkerSeen
from api.admission.queue_limits import Admission
from api.admission.retry_after import EndRate, retry_after_s
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


@pytest.mark.parametrize(
    ("depth", "per_s", "seconds"),
    [(0, 0, 1), (1, 0, 120), (0, 50, 1), (100, 50, 2), (101, 50, 3), (10**9, 1, 120)],
)
def test_retry_after_is_depth_by_rate_within_bounds(depth: int, per_s: float, seconds: int) -> None:
    assert retry_after_s(depth, per_s) == seconds


@given(st.integers(0, 10**9), st.floats(0, 1e9))
def test_retry_after_is_always_from_one_to_120(depth: int, per_s: float) -> None:
    assert 1 <= retry_after_s(depth, per_s) <= 120


def rate_of(*samples: tuple[float, int], waiting: int = 1) -> float:
    rate = EndRate()
    for at_s, ended in samples:
        rate.add(at_s, ended, waiting)
    return rate.per_s


def test_the_rate_is_that_of_the_last_ten_seconds() -> None:
    assert rate_of() == 0
    assert rate_of((0, 5)) == 0
    assert rate_of((0, 0), (1, 50)) == 50
    assert rate_of((0, 0), (100, 1000), (105, 1010), (109, 1090)) == 10
    assert rate_of((0, 0), (5, 50), (20, 50), (25, 50)) == 0


def test_time_in_which_nothing_waited_does_not_count() -> None:
    assert rate_of((0, 0), (1, 50), waiting=0) == 0
    rate = EndRate()
    for at_s, ended, waiting in [(0, 10, 0), (8, 10, 0), (8.5, 30, 20), (9, 50, 10)]:
        rate.add(at_s, ended, waiting)
    assert rate.per_s == 40


def test_a_redis_that_lost_its_data_restarts_the_count() -> None:
    assert rate_of((0, 1000), (1, 1100), (2, 0), (3, 20)) == 20

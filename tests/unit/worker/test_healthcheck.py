"""What the container's health check says of what Redis holds."""

import pytest

from shared.messages import WorkerReport, WorkerState
from worker.healthcheck import verdict

NOW_MS = 1_000_000


def said(name: str, status: WorkerState, age_ms: int) -> str | None:
    report = WorkerReport(name=name, status=status).model_dump_json()
    return verdict("here", {"i": report}, {"i": NOW_MS - age_ms}, NOW_MS)


@pytest.mark.parametrize("status", [WorkerState.IDLE, WorkerState.BUSY])
def test_a_worker_of_this_host_that_works_is_healthy(status: WorkerState) -> None:
    assert said("celery@here", status, 500) is None


@pytest.mark.parametrize("status", [WorkerState.STARTING, WorkerState.STALLED])
def test_a_worker_that_cannot_answer_is_not(status: WorkerState) -> None:
    assert said("celery@here", status, 500) == f"celery@here is {status.value}"


def test_silence_is_not_health() -> None:
    assert said("celery@here", WorkerState.IDLE, 60_000) == "celery@here has been silent for 60 s"


def test_another_hosts_worker_does_not_count() -> None:
    assert said("celery@there", WorkerState.IDLE, 500) == "no worker on here has reported"


def test_a_heartbeat_ahead_of_a_clock_that_was_set_back_is_not_health() -> None:
    assert said("celery@here", WorkerState.IDLE, -60_000) == "celery@here has been silent for 60 s"

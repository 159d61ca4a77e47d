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


def test_a_worker_without_heartbeats_is_unhealthy() -> None:
    assert said("celery@here", WorkerState.IDLE, 60_000) == "celery@here has been silent for 60 s"


def test_another_hosts_worker_does_not_count() -> None:
    assert said("celery@there", WorkerState.IDLE, 500) == "no worker on here has reported"


def test_a_heartbeat_ahead_of_a_clock_that_was_set_back_is_not_health() -> None:
    assert said("celery@here", WorkerState.IDLE, -60_000) == "celery@here has been silent for 60 s"


@pytest.mark.parametrize("text", ["", "no JSON", "{}", '{"name": 3}', '{"status": "idle"}', "[]"])
def test_a_heartbeat_that_cannot_be_read_fails_no_other_workers_check(text: str) -> None:
    sound = WorkerReport(name="celery@here", status=WorkerState.IDLE).model_dump_json()
    beats = {"other": float(NOW_MS), "this": float(NOW_MS)}
    assert verdict("here", {"other": text, "this": sound}, beats, NOW_MS) is None
    assert verdict("here", {"other": text}, beats, NOW_MS) == "no worker on here has reported"


def test_a_newer_releases_state_and_fields_can_be_read() -> None:
    text = '{"name": "celery@there", "status": "draining", "since": 5, "unstarted": ["a.0.1"]}'
    report = WorkerReport.model_validate_json(text)
    assert report.status is WorkerState.STARTING
    assert verdict("there", {"i": text}, {"i": NOW_MS}, NOW_MS) == "celery@there is starting"

"""Operations of several requests, with responses from the test."""

from typing import Any

import pytest

from image_classifier_client import (
    ClassifierError,
    Photo,
    ProblemError,
    ServiceUnavailable,
    ServiceUnreachable,
    WaitTimeout,
    polling,
)
from image_classifier_client.api_requests import ApiRequest
from image_classifier_client.models import Job, JobItem, PredictAnswer, Problem

RUNNING = Job.model_validate(
    {
        "job_id": "1",
        "status": "running",
        "created_at": "2026-11-26T09:00:00Z",
        "counts": {
            "total": 1, "queued": 0, "running": 1, "succeeded": 0, "failed": 0, "cancelled": 0
        },
    }
)  # fmt: skip
ENDED = RUNNING.model_copy(update={"status": "completed", "finished_at": RUNNING.created_at})
SUCCEEDED = JobItem.model_validate(
    {
        "index": 0,
        "filename": "a.jpg",
        "status": "succeeded",
        "predictions": [{"label": "tabby", "class_index": 281, "confidence": 0.5}],
        "model": {"name": "m", "weights": "w", "sha256": "0", "device": "cpu", "precision": "p"},
        "timing_ms": {"queued": 1, "decode": 1, "inference": 1, "total": 3},
    }
)
FAILED = JobItem.model_validate(
    {"index": 0, "status": "failed", "error": {"type": "/problems/item_timeout", "status": 503}}
)


def drive(operation: polling.Operation[Any], *answers: object) -> tuple[object, list[float]]:
    """Run an operation; return its result, and the seconds for which it slept."""
    waiting = iter(answers)
    slept: list[float] = []
    answer: object = None
    while True:
        try:
            step = operation.send(answer)
        except StopIteration as end:
            assert list(waiting) == []
            return end.value, slept
        answer = None
        if isinstance(step, ApiRequest):
            answer = next(waiting)
            if isinstance(answer, Exception):
                operation.throw(answer)
        else:
            slept.append(step)


def test_polling_slows_down() -> None:
    job, slept = drive(polling.wait("1", None), *[RUNNING] * 10, ENDED)
    assert job is ENDED
    assert slept[0] == polling.POLL_MIN_S
    assert slept == sorted(slept)
    assert slept[-1] == polling.POLL_MAX_S


def test_progress_is_reported_after_each_poll() -> None:
    seen: list[Job] = []
    drive(polling.wait("1", None, seen.append), RUNNING, ENDED)
    assert seen == [RUNNING, ENDED]


def test_waiting_ends_after_the_timeout() -> None:
    with pytest.raises(WaitTimeout, match="continues"):
        drive(polling.wait("1", 0), RUNNING)


def test_predict_waits_for_the_job_of_a_202() -> None:
    done = ENDED.model_copy(update={"items": [SUCCEEDED]})
    answer, _ = drive(polling.predict(Photo(b"x"), 3, 20, None), RUNNING, RUNNING, ENDED, done)
    assert isinstance(answer, PredictAnswer)
    assert (answer.job_id, answer.predictions[0].label) == ("1", "tabby")


@pytest.mark.parametrize(
    ("item", "slug"),
    [
        (FAILED, "item_timeout"),
        (JobItem(index=0, status="cancelled"), "job_cancelled"),
    ],
)
def test_predict_raises_the_error_of_a_failed_job(item: JobItem, slug: str) -> None:
    done = ENDED.model_copy(update={"items": [item]})
    with pytest.raises(ProblemError) as caught:
        drive(polling.predict(Photo(b"x"), 3, 20, None), RUNNING, ENDED, done)
    assert caught.value.slug == slug
    assert caught.value.problem.job_id == "1"


def test_predict_stops_waiting_for_the_job_after_the_timeout() -> None:
    with pytest.raises(WaitTimeout, match="Job 1 is not finished") as caught:
        drive(polling.predict(Photo(b"x"), 3, 20, 0), RUNNING, RUNNING)
    assert caught.value.job_id == "1"


@pytest.mark.parametrize(
    "error",
    [
        ServiceUnreachable("No response"),
        ServiceUnavailable(Problem(type="/problems/broker_unavailable", status=503)),
    ],
)
def test_an_error_while_polling_names_the_job(error: ClassifierError) -> None:
    with pytest.raises(type(error)) as caught:
        drive(polling.predict(Photo(b"x"), 3, 20, None), RUNNING, RUNNING, error)
    assert caught.value.job_id == "1"


def test_an_error_before_there_is_a_job_names_none() -> None:
    with pytest.raises(ServiceUnreachable) as caught:
        drive(polling.predict(Photo(b"x"), 3, 20, None), ServiceUnreachable("No response"))
    assert caught.value.job_id is None


@pytest.mark.parametrize(
    ("timeout_s", "wait"), [(None, 20), (5, 5), (0.5, 0), (1e9, 20), (float("inf"), 20), (-1, 0)]
)
def test_the_service_is_not_asked_to_wait_longer_than_the_caller(
    timeout_s: float | None, wait: int
) -> None:
    request = next(polling.predict(Photo(b"x"), 3, 20, timeout_s))
    assert isinstance(request, ApiRequest)
    assert request.headers["Prefer"] == f"wait={wait}"

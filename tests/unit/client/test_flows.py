"""Conversations of several requests, answered by the test."""

from typing import Any

import pytest

from image_classifier_client import Photo, ProblemError, WaitTimeout, flows
from image_classifier_client.calls import Call
from image_classifier_client.models import Job, JobItem, PredictAnswer

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


def drive(flow: flows.Flow[Any], *answers: object) -> tuple[object, list[float]]:
    """Run a flow to its end; returns its result, and how long it slept in between."""
    waiting = iter(answers)
    slept: list[float] = []
    answer: object = None
    while True:
        try:
            step = flow.send(answer)
        except StopIteration as end:
            assert list(waiting) == []
            return end.value, slept
        answer = None
        if isinstance(step, Call):
            answer = next(waiting)
        else:
            slept.append(step)


def test_waiting_looks_often_at_first_and_less_often_later() -> None:
    job, slept = drive(flows.wait("1", None), *[RUNNING] * 10, ENDED)
    assert job is ENDED
    assert slept[0] == flows.POLL_FIRST_S
    assert slept == sorted(slept)
    assert slept[-1] == flows.POLL_MOST_S


def test_waiting_tells_each_look() -> None:
    seen: list[Job] = []
    drive(flows.wait("1", None, seen.append), RUNNING, ENDED)
    assert seen == [RUNNING, ENDED]


def test_waiting_ends_when_time_is_over() -> None:
    with pytest.raises(WaitTimeout, match="goes on"):
        drive(flows.wait("1", 0), RUNNING)


def test_a_predict_that_became_a_job_is_waited_for() -> None:
    done = ENDED.model_copy(update={"items": [SUCCEEDED]})
    answer, _ = drive(flows.predict(Photo(b"x"), 3), RUNNING, RUNNING, ENDED, done)
    assert isinstance(answer, PredictAnswer)
    assert (answer.job_id, answer.predictions[0].label) == ("1", "tabby")


@pytest.mark.parametrize(
    ("item", "slug"),
    [
        (FAILED, "item_timeout"),
        (JobItem(index=0, status="cancelled"), "job_cancelled"),
    ],
)
def test_a_predict_that_became_a_failed_job_raises_how_it_ended(item: JobItem, slug: str) -> None:
    done = ENDED.model_copy(update={"items": [item]})
    with pytest.raises(ProblemError) as caught:
        drive(flows.predict(Photo(b"x"), 3), RUNNING, ENDED, done)
    assert caught.value.slug == slug
    assert caught.value.problem.job_id == "1"

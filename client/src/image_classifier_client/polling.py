"""Operations that take several requests, written once for both clients.

An operation is a generator. It yields a request, to be given the response, or a number of
seconds to sleep. If a request fails, its error is thrown into the generator.
"""

import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from image_classifier_client import api_requests
from image_classifier_client.api_requests import ApiRequest
from image_classifier_client.errors import (
    ProblemError,
    ServiceUnavailable,
    ServiceUnreachable,
    WaitTimeout,
)
from image_classifier_client.models import Job, PredictAnswer, Problem
from image_classifier_client.photos import Photo

T = TypeVar("T")
Operation = Generator[ApiRequest[Any] | float, Any, T]
OnProgress = Callable[[Job], None]

# Seconds between two requests: short at first, because small jobs finish soon.
POLL_MIN_S, POLL_MAX_S, POLL_GROWTH = 0.05, 0.5, 1.5


def wait(
    job_id: str, timeout_s: float | None, on_progress: OnProgress | None = None
) -> Operation[Job]:
    """Poll a job until every item is finished.

    Raises:
        WaitTimeout: The job is not finished after ``timeout_s``.
    """
    deadline = _deadline(timeout_s)
    pause = POLL_MIN_S
    while True:
        job: Job = yield api_requests.job(job_id, limit=1)
        if on_progress:
            on_progress(job)
        if job.finished_at is not None:
            return job
        if deadline is not None and time.monotonic() + pause > deadline:
            error = WaitTimeout(
                f"Job {job_id} is not finished yet. It continues: wait for it again later"
            )
            error.job_id = job_id
            raise error
        yield pause
        pause = min(pause * POLL_GROWTH, POLL_MAX_S)


def predict(  # noqa: PLR0913 - the options of a request
    photo: Photo,
    top_k: int,
    wait_s: int,
    timeout_s: float | None,
    *,
    explain: bool = False,
    min_confidence: float = 0.0,
) -> Operation[PredictAnswer]:
    """Classify one photo, also when that takes longer than one request may.

    Args:
        photo: The photo.
        top_k: How many classes to return.
        wait_s: Seconds that the first request may take; after that the service returns a job.
        timeout_s: Seconds after which to stop waiting for that job; ``None`` for never.
        explain: Whether to return class activation maps.
        min_confidence: Leaves out classes with a lower confidence.

    Raises:
        WaitTimeout: The job is not finished after ``timeout_s``.
        ProblemError: The photo was not classified.
    """
    deadline = _deadline(timeout_s)
    wait_s = wait_s if timeout_s is None else int(min(wait_s, max(0, timeout_s)))
    answer: PredictAnswer | Job = yield api_requests.predict(
        photo, top_k, wait_s, explain=explain, min_confidence=min_confidence
    )
    if isinstance(answer, PredictAnswer):
        return answer
    job_id = answer.job_id
    try:
        left_s = None if deadline is None else deadline - time.monotonic()
        yield from wait(job_id, left_s)
        job: Job = yield api_requests.job(job_id)
    except (ServiceUnreachable, ServiceUnavailable) as error:
        error.job_id = job_id
        raise
    item = job.items[0]
    if item.error:
        raise ProblemError(item.error.model_copy(update={"job_id": job_id}))
    if item.status == "cancelled":
        raise ProblemError(_CANCELLED.model_copy(update={"job_id": job_id}))
    return PredictAnswer.model_validate({**item.model_dump(), "job_id": job_id})


def _deadline(timeout_s: float | None) -> float | None:
    return None if timeout_s is None else time.monotonic() + timeout_s


_CANCELLED = Problem(
    type="/problems/job_cancelled",
    title="Job cancelled",
    status=409,
    detail="The job was cancelled. Send the photo again.",
)

"""Conversations of several requests, written once for both clients.

A flow yields a call to have it sent and be given its answer, or a number of seconds to sleep.
"""

import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from image_classifier_client import calls
from image_classifier_client.errors import ProblemError, WaitTimeout
from image_classifier_client.models import Job, PredictAnswer, Problem
from image_classifier_client.photos import Photo

T = TypeVar("T")
Flow = Generator[calls.Call[Any] | float, Any, T]
OnProgress = Callable[[Job], None]

# Between two looks at a job: soon at first, because small jobs end soon.
POLL_FIRST_S, POLL_MOST_S, POLL_GROWTH = 0.05, 0.5, 1.5


def wait(job_id: str, timeout_s: float | None, on_progress: OnProgress | None = None) -> Flow[Job]:
    """The job once every item has ended.

    Raises:
        WaitTimeout: It takes longer than that.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    pause = POLL_FIRST_S
    while True:
        job: Job = yield calls.job(job_id, limit=1)
        if on_progress:
            on_progress(job)
        if job.finished_at is not None:
            return job
        if deadline is not None and time.monotonic() + pause > deadline:
            raise WaitTimeout(f"The job {job_id} has not ended in {timeout_s:g} s; it goes on.")
        yield pause
        pause = min(pause * POLL_GROWTH, POLL_MOST_S)


def predict(photo: Photo, top_k: int, *, explain: bool = False) -> Flow[PredictAnswer]:
    """One photo's answer, also when it takes longer than one request may."""
    answer: PredictAnswer | Job = yield calls.predict(photo, top_k, explain=explain)
    if isinstance(answer, PredictAnswer):
        return answer
    yield from wait(answer.job_id, None)
    job: Job = yield calls.job(answer.job_id)
    item = job.items[0]
    if item.error:
        raise ProblemError(item.error.model_copy(update={"job_id": job.job_id}))
    if item.status == "cancelled":
        raise ProblemError(CANCELLED.model_copy(update={"job_id": job.job_id}))
    return PredictAnswer.model_validate({**item.model_dump(), "job_id": job.job_id})


CANCELLED = Problem(
    type="/problems/job_cancelled",
    title="Job cancelled",
    status=409,
    detail="The job was cancelled. Send the photo again.",
)

"""Answers written once: a model is serialised straight into the body. Depends on api.schemas."""

from fastapi import Response
from pydantic import BaseModel

from api.schemas import Job

# Polls of a job that is not done: soon enough to feel quick, rarely enough to cost nothing.
POLL_S = 1


def json_response(
    message: BaseModel, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """The message as JSON, without the second validation that a response model would cost."""
    return Response(message.model_dump_json(), status, headers, "application/json")


def job_response(job: Job, status: int, headers: dict[str, str] | None = None) -> Response:
    """A job that was accepted: where it is, and when to look."""
    where = {"location": f"/jobs/{job.job_id}", "retry-after": str(POLL_S)}
    return json_response(job, status, {**where, **(headers or {})})

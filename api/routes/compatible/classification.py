"""Classifies the photos of a request from a client of another service, as ``/predict`` does."""

from fastapi import Request, Response

from api.dependencies import Services
from api.http.responses import respond_error
from api.jobs.completion_or_disconnect import cancel_unwanted
from api.routes.predict import Reader, admit, failure, run, take
from shared.errors import ResultTimeout
from shared.messages import ItemResult, Prediction
from shared.records.jobs import JobRecord


async def classify(
    request: Request, services: Services, read: Reader
) -> list[ItemResult] | Response:
    """The result of each photo, in order, or the response to a request that failed.

    These protocols know no job that a client could poll: a photo without a result in time is
    cancelled.

    Args:
        request: The request; its `Prefer: wait=N` is respected.
        services: The app's services.
        read: Reads the photos from the body, after the request was admitted.

    Raises:
        ServiceError: The request was refused.
        starlette.requests.ClientDisconnect: The client disconnected.
    """
    wait_s = admit(request, services).wait_s
    job = await take(request, services, read)
    end = await run(request, services, job, wait_s)
    if isinstance(end, bytes):
        return [ItemResult.model_validate_json(end)]
    if end.finished_ms is None:
        await cancel_unwanted(services.jobs, job.job_id)
        return respond_error(
            ResultTimeout(
                f"There was no result within {wait_s:g} s. Send the request again, or wait longer: "
                "'Prefer: wait=60'."
            )
        )
    return _failure(end) or [item.result or ItemResult() for item in end.items]


def _failure(record: JobRecord) -> Response | None:
    several = record.total > 1
    for item in record.items:
        prefix = f"Image {item.index + 1} of {record.total}: " if several else ""
        if failed := failure(item, record.job_id, prefix):
            return failed
    return None


def predictions(result: ItemResult) -> list[Prediction]:
    """The classes of a photo that succeeded."""
    return result.predictions or []

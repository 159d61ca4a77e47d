"""``POST /predict``: a job with one photo; the request waits for its result."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic_core import from_json, to_json
from structlog.contextvars import bind_contextvars

from api.dependencies import (
    STRICT,
    ClassifyOptions,
    ClassifyOptionsDep,
    DefaultOptionsRoute,
    Preference,
    Services,
    ServicesDep,
    owner_of,
    parse_prefer,
)
from api.http.openapi import PREDICT_BODY, PREFER, example, problems
from api.http.openapi_examples import JOB_QUEUED, PREDICTION
from api.http.responses import job_response, json_response, respond_error, respond_item
from api.http.schemas import NO_CONCEPT, RESULT_FIELDS, Job, PredictAnswer
from api.intake.body import MemoryLease, read_photo
from api.intake.photo import Photo
from api.jobs.completion_or_disconnect import DisconnectWatch
from api.jobs.snapshots import as_created
from shared import errors, log
from shared.messages import ItemState
from shared.queue.names import QueueName
from shared.records.jobs import ItemRecord, JobRecord
from shared.records.new_job import NewItem, NewJob
from shared.uploads import upload_key

PhotosToClassify = tuple[list[Photo], ClassifyOptions]
# Reads the body within the request's lease.
Reader = Callable[[MemoryLease], Awaitable[PhotosToClassify]]

router = APIRouter(tags=["predict"], dependencies=STRICT, route_class=DefaultOptionsRoute)

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": PredictAnswer, **example("The most probable classes.", PREDICTION)},
    202: {
        "model": Job,
        **example(
            "Not finished yet: the job to poll.",
            {**JOB_QUEUED, "items": JOB_QUEUED["items"][:1]},
            Location="address of the job, relative to the address of the request",
            Retry_After="seconds to wait before polling",
        ),
    },
    **problems(*errors.OF_WAITING),
}


@router.post(
    "/predict",
    operation_id="predict",
    summary="Classify one photo",
    response_class=Response,
    responses=_RESPONSES,
    openapi_extra={"requestBody": PREDICT_BODY, "parameters": [PREFER]},
)
async def predict(request: Request, services: ServicesDep, options: ClassifyOptionsDep) -> Response:
    """Send the photo as form field `file`, as the raw body, or as JSON `{"image": "<base64>"}`.

    The request waits for the result for the time in `Prefer`, by default 20 s. After that the
    response is 202 and the job continues. If the client disconnects while it waits, the job is
    cancelled.
    """
    preference = admit(request, services)
    if options.explain:
        services.admission.check_explain()

    async def read(lease: MemoryLease) -> PhotosToClassify:
        settings = services.settings
        photo = await read_photo(request, settings.max_upload_bytes, lease, settings.formats)
        return [photo], options

    job = await take(request, services, read)
    end = await run(request, services, job, preference.wait_s)
    headers = {"preference-applied": preference.applied} if preference.applied else {}
    if isinstance(end, bytes):
        return Response(end, 200, headers, "application/json")
    return _answer(end, headers)


def admit(request: Request, services: Services) -> Preference:
    """How long the client waits; refuses a request that could not be served in that time.

    Raises:
        BrokerUnavailable, NoWorkers, QueueFull, OwnerQueueFull: See
            `api.admission.queue_limits.Admission.check`.
    """
    preference = parse_prefer(request.headers.getlist("prefer"), services.settings.predict_wait_s)
    services.admission.check(
        QueueName.INTERACTIVE,
        queue_s=_queue_s(services, preference.wait_s),
        waiting=services.completions.count,
        owner=owner_of(request),
    )
    return preference


def _queue_s(services: Services, wait_s: float) -> float:
    """A short wait also shortens the queue that the client accepts; a long one never lengthens it.

    Returns seconds.
    """
    return min(wait_s, services.settings.predict_queue_s)


async def take(request: Request, services: Services, read: Reader) -> NewJob:
    """Read and store the photos; their bytes leave memory once they are stored."""
    job_id = uuid.uuid4().hex
    bind_contextvars(job=job_id)
    with services.budget.lease() as lease:
        photos, options = await read(lease)
        stored = {upload_key(job_id, at): photo.data.blocks for at, photo in enumerate(photos)}
        await services.jobs.store(stored)
    items = [
        NewItem(photo.filename, key, None, options.explain, options.min_confidence)
        for key, photo in zip(stored, photos, strict=True)
    ]
    return NewJob(
        job_id=job_id,
        queue=QueueName.INTERACTIVE,
        top_k=options.top_k,
        items=items,
        reply_to=services.completions.channel,
        owner=owner_of(request),
        request_id=log.request_id(),
    )


async def run(
    request: Request, services: Services, job: NewJob, wait_s: float
) -> bytes | JobRecord:
    """Submit the job and wait until it is finished or the client's wait time is over.

    Returns:
        The response's body, if the worker published a result; otherwise the job's record with all
        of its items.

    Raises:
        starlette.requests.ClientDisconnect: The client disconnected; the job is cancelled.
    """
    loop, jobs = asyncio.get_running_loop(), services.jobs
    deadline = loop.time() + wait_s
    with services.completions.expect(job.job_id) as woken:
        await jobs.submit(job, services.admission.room(_queue_s(services, wait_s)))
        async with DisconnectWatch(request, woken) as client:
            while await client.event_within(deadline - loop.time()):
                woken.clear()
                if woken.ended and (body := published_answer(job, woken.ended)):
                    return body
                record = await _read(services, job)
                if record.finished_ms is not None:
                    return record
            await client.cancel_if_happened(jobs, job.job_id)
    return await _read(services, job)


async def _read(services: Services, job: NewJob) -> JobRecord:
    """The job's current record, or its record as created while Redis does not respond."""
    try:
        return await services.jobs.read(job.job_id, 0, len(job.items))
    except errors.BrokerUnavailable:
        return as_created(job, len(job.items))
    except errors.JobNotFound as error:
        raise errors.BrokerUnavailable("The job was lost. Send the photo again.") from error


def published_answer(job: NewJob, ended: str) -> bytes | None:
    """The body of the 200, from what the worker published when the job ended.

    A result's JSON is the answer's, so that nothing is validated or written a second time.

    Args:
        job: A job of one photo.
        ended: The item's state, a space, its result's JSON.

    Returns:
        ``None`` for a photo that did not succeed, and for a result in the form of another version:
        the record itself has to be read.
    """
    state, _, result = ended.partition(" ")
    if state != ItemState.SUCCEEDED or not result.startswith("{"):
        return None
    try:
        if list(from_json(result)) not in (RESULT_FIELDS, NO_CONCEPT):
            return None
    except ValueError:
        return None
    own = {"job_id": job.job_id, "filename": job.items[0].filename, "status": state}
    return to_json(own)[:-1] + b"," + result[1:].encode()


def _answer(record: JobRecord, headers: dict[str, str]) -> Response:
    item = record.items[0]
    if failed := failure(item, record.job_id):
        return failed
    if item.status is ItemState.SUCCEEDED and (result := item.result):
        return json_response(PredictAnswer.of(record.job_id, item, result), headers=headers)
    return job_response(Job.of(record, 0, 1), 202, headers)


def failure(item: ItemRecord, job_id: str, prefix: str = "") -> Response | None:
    """The response to a request whose photo failed or was cancelled, else ``None``.

    ``prefix`` begins the detail: it names the photo where a request has several.
    """
    if (result := item.result) and (problem := result.error):
        return respond_item(problem.model_copy(update={"detail": prefix + problem.detail}), job_id)
    if item.status is ItemState.CANCELLED:
        return respond_error(errors.JobCancelled("The job was cancelled. Send the photo again."))
    return None

"""``/jobs``: classify many photos in one job, and poll the job by its id."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from structlog.contextvars import bind_contextvars

from api.dependencies import (
    STRICT,
    ClassifyOptions,
    ClassifyOptionsDep,
    JobId,
    Services,
    ServicesDep,
    owner_of,
)
from api.http.openapi import PHOTO, example, form, problems
from api.http.openapi_examples import JOB_CANCELLED, JOB_COMPLETED, JOB_QUEUED
from api.http.responses import job_response, json_response
from api.http.schemas import Job, job_json
from api.intake.batch import BatchIntake
from api.jobs.idempotency import Fingerprint, IdempotencyKey, own_key
from api.jobs.snapshots import as_created
from shared import errors, log
from shared.queue.names import QueueName
from shared.records.new_job import NewJob

_log = log.get(__name__)

router = APIRouter(tags=["jobs"], dependencies=STRICT)

PAGE_DEFAULT, PAGE_MAX = 100, 1_000
OFFSET_MAX = 10_000_000

Offset = Annotated[int, Query(ge=0, le=OFFSET_MAX, description="index of the page's first item")]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="maximum number of items in the page")]


@router.post(
    "/jobs",
    status_code=202,
    operation_id="create_job",
    summary="Classify many photos",
    response_class=Response,
    responses={
        202: {
            "model": Job,
            **example(
                "Accepted: the job to poll.",
                JOB_QUEUED,
                Location="address of the job, relative to the address of the request",
                Retry_After="seconds to wait before polling",
            ),
        },
        **problems(
            errors.MalformedRequest,
            errors.RequestTimeout,
            errors.IdempotencyConflict,
            errors.UploadTooLarge,
            errors.InvalidParameter,
            errors.BrokerUnavailable,
            errors.QueueFull,
            errors.OwnerQueueFull,
        ),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": form(
                "files", {"type": "array", "minItems": 1, "items": PHOTO}, "each as for `/predict`"
            ),
        }
    },
)
async def create_job(
    request: Request,
    services: ServicesDep,
    options: ClassifyOptionsDep,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Send the photos in the repeated form field `files`.

    If a file is not a valid image, only that file fails. An accepted
    job is kept even while no worker runs. Add an `Idempotency-Key` header to make retries safe: as
    long as the job's record exists, the same photos under the same names return the same job.
    """
    jobs, job_id, owner = services.jobs, uuid.uuid4().hex, owner_of(request)
    key = own_key(idempotency_key, owner) if idempotency_key else None
    await _admit(services, key, owner)
    if options.explain:
        services.admission.check_explain()
    bind_contextvars(job=job_id)
    fingerprint = _fingerprint(options) if key else None
    intake = BatchIntake(
        job_id, jobs, services.settings, services.budget, fingerprint,
        options.explain, options.min_confidence,
    )  # fmt: skip
    job = NewJob(
        job_id=job_id,
        queue=QueueName.BATCH,
        top_k=options.top_k,
        items=await intake.read(request),
        idempotency=fingerprint.under(key) if fingerprint and key else None,
        owner=owner,
        request_id=log.request_id(),
    )
    answering = await jobs.create(job)
    if answering != job_id:
        _log.info("job repeated", answering=answering)
        return job_response(
            Job.of(await jobs.read(answering, 0, PAGE_DEFAULT), 0, PAGE_DEFAULT), 202
        )
    _log.info("job accepted", items=len(job.items))
    jobs.send_later(job)
    try:
        record = await jobs.read(job_id, 0, PAGE_DEFAULT)
    except errors.BrokerUnavailable:  # the job is accepted; after a 503 the client would resend it
        record = as_created(job, PAGE_DEFAULT)
    return job_response(Job.of(record, 0, PAGE_DEFAULT), 202)


def _fingerprint(options: ClassifyOptions) -> Fingerprint:
    """Of a request's parameters; without `min_confidence` the same as in releases before it."""
    more = {"min_confidence": options.min_confidence} if options.min_confidence else {}
    return Fingerprint(top_k=options.top_k, explain=options.explain, **more)


async def _admit(services: Services, key: str | None, owner: str) -> None:
    """Refuse a job when the queue is full, unless the request repeats an accepted job.

    Raises:
        BrokerUnavailable: Redis does not respond.
        QueueFull, OwnerQueueFull: The queue is full, and no job has this idempotency key.
    """
    try:
        services.admission.check(QueueName.BATCH, owner=owner)
    except (errors.QueueFull, errors.OwnerQueueFull):
        # the queue may be full because of the job whose response the client did not receive
        if key is None or not await services.jobs.has_key(key):
            raise


@router.get(
    "/jobs/{job_id}",
    operation_id="get_job",
    summary="Read a job",
    response_class=Response,
    responses={
        200: {"model": Job, **example("The current state of the job.", JOB_COMPLETED)},
        **problems(errors.JobNotFound, errors.InvalidParameter, errors.BrokerUnavailable),
    },
)
async def get_job(
    services: ServicesDep, job_id: JobId, offset: Offset = 0, limit: Limit = PAGE_DEFAULT
) -> Response:
    """The current state of the job, with one page of its items in input order.

    The job's record is kept for a day after the job is finished.
    """
    record = await services.jobs.read(job_id, offset, limit)
    return Response(job_json(record, offset, limit), media_type="application/json")


@router.delete(
    "/jobs/{job_id}",
    operation_id="cancel_job",
    summary="Cancel a job",
    response_class=Response,
    responses={
        200: {"model": Job, **example("The state of the job after the request.", JOB_CANCELLED)},
        **problems(errors.JobNotFound, errors.BrokerUnavailable),
    },
)
async def cancel_job(services: ServicesDep, job_id: JobId) -> Response:
    """Cancels queued items; running items may finish. A finished job does not change."""
    await services.jobs.cancel(job_id)
    record = await services.jobs.read(job_id, 0, PAGE_DEFAULT)
    return json_response(Job.of(record, 0, PAGE_DEFAULT))

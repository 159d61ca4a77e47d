"""``GET /jobs``: the batches of the client, newest first."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.dependencies import STRICT, ServicesDep, owner_of
from api.http.openapi import example, problems
from api.http.openapi_examples import JOB_LIST
from api.http.responses import json_response
from api.http.schemas import JobList, JobProgress
from api.redis_client import broker_within
from shared import errors
from shared.messages import JobState

router = APIRouter(tags=["jobs"], dependencies=STRICT)

PAGE_DEFAULT, PAGE_MAX = 20, 100

# Redis numbers batches by doubles, which are exact up to this.
NEWEST = 2**53
Cursor = Annotated[
    int,
    Query(
        ge=1, le=NEWEST, description="where the page begins: from the `next` of the page before it"
    ),
]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX, description="maximum number of jobs in the page")]
Status = Annotated[JobState | None, Query(description="only jobs in this state")]


@router.get(
    "/jobs",
    operation_id="list_jobs",
    summary="List your batches",
    response_class=Response,
    responses={
        200: {"model": JobList, **example("One page of jobs, newest first.", JOB_LIST)},
        **problems(errors.InvalidParameter, errors.BrokerUnavailable),
    },
)
async def list_jobs(
    request: Request,
    services: ServicesDep,
    status: Status = None,
    limit: Limit = PAGE_DEFAULT,
    cursor: Cursor = NEWEST,
) -> Response:
    """The jobs of `POST /jobs` whose records exist, newest first, without their items.

    With API keys, only those of the key's owner. Jobs of `POST /predict` are not listed: their
    client waits for the result. To read all pages, follow `next` until it is `null`; with `status`
    a page may have fewer jobs than `limit`, or none, before the last page.
    """
    async with broker_within():
        page = await services.batches.page(owner_of(request), status, cursor, limit)
    only = f"&status={status}" if status else ""
    following = f"/jobs?cursor={page.before}&limit={limit}{only}" if page.before else None
    listed = [JobProgress.of_record(record) for record in page.jobs]
    return json_response(JobList(jobs=listed, next=following))

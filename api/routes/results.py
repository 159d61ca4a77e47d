"""``GET /jobs/{id}/results``: all results of a job in one document."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from starlette.responses import StreamingResponse

from api.dependencies import STRICT, JobId, ServicesDep
from api.http.openapi import problems
from api.http.openapi_examples import JOB_COMPLETED, RESULTS_CSV, RESULTS_NDJSON
from api.http.schemas import Job
from api.jobs import export
from api.jobs.export import MEDIA_TYPES, PAGE, ResultFormat
from shared import errors

router = APIRouter(tags=["jobs"], dependencies=STRICT)

_TEXT = {"type": "string"}


@router.get(
    "/jobs/{job_id}/results",
    operation_id="job_results",
    summary="Read all results of a job",
    response_class=Response,
    responses={
        200: {
            "model": Job,
            "description": "All items in input order, as they are at the time of the request.",
            "headers": {
                "Job-Status": {
                    "description": "The status of the job; while it is `queued` or `running`, "
                    "some items have no result yet.",
                    "schema": {"type": "string"},
                }
            },
            "content": {
                MEDIA_TYPES[ResultFormat.JSON]: {"example": JOB_COMPLETED},
                MEDIA_TYPES[ResultFormat.NDJSON]: {"schema": _TEXT, "example": RESULTS_NDJSON},
                MEDIA_TYPES[ResultFormat.CSV]: {"schema": _TEXT, "example": RESULTS_CSV},
            },
        },
        **problems(errors.JobNotFound, errors.InvalidParameter, errors.BrokerUnavailable),
    },
)
async def job_results(
    services: ServicesDep,
    job_id: JobId,
    form: Annotated[
        ResultFormat, Query(alias="format", description="`csv` has one row for each photo")
    ] = ResultFormat.JSON,
) -> Response:
    """The response is streamed. The `status` of each item shows whether the item is finished.

    `json` is the job with all of its items, `ndjson` one item per line. `csv` has the columns
    `index,path,status,concept,concept_wnid,concept_confidence`, then
    `label_1,wnid_1,class_index_1,confidence_1` and so on for each class, then `error,detail`. A
    name or label that a spreadsheet would run as a formula has an apostrophe in front. If the
    connection closes early, send the request again.
    """
    first = await services.jobs.read(job_id, 0, PAGE)
    name = f'attachment; filename="{job_id}.{form}"'
    return StreamingResponse(
        export.write(services.jobs, first, form),
        headers={"content-disposition": name, "job-status": first.status},
        media_type=MEDIA_TYPES[form],
    )

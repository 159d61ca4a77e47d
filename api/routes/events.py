"""``GET /jobs/{id}/events``: a job's progress as server-sent events."""

from collections.abc import AsyncIterator
from typing import Annotated

from anyio import Event
from fastapi import APIRouter, Header, Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from api.dependencies import STRICT, JobId, ServicesDep
from api.http.openapi import problems
from api.http.openapi_examples import EVENTS
from api.http.schemas import JobProgress
from api.jobs.progress import Progress
from shared import errors
from shared.messages import Problem
from shared.records.jobs import JobRecord, job_not_found

router = APIRouter(tags=["jobs"], dependencies=STRICT)

HEARTBEAT_S = 15
# A client that reads nothing for this long is considered gone.
SEND_WITHIN_S = 30
# Less than the time that `make serve` and Compose allow the API process to stop.
STOP_WITHIN_S = 2
# The id of the last event. An EventSource reconnects after every end and sends this id back.
LAST_ID = "end"
# One event of the stream. OpenAPI before 3.2 cannot describe the stream itself.
_EVENT = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"type": "string", "enum": ["progress", "end", "problem"]},
        "data": {"type": "string", "description": "JSON: a JobProgress or a Problem"},
        "id": {"type": "string", "description": f"`{LAST_ID}`, in the last event only"},
    },
}


@router.get(
    "/jobs/{job_id}/events",
    operation_id="job_events",
    summary="Follow a job",
    response_class=Response,
    responses={
        200: {
            "description": "Server-sent events.",
            "content": {"text/event-stream": {"schema": _EVENT, "example": EVENTS}},
        },
        204: {"description": "`Last-Event-ID` is the id of the last event: no events follow."},
        **problems(errors.JobNotFound, errors.BrokerUnavailable),
    },
)
async def job_events(
    services: ServicesDep,
    job_id: JobId,
    last_event_id: Annotated[
        str | None, Header(description="id of the last event received, as EventSource sends it")
    ] = None,
) -> Response:
    """Server-sent events, each with the job's status and counts as JSON.

    The first `progress` event is sent immediately, the next ones whenever the counts change, at
    most four times a second. The last event is `end`, once every item is finished. If the job's
    record no longer exists, the last event is `problem`, with a problem document. The last event
    has an `id`; a request with this id as `Last-Event-ID` gets 204, so that an EventSource stops.
    A comment is sent every 15 s. If the connection closes before the last event, connect again.
    """
    if last_event_id == LAST_ID:
        return Response(status_code=204)
    first = await services.progress.now(job_id)
    stopping = Event()
    response = EventSourceResponse(
        _events(services.progress, first, stopping),
        ping=HEARTBEAT_S,
        ping_message_factory=lambda: ServerSentEvent(comment="still here"),
        sep="\n",
        send_timeout=SEND_WITHIN_S,
        shutdown_event=stopping,
        shutdown_grace_period=STOP_WITHIN_S,
    )
    del response.headers["connection"]  # the server decides about this header
    return response


async def _events(
    progress: Progress, first: JobRecord, stopping: Event
) -> AsyncIterator[ServerSentEvent]:
    async for record in progress.follow(first, stopping):
        if record is None:
            yield _event("problem", Problem.of(job_not_found()).model_dump_json())
        else:
            name = "progress" if record.finished_ms is None else "end"
            yield _event(name, JobProgress.of_record(record).model_dump_json())


def _event(name: str, data: str) -> ServerSentEvent:
    return ServerSentEvent(data, event=name, id=None if name == "progress" else LAST_ID, sep="\n")

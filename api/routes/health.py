"""``/health``: the service's state when it was last read from Redis; no request waits for Redis."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.admission.health import Purpose, health_of, readiness_of
from api.dependencies import ServicesDep
from api.http.openapi import example, problems
from api.http.openapi_examples import HEALTH
from api.http.responses import json_response
from api.http.schemas import Alive, Health, Readiness
from shared import errors

router = APIRouter(tags=["health"])

_DOWN = {
    **HEALTH,
    "status": "unavailable",
    "broker": {"status": "down", "latency_ms": None},
    "workers": [],
}


@router.get(
    "/health",
    operation_id="health",
    summary="State of the broker, workers and queues",
    response_class=Response,
    responses={
        200: {"model": Health, **example("`ok` or `degraded`: photos are classified.", HEALTH)},
        503: {"model": Health, **example("`unavailable`: no broker or no worker.", _DOWN)},
    },
)
async def health(services: ServicesDep) -> Response:
    """`ok`: the broker and all workers work. `degraded`: at least one worker works, but another is
    stalled or uses different weights. `unavailable`: no photo can be classified now.
    """  # noqa: D205 - one paragraph in the API's description
    answer = health_of(services.admission.cluster)
    return json_response(answer, 503 if answer.status == "unavailable" else 200)


@router.get(
    "/health/ready",
    operation_id="ready",
    summary="Readiness check",
    response_class=Response,
    responses={
        200: {"model": Readiness, **example("Ready.", {"status": "ok"})},
        503: {"model": Readiness, **example("Not ready.", {"status": "unavailable"})},
        **problems(errors.InvalidParameter),
    },
)
async def ready(
    services: ServicesDep,
    purpose: Annotated[
        Purpose,
        Query(
            alias="for", description="`photos`: can photos be classified; `jobs`: are jobs accepted"
        ),
    ] = "photos",
) -> Response:
    """The `status` of `/health`, without the details.

    With `for=jobs`, a service without workers is `degraded`, not `unavailable`: it accepts jobs,
    which wait until a worker starts.
    """
    status = readiness_of(services.admission.cluster, purpose)
    return json_response(Readiness(status=status), 503 if status == "unavailable" else 200)


@router.get(
    "/health/live",
    operation_id="live",
    summary="Liveness check",
    response_class=Response,
    responses={200: {"model": Alive, **example("This process responds.", {"status": "ok"})}},
)
async def live() -> Response:
    """Does not check Redis or workers, so that their failure does not restart the API."""
    return json_response(Alive())

"""``/health``: how the service is, from the last look at the fleet; no request waits for Redis."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from api.admission.health import Purpose, health_of, readiness_of
from api.dependencies import ServicesDep
from api.http.openapi import example, problems
from api.http.openapi_examples import HEALTH
from api.http.responses import json_response
from api.http.schemas import Health, Readiness
from shared import errors
from shared.messages import Wire

router = APIRouter(tags=["health"])

_DOWN = {
    **HEALTH,
    "status": "unavailable",
    "broker": {"status": "down", "latency_ms": None},
    "workers": [],
}


class Alive(Wire):
    """This process answers."""

    status: Literal["ok"] = "ok"


@router.get(
    "/health",
    operation_id="health",
    summary="Broker, workers and queues",
    response_class=Response,
    responses={
        200: {"model": Health, **example("`ok` or `degraded`: photos are answered.", HEALTH)},
        503: {"model": Health, **example("`unavailable`: no broker or no worker.", _DOWN)},
    },
)
async def health(services: ServicesDep) -> Response:
    """`ok`: broker and every worker work. `degraded`: some worker works, another is stalled or
    serves other weights. `unavailable`: no photo can be answered now.
    """  # noqa: D205 - one paragraph in the API's description
    answer = health_of(services.admission.cluster)
    return json_response(answer, 503 if answer.status == "unavailable" else 200)


@router.get(
    "/health/ready",
    operation_id="ready",
    summary="Can photos be answered, or jobs be taken?",
    response_class=Response,
    responses={
        200: {"model": Readiness, **example("Yes.", {"status": "ok"})},
        503: {"model": Readiness, **example("No.", {"status": "unavailable"})},
        **problems(errors.InvalidParameter),
    },
)
async def ready(
    services: ServicesDep,
    purpose: Annotated[Purpose, Query(alias="for", description="what for")] = "photos",
) -> Response:
    """Only the status word of `/health`.

    With `for=jobs` a service without workers is `degraded`, not `unavailable`: it takes jobs, which
    wait for a worker to come.
    """
    status = readiness_of(services.admission.cluster, purpose)
    return json_response(Readiness(status=status), 503 if status == "unavailable" else 200)


@router.get(
    "/health/live",
    operation_id="live",
    summary="Does this process answer?",
    response_class=Response,
    responses={200: {"model": Alive, **example("It does.", {"status": "ok"})}},
)
async def live() -> Response:
    """Says nothing of broker and workers: those are no reason to restart the api."""
    return json_response(Alive())

"""``GET /metrics``, for Prometheus."""

import contextlib

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, Metric

from api.dependencies import ServicesDep
from api.metrics import pipeline
from api.redis_client import broker_within
from shared import errors

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={
        200: {
            "description": "Metrics of requests, broker, queues and workers.",
            "content": {
                "text/plain": {
                    "schema": {"type": "string"},
                    "example": 'classifier_queue_items{queue="interactive"} 0.0\n',
                }
            },
        }
    },
)
async def metrics(request: Request, services: ServicesDep) -> Response:
    """Metrics in the Prometheus text format.

    `http_…` and `process_…` describe this process. `classifier_…` describes the whole service and
    is the same in every API process. Metrics that come from Redis are omitted while Redis is
    unreachable.
    """
    figures: list[Metric] = []
    counters = request.app.state.metrics
    with contextlib.suppress(errors.BrokerUnavailable):
        async with broker_within():
            figures = await pipeline.read(services.redis, counters.owners)
    return Response(counters.text(figures), media_type=CONTENT_TYPE_LATEST)

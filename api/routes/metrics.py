"""``GET /metrics``, for Prometheus."""

import contextlib

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, Metric

from api.dependencies import ServicesDep
from api.metrics import pipeline
from api.redis_timeout import broker_within
from shared import errors

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={
        200: {
            "description": "Requests, broker, queues, workers and what they do.",
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
    """In the Prometheus text format.

    `http_…` and `process_…` are of this process, `classifier_…` of the whole service and the same
    from each api. While Redis does not answer, only what this process knows is there.
    """
    figures: list[Metric] = []
    with contextlib.suppress(errors.BrokerUnavailable):
        async with broker_within():
            figures = await pipeline.read(services.redis)
    return Response(request.app.state.metrics.text(figures), media_type=CONTENT_TYPE_LATEST)

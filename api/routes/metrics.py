"""``GET /metrics``, for Prometheus."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={
        200: {
            "description": "Requests, durations, broker, queues and workers.",
            "content": {
                "text/plain": {
                    "schema": {"type": "string"},
                    "example": 'queue_items{queue="interactive"} 0.0\n',
                }
            },
        }
    },
)
async def metrics(request: Request) -> Response:
    """In the Prometheus text format."""
    text = generate_latest(request.app.state.metrics.registry)
    return Response(text, media_type=CONTENT_TYPE_LATEST)

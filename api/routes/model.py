"""``GET /model``: the model that classifies photos."""

from fastapi import APIRouter, Response

from api.dependencies import Services, ServicesDep
from api.http.openapi import example, problems
from api.http.openapi_examples import MODEL_CARD
from api.redis_client import broker_within
from shared import errors, redis_keys
from shared.messages import ModelCard

router = APIRouter(tags=["model"])


@router.get(
    "/model",
    operation_id="model",
    summary="Describe the model",
    response_class=Response,
    responses={
        200: {"model": ModelCard, **example("The model.", MODEL_CARD)},
        **problems(errors.BrokerUnavailable, errors.NoWorkers),
    },
)
async def model(services: ServicesDep) -> Response:
    """The model's name, weights, input size, transform and classes, as reported by the workers.

    `notice` is set when a fallback model is in use.
    """
    return Response(await _read(services), media_type="application/json")


async def read_card(services: Services) -> ModelCard:
    """The model, as the workers reported it; raises as the route does."""
    return ModelCard.model_validate_json(await _read(services))


async def _read(services: Services) -> str:
    async with broker_within():
        card = await services.redis.get(redis_keys.MODEL)
    if card is None:
        raise errors.NoWorkers("No worker has reported its model yet. Try again in a few seconds.")
    return str(card)

"""``/v2``: the Open Inference Protocol over HTTP, as KServe's and Triton's clients speak it."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from api.admission.health import readiness_of
from api.dependencies import STRICT, ClassifyOptions, Services, ServicesDep
from api.http.compatible_schemas import (
    InferenceAnswer,
    InferenceServer,
    Live,
    ModelMetadata,
    ModelReady,
    Ready,
    TensorMetadata,
)
from api.http.openapi import compatible_problems, example
from api.http.openapi_examples import PHOTO_URI, V2_ANSWER, V2_MODEL
from api.http.responses import json_response
from api.http.tensors import OUTPUTS, tensor_response
from api.intake.body import MemoryLease
from api.intake.tensors import DATATYPE, INPUT, RequestedOutput, TensorRequest, read_tensor
from api.routes.compatible.classification import classify, predictions
from api.routes.model import read_card
from api.routes.predict import PhotosToClassify
from shared import errors

router = APIRouter(prefix="/v2", tags=["compatible"], dependencies=STRICT)

ModelName = Annotated[str, Path(description="the `name` of `GET /model`")]
_NAME, _VERSION, _EXTENSIONS = "image-classifier", "0.1.0", ["binary_tensor_data"]
_TENSOR = {
    "type": "object",
    "required": ["name", "shape", "datatype", "data"],
    "additionalProperties": False,
    "properties": {
        "name": {"const": INPUT},
        "shape": {"const": [1]},
        "datatype": {"const": DATATYPE},
        "data": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {"type": "string", "format": "byte"},
        },
    },
}
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["inputs"],
                "additionalProperties": False,
                "properties": {
                    "inputs": {"type": "array", "minItems": 1, "maxItems": 1, "items": _TENSOR}
                },
            },
            "example": {
                "inputs": [{"name": INPUT, "shape": [1], "datatype": DATATYPE, "data": [PHOTO_URI]}]
            },
        }
    },
}


@router.get(
    "",
    operation_id="v2_server",
    summary="Open Inference Protocol: server metadata",
    response_class=Response,
    responses={
        200: {
            "model": InferenceServer,
            **example(
                "The server.", {"name": _NAME, "version": _VERSION, "extensions": _EXTENSIONS}
            ),
        }
    },
)
async def server() -> Response:
    """The name, the version and the extensions of the protocol."""
    return json_response(InferenceServer(name=_NAME, version=_VERSION, extensions=_EXTENSIONS))


@router.get(
    "/health/live",
    operation_id="v2_live",
    summary="Open Inference Protocol: liveness",
    response_class=Response,
    responses={200: {"model": Live, **example("This process responds.", {"live": True})}},
)
async def live() -> Response:
    """As `/health/live`, but it requires an API key if there are any."""
    return json_response(Live())


@router.get(
    "/health/ready",
    operation_id="v2_ready",
    summary="Open Inference Protocol: readiness",
    response_class=Response,
    responses={
        200: {"model": Ready, **example("Photos are classified.", {"ready": True})},
        503: {"model": Ready, **example("No photo can be classified now.", {"ready": False})},
    },
)
async def ready(services: ServicesDep) -> Response:
    """As `/health/ready`, but it requires an API key if there are any."""
    is_ready = readiness_of(services.admission.cluster, "photos") != "unavailable"
    return json_response(Ready(ready=is_ready), 200 if is_ready else 503)


@router.get(
    "/models/{model}",
    operation_id="v2_model",
    summary="Open Inference Protocol: model metadata",
    response_class=Response,
    responses={
        200: {"model": ModelMetadata, **example("The model's tensors.", V2_MODEL)},
        **compatible_problems(errors.ModelNotFound, errors.BrokerUnavailable, errors.NoWorkers),
    },
)
async def metadata(services: ServicesDep, model: ModelName) -> Response:
    """The input and the outputs of the model that is served. It has one version."""
    card = await read_card(services)
    if card.name != model:
        raise _no_such(model, card.name)
    return json_response(
        ModelMetadata(
            name=card.name,
            platform=card.runtime,
            inputs=[TensorMetadata(name=INPUT, datatype=DATATYPE, shape=[-1])],
            outputs=[
                TensorMetadata(name=name, datatype=datatype, shape=[-1, -1])
                for name, (datatype, _, _) in OUTPUTS.items()
            ],
        )
    )


@router.get(
    "/models/{model}/ready",
    operation_id="v2_model_ready",
    summary="Open Inference Protocol: readiness of the model",
    response_class=Response,
    responses={
        200: {"model": ModelReady, **example("Ready.", {"name": "resnet50", "ready": True})},
        503: {"model": ModelReady, **example("Not ready.", {"name": "resnet50", "ready": False})},
        **compatible_problems(errors.ModelNotFound),
    },
)
async def model_ready(services: ServicesDep, model: ModelName) -> Response:
    """Whether a worker with this model can classify photos now."""
    names = _served(services)
    if names and model not in names:
        raise _no_such(model, *names)
    return json_response(ModelReady(name=model, ready=bool(names)), 200 if names else 503)


@router.post(
    "/models/{model}/infer",
    operation_id="v2_infer",
    summary="Open Inference Protocol: inference",
    response_class=Response,
    responses={
        200: {"model": InferenceAnswer, **example("The most probable classes.", V2_ANSWER)},
        **compatible_problems(errors.ModelNotFound, *errors.OF_WAITING, errors.ResultTimeout),
    },
    openapi_extra={"requestBody": _BODY},
)
async def infer(request: Request, services: ServicesDep, model: ModelName) -> Response:
    """One BYTES tensor of up to 16 image files: base64 in JSON, or binary data after the JSON.

    The parameter `top_k` sets the number of classes. Limits, waiting and errors are those of
    `/predict`, and an image that fails makes the whole request fail; a request without a result in
    time is cancelled, with 504.
    """
    names = _served(services)
    if names and model not in names:
        raise _no_such(model, *names)
    asked: list[tuple[TensorRequest, dict[str, bool]]] = []

    settings = services.settings

    async def read(lease: MemoryLease) -> PhotosToClassify:
        tensor = await read_tensor(request, settings.max_upload_bytes, lease, settings.formats)
        asked.append((tensor, _outputs(tensor.outputs, binary=tensor.binary)))
        options = ClassifyOptions(top_k=tensor.top_k, explain=False, min_confidence=0.0)
        return tensor.photos, options

    results = await classify(request, services, read)
    if isinstance(results, Response):
        return results
    [(tensor, outputs)] = asked
    members = {"model_name": model} if tensor.id is None else {"model_name": model, "id": tensor.id}
    return tensor_response([predictions(result) for result in results], outputs, **members)


def _served(services: Services) -> set[str]:
    """The names of the models that workers serve; usually one."""
    working = services.admission.cluster.working
    return {worker.report.model for worker in working if worker.report.model}


def _no_such(model: str, *names: str) -> errors.ModelNotFound:
    served = " or ".join(f"'{name}'" for name in sorted(names))
    return errors.ModelNotFound(f"No model '{model[:64]}': this service serves {served}.")


def _outputs(wanted: list[RequestedOutput] | None, *, binary: bool) -> dict[str, bool]:
    if not wanted:
        return dict.fromkeys(OUTPUTS, binary)
    for output in wanted:
        if output.name not in OUTPUTS:
            raise errors.MalformedRequest(
                f"Unknown output '{output.name[:64]}': the outputs are {', '.join(OUTPUTS)}."
            )
    return {output.name: output.parameters.binary_data for output in wanted}

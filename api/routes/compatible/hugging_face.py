"""``POST /hf``: the image classification task of Hugging Face's inference clients."""

from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field, ValidationError
from pydantic_core import to_json

from api.dependencies import STRICT, ClassifyOptions, ServicesDep, TopK
from api.http.compatible_schemas import LabelScore
from api.http.openapi import PHOTO, compatible_problems, example
from api.http.openapi_examples import HF_ANSWER, PHOTO_URI
from api.intake.body import MemoryLease, read_photo
from api.intake.json_body import (
    JsonPhoto,
    StrictJson,
    WholeNumber,
    decode_base64,
    describe,
    parse_json,
)
from api.routes.compatible.classification import classify, predictions
from api.routes.predict import PhotosToClassify
from shared import errors
from shared.messages import TOP_K_MAX

# What Hugging Face's own services return without `top_k`.
TOP_K = 5
_FORM = '{"inputs": "<base64>", "parameters": {"top_k": 3}}'

router = APIRouter(tags=["compatible"], dependencies=STRICT)


class _Parameters(StrictJson):
    top_k: WholeNumber | None = Field(default=None, ge=1, le=TOP_K_MAX)
    function_to_apply: Literal["softmax"] | None = None


class _Body(StrictJson):
    inputs: str
    parameters: _Parameters | None = None


class _Json:
    """Decodes a JSON body and keeps its parameters."""

    top_k: int | None = None

    def decode(self, body: bytes) -> bytes:
        try:
            content = parse_json(body, _Body, f"The JSON has too many values. Send {_FORM}.")
        except ValidationError as error:
            raise describe(error, _FORM) from error
        self.top_k = content.parameters.top_k if content.parameters else None
        return decode_base64(content.inputs)


_JSON_BODY = {
    "type": "object",
    "required": ["inputs"],
    "additionalProperties": False,
    "properties": {
        "inputs": {"type": "string", "format": "byte", "description": "base64 or data: URI"},
        "parameters": {
            "type": ["object", "null"],
            "additionalProperties": False,
            "properties": {
                "top_k": {"type": ["integer", "null"], "minimum": 1, "maximum": TOP_K_MAX},
                "function_to_apply": {"enum": ["softmax", None]},
            },
        },
    },
}
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "image/jpeg": {"schema": PHOTO},
        "image/png": {"schema": PHOTO},
        "application/json": {
            "schema": _JSON_BODY,
            "example": {"inputs": PHOTO_URI, "parameters": {"top_k": 3}},
        },
    },
}


@router.post(
    "/hf",
    operation_id="hugging_face",
    summary="Hugging Face image classification",
    response_class=Response,
    responses={
        200: {"model": list[LabelScore], **example("The most probable classes.", HF_ANSWER)},
        **compatible_problems(*errors.OF_WAITING, errors.ResultTimeout),
    },
    openapi_extra={"requestBody": _BODY},
)
async def hugging_face(
    request: Request,
    services: ServicesDep,
    top_k: TopK = TOP_K,
) -> Response:
    """For `InferenceClient(model="<this address>").image_classification(photo)`.

    The body is the photo, or JSON with base64 in `inputs`. `parameters.top_k` overrides the `top_k`
    of the address, which is for clients that send no parameters. Limits, waiting and errors are
    those of `/predict`; a request without a result in time is cancelled, with 504.
    """
    json = _Json()

    async def read(lease: MemoryLease) -> PhotosToClassify:
        most, formats = services.settings.max_upload_bytes, services.settings.formats
        photo = await read_photo(request, most, lease, formats, JsonPhoto("inputs", json.decode))
        return [photo], ClassifyOptions(
            top_k=json.top_k or top_k, explain=False, min_confidence=0.0
        )

    results = await classify(request, services, read)
    if isinstance(results, Response):
        return results
    answer = [
        {"label": found.label, "score": found.confidence} for found in predictions(results[0])
    ]
    return Response(to_json(answer), media_type="application/json")

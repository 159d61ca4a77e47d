"""Parts of the OpenAPI description that FastAPI cannot derive: errors, examples, bodies."""

from collections.abc import Container, Iterable
from typing import Any

from api.http import compatible_errors
from api.http.compatible_schemas import CompatibleProblem
from api.http.openapi_examples import PHOTO_URI
from api.http.responses import MEDIA_TYPE
from shared.errors import RetryableError, ServiceError, Unauthorized
from shared.messages import Problem

PHOTO = {"type": "string", "format": "binary"}
_RETRY_AFTER = {"description": "seconds to wait before trying again", "schema": {"type": "integer"}}
_CHALLENGE = {"description": "how to send a key", "schema": {"type": "string"}}


def problems(*errors: type[ServiceError]) -> dict[int | str, dict[str, Any]]:
    """The error responses of a route, one per status, with an example per slug."""
    return _problems(errors, MEDIA_TYPE, {"$ref": "#/components/schemas/Problem"})


def compatible_problems(*errors: type[ServiceError]) -> dict[int | str, dict[str, Any]]:
    """The same for a route whose clients read the member ``error``."""
    schema = {"$ref": "#/components/schemas/CompatibleProblem"}
    by_status = _problems(errors, compatible_errors.MEDIA_TYPE, schema)
    for answer in by_status.values():
        answer["model"] = CompatibleProblem
        for shown in answer["content"][compatible_errors.MEDIA_TYPE]["examples"].values():
            shown["value"] = {"error": shown["value"]["detail"], **shown["value"]}
    return by_status


def _problems(
    errors: Iterable[type[ServiceError]], media_type: str, schema: dict[str, str]
) -> dict[int | str, dict[str, Any]]:
    by_status: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        answer = by_status.setdefault(
            error.status,
            {"description": "", "content": {media_type: {"schema": schema, "examples": {}}}},
        )
        line = (error.__doc__ or error.title).splitlines()[0]
        answer["description"] += f"{' · ' if answer['description'] else ''}`{error.slug}`: {line}"
        example = Problem.of(error(line)).model_dump()
        answer["content"][media_type]["examples"][error.slug] = {"value": example}
        if issubclass(error, RetryableError):
            answer["headers"] = {"Retry-After": _RETRY_AFTER}
        elif error is Unauthorized:
            answer["headers"] = {"WWW-Authenticate": _CHALLENGE}
    return by_status


def with_keys(document: dict[str, Any], open_paths: Container[str]) -> dict[str, Any]:
    """The description with an API key for each operation except those of ``open_paths``."""
    schemes = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    document["components"]["securitySchemes"] = schemes
    for path, operations in document["paths"].items():
        if path in open_paths:
            continue
        described = compatible_problems if compatible_errors.is_compatible(path) else problems
        for operation in operations.values():
            # the empty object allows requests without a key, for a service that has no keys
            operation["security"] = [{}, *({name: []} for name in schemes)]
            answers = {**operation["responses"], "401": described(Unauthorized)[401]}
            answers["401"].pop("model", None)  # a class of Python, already a schema here
            operation["responses"] = dict(sorted(answers.items()))
    return document


def example(description: str, value: Any, **headers: str) -> dict[str, Any]:
    """A successful response with one example.

    Args:
        description: What the response means.
        value: The example.
        headers: Description of each header, by name with ``_`` for ``-``.
    """
    answer: dict[str, Any] = {
        "description": description,
        "content": {"application/json": {"example": value}},
    }
    if headers:
        answer["headers"] = {
            name.replace("_", "-"): {"description": text, "schema": {"type": "string"}}
            for name, text in headers.items()
        }
    return answer


def without_added_errors(document: dict[str, Any]) -> dict[str, Any]:
    """Remove the 422 response that FastAPI adds to every operation with a parameter."""
    for path in document["paths"].values():
        for operation in path.values():
            answer = operation["responses"].get("422")
            if answer and "HTTPValidationError" in str(answer["content"]):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    return document


def form(field: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    """A multipart body with one required field and no other field.

    With ``format: binary``, Swagger UI shows a file chooser; with the ``contentMediaType`` that
    FastAPI would write, it shows a text box.
    """
    return {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [field],
                "properties": {field: {**schema, "description": description}},
                "additionalProperties": False,
            }
        }
    }


PREDICT_BODY = {
    "required": True,
    "content": {
        **form("file", PHOTO, "a JPEG or PNG, or another of `formats` in `GET /model`"),
        "image/jpeg": {"schema": PHOTO},
        "image/png": {"schema": PHOTO},
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["image"],
                "additionalProperties": False,
                "properties": {
                    "image": {
                        "type": "string",
                        "format": "byte",
                        "description": "base64 or data: URI",
                    }
                },
            },
            "example": {"image": PHOTO_URI},
        },
    },
}
PREFER = {
    "name": "Prefer",
    "in": "header",
    "description": "`wait=N`: wait at most N seconds, up to 120. `respond-async`: do not wait.",
    "schema": {"type": "string"},
    "example": "wait=10",
}

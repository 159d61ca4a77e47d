"""Parts of the OpenAPI description that FastAPI cannot derive: errors, examples, bodies."""

from collections.abc import Container
from typing import Any

from api.http.openapi_examples import PHOTO_URI
from api.http.responses import MEDIA_TYPE
from shared.errors import RetryableError, ServiceError, Unauthorized
from shared.messages import Problem

PHOTO = {"type": "string", "format": "binary"}
_REF = {"$ref": "#/components/schemas/Problem"}
_RETRY_AFTER = {"description": "seconds to wait before trying again", "schema": {"type": "integer"}}
_CHALLENGE = {"description": "how to send a key", "schema": {"type": "string"}}


def problems(*errors: type[ServiceError]) -> dict[int | str, dict[str, Any]]:
    """The error responses of a route, one per status, with an example per slug."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        answer = by_status.setdefault(
            error.status,
            {"description": "", "content": {MEDIA_TYPE: {"schema": _REF, "examples": {}}}},
        )
        line = (error.__doc__ or error.title).splitlines()[0]
        answer["description"] += f"{' · ' if answer['description'] else ''}`{error.slug}`: {line}"
        example = Problem.of(error(line)).model_dump()
        answer["content"][MEDIA_TYPE]["examples"][error.slug] = {"value": example}
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
        for operation in operations.values():
            # the empty object allows requests without a key, for a service that has no keys
            operation["security"] = [{}, *({name: []} for name in schemes)]
            answers = {**operation["responses"], "401": problems(Unauthorized)[401]}
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
            if answer and MEDIA_TYPE not in answer["content"]:
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
        **form("file", PHOTO, "a JPEG or PNG"),
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

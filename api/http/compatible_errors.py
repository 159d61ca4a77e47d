"""Errors for clients of other services, which show the text of a member ``error``."""

from pydantic_core import from_json, to_json

# They read it from this content type only.
MEDIA_TYPE = "application/json"
_PATHS = ("/hf", "/v2")
_BELOW = ("/v2/",)


def is_compatible(path: str) -> bool:
    """Whether the path is for clients of other services; it has no prefix of a proxy."""
    return path in _PATHS or path.startswith(_BELOW)


def with_error(problem: bytes) -> bytes:
    """The JSON of a problem document with its ``detail`` also as ``error``."""
    members = from_json(problem)
    return to_json({"error": members["detail"], **members})

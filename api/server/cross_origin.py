"""CORS: which other sites' pages may read responses, including errors from a connection."""

from typing import Any

from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from api.server.middleware import Field

# Headers that a page of another site may send and read, besides the ones that are always allowed.
_REQUEST_HEADERS = ["authorization", "content-type", "idempotency-key",
                    "inference-header-content-length", "last-event-id", "prefer", "x-api-key",
                    "x-request-id"]  # fmt: skip
_RESPONSE_HEADERS = ["inference-header-content-length", "job-status", "location",
                     "preference-applied", "retry-after", "x-request-id"]  # fmt: skip


def cors_options(origins: list[str]) -> dict[str, Any]:
    """The options of Starlette's CORSMiddleware."""
    return {
        "allow_origins": origins,
        "allow_methods": ["GET", "POST", "DELETE"],
        "allow_headers": _REQUEST_HEADERS,
        "expose_headers": _RESPONSE_HEADERS,
    }


class RefusalHeaders:
    """CORS headers of the errors that a connection sends by itself.

    Args:
        origins: The allowed origins; ``*`` allows all.
    """

    def __init__(self, origins: list[str]) -> None:
        self._cors = CORSMiddleware(_no_app, **cors_options(origins)) if origins else None

    def fields(self, request: list[Field]) -> list[Field]:
        """The CORS headers for a request whose header fields ``request`` were read so far.

        If ``Origin`` was not read yet, every page may read the error: it contains no user's data.
        """
        if self._cors is None:
            return []
        origins = [value.decode("latin-1") for name, value in request if name == b"origin"]
        if origins and not self._cors.is_allowed_origin(origins[0]):
            return []
        fields = {
            "Access-Control-Allow-Origin": origins[0] if origins else "*",
            **self._cors.simple_headers,
            "Vary": "Origin",
        }
        return [(name.lower().encode(), value.encode("latin-1")) for name, value in fields.items()]


async def _no_app(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """An ASGI application that is never called."""

"""Which other sites' pages may read answers, also those that never reach the app."""

from typing import Any

from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from api.server.request_context import Field

# What a page of another site may send and read, besides what every page may.
_REQUEST_HEADERS = ["authorization", "content-type", "idempotency-key", "last-event-id", "prefer",
                    "x-api-key", "x-request-id"]  # fmt: skip
_RESPONSE_HEADERS = ["job-status", "location", "preference-applied", "retry-after", "x-request-id"]


def cors_options(origins: list[str]) -> dict[str, Any]:
    """The options of Starlette's CORSMiddleware."""
    return {
        "allow_origins": origins,
        "allow_methods": ["GET", "POST", "DELETE"],
        "allow_headers": _REQUEST_HEADERS,
        "expose_headers": _RESPONSE_HEADERS,
    }


class RefusalHeaders:
    """The headers of answers that a connection writes by itself.

    Args:
        origins: The sites; empty for none, ``*`` for all.
    """

    def __init__(self, origins: list[str]) -> None:
        self._cors = CORSMiddleware(_no_app, **cors_options(origins)) if origins else None

    def fields(self, request: list[Field]) -> list[Field]:
        """The headers for a request of which these fields have been read.

        Where the ``Origin`` has not been read yet every page may read the refusal, which says
        nothing about anyone.
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
    """Nothing is ever passed on."""

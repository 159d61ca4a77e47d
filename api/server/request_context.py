"""Around every request: its id, its time, and the answer to unexpected errors. Pure ASGI.

And around every answer: what a browser may not do with it.
"""

import re
import uuid
from collections.abc import Iterable
from time import perf_counter

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from api.http.responses import internal_error
from api.metrics.requests import Metrics
from shared import log

_log = log.get(__name__)

_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
# As other servers log a client that went away before its answer.
CLIENT_GONE = 499


class RequestContext:
    """Gives each request an id, counts it, and turns a fault of ours into a problem."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        bind_contextvars(request_id=request_id.decode())
        began = perf_counter()
        status = CLIENT_GONE

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = message.get("headers", [])
                headers = [*given, (b"x-request-id", request_id), *defaults_for(given)]
                message = {**message, "headers": headers}
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except ClientDisconnect:
            _log.info("client went away while sending")
        except Exception:  # noqa: BLE001 - whatever it is, the client gets a problem
            _log.exception("request failed")
            if status == CLIENT_GONE:
                await internal_error()(scope, receive, send_with_id)
        finally:
            seconds = perf_counter() - began
            self.metrics.observe(_route(scope), scope["method"], status, seconds)


def _request_id(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ID.fullmatch(value):
            given: bytes = value
            return given
    return uuid.uuid4().hex.encode()


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", None) or "unmatched"


Field = tuple[bytes, bytes]

# Each where the answer says nothing of it: the pages have a policy of their own.
DEFAULTS: tuple[Field, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_NEVER_KEPT = (b"cache-control", b"no-store")
# What has an ETag is a file of this service.
_ASKED_AGAIN = (b"cache-control", b"no-cache")


def defaults_for(headers: Iterable[Field]) -> list[Field]:
    """What is to be added to an answer with these headers."""
    names = {name for name, _ in headers}
    added = [field for field in DEFAULTS if field[0] not in names]
    if b"cache-control" not in names:
        added.append(_ASKED_AGAIN if b"etag" in names else _NEVER_KEPT)
    return added

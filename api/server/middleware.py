"""ASGI middlewares around every request: id, log line, HEAD, unexpected errors."""

import re
import uuid
from collections.abc import Iterable
from time import perf_counter

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from api.http.methods import answers_head
from api.http.responses import internal_error
from api.metrics.requests import Metrics
from shared import log

_log = log.get(__name__)

_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
# The status under which nginx logs a client that disconnected before the response.
CLIENT_GONE = 499
_PROBES = ("/health", "/metrics")
_READS = ("GET", "HEAD")
_UNMATCHED = "unmatched"


class RequestContext:
    """Gives each request an id, counts it and logs it."""

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
        finally:
            seconds = perf_counter() - began
            route, method = _route(scope), scope["method"]
            self.metrics.observe(route, method, status, seconds, scope.get("owner", ""))
            log_line = _log.debug if _is_frequent(route, method, status) else _log.info
            log_line(
                "request",
                method=method,
                route=route,
                status=status,
                duration_ms=round(seconds * 1000, 1),
            )


def _is_frequent(route: str, method: str, status: int) -> bool:
    """Whether the request is a health check, a scrape or one of a page's many files."""
    return route.startswith(_PROBES) or (route == _UNMATCHED and method in _READS and status < 400)


def _request_id(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ID.fullmatch(value):
            given: bytes = value
            return given
    return uuid.uuid4().hex.encode()


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", None) or _UNMATCHED


Field = tuple[bytes, bytes]

# Each is added only if the response does not set it: the web pages set their own policy.
DEFAULTS: tuple[Field, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_NEVER_KEPT = (b"cache-control", b"no-store")
# Added to a response with an ETag, which is a static file.
_ASKED_AGAIN = (b"cache-control", b"no-cache")


def defaults_for(headers: Iterable[Field]) -> list[Field]:
    """The headers to add to a response that has the given headers."""
    names = {name for name, _ in headers}
    added = [field for field in DEFAULTS if field[0] not in names]
    if b"cache-control" not in names:
        added.append(_ASKED_AGAIN if b"etag" in names else _NEVER_KEPT)
    return added


class HeadMiddleware:
    """Passes HEAD to the routes as GET (RFC 9110, section 9.1); the server leaves the body out."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["method"] != "HEAD" or not answers_head(scope["path"]):
            await self.app(scope, receive, send)
            return
        # A copy: uvicorn reads the method from its own scope when it writes the answer.
        get = {**scope, "method": "GET"}
        try:
            await self.app(get, receive, send)
        finally:
            for name in ("route", "owner"):  # for the metrics
                if name in get:
                    scope[name] = get[name]


class UnexpectedErrorMiddleware:
    """Logs an unexpected exception and responds 500 if no response has begun."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def send_and_note(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except ClientDisconnect:
            _log.info("client disconnected while sending")
        except Exception:  # noqa: BLE001 - whatever it is, the client gets a problem
            _log.exception("request failed")
            if not begun:
                await internal_error()(scope, receive, send)

"""uvicorn's HTTP connection, with rules of RFC 9110 and RFC 9112 that uvicorn does not follow."""

import re
from collections.abc import Iterable, Mapping
from contextvars import Context
from typing import Any

import httptools
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from api.server.early_response import EarlyResponse
from api.server.middleware import Field
from shared.errors import MalformedRequest

# If at most this many declared bytes remain, uvicorn discards them and keeps the connection.
DISCARD_BYTES = 32 * 1024 * 1024
# A name, an IPv4 address or a bracketed IPv6 address, with an optional port.
_HOST = re.compile(rb"(?:[\w.~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::\d*)?")


def check_host(fields: Iterable[Field], http_version: str) -> None:
    """Check the ``Host`` field as RFC 9112, section 3.2 requires; HTTP/1.0 may leave it out.

    Raises:
        MalformedRequest: It is missing, repeated or invalid.
    """
    hosts = [value for name, value in fields if name == b"host"]
    if not hosts and http_version == "1.0":
        return
    if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
        raise MalformedRequest("An HTTP/1.1 request needs one valid Host header. Send exactly one.")


def head_without_upgrade(method: bytes, target: bytes, version: str, fields: list[Field]) -> bytes:
    """A request head as the client sent it, without its ``Upgrade`` header.

    At an ``Upgrade`` header the parser stops and treats the body as the other protocol. RFC 9110,
    section 7.8 allows a server to ignore the header.
    """
    kept = [name + b": " + value + b"\r\n" for name, value in fields if name != b"upgrade"]
    return b"".join([method, b" ", target, b" HTTP/", version.encode(), b"\r\n", *kept, b"\r\n"])


def stays_open(scope: Mapping[str, Any]) -> bool:
    """Whether uvicorn keeps the connection after an early response, and discards the body."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    if b"transfer-encoding" in headers or b"expect" in headers:
        return False
    length = int(headers.get(b"content-length", b"0"))
    if length == 0:
        return True
    closes = scope["http_version"] == "1.0" or b"close" in headers.get(b"connection", b"").lower()
    return length <= DISCARD_BYTES and not closes


class UnchunkedResponse:
    """Responds to an HTTP/1.0 client without ``Transfer-Encoding``; closing ends the body.

    An incomplete response ends with a reset, so that the client does not consider it complete.

    Args:
        app: The ASGI application.
        cycle: uvicorn's object for this request, which chooses the encoding.
    """

    def __init__(self, app: ASGIApp, cycle: RequestResponseCycle) -> None:
        self._app = app
        self._cycle = cycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        cycle, unknown_length = self._cycle, False

        async def send_unchunked(message: Message) -> None:
            nonlocal unknown_length
            if message["type"] == "http.response.start":
                names = {name.lower() for name, _ in message.get("headers", [])}
                unknown_length = b"content-length" not in names
                if unknown_length:
                    cycle.chunked_encoding = False
            elif unknown_length:  # otherwise uvicorn reports missing or surplus bytes
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        await self._app(scope, receive, send_unchunked)
        if cycle.response_started and not cycle.response_complete:
            cycle.transport.abort()


class HttpConnection(HttpToolsProtocol):
    """One client's connection.

    Args:
        server: Arguments that uvicorn passes to a protocol.
    """

    def __init__(self, **server: Any) -> None:
        super().__init__(**server)
        self.url, self.headers = b"", []
        # Whether the parser has stopped at an ``Upgrade`` header.
        self.offered_upgrade = False

    def parse(self, data: bytes) -> None:
        """Parse bytes from the client; an ``Upgrade`` header is ignored.

        Raises:
            httptools.HttpParserError: The bytes are not HTTP, or a callback raised.
        """
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as stopped:
                data = self._head_again() + data[stopped.args[0] :]
            else:
                return

    def _head_again(self) -> bytes:
        """The head that the parser has just read, without ``Upgrade``, for a new parser."""
        method, version = self.parser.get_method(), self.parser.get_http_version()
        self.offered_upgrade = False
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return head_without_upgrade(method, self.url, version, self.headers)

    def on_headers_complete(self) -> None:
        """A request head is complete.

        Raises:
            MalformedRequest: The Host header is missing or invalid.
        """
        self.offered_upgrade = self.parser.should_upgrade() and (
            self.parser.get_method() != b"CONNECT"
        )
        if self.offered_upgrade:
            return
        version = self.parser.get_http_version()
        check_host(self.headers, version)
        if version == "1.0":  # RFC 9110, section 10.1.1
            self.expect_100_continue = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A chunk of a body has arrived."""
        cycle = self.cycle
        # uvicorn would copy each chunk twice. It passes on bytes as they are; several chunks, which
        # the app has not awaited, are still collected in a bytearray.
        if not cycle.body:
            cycle.body = b""  # type: ignore[assignment]
        elif isinstance(cycle.body, bytes):
            cycle.body = bytearray(cycle.body)
        super().on_body(body)

    def _should_upgrade_to_ws(self) -> bool:
        return False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if not stays_open(cycle.scope):
            app = EarlyResponse(app)
        if cycle.scope["http_version"] == "1.0":
            app = UnchunkedResponse(app, cycle)
        # A pipelined request starts in the task of the previous request and would inherit its log
        # fields.
        Context().run(super()._start_asgi_task, cycle, app)

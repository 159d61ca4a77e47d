"""Makes a refusal reach a client that is still sending, without reading an endless body.

uvicorn discards the unread rest of a body after the answer, however long it is, and a connection
closed while bytes arrive is reset, which loses the answer.
"""

import asyncio
import contextlib
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# A declared rest up to this is discarded by the server, and the connection stays in use.
DISCARD_BYTES = 32 * 1024 * 1024
LINGER_S = 2.0


class EarlyResponseMiddleware:
    """After an early answer to a body without bound: read on for two seconds, then close."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or _is_small(scope):
            await self.app(scope, receive, send)
        else:
            exchange = _Exchange(receive, send)
            await self.app(scope, exchange.receive, exchange.send)


def _is_small(scope: Scope) -> bool:
    headers: dict[bytes, bytes] = dict(scope["headers"])
    if b"transfer-encoding" in headers or b"expect" in headers:
        return False
    return int(headers.get(b"content-length", b"0")) <= DISCARD_BYTES


class _Exchange:
    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._begun = False
        self._complete = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._begun = True
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            self._complete = True
        return message

    async def send(self, message: Message) -> None:
        if self._complete:
            await self._send(message)
        elif message["type"] == "http.response.start":
            headers: list[Any] = [*message.get("headers", []), (b"connection", b"close")]
            await self._send({**message, "headers": headers})
        elif message.get("more_body") or not self._begun:
            await self._send(message)
        else:
            await self._send({**message, "more_body": True})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LINGER_S):
                    while not self._complete:
                        await self.receive()
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

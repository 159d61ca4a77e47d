"""Lets a client that is still sending receive an early response, without reading an endless body.

If a connection is closed while bytes arrive, it is reset and the client loses the response. uvicorn
closes immediately after ``Connection: close`` and HTTP/1.0; if it keeps the connection, it discards
the rest of the body, however long that is.
"""

import asyncio
import contextlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# nginx's defaults: how long to discard the rest, and how long to wait for its next bytes.
LINGER_S, LINGER_IDLE_S = 30.0, 2.0


class EarlyResponse:
    """After an early response, discards the rest of the body before the connection is closed.

    `api.server.http_connection` wraps the application for requests that need it.

    Args:
        app: The ASGI application.
        linger_s: Maximum time to discard the rest of a body, in seconds.
        idle_s: Maximum time to wait for the next bytes of the body, in seconds.
    """

    def __init__(
        self, app: ASGIApp, linger_s: float = LINGER_S, idle_s: float = LINGER_IDLE_S
    ) -> None:
        self.app = app
        self._linger_s = linger_s
        self._idle_s = idle_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        exchange = _Exchange(receive, send, expects=_expects(scope))
        await self.app(scope, exchange.receive, exchange.send)
        await exchange.linger(self._linger_s, self._idle_s)


def _expects(scope: Scope) -> bool:
    """Whether the client sends its body only after 100 Continue."""
    return any(
        name == b"expect" and value.lower() == b"100-continue" for name, value in scope["headers"]
    ) and scope["http_version"] != "1.0"  # fmt: skip


class _Exchange:
    """One request and its response.

    Args:
        receive: The server's; its first call sends 100 Continue to a client that expects it.
        send: The server's.
        expects: Whether the client waits for 100 Continue.
    """

    def __init__(self, receive: Receive, send: Send, *, expects: bool) -> None:
        self._receive = receive
        self._send = send
        self._waits = expects
        self._complete = False
        self._unfinished = False

    async def receive(self) -> Message:
        self._waits = False
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            self._complete = True
        return message

    async def send(self, message: Message) -> None:
        if self._complete:
            await self._send(message)
        elif message["type"] == "http.response.start":
            headers = [*message.get("headers", []), (b"connection", b"close")]
            await self._send({**message, "headers": headers})
        elif message.get("more_body") or self._waits:
            await self._send(message)
        else:  # uvicorn closes after the last part of a response
            self._unfinished = True
            await self._send({**message, "more_body": True})

    async def linger(self, most_s: float, idle_s: float) -> None:
        """Discard the rest of the body for a while, then complete the response."""
        if not self._unfinished:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(most_s):
                while not self._complete:
                    async with asyncio.timeout(idle_s):
                        await self.receive()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

"""Turns an unexpected exception into a problem document, inside all other middleware."""

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.responses import internal_error
from shared import log

_log = log.get(__name__)


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

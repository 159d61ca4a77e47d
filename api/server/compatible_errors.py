"""ASGI middleware that gives errors the form that clients of other services show."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http import compatible_errors, responses

_CONTENT_TYPE = b"content-type"
_REPLACED = (_CONTENT_TYPE, b"content-length")


class CompatibleErrorsMiddleware:
    """Adds the member ``error`` to every problem document on the paths of such clients."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or not compatible_errors.is_compatible(path):
            await self.app(scope, receive, send)
            return
        start: Message | None = None

        async def send_compatible(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_problem(message):
                start = message  # its content-length is known with the body
            elif start is None:
                await send(message)
            else:  # a problem document is one message
                body = compatible_errors.with_error(message["body"])
                await send({**start, "headers": _headers(start, body)})
                await send({**message, "body": body})

        await self.app(scope, receive, send_compatible)


def _is_problem(start: Message) -> bool:
    return (_CONTENT_TYPE, responses.MEDIA_TYPE.encode()) in start["headers"]


def _headers(start: Message, body: bytes) -> list[tuple[bytes, bytes]]:
    kept = [field for field in start["headers"] if field[0] not in _REPLACED]
    return [
        *kept,
        (_CONTENT_TYPE, compatible_errors.MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
    ]

"""Answers HEAD as GET without a body, on every route that allows it (RFC 9110, section 9.1)."""

from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.methods import answers_head


class HeadMiddleware:
    """Passes HEAD to the routes as GET; the server leaves the body out."""

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
            if "route" in get:
                scope["route"] = get["route"]  # for the metrics

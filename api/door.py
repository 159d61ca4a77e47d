"""Turns away at the door what could not be answered in time.

Under overload most requests are refused, on the processors that the others are answered with, and
a refusal here costs half of what it costs behind FastAPI's routing. Depends on the predict route.
"""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.problems import respond_error
from api.routes import predict
from shared.errors import QueueFull, ServiceError

[_ROUTE] = predict.router.routes


class Door:
    """Asks admission about a ``POST /predict`` before anything else is spent on it.

    Only a full queue is answered here; every other refusal is the route's to say.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and (scope["method"], scope["path"]) == ("POST", "/predict"):
            try:
                predict.admit(scope["app"].state.services, Headers(scope=scope))
            except QueueFull as error:
                scope["route"] = _ROUTE  # which requests are counted by
                scope["app"].state.metrics.refused(error.slug)
                await respond_error(error)(scope, receive, send)
                return
            except ServiceError:
                pass  # which the route is about to find too
        await self.app(scope, receive, send)

"""The app: FastAPI with API keys in its description, whose uvicorn makes guarded connections."""

from functools import partial
from typing import Any, cast

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send
from uvicorn import Config

from api.auth.middleware import ALWAYS_OPEN
from api.http.openapi import with_keys, without_added_errors
from api.server.connection import Connection
from api.server.connection_limits import ConnectionLimits
from shared import log

_log = log.get(__name__)


class Application(FastAPI):
    """Hands ``guard`` to the server, however that was started.

    uvicorn has chosen its connections by the time it imports the app, but makes the first only
    once the lifespan has begun, and what it hands to the lifespan leads to its configuration.
    """

    def __init__(self, limits: ConnectionLimits, **fastapi: Any) -> None:
        super().__init__(**fastapi)
        self.state.limits = limits

    def openapi(self) -> dict[str, Any]:
        """The description, with what FastAPI does not know of: who may ask what."""
        if self.openapi_schema is None:
            self.openapi_schema = with_keys(without_added_errors(super().openapi()), ALWAYS_OPEN)
        return self.openapi_schema

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            config = getattr(getattr(receive, "__self__", None), "config", None)
            if isinstance(config, Config):
                config.http_protocol_class = cast("Any", partial(Connection, self.state.limits))
            else:
                _log.warning("connections have no limits: the server is not uvicorn")
        await super().__call__(scope, receive, send)

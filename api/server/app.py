"""The FastAPI application, with limits on connections and API keys in its OpenAPI description."""

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

# Longer than nginx's 60 s: a request on a connection that is just being closed is lost.
KEEP_ALIVE_S = 75
UVICORN_KEEP_ALIVE_S = 5
_SEVERAL = (
    "api: several processes would each report their own metrics as those of the service. "
    "Set WEB_CONCURRENCY=1 (or --workers 1) and start more API processes instead."
)


class Application(FastAPI):
    """Passes ``limits`` to uvicorn, whichever command started it.

    uvicorn chooses its connection class before it imports the app, but opens the first connection
    only after the lifespan has begun. The lifespan's ``receive`` leads to uvicorn's configuration.
    """

    def __init__(self, limits: ConnectionLimits, **fastapi: Any) -> None:
        super().__init__(**fastapi)
        self.state.limits = limits

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI description; it shows which operations require an API key."""
        if self.openapi_schema is None:
            self.openapi_schema = with_keys(without_added_errors(super().openapi()), ALWAYS_OPEN)
        return self.openapi_schema

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            config = getattr(getattr(receive, "__self__", None), "config", None)
            if isinstance(config, Config):
                if config.workers > 1:
                    await receive()
                    await send({"type": "lifespan.startup.failed", "message": _SEVERAL})
                    return
                config.http_protocol_class = cast("Any", partial(Connection, self.state.limits))
                if config.timeout_keep_alive == UVICORN_KEEP_ALIVE_S:
                    config.timeout_keep_alive = KEEP_ALIVE_S
            else:
                _log.warning("connections have no limits: the server is not uvicorn")
        await super().__call__(scope, receive, send)

"""The api: ``uvicorn api.main:app``. Importing it reads settings and connects to nothing."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from pydantic import ValidationError
from starlette.middleware.cors import CORSMiddleware

from api.auth.middleware import DOCS, METRICS, ApiKeyMiddleware
from api.http import responses
from api.lifespan import running
from api.metrics.requests import Metrics
from api.routes import events, health, jobs, metrics, model, page, predict, results
from api.server.app import Application
from api.server.connection_limits import ConnectionLimits
from api.server.cross_origin import RefusalHeaders, cors_options
from api.server.early_response import EarlyResponseMiddleware
from api.server.head_requests import HeadMiddleware
from api.server.request_context import RequestContext
from api.server.unexpected_errors import UnexpectedErrorMiddleware
from api.settings import ApiSettings
from shared.settings import explain

EXIT_CANNOT_SERVE = 3

# Asked every few seconds by machines.
UNTRACED = ("/health", "/metrics")

DESCRIPTION = """Classifies photos, by default into the 1,000 classes of ImageNet; see `/model`.

`POST /predict` answers one photo, `POST /jobs` takes many and is polled by its id. Errors are
problem documents (RFC 9457): `type` is stable, `detail` says what to do.

Besides what each operation lists, any of them may answer 431 `headers_too_large` (32 KiB, 100
fields) or 503 `too_many_connections`.
"""


def create_app(settings: ApiSettings) -> FastAPI:
    """An app that connects when its lifespan begins."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running(app, settings):
            yield

    metering = Metrics()
    app = Application(
        ConnectionLimits(
            settings.max_connections,
            settings.client_timeout_s,
            metering.refused,
            RefusalHeaders(settings.origins),
        ),
        title="Image classifier",
        version="0.1.0",
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        # A redirect would send photo and key to whichever address the Host header names.
        redirect_slashes=False,
        # The folder of openapi.json: right under every prefix.
        servers=[{"url": "."}],
        root_path_in_servers=False,
        separate_input_output_schemas=False,
        telemetry={"exclude": lambda scope: scope.get("path", "").startswith(UNTRACED)},
    )
    app.state.metrics = metering
    responses.install(app, metering.refused)
    for routes in (predict, jobs, results, events, health, model, metrics):
        app.include_router(routes.router)
    page.mount(app, settings)
    _close(app, settings)
    app.add_middleware(HeadMiddleware)
    app.add_middleware(RequestContext, metrics=metering)
    app.add_middleware(EarlyResponseMiddleware)
    return app


def _close(app: FastAPI, settings: ApiSettings) -> None:
    """Ask for keys where there are any, and let the named sites in."""
    switches = {DOCS: settings.docs_enabled, METRICS: settings.metrics_enabled}
    if settings.keyring or False in switches.values():
        app.add_middleware(ApiKeyMiddleware, keyring=settings.keyring, switches=switches)
    app.add_middleware(UnexpectedErrorMiddleware)
    if settings.origins:  # in front: a browser asks without a key whether it may ask
        app.add_middleware(CORSMiddleware, **cors_options(settings.origins))


def load_settings() -> ApiSettings:
    """The settings from the environment; one line and an exit where they are wrong."""
    try:
        return ApiSettings()
    except ValidationError as error:
        print(f"api: {explain(error)}", file=sys.stderr)  # noqa: T201 - for the person at the shell
        sys.exit(EXIT_CANNOT_SERVE)


app = create_app(load_settings())

"""The API process: ``uvicorn api.main:app``. Import reads the settings but opens no connection."""

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
from api.routes import events, health, job_list, jobs, metrics, model, page, predict, results
from api.routes.compatible import hugging_face, open_inference
from api.server.app import Application
from api.server.connection_limits import ConnectionLimits
from api.server.cross_origin import RefusalHeaders, cors_options
from api.server.middleware import HeadMiddleware, RequestContext, UnexpectedErrorMiddleware
from api.settings import ApiSettings
from shared.settings import explain

EXIT_CANNOT_SERVE = 3

# Monitoring requests these every few seconds.
UNTRACED = ("/health", "/metrics")

DESCRIPTION = """Classifies photos, by default into the 1,000 classes of ImageNet; see `/model`.

`POST /predict` classifies one photo. `POST /jobs` accepts many photos and returns a job to poll.
Errors are problem documents (RFC 9457): `type` is stable, `detail` says what to do.

In addition to the responses listed below, every operation may return 431 `headers_too_large`
(32 KiB, 100 fields) or 503 `too_many_connections`.
"""


def create_app(settings: ApiSettings) -> FastAPI:
    """Create the application; it opens its connections when its lifespan begins."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running(app, settings):
            yield

    metering = Metrics(settings.keyring.owners)
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
        # A redirect would send the photo and the key to the address in the Host header.
        redirect_slashes=False,
        # Relative to openapi.json, so that it is correct behind any path prefix.
        servers=[{"url": "."}],
        root_path_in_servers=False,
        separate_input_output_schemas=False,
        telemetry={"exclude": lambda scope: scope.get("path", "").startswith(UNTRACED)},
    )
    app.state.metrics = metering
    responses.install(app, metering.refused)
    own = (predict, jobs, job_list, results, events, health, model, metrics)
    for routes in (*own, hugging_face, open_inference):
        app.include_router(routes.router)
    page.mount(app, settings)
    _close(app, settings)
    app.add_middleware(HeadMiddleware)
    app.add_middleware(RequestContext, metrics=metering)
    return app


def _close(app: FastAPI, settings: ApiSettings) -> None:
    """Require API keys if any are set, and allow the configured origins."""
    switches = {DOCS: settings.docs_enabled, METRICS: settings.metrics_enabled}
    if settings.keyring or False in switches.values():
        app.add_middleware(ApiKeyMiddleware, keyring=settings.keyring, switches=switches)
    app.add_middleware(UnexpectedErrorMiddleware)
    if settings.origins:  # outermost: a browser's preflight request carries no API key
        app.add_middleware(CORSMiddleware, **cors_options(settings.origins))


def load_settings() -> ApiSettings:
    """Read the settings from the environment; if one is invalid, print one line and exit."""
    try:
        return ApiSettings()
    except ValidationError as error:
        print(f"api: {explain(error)}", file=sys.stderr)  # noqa: T201 - for the person at the shell
        sys.exit(EXIT_CANNOT_SERVE)


app = create_app(load_settings())

"""Builds the services when the app starts and closes them when it stops; opens all connections."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI
from redis.asyncio import Redis

from api.admission.queue_limits import Admission
from api.dependencies import Services
from api.intake.body import MemoryBudget
from api.jobs.completion_or_disconnect import CompletionListener
from api.jobs.progress import Progress
from api.jobs.service import JobService
from api.jobs.store_marker import StoreMarker
from api.redis_client import connect_async
from api.settings import ApiSettings
from shared import log, tracing
from shared.heap import give_back_freed, keep_freed
from shared.records.batches import BatchList
from shared.records.jobs import JobStore
from shared.uploads import open_uploads

_log = log.get(__name__)

# Only a fallback: each call has its own time limit (api.redis_client), longer for a large batch.
REDIS_S = 10.0
# A call holds a connection for about a millisecond; in a burst, more would take time to open.
CONNECTIONS = 16


# Freed memory that is kept for the next photos, whose chunks have up to 256 KB; and the size of the
# blocks, of JSON and base64, that are returned at once.
KEPT_BYTES, LARGE_BYTES = 24 * 1024 * 1024, 1024 * 1024
# How often it is looked whether any photo is being received; if none is, nothing is kept.
IDLE_S = 5.0


@asynccontextmanager
async def running(app: FastAPI, settings: ApiSettings) -> AsyncIterator[None]:
    """Build the services, run their background tasks, and close them at the end."""
    _configure_logs(settings)
    keep_freed(KEPT_BYTES, LARGE_BYTES)
    tracing.start(settings, "image-classifier-api")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(to_thread.run_sync, tracing.stop)
        app.state.services = services = _build(settings, stack)
        app.state.metrics.watch(services.admission)
        await services.admission.refresh()
        marker = StoreMarker(services.redis, open_uploads(settings.uploads_url))
        loops = (
            services.admission.run(),
            services.completions.run(),
            services.progress.run(),
            marker.run(),
            _give_back_when_idle(services.budget),
        )
        for loop in (*loops, app.state.limits.run()):
            task = asyncio.create_task(loop)
            stack.push_async_callback(_end, task)
        stack.push_async_callback(services.jobs.close)
        _log_access(settings)
        _log.info("ready", broker="up" if services.admission.cluster.broker_up else "down")
        yield


def _build(settings: ApiSettings, stack: AsyncExitStack) -> Services:
    def client(timeout_s: float | None, connections: int) -> Redis:
        made = connect_async(settings.redis_url, timeout_s, connections)
        stack.push_async_callback(made.aclose)
        return made

    redis = client(REDIS_S, CONNECTIONS)
    admission = Admission(client(REDIS_S, 2), settings.max_queued_items, settings.max_owned)
    jobs = JobStore(redis, settings.job_ttl_s, settings.max_queued_items)
    durable = settings.redis_appendfsync == "always"
    uploads = open_uploads(settings.uploads_url, durable=durable)
    return Services(
        settings=settings,
        redis=redis,
        jobs=JobService(jobs, uploads, admission),
        completions=CompletionListener(client(None, 2)),
        admission=admission,
        budget=MemoryBudget(),
        progress=Progress(jobs),
        batches=BatchList(redis, jobs),
    )


def _log_access(settings: ApiSettings) -> None:
    """Log at the start who may use the service, so that forgotten API keys are noticed."""
    if settings.keyring:
        _log.info("API keys required", keys=len(settings.keyring))
    else:
        _log.warning("open to all clients: no API keys are set")


async def _give_back_when_idle(budget: MemoryBudget) -> None:
    while True:
        await asyncio.sleep(IDLE_S)
        if not budget.reserved_bytes:
            give_back_freed()


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _configure_logs(settings: ApiSettings) -> None:
    log.configure(settings.log_level, settings.log_format)
    # by now uvicorn has added handlers to its loggers
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        if not logger.handlers and not logger.propagate:
            continue  # --no-access-log has switched it off
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)  # LOG_LEVEL decides
        logger.addFilter(_without_colours)
    # api.server.middleware logs each request, with its route and duration.
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    # it warns of every malformed body, which the response already reports
    logging.getLogger("python_multipart").setLevel(logging.ERROR)


def _without_colours(record: logging.LogRecord) -> bool:
    record.__dict__.pop("color_message", None)  # uvicorn's own copy of the message, for terminals
    return True

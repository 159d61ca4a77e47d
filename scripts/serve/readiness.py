"""Whether the service that was just started can classify, rather than an earlier one."""

import asyncio
import http.client
from urllib.parse import urlsplit

from pydantic import ValidationError
from redis.asyncio import Redis

from shared import redis_keys
from shared.messages import WorkerReport, WorkerState

PERIOD_S = 0.25
WORKING = (WorkerState.IDLE, WorkerState.BUSY)


async def incarnations(client: Redis) -> set[str]:
    """Every worker process that Redis remembers, dead ones included."""
    return {str(name) for name in await client.hkeys(redis_keys.WORKERS)}


async def until_ready(url: str, client: Redis, earlier: set[str]) -> None:
    """Wait until ``/health/ready`` says 200 and a worker that is not of ``earlier`` can work.

    After a kill the heartbeats of the killed workers look fresh for some seconds.
    """
    while True:
        if await asyncio.to_thread(is_healthy, url) and await _works(client, earlier):
            return
        await asyncio.sleep(PERIOD_S)


async def _works(client: Redis, earlier: set[str]) -> bool:
    reports = await client.hgetall(redis_keys.WORKERS)
    for incarnation, report in reports.items():
        try:
            status = WorkerReport.model_validate_json(report).status
        except ValidationError:
            continue
        if incarnation not in earlier and status in WORKING:
            return True
    return False


def is_healthy(url: str) -> bool:
    """Whether ``/health/ready`` says 200; it needs no API key."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=2)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()

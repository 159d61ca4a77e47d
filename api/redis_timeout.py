"""A time limit for every call to Redis: if Redis does not respond in time, the client gets a 503.

Only time in which this process could run counts. On a busy host, the process may read a fast
response of Redis late; without this rule it would report that Redis is unreachable.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.errors import BrokerUnavailable
from shared.redis_client import REDIS_DOWN

BROKER_S = 0.6
TICK_S = 0.05
RETRY_BROKER_S = 2


def broker_unavailable() -> BrokerUnavailable:
    """The error while Redis does not respond."""
    return BrokerUnavailable("Redis is unreachable. Try again in a few seconds.", RETRY_BROKER_S)


@asynccontextmanager
async def own_time_within(seconds: float) -> AsyncIterator[None]:
    """`asyncio.timeout`, without the time by which the event loop was late.

    Raises:
        TimeoutError: The block took longer than ``seconds``.
    """
    loop = asyncio.get_running_loop()
    due = loop.time() + seconds
    wanted = min(due, loop.time() + TICK_S)
    timer: asyncio.TimerHandle

    def tick() -> None:
        nonlocal due, wanted, timer
        now = loop.time()
        due += now - wanted
        if now >= due:
            bound.reschedule(now)
        else:
            wanted = min(due, now + TICK_S)
            timer = loop.call_at(wanted, tick)

    async with asyncio.timeout(None) as bound:
        timer = loop.call_at(wanted, tick)
        try:
            yield
        finally:
            timer.cancel()


@asynccontextmanager
async def broker_within(seconds: float = BROKER_S) -> AsyncIterator[None]:
    """A context for a call to Redis that a request needs.

    Raises:
        BrokerUnavailable: The call failed or took longer than ``seconds`` of this process's time;
            the exception of the Redis client is its cause.
    """
    try:
        async with own_time_within(seconds):
            yield
    except REDIS_DOWN as error:
        raise broker_unavailable() from error

"""A bound on every call to Redis: it answers in time, or the client gets a 503.

What counts is time in which this process had its turn. On a host whose processors are all busy it
would read late what Redis answered soon, and tell clients that Redis is away.
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
    """The refusal while Redis does not answer."""
    return BrokerUnavailable("Redis is unreachable. Try again in a few seconds.", RETRY_BROKER_S)


@asynccontextmanager
async def own_time_within(seconds: float) -> AsyncIterator[None]:
    """`asyncio.timeout`, which does not count by how much the event loop was late meanwhile.

    Raises:
        TimeoutError: The block took longer.
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
    """Around a call to Redis that a request needs.

    Raises:
        BrokerUnavailable: It failed, or took longer by this process's own time; its cause is what
            Redis raised.
    """
    try:
        async with own_time_within(seconds):
            yield
    except REDIS_DOWN as error:
        raise broker_unavailable() from error

"""A bound on every call to Redis: it answers in time, or the client gets a 503.

In time means that Redis is not silent for longer: on a host whose processors are all busy this
process reads late what Redis answered soon, and would tell clients that Redis is away.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.errors import BrokerUnavailable
from shared.redis_client import REDIS_DOWN, replied_s

BROKER_S = 0.6
# So many times its bound may a call take while other calls are answered.
MOST = 5
# What has come meanwhile is read before a call is given up.
READ_S = 0.02
RETRY_BROKER_S = 2


def broker_unavailable() -> BrokerUnavailable:
    """The refusal while Redis does not answer."""
    return BrokerUnavailable("Redis does not answer. Try again in a few seconds.", RETRY_BROKER_S)


@asynccontextmanager
async def silence_within(seconds: float) -> AsyncIterator[None]:
    """Around a call to Redis.

    Raises:
        TimeoutError: No call of this process was answered for so long, or this one for five times
            as long.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    timer: asyncio.TimerHandle

    def look(*, read: bool = False) -> None:
        nonlocal timer
        due = min(max(began, replied_s()) + seconds, began + MOST * seconds)
        if loop.time() < due:
            timer = loop.call_at(due, look)
        elif not read:
            timer = loop.call_later(READ_S, lambda: look(read=True))
        else:
            bound.reschedule(loop.time())

    async with asyncio.timeout(None) as bound:
        timer = loop.call_at(began + seconds, look)
        try:
            yield
        finally:
            timer.cancel()


@asynccontextmanager
async def broker_within(seconds: float = BROKER_S) -> AsyncIterator[None]:
    """`silence_within` for a request.

    Raises:
        BrokerUnavailable: It failed or took longer; its cause is what Redis raised.
    """
    try:
        async with silence_within(seconds):
            yield
    except REDIS_DOWN as error:
        raise broker_unavailable() from error

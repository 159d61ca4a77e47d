"""A bound on every call to Redis: it answers in time, or the client gets a 503."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.errors import BrokerUnavailable
from shared.redis_client import REDIS_DOWN

BROKER_S = 0.6
RETRY_BROKER_S = 2


def broker_unavailable() -> BrokerUnavailable:
    """The refusal while Redis does not answer."""
    return BrokerUnavailable("Redis does not answer. Try again in a few seconds.", RETRY_BROKER_S)


@asynccontextmanager
async def broker_within(seconds: float = BROKER_S) -> AsyncIterator[None]:
    """Around a call to Redis.

    Raises:
        BrokerUnavailable: It failed or took longer; its cause is what Redis raised.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except REDIS_DOWN as error:
        raise broker_unavailable() from error

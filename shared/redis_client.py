"""Redis connections that fail within a given time, not the library's defaults.

redis-py 8 waits 5 s and retries ten times by default, and its pool raises when 100 connections
are in use; each of these turns a dead broker into a slow one.
"""

from collections.abc import Iterable

import redis
import redis.asyncio
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

# What a broken or absent broker raises, whichever way it is broken.
REDIS_DOWN = (redis.exceptions.RedisError, OSError)

# What a server answers that is no longer the primary. The address may lead to the new one by now,
# so the connection is dropped: a client that kept it would be refused for as long as it lives.
WRONG_SERVER = (redis.exceptions.ReadOnlyError, redis.exceptions.MasterDownError)

CONNECT_S = 0.3
# The api bounds each whole call (api.redis_timeout); on a busy host it sees its connection late.
CONNECT_ASYNC_S = 1.0


def connect(url: str, timeout_s: float) -> redis.Redis:
    """A synchronous client for the worker's threads; nothing is sent until its first call."""
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=64,
        timeout=timeout_s,
        socket_timeout=timeout_s,
        socket_connect_timeout=CONNECT_S,
        retry=Retry(NoBackoff(), 0),
        retry_on_error=list(WRONG_SERVER),
        decode_responses=True,
    )
    return redis.Redis.from_pool(pool)


class _Surviving:
    """uvloop raises RuntimeError where asyncio raises OSError: writing to a closed connection."""

    async def send_packed_command(
        self, command: bytes | str | Iterable[bytes], check_health: bool = True
    ) -> None:
        try:
            await super().send_packed_command(command, check_health)  # type: ignore[misc]
        except RuntimeError as error:
            raise redis.exceptions.ConnectionError(str(error)) from error


class _Tcp(_Surviving, Connection):
    pass


class _Tls(_Surviving, SSLConnection):
    pass


class _Unix(_Surviving, UnixDomainSocketConnection):
    pass


_SURVIVING = {Connection: _Tcp, SSLConnection: _Tls, UnixDomainSocketConnection: _Unix}


def connect_async(url: str, timeout_s: float | None, max_connections: int) -> redis.asyncio.Redis:
    """An asyncio client for the api; ``timeout_s=None`` is for the subscriber, which idles."""
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=max_connections,
        timeout=timeout_s or CONNECT_ASYNC_S,
        socket_timeout=timeout_s,
        socket_connect_timeout=CONNECT_ASYNC_S,
        retry=AsyncRetry(NoBackoff(), 0),
        retry_on_error=list(WRONG_SERVER),
        decode_responses=True,
    )
    pool.connection_class = _SURVIVING[pool.connection_class]
    return redis.asyncio.Redis.from_pool(pool)

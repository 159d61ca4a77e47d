"""The API's connections to Redis, and a time limit for every call: after it, the client gets a 503.

Only time in which this process could run counts. On a busy host, the process may read a fast
response of Redis late; without this rule it would report that Redis is unreachable.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import hiredis
import redis
import redis.asyncio
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.typing import EncodableT

from shared import log
from shared.errors import BrokerUnavailable
from shared.redis_client import REDIS_DOWN, WRONG_SERVER

_log = log.get(__name__)

# Each whole call has a time limit below; on a busy host this process sees its connection late.
CONNECT_S = 1.0
BROKER_S = 0.6
TICK_S = 0.05


def broker_unavailable() -> BrokerUnavailable:
    """The error while Redis does not respond."""
    return BrokerUnavailable("The job queue is unreachable. Try again in a few seconds.")


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
        if isinstance(error, redis.exceptions.ResponseError):
            # Redis may refuse one command and respond to all others, so that `/health` is ok
            _log.warning("redis refused a command", reason=type(error).__name__, cause=str(error))
        raise broker_unavailable() from error


class _Connection:
    """What redis-py's asyncio connections lack."""

    def pack_command(self, *args: EncodableT) -> list[bytes]:
        """Write a command with hiredis, as redis-py's synchronous connections do."""
        words = (*str(args[0]).split(), *args[1:])
        return [hiredis.pack_command(words)]  # type: ignore[arg-type] # declared for one word

    async def send_packed_command(
        self, command: bytes | str | Iterable[bytes], check_health: bool = True
    ) -> None:
        """On a closed connection, uvloop raises RuntimeError where asyncio raises OSError."""
        try:
            await super().send_packed_command(command, check_health)  # type: ignore[misc]
        except RuntimeError as error:
            raise redis.exceptions.ConnectionError(str(error)) from error


class _Tcp(_Connection, Connection):
    pass


class _Tls(_Connection, SSLConnection):
    pass


class _Unix(_Connection, UnixDomainSocketConnection):
    pass


_CONNECTIONS = {Connection: _Tcp, SSLConnection: _Tls, UnixDomainSocketConnection: _Unix}


def connect_async(url: str, timeout_s: float | None, max_connections: int) -> redis.asyncio.Redis:
    """An asyncio client for the API; it connects at its first call.

    Args:
        url: The address of Redis.
        timeout_s: Limit for each response, in seconds; ``None`` for the pub/sub listener.
        max_connections: Further calls wait for a free connection.
    """
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=max_connections,
        timeout=timeout_s or CONNECT_S,
        socket_timeout=timeout_s,
        socket_connect_timeout=CONNECT_S,
        retry=Retry(NoBackoff(), 0),
        retry_on_error=list(WRONG_SERVER),
        decode_responses=True,
    )
    pool.connection_class = _CONNECTIONS[pool.connection_class]
    return redis.asyncio.Redis.from_pool(pool)

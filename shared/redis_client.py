"""Redis connections that fail within a given time, not the library's defaults.

redis-py 8 waits 5 s and retries ten times by default, and its pool raises when 100 connections
are in use; each of these turns a dead broker into a slow one.
"""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

# What a broken or absent broker raises, whichever way it is broken.
REDIS_DOWN = (redis.exceptions.RedisError, OSError)

# What a server answers that is no longer the primary. The address may lead to the new one by now,
# so the connection is dropped: a client that kept it would be refused for as long as it lives.
WRONG_SERVER = (redis.exceptions.ReadOnlyError, redis.exceptions.MasterDownError)

CONNECT_S = 0.3


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

"""Redis connections that fail within a given time.

By default redis-py 8 waits 5 s and retries ten times, and its pool raises an error when 100
connections are in use. With these defaults an unreachable broker would only look slow.
"""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

# All exceptions that an unreachable or faulty broker can cause.
REDIS_DOWN = (redis.exceptions.RedisError, OSError)

# Errors of a server that is no longer the primary. The address may lead to the new primary by now,
# so the connection is closed: on the old connection every call would fail.
WRONG_SERVER = (redis.exceptions.ReadOnlyError, redis.exceptions.MasterDownError)

CONNECT_S = 0.3


def connect(url: str, timeout_s: float) -> redis.Redis:
    """A synchronous client for the worker's threads; it connects at its first call.

    Args:
        url: The address of Redis.
        timeout_s: Limit for each response and for a free connection, in seconds.
    """
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

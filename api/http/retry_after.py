"""The seconds of ``Retry-After``, except the default of `shared.errors.RetryableError`."""

import math

# A full queue: until enough items are finished, within these limits.
RETRY_MIN_S, RETRY_MAX_S = 1, 120
# No worker is ready: a start takes seconds.
RETRY_WORKERS_S = 5
# The memory of Redis is nearly full: it becomes free as jobs expire.
RETRY_MEMORY_S = 30
# Too many bodies are being read, or too many connections are open: both change within a second.
RETRY_BODIES_S = 1
RETRY_CONNECTION_S = 1
# An item failed through no fault of the client.
RETRY_ITEM_S = 2
# Between polls of an unfinished job: short enough to feel quick, long enough to be cheap.
POLL_S = 1


def retry_after_s(depth: int, per_s: float) -> int:
    """Whole seconds until ``depth`` items are finished at this rate, from 1 to 120."""
    if per_s <= 0:
        return RETRY_MAX_S if depth else RETRY_MIN_S
    return max(RETRY_MIN_S, math.ceil(min(RETRY_MAX_S, depth / per_s)))

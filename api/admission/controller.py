"""Admission: is there room, and if not, when? Checked before a body is read.

A background task keeps a view of the cluster that is at most about a second old, so the check
costs a request nothing, even while Redis is down.
"""

import asyncio
import math
from collections import deque

from redis.asyncio import Redis

from api.admission.cluster_state import ClusterState, look
from api.redis_timeout import broker_unavailable, own_time_within
from shared import log
from shared.errors import NO_MAPS, InvalidParameter, NoWorkers, QueueFull
from shared.queue.names import QueueName
from shared.redis_client import REDIS_DOWN

_log = log.get(__name__)

LOOK_EVERY_S = 0.5
LOOK_WITHIN_S = 0.6
RATE_OVER_S = 10.0
RETRY_MIN_S, RETRY_MAX_S = 1, 120
RETRY_WORKERS_S = 5
RETRY_MEMORY_S = 30
# Above this share of Redis's maxmemory no new photo is accepted.
MEMORY_SHARE_MAX = 0.8
# So many may always wait: less would refuse a few clients of one slow worker; more would have the
# last of them wait for over two seconds behind one that ends ten a second.
WAITING_LEAST = 16


class EndRate:
    """Items a second that ended while others waited, over the last ten seconds of that.

    An idle time counted in would have clients of a sudden rush come back far too late.
    """

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, at_s: float, ended: int, waiting: int) -> None:
        """Take the count of items that have ended so far, and of those that wait now."""
        if not waiting or (self._samples and ended < self._samples[-1][1]):
            self._samples.clear()  # if it is less, Redis has lost its data and counts from zero
        self._samples.append((at_s, ended))
        while at_s - self._samples[0][0] > RATE_OVER_S:
            self._samples.popleft()

    @property
    def per_s(self) -> float:
        """0 when nothing ended or nothing is known yet."""
        if len(self._samples) < 2:
            return 0.0
        (first_s, first), (last_s, last) = self._samples[0], self._samples[-1]
        return (last - first) / max(last_s - first_s, 1e-3)


def retry_after_s(depth: int, per_s: float) -> int:
    """Whole seconds until ``depth`` items are gone at this rate, from 1 to 120."""
    if per_s <= 0:
        return RETRY_MAX_S if depth else RETRY_MIN_S
    return max(RETRY_MIN_S, math.ceil(min(RETRY_MAX_S, depth / per_s)))


class Admission:
    """Admits or refuses.

    Args:
        client: An asyncio client that nothing else uses, so that a busy pool is not taken for a
            dead broker.
        max_queued: Most items that may wait in one queue.
    """

    def __init__(self, client: Redis, max_queued: int) -> None:
        self.cluster = ClusterState()
        self._client = client
        self._max_queued = max_queued
        self._rates = {queue: EndRate() for queue in QueueName}
        self._down = ""

    async def run(self) -> None:
        """Look again and again, for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.refresh()

    async def refresh(self) -> None:
        """Look once; a broker that does not answer in time is down."""
        try:
            async with own_time_within(LOOK_WITHIN_S):
                cluster = await look(self._client)
        except REDIS_DOWN as error:
            cluster = ClusterState()
            self._log_down(error)
        except Exception:  # noqa: BLE001 - a look that fails must not be the last
            _log.exception("cannot read the state of the cluster")
            cluster = ClusterState()
        else:
            self._down = ""
            now = asyncio.get_running_loop().time()
            for queue, rate in self._rates.items():
                rate.add(now, cluster.ended[queue], cluster.queued[queue])
        self.cluster = cluster

    def _log_down(self, error: Exception) -> None:
        """One line when Redis goes down, and one when the reason changes."""
        reason = type(error).__name__
        if reason != self._down:
            _log.warning("broker down", reason=reason, cause=str(error))
        self._down = reason

    def check(self, queue: QueueName, *, queue_s: float = 0.0, waiting: int = 0) -> None:
        """Refuse at once what could not be served.

        Args:
            queue: Where the items would wait.
            queue_s: Seconds of work that a waiting request may have before it; 0 for one that does
                not wait.
            waiting: Requests of this process that wait now, which the last look may not have seen.

        Raises:
            BrokerUnavailable: Redis does not answer.
            NoWorkers: The request waits, and no worker could answer it.
            QueueFull: No item fits into the queue, or into Redis, or a waiting request would not
                be answered in time.
        """
        cluster = self.cluster
        if not cluster.broker_up:
            raise broker_unavailable()
        if queue_s and not cluster.working:
            detail = "No worker is available. Try again, or send 'Prefer: respond-async'."
            raise NoWorkers(detail, RETRY_WORKERS_S)
        if cluster.memory_share >= MEMORY_SHARE_MAX:
            # the rest is for the results of what is queued already
            raise QueueFull("Redis is nearly full. Try again later.", RETRY_MEMORY_S)
        if cluster.queued[queue] >= self._max_queued:
            raise self.queue_full(queue)
        room = self.room(queue_s)
        if room is not None and max(cluster.queued[queue], waiting) >= room:
            raise self.queue_full(queue, depth=max(cluster.queued[queue], waiting))

    def check_explain(self) -> None:
        """Refuse what the model that answers cannot do; without workers, they will say it.

        Raises:
            InvalidParameter: It has no class activation maps.
        """
        if not all(worker.report.explains for worker in self.cluster.working):
            raise InvalidParameter(NO_MAPS)

    def room(self, queue_s: float) -> int | None:
        """Most requests that may wait at a time: what the workers finish in ``queue_s`` seconds.

        ``None`` for a request that does not wait, or while no worker knows its rate.
        """
        per_s = self.cluster.rate_per_s
        return max(WAITING_LEAST, int(per_s * queue_s)) if queue_s and per_s else None

    def queue_full(self, queue: QueueName, items: int = 1, depth: int | None = None) -> QueueFull:
        """The refusal of so many items, which says when to come back."""
        if depth is None:
            # the last look may be older than the rush that filled the queue
            depth = max(self.cluster.queued[queue], self._max_queued - items + 1)
        # where nothing has ended yet, what the workers say of themselves is the best guess
        per_s = self._rates[queue].per_s or self.cluster.rate_per_s
        after_s = retry_after_s(depth, per_s)
        return QueueFull(f"The {queue} queue is full. Try again in {after_s} s.", after_s)

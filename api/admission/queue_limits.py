"""Admission: how deep a queue may be. Accepts or refuses a request before its body is read.

A background task keeps the state of the cluster, at most about a second old. So the check costs a
request nothing, even while Redis is down.
"""

import asyncio

from redis.asyncio import Redis

from api.admission.cluster_state import ClusterState, EndRate, look
from api.http.retry_after import RETRY_MEMORY_S, RETRY_WORKERS_S, retry_after_s
from api.redis_client import broker_unavailable, own_time_within
from shared import log
from shared.errors import NO_MAPS, InvalidParameter, NoWorkers, OwnerQueueFull, QueueFull
from shared.queue.names import QueueName
from shared.redis_client import REDIS_DOWN

_log = log.get(__name__)

LOOK_EVERY_S = 0.5
LOOK_WITHIN_S = 0.6
# Above this share of Redis's maxmemory no new photo is accepted.
MEMORY_SHARE_MAX = 0.8
# This many requests may always wait. With fewer, one slow worker's clients would be refused; with
# more, the last request would wait over two seconds for a worker that finishes ten items a second.
WAITING_LEAST = 16


class Admission:
    """Admits or refuses requests.

    Args:
        client: An asyncio client for this object only, so that a busy connection pool is not
            mistaken for an unreachable broker.
        max_queued: Maximum number of items in one queue.
        max_owned: Maximum number of an owner's items in one queue; ``None`` without API keys.
    """

    def __init__(self, client: Redis, max_queued: int, max_owned: int | None = None) -> None:
        self.cluster = ClusterState()
        self._client = client
        self._max_queued = max_queued
        self._max_owned = max_owned
        self._rates = {queue: EndRate() for queue in QueueName}
        self._down = ""

    async def run(self) -> None:
        """Refresh the state until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.refresh()

    async def refresh(self) -> None:
        """Read the state once; a broker that does not respond in time is down."""
        try:
            async with own_time_within(LOOK_WITHIN_S):
                cluster = await look(self._client, owners=self._max_owned is not None)
        except REDIS_DOWN as error:
            cluster = ClusterState()
            self._log_down(error)
        except Exception:  # noqa: BLE001 - one failed read must not end the loop
            _log.exception("cannot read the state of the cluster")
            cluster = ClusterState()
        else:
            self._down = ""
            now = asyncio.get_running_loop().time()
            for queue, rate in self._rates.items():
                rate.add(now, cluster.ended[queue], cluster.queued[queue])
        self.cluster = cluster

    def _log_down(self, error: Exception) -> None:
        """Log one line when Redis goes down, and one when the reason changes."""
        reason = type(error).__name__
        if reason != self._down:
            _log.warning("broker down", reason=reason, cause=str(error))
        self._down = reason

    def check(
        self, queue: QueueName, *, queue_s: float = 0.0, waiting: int = 0, owner: str = ""
    ) -> None:
        """Refuse a request that could not be served.

        Args:
            queue: The queue of the items.
            queue_s: Longest acceptable time in the queue, in seconds; 0 for a request that does
                not wait.
            waiting: Requests of this process that wait now; the last refresh may not include them.
            owner: Owner of the API key; empty without API keys.

        Raises:
            BrokerUnavailable: Redis does not respond.
            NoWorkers: The request waits, and no worker is available.
            QueueFull: The queue or Redis is full, or a waiting request would not get its result
                in time.
            OwnerQueueFull: Too many items of the owner wait.
        """
        cluster = self.cluster
        if not cluster.broker_up:
            raise broker_unavailable()
        if queue_s and not cluster.working:
            detail = "No worker is available. Try again, or send 'Prefer: respond-async'."
            raise NoWorkers(detail, RETRY_WORKERS_S)
        if cluster.memory_share >= MEMORY_SHARE_MAX:
            # the rest of the memory is for the results of queued items
            raise QueueFull("No memory is left for new jobs. Try again later.", RETRY_MEMORY_S)
        if cluster.queued[queue] >= self._max_queued:
            raise self.queue_full(queue)
        depth = max(cluster.queued[queue], waiting)
        if (most := self.max_owned(owner)) is not None:
            if cluster.owned[queue].get(owner, 0) >= most:
                raise self.owner_queue_full(queue, owner)
            depth = cluster.depth_before(queue, owner)
        room = self.room(queue_s)
        if room is not None and depth >= room:
            raise self.queue_full(queue, depth=depth)

    def max_owned(self, owner: str) -> int | None:
        """How many items of an owner may wait in a queue; ``None`` if owners take no turns.

        They take none without API keys, and while a worker of an older release runs.
        """
        return self._max_owned if owner and self.cluster.turns else None

    def check_explain(self) -> None:
        """Refuse `explain` if the model does not support it; without a worker, accept it.

        Raises:
            InvalidParameter: The model has no class activation maps.
        """
        if not all(worker.report.explains for worker in self.cluster.working):
            raise InvalidParameter(NO_MAPS)

    def room(self, queue_s: float) -> int | None:
        """How many requests may wait: as many as the workers finish in ``queue_s`` seconds.

        ``None`` for a request that does not wait, or while no worker knows its rate.
        """
        per_s = self.cluster.rate_per_s
        return max(WAITING_LEAST, int(per_s * queue_s)) if queue_s and per_s else None

    def queue_full(self, queue: QueueName, items: int = 1, depth: int | None = None) -> QueueFull:
        """The error for ``items`` that do not fit, with the time until there is room."""
        if depth is None:
            # the queue may have filled up since the last refresh
            depth = max(self.cluster.queued[queue], self._max_queued - items + 1)
        # while no item was finished yet, the rate that the workers report is the best estimate
        per_s = self._rates[queue].per_s or self.cluster.rate_per_s
        after_s = retry_after_s(depth, per_s)
        return QueueFull(f"The {queue} queue is full. Try again in {after_s} s.", after_s)

    def owner_queue_full(self, queue: QueueName, owner: str, items: int = 1) -> OwnerQueueFull:
        """The error for ``items`` of an owner that do not fit, with the time until they do."""
        owned = self.cluster.owned[queue].get(owner, 0)
        excess = owned + items - (self._max_owned or 0)
        per_s = self._rates[queue].per_s or self.cluster.rate_per_s
        after_s = retry_after_s(max(excess, items) * max(1, len(self.cluster.owned[queue])), per_s)
        detail = f"Your share of the {queue} queue is full. Try again in {after_s} s."
        return OwnerQueueFull(detail, after_s)
